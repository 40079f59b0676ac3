"""One step of the flow of a lane, tried: how good it is, and where something happens within it."""

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax

from jumpax._base import clock
from jumpax._base.clock import Time
from jumpax._base.runge_kutta import Step, gain_of, slope_of
from jumpax._base.status import Status
from jumpax._base.types import Flag, Real
from jumpax.engines.agenda import Scene, agenda_of
from jumpax.engines.flowing import TOLERANCE, known
from jumpax.engines.lane import Lane
from jumpax.engines.program import Program
from jumpax.networks import motion

NEWTON = 8
"""Steps to where the integral of the total propensity reaches the unit exponential."""
HALVINGS = {"float32": 20, "float64": 40}
"""Of the part after which a condition comes true: so it is known to 1e-6 and 1e-12 of itself, down to that part of the step."""


@dataclasses.dataclass(frozen=True)
class Attempt:
    """A step that begins where the lane stands, and ends nowhere beyond the next moment.

    Args:
        program: what runs.
        lane: the path.
        theta: its parameters where the step begins.
        step: slopes and length.
    """

    program: Program
    lane: Lane
    theta: Mapping[str, Real]
    step: Step

    @classmethod
    def made(cls, program: Program, lane: Lane, theta: Mapping[str, Real], left: Real, room: Real) -> "Attempt":
        """As long as the lane says, and neither beyond the room, nor far beyond the next reaction as it looks now."""
        network, state = program.network, lane.flowing
        assert state is not None
        levels = tuple(count.astype(program.dtype) for count in lane.counts)
        values, now = [value.high for value in state.base], lane.time.high
        here = known(network, theta, values)
        first = motion.slope(network, levels, here)((*values, jnp.zeros_like(now)), now)
        length = jnp.minimum(state.length, room)
        near = jnp.maximum(2.0 * left / first[-1], 2.0**-20 * length)
        length = jnp.where((near < length) & (first[-1] > 0), near, length)  # it may be -0
        return cls(program, lane, here, motion.step(network, levels, here, now, length, first))

    @property
    def sound(self) -> Flag:
        """Whether rates and propensities are numbers where the step begins."""
        return functools.reduce(operator.and_, [rate - rate == 0 for rate in self.step.slopes[0]])

    @property
    def wrong(self) -> Flag:
        """Whether a propensity is negative or no number somewhere in the step, though what flows is some."""
        rates = [rate for slopes in self.step.slopes for rate in slopes[:-1]]
        totals = functools.reduce(operator.add, [slopes[-1] for slopes in self.step.slopes])
        return functools.reduce(operator.and_, [rate - rate == 0 for rate in rates]) & (totals - totals != 0)

    @functools.cached_property
    def error(self) -> Real:
        """Of the whole step, over what is tolerated; NaN or infinite where it leads to what is no number."""
        tolerance, tiny = TOLERANCE[self.program.precision], np.finfo(self.program.dtype).tiny * 2.0**60
        worst = jnp.zeros_like(self.step.length)
        errors = self.step.errors
        for number, name in enumerate(self.program.network.flowing):
            steepest = functools.reduce(jnp.maximum, [jnp.abs(slopes[number]) for slopes in self.step.slopes])
            scale = jnp.abs(self.theta[name]) + self.step.length * steepest + tiny
            worst = jnp.maximum(worst, jnp.abs(errors[number]) / (tolerance * scale))
        return jnp.maximum(worst, jnp.abs(errors[-1]) / (tolerance * (1.0 + self.spent(1.0))))

    @functools.cached_property
    def powers(self) -> tuple[tuple[Real, ...], ...]:
        """Of the interpolants of all variables."""
        return tuple(map(self.step.powers, range(len(self.step.slopes[0]))))

    def gains(self, part: Real | float) -> tuple[Real, ...]:
        """Of what flows, and of the integral of the total propensity."""
        return tuple(self._gain(powers, part) for powers in self.powers)

    def spent(self, part: Real | float) -> Real:
        """The integral of the total propensity over a part of the step."""
        return self._gain(self.powers[-1], part)

    def _gain(self, powers: tuple[Real, ...], part: Real | float) -> Real:
        gain = gain_of(powers, part, self.step.length)  # type: ignore[arg-type]
        return jnp.where(gain == gain, gain, jnp.nan)

    def base(self, part: Real) -> tuple[Time, ...]:
        """What flows after a part of the step."""
        assert self.lane.flowing is not None
        return tuple(map(clock.add, self.lane.flowing.base, self.gains(part)))

    def values(self, part: Real) -> tuple[Real, ...]:
        """The same as single numbers."""
        return tuple(value.high for value in self.base(part))

    def known(self, part: Real) -> dict[str, Real]:
        """All parameters after a part of the step."""
        return known(self.program.network, self.theta, self.values(part))

    def time(self, part: Real) -> Time:
        """When it has gone by."""
        return clock.add(self.lane.time, part * self.step.length)

    def reaction(self, left: Real) -> tuple[Real, Flag]:
        """The part of the step after which the integral reaches a number, and whether that was found."""
        low, high = jnp.zeros_like(left), jnp.ones_like(left)
        part = left / self.spent(1.0)
        for _ in range(NEWTON):
            part = jnp.where((part >= low) & (part <= high), part, 0.5 * (low + high))
            gain, slope = (of(self.powers[-1], part, self.step.length) for of in (gain_of, slope_of))
            over = gain >= left
            low, high = jnp.where(over, low, part), jnp.where(over, part, high)
            part = part - (gain - left) / slope
        part = jnp.where((part >= low) & (part <= high), part, high)
        gap = jnp.abs(self.spent(part) - left)
        return part, gap <= 2.0 * TOLERANCE[self.program.precision] * (1.0 + left)

    def turn(self, number: int) -> Real:
        """The part of the step after which a variable turns round; the whole of it, if the variable does not."""
        powers, length = self.powers[number], self.step.length
        none, whole = jnp.zeros_like(length), jnp.ones_like(length)
        begin, end = (slope_of(powers, part, length) for part in (none, whole))
        return self._first(lambda part: slope_of(powers, part, length) * end > 0, none, whole, begin * end < 0)

    def truths(self, part: Real) -> tuple[Flag, ...]:
        """Which conditions of events are true after a part of the step; the time alone makes none true before its end."""
        scene = Scene(self.program, self.lane.counts, self.known(part), self.time(part))
        return scene.truths(clock_time=self.lane.time)

    def risen(self, end: Real) -> tuple[Real, Flag, tuple[Flag, ...]]:
        """Where a condition comes true that was not before, up to a part of the step: a little after that.

        Conditions are looked at where what they read turns round, and at the end.

        Returns:
            That part, or `end`; whether one does; which have been true all the time.
        """
        assert self.lane.happening is not None
        network = self.program.network
        some = end != end
        low, high, held = jnp.zeros_like(end), end, self.lane.happening.held
        for part in (*_ordered([self.turn(network.flowing.index(n)) for n in agenda_of(network).flowing]), end):
            here = jnp.minimum(part, end)
            now = self.truths(here)
            rises = ~some & _rises(now, held)
            still = ~some & ~rises
            some, low, high = some | rises, jnp.where(still, here, low), jnp.where(rises, here, high)
            held = tuple(old & (new | ~still) for new, old in zip(now, held, strict=True))
        seen = some & (self.lane.status == np.int32(Status.RUNNING)) & (self.error <= 1.0)
        return self._first(lambda part: _rises(self.truths(part), held), low, high, seen), seen, held

    def _first(self, true: Callable[[Real], Flag], low: Real, high: Real, some: Flag) -> Real:
        """Where it is wanted: the first part at which something is true that is at `high`, not at `low`; a little after that."""
        fine = 2.0 ** -HALVINGS[self.program.precision]

        def halved(state: tuple[Real, Real]) -> tuple[Real, Real]:
            low, high = state
            middle = 0.5 * (low + high)
            found = true(middle)
            return jnp.where(found, low, middle), jnp.where(found, middle, high)

        return lax.while_loop(lambda s: some & (s[1] - s[0] > fine * (s[1] + fine)), halved, (low, high))[1]


def _rises(now: Sequence[Flag], held: Sequence[Flag]) -> Flag:
    """Whether one is true that was not."""
    return functools.reduce(operator.or_, [new & ~old for new, old in zip(now, held, strict=True)])


def _ordered(parts: list[Real]) -> list[Real]:
    """The smallest first."""
    for last in range(len(parts) - 1, 0, -1):
        for place in range(last):
            one, other = parts[place : place + 2]
            parts[place : place + 2] = jnp.minimum(one, other), jnp.maximum(one, other)
    return parts
