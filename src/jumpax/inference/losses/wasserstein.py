"""Distance of whole distributions: between the simulated and the measured numbers of cells up to each count."""

from collections.abc import Mapping
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.types import Column, Numbers, Numeric, ParameterValues
from jumpax.inference.losses.compared import Compared, cells
from jumpax.inference.losses.grouped_cells import of_cells
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.moments import match_of_cells
from jumpax.inference.losses.standardised import Standardised
from jumpax.inference.observed import grouped, histogram_size, species_faults, time_faults
from jumpax.networks import Network
from jumpax.observables import Histogram


@final
class Wasserstein(AbstractLoss):
    """Smoothed 1-Wasserstein distance of counts of one species from the simulated law.

    On counts the 1-Wasserstein distance is W = sum over n of |F(n) - G(n)|, F and G the simulated and the measured
    cumulative distributions. Its corners are rounded where the data cannot tell the two apart anyway,

        loss = sum over times and n of (s / c) (sqrt(r^2 + s^2) - s),   r = F(n) - G(n),

    with s = 1 / (2 sqrt(cells)), the largest standard error of G, and c the largest eigenvalue of the covariance of G.
    Far away it is proportional to W, near by to the sum of r^2. It needs no law where no path has been, and its slope
    does not vanish where two laws hardly overlap. Consistent; less efficient than `LogLikelihood`. Simulated noise biases
    it by O(1/paths).

    Not a likelihood. The factor 1 / c makes its curvature a lower bound of the information that its minimum has, so that
    standard errors made from it are upper bounds; `profile` is not for this loss.

    Args:
        species: what was counted.
        counts: one count per cell; or a mapping from time to such columns.
        times: time of each cell; None: all at steady state.
        size: places of the histogram, at least two above the largest count; default half as much again. What lies
            beyond counts as if it lay in the last place.

    Raises:
        InputError: counts that are negative, missing or fractional, empty groups; with row numbers.

    Warns:
        JumpaxWarning: one count at each of five or more times, as from one cell that is followed.

    Source: Vallender 1974, doi:10.1137/1118101 (W on the line).

    Examples:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, MasterEquation, Problem, fit, losses
        >>> model = jumpax.zoo.birth_death()
        >>> data = losses.Wasserstein("X", [9, 12, 7, 10, 14, 8, 11])
        >>> problem = Problem(model.network, model.x0, data, {"birth": Free(5.0), "death": Fixed(1.0)}, settle=10.0,
        ...                   source=MasterEquation({"X": 60}))
        >>> print(f"{fit(problem).estimates['birth']:.0f}")
        10
    """

    likelihood = False
    species: str = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    size: int = eqx.field(static=True)
    cells: Float[np.ndarray, " times"]
    """How many, by time."""
    measured: Float[np.ndarray, "times size"]
    """Share of cells with a count up to n."""
    scale: Float[np.ndarray, " times"]
    """1 / c."""

    def __init__(
        self,
        species: str,
        counts: Column | Mapping[float, Column],
        times: Column | None = None,
        *,
        size: int | None = None,
    ):
        self.times, groups = grouped(species, counts, times)
        self.species, self.size = species, histogram_size(size, groups)
        self.cells = np.array([len(group) for group in groups], float)
        self.measured = np.stack([np.bincount(g, minlength=self.size).cumsum() / len(g) for g in groups])
        self.scale = np.array([_scale(row, many) for row, many in zip(self.measured, self.cells, strict=True)])

    def observable(self, network: Network) -> Histogram:
        """The histogram of the species."""
        return Histogram(self.species, self.size)

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no time may lie before the start."""
        return species_faults([self.species], network) + time_faults(self.times, start)

    def distance(self, expected: Float[Array, "times size"]) -> Float[Array, " times"]:
        """The 1-Wasserstein distance itself, in molecules, by time."""
        return jnp.abs(self._residual(expected)).sum(1)

    @property
    def linear(self) -> AbstractLoss | None:
        """The first two moments of the cells."""
        numbers = self._numbers.astype(int)
        return match_of_cells(self.species, self.times, [np.repeat(np.arange(self.size), row) for row in numbers])

    def value(
        self, expected: Float[Numbers, "times size"], values: ParameterValues, paths: Numeric
    ) -> Float[Array, ""]:
        """The smoothed distance."""
        residual, rounding = self._residual(expected), 0.5 / jnp.sqrt(self.cells)[:, None]
        # sqrt(r^2 + s^2) - s, without the difference of two near numbers
        height = residual**2 / (jnp.sqrt(residual**2 + rounding**2) + rounding)
        return (self.scale[:, None] * rounding * height).sum()

    def whitened(
        self,
        expected: Float[Numbers, "times size"],
        jacobian: Float[Numbers, "batches times size free"],
        paths: Numeric,
    ) -> Float[Array, "batches entries free"]:
        """Jacobian of the cumulative distribution, in the weights of reweighted least squares."""
        residual, rounding = self._residual(expected), 0.5 / jnp.sqrt(self.cells)[:, None]
        weight = self.scale[:, None] * rounding / jnp.sqrt(residual**2 + rounding**2)
        rows = jnp.cumsum(jacobian, 2) * jnp.sqrt(weight)[None, ..., None]
        return rows.reshape(rows.shape[0], rows.shape[1] * rows.shape[2], rows.shape[3])

    def standardised(
        self, expected: Float[np.ndarray, "times size"], jacobian: Float[np.ndarray, "times size columns"]
    ) -> tuple[Standardised, ...]:
        """Numbers of cells by groups of counts."""
        return (of_cells(self.species, self._numbers, expected, jacobian),)

    def compared(self, expected: Float[np.ndarray, "times size"]) -> tuple[Compared, ...]:
        """Cells and fitted law of each time."""
        return cells(self.species, self.times, range(len(self.cells)), self._numbers, expected)

    @property
    def _numbers(self) -> Float[np.ndarray, "times size"]:
        """Number of cells by time and count."""
        return np.rint(np.diff(self.measured, axis=1, prepend=0.0) * self.cells[:, None])

    def notes(self, expected: Float[np.ndarray, "times size"], paths: float) -> dict[str, object]:
        """Number of cells, and the distance that is left."""
        left = np.asarray(self.distance(jnp.asarray(expected)))
        return {
            "cells": int(self.cells.sum()),
            "wasserstein_distance_left": float(f"{left.mean():.3g}"),
            "standard_errors": "upper bounds: the loss is a distance, not a likelihood",
        }

    def _residual(self, expected: Float[Array, "times size"]) -> Float[Array, "times size"]:
        return jnp.cumsum(expected, 1) - self.measured


def _scale(measured: Float[np.ndarray, " size"], cells: float) -> float:
    """One over the largest eigenvalue of the covariance of the measured cumulative distribution."""
    shares = np.clip(measured, 0.5 / cells, 1 - 0.5 / cells)  # all cells alike: as if one cell were half a count off
    covariance = np.minimum.outer(shares, shares) - np.outer(shares, shares)
    return float(cells / np.linalg.eigvalsh(covariance)[-1])
