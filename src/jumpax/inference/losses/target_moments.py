"""Mean and standard deviation that are to be reached."""

from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax._base.types import Numbers, Numeric, ParameterValues
from jumpax.inference.losses.compared import Compared, series
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.quadratic import half_square, whitened
from jumpax.inference.observed import numbers, species_faults, time_faults
from jumpax.networks import Network
from jumpax.observables import Moments

_LEAST = 1e-6
"""Least mean and variance whose logarithm is taken."""


@final
class TargetMoments(AbstractLoss):
    """Mean and standard deviation of one species, given as numbers: published ones, or ones to design for.

    loss = sum of (ln E[x] - ln mean)^2 + (ln sd[x] - ln standard deviation)^2 over 2 error^2. Both residuals are of one
    size whatever the counts are, which raw moments are not; relative errors of means and deviations are what it weighs.
    Both are taken over many independent paths, and over others at each time; not along one path.
    Bias O(1/paths), from the logarithms and the squares of noise. Two numbers per time determine at most two parameters.

    Args:
        species: what was counted.
        mean: in molecules; one number, or one per time.
        standard_deviation: in molecules; likewise.
        error: relative error of each: sets the scale of standard errors, not where the minimum is.
        times: when, increasing; None: at steady state.

    Raises:
        InputError: numbers that are not positive, or of different numbers.

    Examples:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, MasterEquation, Problem, fit, losses
        >>> model = jumpax.zoo.telegraph()
        >>> rates = {"k_on": Free(1.0), "k_off": Fixed(1.0), "k_tx": Free(10.0), "gamma": Fixed(1.0)}
        >>> target = losses.TargetMoments("M", 20 / 3, 42.222**0.5)
        >>> found = fit(
        ...     Problem(model.network, model.x0, target, rates, settle=10.0, source=MasterEquation({"M": 90}))
        ... ).estimates
        >>> print(f"{found['k_on']:.2f} {found['k_tx']:.2f}")
        0.50 20.00
    """

    species: str = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    measured: Float[np.ndarray, "times 2"]
    """Logarithms."""
    root: Float[np.ndarray, "times 2 2"]

    def __init__(
        self,
        species: str,
        mean: float | Sequence[float],
        standard_deviation: float | Sequence[float],
        *,
        error: float = 0.01,
        times: Sequence[float] | None = None,
    ):
        columns = [numbers(np.atleast_1d(mean), "mean"), numbers(np.atleast_1d(standard_deviation), "deviation")]
        self.times = None if times is None else tuple(float(t) for t in numbers(times, "times"))
        many = 1 if self.times is None else len(self.times)
        faults = [f"{len(column)} numbers for {many} times" for column in columns if len(column) != many]
        if not all((column > 0).all() and np.isfinite(column).all() for column in columns):
            faults.append("means and standard deviations must be positive numbers")
        if not 0 < error < np.inf:
            faults.append(f"error must be a positive number; got {error!r}")
        if self.times is not None and (np.diff(self.times) <= 0).any():
            faults.append("times must increase")
        if faults:
            raise InputError("; ".join(faults))
        self.species, self.measured = species, np.log(np.stack(columns, 1))
        self.root = np.broadcast_to(np.eye(2) / error, (many, 2, 2)).copy()

    def observable(self, network: Network) -> Moments:
        """The first two raw moments."""
        return Moments(self.species, order=2)

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no time may lie before the start."""
        return species_faults([self.species], network) + time_faults(self.times, start)

    def value(
        self, expected: Float[Numbers, "times species moments"], values: ParameterValues, paths: Numeric
    ) -> Float[Array, ""]:
        """Half the squared distance of the logarithms, in units of their error."""
        mean, variance = _central(expected)
        found = jnp.stack([jnp.log(mean), 0.5 * jnp.log(variance)], -1)
        return half_square(found - self.measured, self.root)

    def whitened(
        self,
        expected: Float[Numbers, "times species moments"],
        jacobian: Float[Numbers, "batches times species moments free"],
        paths: Numeric,
    ) -> Float[Array, "batches entries free"]:
        """Jacobian of the logarithms at the mean over batches, linear in that of the raw moments."""
        mean, variance = (x[None, :, None] for x in _central(expected))
        first, second = jacobian[:, :, 0, 0], jacobian[:, :, 0, 1]
        rows = jnp.stack([first / mean, (second - 2 * mean * first) / (2 * variance)], 2)
        return whitened(rows, self.root)

    def compared(self, expected: Float[np.ndarray, "times species moments"]) -> tuple[Compared, ...]:
        """Mean and deviation; their errors are weights and no measured scatter, so that goodness of fit is not judged."""
        mean, variance = (np.asarray(x) for x in _central(jnp.asarray(expected)))
        wanted = np.exp(self.measured)
        errors = wanted / self.root[:, 0, :1]
        return (
            series(f"mean of {self.species}", self.species, self.times, wanted[:, 0], errors[:, 0], mean),
            series(
                f"standard deviation of {self.species}", "", self.times, wanted[:, 1], errors[:, 1], np.sqrt(variance)
            ),
        )

    def notes(self, expected: Float[Numbers, "times species moments"], paths: float) -> dict[str, object]:
        """Relative errors that are left."""
        mean, variance = (np.asarray(x) for x in _central(jnp.asarray(expected)))
        found = np.stack([mean, np.sqrt(variance)], 1)
        left = found / np.exp(self.measured) - 1
        return {
            "data": "means and standard deviations over independent paths at each time",
            "moments": left.size,
            "largest_relative_error_left": float(f"{np.abs(left).max():.2g}"),
        }


def _central(expected: Float[Array, "times 1 2"]) -> tuple[Float[Array, " times"], Float[Array, " times"]]:
    """Mean and variance of raw moments."""
    mean = jnp.maximum(expected[:, 0, 0], _LEAST)
    return mean, jnp.maximum(expected[:, 0, 1] - mean**2, _LEAST)
