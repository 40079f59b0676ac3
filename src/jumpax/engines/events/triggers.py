"""Triggers of events: when time alone decides, and folds that stop a path when counts do."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base.errors import UnsupportedError
from jumpax._base.types import Flag
from jumpax.folds import AbstractFold
from jumpax.networks import Network
from jumpax.networks.expressions.expression import Call, Expression, Name, Time, call, evaluate, names, reads_time
from jumpax.networks.expressions.hill import steady

_ABOVE, _BELOW = ("gt", "ge"), ("lt", "le")
_ELSE = "a trigger that reads the time other than in time < value or time > value"

Read = Callable[[Expression, Any], Any]
"""The value of an expression at a time, or at one time per path."""


class Clock(NamedTuple):
    """A comparison of the time with something that stays between events: the time at which it changes, and how."""

    comparison: Call

    def moment(self, read: Read) -> tuple[Any, Any]:
        """When it changes, and whether it is true from then on.

        Raises:
            UnsupportedError: it is not linear in the time.
        """
        left, right = self.comparison.arguments
        if isinstance(left, Time) and not reads_time(right):
            when, grows = read(right, 0.0), True
        elif isinstance(right, Time) and not reads_time(left):
            when, grows = read(left, 0.0), False
        else:

            def gap(time: Any) -> np.ndarray:
                return np.asarray(read(left, time) - read(right, time))

            zero, one, two = (gap(time) for time in (0.0, 1.0, 2.0))
            slope, bend = one - zero, np.abs(two - 2 * one + zero)
            if not np.all((slope != 0) & (bend <= 1e-9 * np.abs(slope) + 1e-15 * (np.abs(zero) + np.abs(two)))):
                raise UnsupportedError(_ELSE)
            when, grows = -zero / slope, slope > 0
            for _ in range(3):  # Newton's steps, for a moment that is far away
                when = when - np.nan_to_num(gap(when)) / slope
        return when, (self.comparison.operator in _ABOVE) == grows


def clocks(trigger: Expression) -> tuple[Clock, ...]:
    """The comparisons of the time in a trigger.

    Raises:
        UnsupportedError: it reads the time in another way.
    """
    if not isinstance(trigger, Call):
        if isinstance(trigger, Time):
            raise UnsupportedError(_ELSE)
        return ()
    if trigger.operator in (*_ABOVE, *_BELOW) and any(reads_time(argument) for argument in trigger.arguments):
        return (Clock(trigger),)
    return tuple(dict.fromkeys(clock for argument in trigger.arguments for clock in clocks(argument)))


def check(trigger: Expression, counts: Collection[str], read: Read) -> None:
    """Refuse what cannot be followed.

    Raises:
        UnsupportedError: the trigger compares the time with counts, or reads it in another way than a comparison.
    """
    for clock in clocks(trigger):
        if set(names(clock.comparison)) & {*counts}:
            raise UnsupportedError("a trigger that compares the time with counts")
        clock.moment(read)


def timeless(trigger: Expression, known: Mapping[Clock, str]) -> Expression:
    """The trigger with names in the place of its comparisons of the time."""
    if not isinstance(trigger, Call):
        return trigger
    if Clock(trigger) in known:
        return call("flag", Name(known[Clock(trigger)]))
    return call(trigger.operator, *(timeless(argument, known) for argument in trigger.arguments))


@dataclasses.dataclass(frozen=True)
class Rising(AbstractFold):
    """Ends a path at the reaction at which one of the conditions turns from false to true.

    Args:
        network: whose counts and parameters the conditions read.
        conditions: truth values, one per event.

    Record: `(stopped, when, rose, hold)`, the last two with one flag per condition: it made the path stop; it is true.
    """

    network: Network
    conditions: tuple[Expression, ...]
    ends = True

    def _hold(self, counts, theta, like) -> tuple[Flag, ...]:
        kind = like.dtype
        values = {**theta, **{n: x.astype(kind) for n, x in zip(self.network.species, counts, strict=True)}}
        nothing = jnp.zeros_like(like)
        return tuple(jnp.asarray(evaluate(steady(c), values, nothing), bool) | (nothing > 0.0) for c in self.conditions)

    def init(self, counts, theta, now) -> tuple:
        """Which conditions hold at the start; none has turned true."""
        never = now != now
        return self._hold(counts, theta, now), never, jnp.zeros_like(now), (never,) * len(self.conditions)

    def stop(self, carry, counts, theta, index) -> tuple:
        """The record."""
        return carry, (*carry[1:], carry[0])

    def event(self, carry, counts, propensities, theta, now, jump) -> tuple:
        """Looks at the conditions in the state that the reaction leads to."""
        before, stopped, when, rose = carry
        landed = []
        for count, row in zip(counts, self.network.stoichiometry, strict=True):
            for fired, change in zip(jump.fired, row, strict=True):
                if change:
                    count = count + jnp.where(fired, np.int32(change), np.int32(0))
            landed.append(count)
        hold = self._hold(tuple(landed), theta, now)
        rising = tuple(new & ~old for old, new in zip(before, hold, strict=True))
        some = rising[0]
        for one in rising[1:]:
            some = some | one
        first = some & ~stopped
        rose = tuple(old | (new & first) for old, new in zip(rose, rising, strict=True))
        return hold, stopped | some, jnp.where(first, now, when), rose

    def done(self, carry) -> Flag:
        """Whether one has turned true."""
        return carry[1]
