"""Means measured along time."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, unknown_name
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.quadratic import half_square, whitened
from jumpax.inference.observed import numbers, rows, time_faults
from jumpax.networks import Network
from jumpax.observables import Moments


@final
class TimeSeries(AbstractLoss):
    """Time series of means: sum over times and species of ((E[x] - mean) / standard error)^2 / 2.

    Exact for Gaussian errors; the simulated noise adds a bias O(1/paths).

    Args:
        times: when, increasing.
        means: for each species its measured mean at each time, in molecules.
        standard_errors: of those means: for each species a number, or one per time.

    Raises:
        InputError: times out of order, missing numbers, standard errors that are not positive; with row numbers.
    """

    species: tuple[str, ...] = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    measured: Float[np.ndarray, "times species"]
    root: Float[np.ndarray, "times species species"]

    def __init__(self, times: Sequence[float], means: Mapping[str, Any], standard_errors: Mapping[str, Any]):
        when = numbers(times, "times")
        faults = rows("time is missing or not finite", ~np.isfinite(when))
        faults += rows("time does not increase", np.append(False, np.diff(when) <= 0), when)
        if not means:
            raise InputError("means must name at least one species")
        columns, errors = [], []
        for name, column in means.items():
            column = numbers(column, f"mean of {name!r}")
            if name not in standard_errors:
                raise InputError(f"the standard errors of the means of {name!r} are missing")
            error = np.broadcast_to(np.asarray(standard_errors[name], float), column.shape)
            if len(column) != len(when):
                raise InputError(f"{len(column)} means of {name!r} for {len(when)} times")
            faults += rows(f"mean of {name!r} is missing or not finite", ~np.isfinite(column))
            faults += rows(f"mean of {name!r} is negative", column < 0, column)
            faults += rows(f"standard error of {name!r} is not positive", ~(error > 0), error)
            columns.append(column)
            errors.append(error)
        if faults:
            raise InputError("the observed data cannot be used:\n" + "\n".join(f"- {fault}" for fault in faults))
        self.species, self.times = tuple(means), tuple(float(t) for t in when)
        self.measured = np.stack(columns, 1)
        self.root = np.stack([np.diag(1 / row) for row in np.stack(errors, 1)])

    def observable(self, network: Network) -> Moments:
        """The means of the species."""
        return Moments(*self.species)

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no time may lie before the start."""
        unknown = [unknown_name("species", s, network.species) for s in self.species if s not in network.species]
        return unknown + time_faults(self.times, start)

    def value(self, expected: Any, values: Mapping[str, Any], paths: Any) -> Float[Array, ""]:
        """Half the sum of squares."""
        return half_square(expected[..., 0] - self.measured, self.root)

    def whitened(self, expected: Any, jacobian: Any, paths: Any) -> Float[Array, "batches entries free"]:
        """Jacobian of the means, in units of their standard errors."""
        return whitened(jacobian[..., 0, :], self.root)

    def notes(self, expected: Any, paths: float) -> dict[str, Any]:
        """Number of means."""
        return {"means": self.measured.size}
