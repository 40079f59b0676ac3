"""How often reactions fired between times: cases, births, products."""

from collections.abc import Mapping
from typing import Literal, TypeAlias, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jumpax._base import count_laws
from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax._base.types import Column, Numbers, Numeric, ParameterValues
from jumpax.inference.losses.compared import Compared, series
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.standardised import Standardised, of_means
from jumpax.inference.observed import count_faults, numbers, rows, time_faults
from jumpax.networks import Network
from jumpax.observables import ReactionCount

_LEAST = 1e-6
"""Least mean whose logarithm is taken."""
_ENOUGH = 5.0
"""Firings expected in a group of intervals."""
_NODES, _NEAREST, _FARTHEST = 64, 1e-3, 40.0
"""Of the integral for the information of the spread: points, and its ends, over m + s and s."""
Error = Literal["poisson", "negative_binomial", "normal"]
ERRORS: tuple[Error, ...] = ("poisson", "negative_binomial", "normal")

Expected: TypeAlias = tuple[Float[Numbers, "times reactions"], Float[Numbers, " times"]]
"""Means, and the parameter of the error law."""


@final
class ReactionSeries(AbstractLoss):
    """Counts of firings of reactions between times, with an error law around their mean.

    With m = reported x E[firings since the time before], the loss is minus the logarithm of

        poisson            Poisson(y; m)
        negative_binomial  the negative binomial with mean m and variance m + m^2 / spread
        normal             the Gaussian with mean m and standard deviation spread

    The mean is that over many paths. For the counts of one path, as of one outbreak, this is right as far as the error law
    covers how paths differ; its steps are taken to be independent. Bias O(1/paths), from the logarithm of the mean.

    Args:
        times: ends of the intervals, increasing; the first begins at the start of the run.
        counts: for each reaction, by its name, its count in each interval.
        error: which law.
        spread: name of its parameter; none for "poisson".
        reported: name of the parameter by which means are multiplied, such as a reporting probability; None: 1.

    Raises:
        InputError: times out of order, counts that no count can be, a spread where there is none, or none where one is
            needed.

    Examples:
        >>> loss = ReactionSeries([7.0, 14.0], {"S + I -> 2 I": [12, 31]}, error="negative_binomial", spread="phi")
        >>> loss.parameters
        ('phi',)
    """

    reactions: tuple[str, ...] = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    error: Error = eqx.field(static=True)
    spread: str | None = eqx.field(static=True)
    reported: str | None = eqx.field(static=True)
    measured: Float[np.ndarray, "times reactions"]

    def __init__(
        self,
        times: Column,
        counts: Mapping[str, Column],
        *,
        error: Error = "poisson",
        spread: str | None = None,
        reported: str | None = None,
    ):
        if error not in ERRORS:
            raise InputError(unknown_name("error law", error, ERRORS))
        if (spread is None) != (error == "poisson"):
            raise InputError(f"error={error!r} {'has no' if spread else 'needs a'} parameter spread=...")
        if not counts:
            raise InputError("counts must name at least one reaction")
        when = numbers(times, "times")
        faults = rows("time is missing or not finite", ~np.isfinite(when))
        faults += rows("time does not increase", np.append(False, np.diff(when) <= 0), when)
        columns = {name: numbers(column, f"count of {name!r}") for name, column in counts.items()}
        for name, column in columns.items():
            if len(column) != len(when):
                raise InputError(f"{len(column)} counts of {name!r} for {len(when)} times")
            faults += count_faults(column, f"count of {name!r}")
        if faults:
            raise InputError("the observed data cannot be used:\n" + "\n".join(f"- {fault}" for fault in faults))
        self.reactions, self.times, self.error = tuple(counts), tuple(float(t) for t in when), error
        self.spread, self.reported = spread, reported
        self.measured = np.stack(list(columns.values()), 1)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the error law and of the report."""
        return tuple(dict.fromkeys(name for name in (self.reported, self.spread) if name is not None))

    def observable(self, network: Network) -> ReactionCount:
        """Firings since the time before."""
        return ReactionCount(*self.reactions, since_stop=True)

    def faults(self, network: Network, start: float) -> list[str]:
        """The reactions must exist, no time may lie before the start."""
        try:
            self.observable(network).fold(network)
        except (InputError, UnsupportedError) as fault:
            return [str(fault), *time_faults(self.times, start)]
        return time_faults(self.times, start)

    def seen(
        self, expected: Float[Array, "batches times reactions"], values: ParameterValues
    ) -> tuple[Float[Array, "batches times reactions"], Float[Array, "batches times"]]:
        """Means, and the parameter of the error law."""
        mean = expected * (1.0 if self.reported is None else values[self.reported])
        spread = jnp.zeros(()) if self.spread is None else jnp.asarray(values[self.spread])
        return mean, jnp.broadcast_to(spread.astype(mean.dtype), (mean.shape[0], mean.shape[1]))

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """A spread or a report that is not positive."""
        bad = [name for name in self.parameters if not values[name] > 0]
        return [f"{name} = {values[name]:g} of the reaction counts must be positive: set bounds" for name in bad]

    def value(self, expected: Expected, values: ParameterValues, paths: Numeric) -> Float[Array, ""]:
        """Minus the log-likelihood of all counts; without the constant of the normal law."""
        mean, spread, y = jnp.maximum(expected[0], _LEAST), expected[1][:, None], self.measured
        if self.error == "poisson":
            return -count_laws.log_poisson(y, mean).sum()
        if self.error == "normal":
            return (0.5 * ((expected[0] - y) / spread) ** 2 + jnp.log(spread)).sum()
        return -count_laws.log_negative_binomial(y, mean, spread).sum()

    def whitened(
        self,
        expected: Expected,
        jacobian: tuple[Float[Numbers, "batches times reactions free"], Float[Numbers, "batches times free"]],
        paths: Numeric,
    ) -> Float[Array, "batches entries free"]:
        """Rows of the mean, and of the spread, which are orthogonal."""
        mean, spread = jnp.maximum(expected[0], _LEAST), expected[1][:, None]
        slopes = jnp.broadcast_to(jacobian[1][:, :, None], jacobian[0].shape)
        if self.error == "poisson":
            return _flat(jacobian[0] / jnp.sqrt(mean)[None, ..., None])
        if self.error == "normal":
            scale = jnp.broadcast_to(1 / spread, mean.shape)[None, ..., None]
            return jnp.concatenate([_flat(jacobian[0] * scale), _flat(slopes * scale * np.sqrt(2.0))], 1)
        scale = 1 / jnp.sqrt(mean + mean**2 / spread)
        own = jnp.sqrt(jnp.maximum(_information(mean, spread), 0.0))
        return jnp.concatenate([_flat(jacobian[0] * scale[None, ..., None]), _flat(slopes * own[None, ..., None])], 1)

    def standardised(
        self,
        expected: tuple[Float[np.ndarray, "times reactions"], Float[np.ndarray, " times"]],
        jacobian: tuple[Float[np.ndarray, "times reactions columns"], Float[np.ndarray, "times columns"]],
    ) -> tuple[Standardised, ...]:
        """Counts over the standard deviation of the error law, neighbours with few expected together; none if its spread is fitted.

        A spread that is fitted covers any misfit.
        """
        mean, spread = np.maximum(np.asarray(expected[0], float), _LEAST), np.asarray(expected[1], float)[:, None]
        if np.any(jacobian[1]):
            return ()
        variance = self._variance(mean, spread)
        if self.error == "normal":
            fourth = 0 * mean
        else:  # fourth cumulants: of negative binomials variance + 6 variance^2 / spread, of Poisson laws variance
            fourth = variance + (0.0 if self.error == "poisson" else 6 * variance**2 / spread)
        which = _together(mean)
        pooled = [np.zeros((int(which.max()) + 1, *x.shape[2:])) for x in (mean, mean, mean, jacobian[0])]
        for sums, x in zip(pooled, (mean - self.measured, variance, fourth, jacobian[0]), strict=True):
            np.add.at(sums, which, x)
        data = f"{self.measured.size} counts of {', '.join(self.reactions)} in {len(pooled[0])} groups"
        return (of_means(data, pooled[0], pooled[3], pooled[1], float((pooled[2] / pooled[1] ** 2).sum())),)

    def _variance(
        self, mean: Float[np.ndarray, "times reactions"], spread: Float[np.ndarray, "times 1"]
    ) -> Float[np.ndarray, "times reactions"]:
        if self.error == "normal":
            return np.broadcast_to(spread**2, mean.shape)
        return mean if self.error == "poisson" else mean + mean**2 / spread

    def compared(
        self, expected: tuple[Float[np.ndarray, "times reactions"], Float[np.ndarray, " times"]]
    ) -> tuple[Compared, ...]:
        """The counts of each reaction, with the standard deviation of the error law."""
        mean, spread = np.maximum(expected[0], _LEAST), np.asarray(expected[1])[:, None]
        variance = self._variance(mean, spread)
        return tuple(
            series(f"firings of {name}", "", self.times, self.measured[:, i], np.sqrt(variance[:, i]), mean[:, i])
            for i, name in enumerate(self.reactions)
        )

    def notes(self, expected: object, paths: float) -> dict[str, object]:
        """Number of counts, and the error law."""
        return {"data": f"{self.measured.size} counts of reactions between times", "error_law": self.error}


def _flat(rows: Float[Array, "batches times reactions free"]) -> Float[Array, "batches entries free"]:
    return rows.reshape(rows.shape[0], rows.shape[1] * rows.shape[2], rows.shape[3])


def _information(
    mean: Float[Array, "times reactions"], spread: Float[Array, "times 1"]
) -> Float[Array, "times reactions"]:
    """Of the spread s of a negative binomial with mean m: psi'(s) - E[psi'(n + s)] - 1/s + 1/(m + s).

    With psi'(z) the integral of t exp(-z t) / (1 - exp(-t)), the expectation is that of exp(-n t), which is known:
    (1 + (m / s) (1 - exp(-t)))^-s. What is left is an integral over t > 0, in whose logarithm the trapezoidal rule converges as an
    exponential of the number of nodes.
    """
    m, s = mean[..., None], spread[..., None]
    low, high = jnp.log(_NEAREST / (m + s)), jnp.log(_FARTHEST / s)
    width = (high - low) / (_NODES - 1)
    t = jnp.exp(low + width * np.arange(_NODES)[None, None])
    w = -jnp.expm1(-t)
    inside = jnp.expm1(-m * t) - t / w * jnp.expm1(-s * jnp.log1p(m * w / s))
    return (width * t * jnp.exp(-s * t) * inside).sum(-1)


def _together(mean: Float[np.ndarray, "times reactions"]) -> Int[np.ndarray, "times reactions"]:
    """Group of each count: neighbours in time until `_ENOUGH` are expected."""
    which, group = np.zeros(mean.shape, int), 0
    for column in range(mean.shape[1]):
        held = 0.0
        for time in range(len(mean)):
            which[time, column] = group
            held += mean[time, column]
            if held >= _ENOUGH and mean[time + 1 :, column].sum() >= _ENOUGH:
                group, held = group + 1, 0.0
        group += 1
    return which
