"""Moments of measured counts."""

from collections.abc import Mapping, Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jumpax._base.errors import InputError
from jumpax._base.types import Column, Numbers, Numeric, ParameterValues
from jumpax.inference.losses.compared import Compared, series
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.quadratic import half_square, inverse_root, whitened
from jumpax.inference.losses.standardised import Standardised, of_differences, of_estimated_covariance
from jumpax.inference.observed import grouped, species_faults, time_faults
from jumpax.networks import Network
from jumpax.observables import Moments


@final
class MomentMatch(AbstractLoss):
    """Generalised method of moments: raw moments of counts of one species in independent cells, others at each time.

    loss = r^T C^-1 r / 2 with r the differences of the moments E[x^n], n = 1 .. order, and C the covariance of the
    measured ones, estimated from the cells. Consistent; the bias is O(1/cells) from C and O(1/paths) from the square of
    noise.

    Args:
        species: what was counted.
        counts: one count per cell; or a mapping from time to such columns.
        times: time of each cell; None: all at steady state.
        order: the highest moment.

    Raises:
        InputError: as `LogLikelihood`; a group with too few different counts for its covariance.

    Source: Hansen 1982, doi:10.2307/1912775.
    """

    species: str = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    order: int = eqx.field(static=True)
    cells: int = eqx.field(static=True)
    measured: Float[np.ndarray, "times order"]
    root: Float[np.ndarray, "times order order"]
    sizes: Float[np.ndarray, " times"]
    """Number of cells at each time."""

    def __init__(
        self, species: str, counts: Column | Mapping[float, Column], times: Column | None = None, *, order: int = 2
    ):
        self.times, groups = grouped(species, counts, times)
        if order < 1:
            raise InputError(f"order must be 1 or more; got {order!r}")
        if poor := [i for i, group in enumerate(groups) if len(np.unique(group)) <= order]:
            where = "" if self.times is None else f" at time {', '.join(f'{self.times[i]:g}' for i in poor)}"
            raise InputError(f"{species!r}{where} has too few different counts for moments up to order {order}")
        self.species, self.order, self.cells = species, order, sum(map(len, groups))
        powers = [group[:, None].astype(float) ** np.arange(1, order + 1) for group in groups]
        self.measured = np.stack([p.mean(0) for p in powers])
        roots = [inverse_root(np.atleast_2d(np.cov(p.T)) / len(p)) for p in powers]
        self.root = np.stack(roots)
        self.sizes = np.array([float(len(p)) for p in powers])

    def observable(self, network: Network) -> Moments:
        """The raw moments of the species."""
        return Moments(self.species, order=self.order)

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no time may lie before the start."""
        return species_faults([self.species], network) + time_faults(self.times, start)

    def value(
        self, expected: Float[Numbers, "times species order"], values: ParameterValues, paths: Numeric
    ) -> Float[Array, ""]:
        """Half the squared distance of the moments, in units of their covariance."""
        return half_square(expected[:, 0] - self.measured, self.root)

    @property
    def linear(self) -> AbstractLoss:
        """Itself."""
        return self

    def residuals(self, expected: Float[Numbers, "times species order"]) -> Float[Array, "times order"]:
        """Differences of the moments, whitened."""
        return jnp.einsum("tij,tj->ti", self.root, expected[:, 0] - self.measured)

    def whitened(
        self, expected: object, jacobian: Float[Numbers, "batches times species order free"], paths: Numeric
    ) -> Float[Array, "batches entries free"]:
        """Jacobian of the moments, in units of their covariance."""
        return whitened(jacobian[:, :, 0], self.root)

    def standardised(
        self,
        expected: Float[np.ndarray, "times species order"],
        jacobian: Float[np.ndarray, "times species order columns"],
    ) -> tuple[Standardised, ...]:
        """Means in units of their standard errors; none from fewer than seven cells.

        Of higher moments the covariance of so many cells is known too badly: with it a true model of 100 cells looks wrong twenty
        times too often.
        """
        made = of_estimated_covariance(self.sizes, 1)
        if made is None:
            return ()
        data, root = f"{len(self.measured)} means of {self.species!r}", (made[0] / self._errors)[:, None, None]
        differences = expected[:, 0, :1] - self.measured[:, :1]
        return (of_differences(data, differences, jacobian[:, 0, :1], root, made[1]),)

    @property
    def _errors(self) -> Float[np.ndarray, " times"]:
        """Standard errors of the means."""
        return np.sqrt(np.linalg.pinv(np.swapaxes(self.root, 1, 2) @ self.root)[:, 0, 0])

    def compared(self, expected: Float[np.ndarray, "times species order"]) -> tuple[Compared, ...]:
        """The means."""
        name = f"mean of {self.species}"
        return (series(name, self.species, self.times, self.measured[:, 0], self._errors, expected[:, 0, 0]),)

    def notes(self, expected: object, paths: float) -> dict[str, object]:
        """Number of cells and moments."""
        return {"data": "independent cells, others at each time", "cells": self.cells, "moments": self.measured.size}


def match_of_cells(
    species: str, times: tuple[float, ...] | None, groups: Sequence[Int[np.ndarray, " cells"]]
) -> MomentMatch | None:
    """Of as many of the first two moments as there are data for; None where there are too few."""
    kinds = min(len(np.unique(group)) for group in groups)
    if kinds < 2:
        return None
    when = None if times is None else np.repeat(times, [len(group) for group in groups])
    return MomentMatch(species, np.concatenate(groups), when, order=min(2, kinds - 1))
