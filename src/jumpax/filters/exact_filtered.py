"""What is known of hidden counts from records, exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from jumpax.exact import StateSpace
from jumpax.filters.adjoint import HiddenChain, Pass
from jumpax.filters.given import Given, checked_levels, of_given
from jumpax.records import Records


@final
@dataclass(frozen=True, eq=False)
class ExactFiltered:
    """Laws of the hidden state at the times of records. Probabilities are normalised over the space."""

    records: Records
    space: StateSpace
    log_likelihood: Float[np.ndarray, " cells"]
    leak: Float[np.ndarray, "times cells"]
    """Probability to have left the space since the last record, given those before."""
    predicted: Float[np.ndarray, "times cells states"]
    """Given the records before."""
    filtered: Float[np.ndarray, "times cells states"]
    """Given those up to the time."""
    smoothed: Float[np.ndarray, "times cells states"]
    """Given all records of the cell."""
    signals: Float[np.ndarray, "groups columns"]
    """Values that columns are measurements of."""
    seen: Float[np.ndarray, "times cells groups"]
    """Their predicted probabilities."""
    theta: dict[str, float]

    @classmethod
    def of(cls, chain: HiddenChain, made: Pass, theta: dict[str, float]) -> "ExactFiltered":
        """From a pass of the filter."""
        counted, size = chain.counted, chain.counted.size
        ends, _ = chain.smooth(made)

        def laws(columns: list[np.ndarray]) -> Float[np.ndarray, "times cells states"]:
            wide = [np.broadcast_to(law, (size, chain.cells)).T for law in columns]
            found = np.stack([counted.over_counters(law) for law in wide])
            total = found.sum(-1, keepdims=True)
            return np.divide(found, total, out=np.zeros(found.shape), where=total > 0)

        predicted = made.predicted
        filtered = [law * factor[counted.group] for law, factor in zip(predicted, made.factors, strict=True)]
        smoothed = [law * end[:size] for law, end in zip(predicted, ends, strict=True)]
        groups = [np.broadcast_to((chain.collect @ law).T, (chain.cells, len(counted.signals))) for law in predicted]
        return cls(
            chain.records, counted.space, made.log_likelihood, made.leak, laws(predicted), laws(filtered), laws(smoothed),
            counted.signals, np.stack(groups), theta,
        )  # fmt: skip

    def law(self, given: Given = "so far") -> Float[np.ndarray, "times cells states"]:
        """Given the records "before" a time, "so far", or "all"."""
        return of_given(given, self.predicted, self.filtered, self.smoothed)

    def mean(self, species: str, given: Given = "so far") -> Float[np.ndarray, "times cells"]:
        """Mean count of a species, given the same."""
        return self.law(given) @ self.space.states[:, self.space.column(species)]

    def quantiles(
        self, species: str, levels: Sequence[float], given: Given = "so far"
    ) -> Float[np.ndarray, "levels times cells"]:
        """The least counts that are not exceeded with probabilities of `levels` at least, given the same."""
        wanted = checked_levels(levels)
        counts = self.space.states[:, self.space.column(species)]
        law = self.law(given)
        marginal = np.zeros((*law.shape[:2], int(counts.max()) + 1))
        for count in range(marginal.shape[-1]):
            marginal[..., count] = law[..., counts == count].sum(-1)
        heights = marginal.cumsum(-1)
        return np.stack([(heights < level - 1e-12).sum(-1) for level in wanted]).astype(float)

    def pit(self, seed: int = 0) -> dict[str, Float[np.ndarray, "times cells"]]:
        """Where each record lies in the law that was predicted for it: P(Y < y) + V P(Y = y), V uniform, given the records before.

        For the true model and parameters all are uniform in (0, 1), those of one column independent of each other: no path is
        simulated.

        Args:
            seed: of V, which matters for records that are counts.

        Returns:
            By column; NaN where a record is missing.

        Raises:
            UnsupportedError: a law of measurement without a distribution function.

        Source: Rosenblatt (1952), https://doi.org/10.1214/aoms/1177729394; Czado, Gneiting and Held (2009),
        https://doi.org/10.1111/j.1541-0420.2009.01191.x, for counts.
        """
        generator, found = np.random.default_rng(seed), {}
        for i, column in enumerate(self.records.columns):
            y = column.values.T[..., None]
            known = np.broadcast_to(np.where(np.isnan(y), 0.0, y), self.seen.shape)
            x = np.broadcast_to(self.signals[:, i], self.seen.shape)
            weights = self.seen / np.maximum(self.seen.sum(-1, keepdims=True), 1e-300)
            below, upto = ((weights * one).sum(-1) for one in column.law.cumulative(known, x, self.theta))
            place = below + generator.uniform(size=below.shape) * (upto - below)
            found[column.name] = np.where(np.isnan(y[..., 0]), np.nan, place)
        return found
