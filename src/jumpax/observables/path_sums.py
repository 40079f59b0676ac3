"""Rates gathered along paths: by events and by propensities."""

import dataclasses
import functools
import operator
from typing import NamedTuple

import jax.numpy as jnp

from jumpax._base.types import Real
from jumpax.folds import AbstractFold
from jumpax.folds.derivatives import levels
from jumpax.folds.fold import Size
from jumpax.folds.lasting import share
from jumpax.observables.path_rate import AbstractPathRate, flow


class PathSum(NamedTuple):
    """What a path has gained of one quantity since the start; both have the same mean."""

    events: Real
    """Path-wise: sum of w_r(x) over events."""
    integral: Real
    """Propensity-wise: integral of sum_r a_r(x) w_r(x) dt; where rates depend on time, an unbiased estimate of it."""


@dataclasses.dataclass(frozen=True, init=False)
class PathSums(AbstractFold):
    """Gathers rates along paths, for any rate law: give it to `simulate(..., record=...)`.

    Record: a `PathSum` for each rate, since the start; differences between stops over the time between them are rates. Exact up
    to rounding; the two kinds differ by a martingale. Where rates depend on time explicitly, each wait is represented by one
    moment, drawn uniformly from the fold's own random words: the integral is then unbiased, given the path.

    Args:
        rates: `Current`, `Activity`, `EntropyProduction`.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> fold = PathSums(jumpax.observables.Activity(model.network))
        >>> paths = jumpax.simulate(model.network, model.theta, model.x0, times=[5.0], paths=3, key=0, record=fold)
        >>> bool((paths.records[0].events[:, 0] == paths.events).all())
        True
    """

    rates: tuple[AbstractPathRate, ...]

    def __init__(self, *rates: AbstractPathRate):
        object.__setattr__(self, "rates", rates)

    @property
    def samples(self) -> bool:  # type: ignore[override]
        """Whether some rate belongs to a network whose rates depend on time."""
        return any(rate.network.time_dependent for rate in self.rates)

    @property
    def words(self) -> int:  # type: ignore[override]
        """One where a moment is drawn."""
        return int(self.samples)

    @property
    def weights(self) -> tuple[tuple[float, ...], ...] | None:
        """Of currents and activities, where rates do not depend on time."""
        found = [rate.weights for rate in self.rates]
        return None if self.samples or None in found else tuple(one for one in found if one is not None)

    def size(self, network) -> Size:
        """Two sums for each rate."""
        many = len(self.rates)
        return Size(2 * many, 2 * many, many * 4 * network.links)

    def init(self, counts, theta, now) -> tuple:
        """Zeros."""
        return tuple(PathSum(jnp.zeros_like(now), jnp.zeros_like(now)) for _ in self.rates)

    def stop(self, carry, counts, theta, index) -> tuple:
        """The sums so far."""
        return carry, carry

    def advance(self, carry, counts, propensities, theta, now, dt) -> tuple:
        """Integrals go on."""
        if self.samples:
            return carry
        real = levels(counts, dt)
        flows = [flow(propensities, rate.gains(real, theta, now)) for rate in self.rates]
        return tuple(s._replace(integral=s.integral + f * dt) for s, f in zip(carry, flows, strict=True))

    def sample(self, carry, counts, propensities, theta, now, dt, words) -> tuple:
        """Integrals go on, by the rates at one moment."""
        real, moment = levels(counts, dt), now + share(words, dt) * dt
        flows = [rate.local_at(real, theta, moment) for rate in self.rates]
        return tuple(s._replace(integral=s.integral + f * dt) for s, f in zip(carry, flows, strict=True))

    def event(self, carry, counts, propensities, theta, now, jump) -> tuple:
        """Sums of events go on."""
        real, out = levels(counts, now), []
        for total, rate in zip(carry, self.rates, strict=True):
            gains = rate.gains(real, theta, now)
            terms = [jnp.where(flag, w, jnp.zeros_like(now)) for flag, w in zip(jump.fired, gains, strict=True)]
            out.append(total._replace(events=total.events + functools.reduce(operator.add, terms)))
        return tuple(out)
