"""Whole distributions: the likelihood of measured counts under the simulated law."""

import warnings
from collections.abc import Mapping, Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, JumpaxWarning
from jumpax._base.types import Column, Numbers, Numeric, ParameterValues
from jumpax.inference.losses.compared import Compared, cells
from jumpax.inference.losses.grouped_cells import of_cells
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.moments import match_of_cells
from jumpax.inference.losses.observation import AbstractObservation, Capture, check_observations, observed
from jumpax.inference.losses.reference import AbstractReference, NegativeBinomial
from jumpax.inference.losses.standardised import Standardised
from jumpax.inference.observed import by_factor, grouped, histogram_size, species_faults, time_faults
from jumpax.networks import Network
from jumpax.observables import Histogram

FLOOR = 1e-30
"""Least probability of a datum."""
_FEW = 5.0
"""Counts that fewer paths than this reached are pooled in the Fisher information."""
_BEYOND = 1e-3
"""Share of an observed law without a place above which there is a warning."""


@final
class LogLikelihood(AbstractLoss):
    """Log-likelihood of counts of one species in independent cells, others at each time, under the law simulated there.

    loss = - sum over cells of ln max(p(count), floor), with p = (R h + w q) / (R + w): h is the share of R paths that
    have that count, q a reference law, w the weight of `smoothing` in paths. Where many paths fall the law is the
    simulated one (w / R is 5 in 10,000 by default); where none fall, the reference decides. Bias of the loss: w / R in the
    law, and O(1/R) from the logarithm of a noisy histogram. Both vanish with the number of paths; of the gradients that a fit
    follows the jackknife removes the first order (counts that few paths reach leave more). `notes` counts the cells that no path reached.

    Args:
        species: what was counted.
        counts: one count per cell; or a mapping from time to such columns.
        times: time of each cell; None: all at steady state.
        size: places of the histogram, at least two above the largest count; default half as much again. Larger than
            needed lets several data sets share a compiled step.
        smoothing: weight w of the reference law, in paths; 0 leaves only the floor of 1e-30.
        reference: the law q of the observed counts; default `NegativeBinomial()`.
        observation: what happens between the true count and the observed one: `Capture`, `Background`, or a list of them in
            order. Their parameters are free, fixed or derived like any other.
        size_factors: of each cell, relative: they multiply the capture probability. Work grows with the number of different
            ones, so round them.
        true_size: places of the histogram of the true counts; needed with `Capture`, which sees fewer than there are. What
            lies beyond is taken to be no datum.

    Raises:
        InputError: counts that are negative, missing or fractional, empty groups; with row numbers.

    Warns:
        JumpaxWarning: one count at each of five or more times, as from one cell that is followed.
    """

    density = True
    species: str = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    size: int = eqx.field(static=True)
    smoothing: float = eqx.field(static=True)
    reference: AbstractReference = eqx.field(static=True)
    observation: tuple[AbstractObservation, ...] = eqx.field(static=True)
    true_size: int = eqx.field(static=True)
    rows: tuple[int, ...] = eqx.field(static=True)
    """Place of the time of each group of cells; groups have one time and one size factor."""
    factors: Float[np.ndarray, " groups"]
    cells: Float[np.ndarray, "groups size"]
    """Number of cells by group and count."""

    def __init__(
        self,
        species: str,
        counts: Column | Mapping[float, Column],
        times: Column | None = None,
        *,
        size: int | None = None,
        smoothing: float = 5.0,
        reference: AbstractReference | None = None,
        observation: AbstractObservation | Sequence[AbstractObservation] = (),
        size_factors: Column | None = None,
        true_size: int | None = None,
    ):
        self.observation = check_observations(observation)
        self.times, groups = grouped(species, counts, times)
        rows, factors = range(len(groups)), np.ones(1)
        if size_factors is not None:
            if not any(isinstance(step, Capture) for step in self.observation):
                raise InputError("size_factors multiply the capture probability: give observation=Capture(...), too")
            rows, factors, groups = by_factor(species, counts, times, size_factors)
        self.rows, self.factors = tuple(rows), factors
        if not smoothing >= 0:
            raise InputError(f"smoothing must be 0 or more paths; got {smoothing!r}")
        self.species, self.size, self.smoothing = species, histogram_size(size, groups), float(smoothing)
        self.reference = NegativeBinomial() if reference is None else reference
        self.true_size = _true_size(self.observation, true_size, self.size)
        self.cells = np.stack([np.bincount(g, minlength=self.size) for g in groups]).astype(float)

    def observable(self, network: Network) -> Histogram:
        """The histogram of the species."""
        return Histogram(self.species, self.true_size)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the law of observation."""
        return tuple(dict.fromkeys(name for step in self.observation for name in step.parameters))

    @property
    def linear(self) -> AbstractLoss | None:
        """The first two moments of the cells; none under a law of observation."""
        if self.observation:
            return None
        return match_of_cells(
            self.species, self.times, [np.repeat(np.arange(self.size), row.astype(int)) for row in self.cells]
        )

    def seen(
        self, expected: Float[Array, "batches times places"], values: ParameterValues
    ) -> Float[Array, "batches rows size"]:
        """The law of the observed counts of each group."""
        if not self.observation:
            return expected
        return observed(expected[:, np.array(self.rows)], self.observation, values, self.factors, self.size)

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """What is wrong with parameters of the law of observation."""
        return [fault for step in self.observation for fault in step.wrong(values, self.factors)]

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no time may lie before the start."""
        return species_faults([self.species], network) + time_faults(self.times, start)

    def value(self, expected: Float[Numbers, "rows size"], values: ParameterValues, paths: Numeric) -> Float[Array, ""]:
        """Minus the log-likelihood of all cells."""
        p = expected
        if self.smoothing and not (isinstance(paths, float) and np.isinf(paths)):
            weight = self.smoothing / (paths + self.smoothing)
            p = (1 - weight) * expected + weight * self.reference(expected, values)
        terms = jnp.where(self.cells > 0, self.cells * jnp.log(jnp.maximum(p, FLOOR)), 0.0)
        return -terms.sum()

    def whitened(
        self, expected: Float[Numbers, "rows size"], jacobian: Float[Numbers, "batches rows size free"], paths: Numeric
    ) -> Float[Array, "batches entries free"]:
        """Rows sqrt(cells / p) dp: the information of one cell is the sum of dp dp^T / p over counts."""
        rare = expected * jnp.minimum(paths, 1e9) < _FEW
        seldom = rare[None, ..., None]
        pooled = jnp.where(seldom, jacobian, 0.0).sum(2, keepdims=True)
        rows = jnp.concatenate([jnp.where(seldom, 0.0, jacobian), pooled], 2)
        p = jnp.where(rare, 0.0, expected)
        p = jnp.concatenate([p, jnp.where(rare, expected, 0.0).sum(1, keepdims=True)], 1)
        scale = jnp.where(p > 0, self.cells.sum(1, keepdims=True) / jnp.where(p > 0, p, 1.0), 0.0)
        return (rows * jnp.sqrt(scale)[None, ..., None]).reshape(
            rows.shape[0], rows.shape[1] * rows.shape[2], rows.shape[3]
        )

    def standardised(
        self, expected: Float[np.ndarray, "rows size"], jacobian: Float[np.ndarray, "rows size columns"]
    ) -> tuple[Standardised, ...]:
        """Numbers of cells by groups of counts."""
        return (of_cells(self.species, self.cells, expected, jacobian),)

    def compared(self, expected: Float[np.ndarray, "rows size"]) -> tuple[Compared, ...]:
        """Cells and fitted law of each time and size factor."""
        return cells(self.species, self.times, self.rows, self.cells, expected, self.factors)

    def notes(self, expected: Float[np.ndarray, "rows size"], paths: float) -> dict[str, object]:
        """Number of cells, smoothing, and the cells that no path reached."""
        lost = np.where(np.asarray(expected) == 0, self.cells, 0)
        told = missed(int(self.cells.sum()), int(lost.sum()), self.smoothing, paths, self.reference.name)
        told |= {"unreached_counts": [int(n) for n in np.flatnonzero(lost.sum(0))]}
        beyond = float(np.max(np.asarray(expected)[:, -1]))
        if self.observation and beyond > _BEYOND:
            warnings.warn(
                f"a share of {beyond:.2g} of the law lies beyond the places of the true or the observed counts: give a larger "
                f"true_size than {self.true_size}, or a larger size than {self.size}.",
                JumpaxWarning,
                stacklevel=2,
            )
        return told


def _true_size(observation: Sequence[AbstractObservation], given: int | None, size: int) -> int:
    """Places of the true counts."""
    if given is not None and (not observation or given < 2):
        raise InputError("true_size is for a law of observation, and 2 or more; for the counts themselves it is size")
    if given is None and any(step.loses for step in observation):
        raise InputError(
            "with a capture probability there are more molecules than counts: give true_size=..., beyond the largest true count"
        )
    return size if given is None else given


def missed(cells: int, unreached: int, smoothing: float, paths: float, reference: str) -> dict[str, object]:
    """Notes on cells, smoothing, and cells that no path reached."""
    smoothed = bool(smoothing) and bool(np.isfinite(paths))
    if unreached and not smoothed:
        warnings.warn(
            f"{unreached} of {cells} cells have counts of probability 0; they get {FLOOR:g} and no gradient. Set smoothing "
            "above 0, simulate more paths, or see whether the model can produce such counts.",
            JumpaxWarning,
            stacklevel=3,
        )
    law = f"weight of {smoothing:g} in {paths:,.0f} paths on the {reference}" if smoothed else f"none; floor {FLOOR:g}"
    return {"cells": cells, "smoothing": law, "unreached_cells": unreached}
