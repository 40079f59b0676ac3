"""What is known of hidden counts from records, exactly."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import InputError
from jumpax.exact import StateSpace
from jumpax.filters.adjoint import HiddenChain, Pass
from jumpax.records import Records

Given: TypeAlias = Literal["before", "so far", "all"]
"""Which records are taken to be known: those before a time, those up to it, or all."""


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

    def law(self, given: Given = "all") -> Float[np.ndarray, "times cells states"]:
        """Given the records "before" a time, "so far", or "all"."""
        laws = {"before": self.predicted, "so far": self.filtered, "all": self.smoothed}
        if given not in laws:
            raise InputError(f'given must be "before", "so far" or "all", not {given!r}')
        return laws[given]

    def mean(self, species: str, given: Given = "all") -> Float[np.ndarray, "times cells"]:
        """Mean count of a species."""
        return self.law(given) @ self.space.states[:, self.space.column(species)]

    def quantile(self, species: str, level: float, given: Given = "all") -> Float[np.ndarray, "times cells"]:
        """The least count that is not exceeded with a probability of `level` at least."""
        if not 0 <= level <= 1:
            raise InputError(f"a level lies between 0 and 1; got {level!r}")
        counts = self.space.states[:, self.space.column(species)]
        law = self.law(given)
        marginal = np.zeros((*law.shape[:2], int(counts.max()) + 1))
        for count in range(marginal.shape[-1]):
            marginal[..., count] = law[..., counts == count].sum(-1)
        return (marginal.cumsum(-1) < level - 1e-12).sum(-1).astype(float)
