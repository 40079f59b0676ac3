"""Triggers of events: when time alone decides, and folds that stop a path when counts do."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from jumpax._base.errors import UnsupportedError
from jumpax._base.types import Flag
from jumpax.folds import AbstractFold
from jumpax.importers.expression import Call, Expression, Number, Time, call, evaluate, evaluate_host, names, reads_time
from jumpax.networks import Network

_ABOVE, _BELOW = ("gt", "ge"), ("lt", "le")


def moments(trigger: Expression, theta: Mapping[str, float]) -> tuple[float, ...]:
    """Times at which comparisons of the time with constants change.

    Raises:
        UnsupportedError: the trigger reads the time in another way.
    """
    if not isinstance(trigger, Call):
        if isinstance(trigger, Time):
            raise UnsupportedError("a trigger that reads the time other than in time < constant or time > constant")
        return ()
    if _is_clock(trigger):
        return (_moment(trigger, theta),)
    return tuple(moment for argument in trigger.arguments for moment in moments(argument, theta))


def after(trigger: Expression, now: float, theta: Mapping[str, float]) -> Expression:
    """The trigger right after `now`, and until the next of its moments: a condition on counts."""
    if not isinstance(trigger, Call):
        return trigger
    if not _is_clock(trigger):
        return call(trigger.operator, *(after(argument, now, theta) for argument in trigger.arguments))
    passed = now >= _moment(trigger, theta)
    above = (trigger.operator in _ABOVE) == (_slope(trigger, theta) > 0)
    return call("flag", Number(float(passed == above)))


def _is_clock(trigger: Call) -> bool:
    return trigger.operator in (*_ABOVE, *_BELOW) and any(reads_time(argument) for argument in trigger.arguments)


def _difference(trigger: Call, theta: Mapping[str, float], time: float) -> float:
    left, right = (evaluate_host(argument, theta, time) for argument in trigger.arguments)
    return left - right


def _slope(trigger: Call, theta: Mapping[str, float]) -> float:
    if {n for argument in trigger.arguments for n in names(argument)} - {*theta}:
        raise UnsupportedError("a trigger that compares the time with counts")
    zero, one, two = (_difference(trigger, theta, time) for time in (0.0, 1.0, 2.0))
    if one == zero or abs(two - 2 * one + zero) > 1e-9 * abs(one - zero):
        raise UnsupportedError("a trigger that reads the time other than in time < constant or time > constant")
    return one - zero


def _moment(trigger: Call, theta: Mapping[str, float]) -> float:
    slope, (left, right) = _slope(trigger, theta), trigger.arguments
    if isinstance(left, Time):
        return evaluate_host(right, theta)
    if isinstance(right, Time):
        return evaluate_host(left, theta)
    return -_difference(trigger, theta, 0.0) / slope


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
        return tuple(jnp.asarray(evaluate(c, values, nothing), bool) | (nothing > 0.0) for c in self.conditions)

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


def all_moments(triggers: Sequence[Expression], theta: Mapping[str, float]) -> tuple[float, ...]:
    """The moments of all triggers, in order."""
    return tuple(sorted({moment for trigger in triggers for moment in moments(trigger, theta)}))
