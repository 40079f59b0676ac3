"""Triggers of events: when time alone decides, and what is left of them between such moments."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from jumpax._base.errors import UnsupportedError
from jumpax._base.host import library_of
from jumpax.networks.expressions.expression import Call, Expression, Name, Number, Time, call, names, reads_time

_ABOVE, _BELOW = ("gt", "ge"), ("lt", "le")
_ELSE = (
    "a trigger that reads the time other than in time < value or time > value; what comes again and again is written with a parameter, "
    "time > next, and next = next + period among the assignments of the event"
)

Read = Callable[[Expression, Any], Any]
"""The value of an expression at a time, or at one time per path."""


class Clock(NamedTuple):
    """A comparison of the time with something that stays between events: the time at which it changes, and how."""

    comparison: Call

    @property
    def number(self) -> float | None:
        """The time it is compared with, if that is a plain number."""
        sides = self.comparison.arguments
        numbers = [side.value for side in sides if isinstance(side, Number)]
        return numbers[0] if numbers and any(isinstance(side, Time) for side in sides) else None

    def moment(self, read: Read) -> tuple[Any, Any]:
        """When it changes, and whether it is true from then on; of a comparison that is linear in the time (see `check`)."""
        left, right = self.comparison.arguments
        if isinstance(left, Time) and not reads_time(right):
            when, grows = read(right, 0.0), True
        elif isinstance(right, Time) and not reads_time(left):
            when, grows = read(left, 0.0), False
        else:
            zero, slope, _ = self._line(read)
            library = library_of(zero)
            when, grows = -zero / slope, slope > 0
            for _ in range(3):  # Newton's steps, for a moment that is far away
                step = self._gap(read, when) / slope
                when = when - library.where(library.isnan(step), library.zeros_like(step), step)
        return when, (self.comparison.operator in _ABOVE) == grows

    def check(self, read: Read) -> None:
        """Whether it is linear in the time.

        Raises:
            UnsupportedError: it is not.
        """
        left, right = self.comparison.arguments
        if (isinstance(left, Time) and not reads_time(right)) or (isinstance(right, Time) and not reads_time(left)):
            return
        zero, slope, bend = self._line(read)
        least = 1e-9 * np.abs(slope) + 1e-15 * (2 * np.abs(zero) + 2 * np.abs(slope))
        if not np.all((slope != 0) & (np.abs(bend) <= least)):
            raise UnsupportedError(_ELSE)

    def _gap(self, read: Read, time: Any) -> Any:
        left, right = self.comparison.arguments
        return read(left, time) - read(right, time)

    def _line(self, read: Read) -> tuple[Any, Any, Any]:
        """Difference of the sides at time 0, its slope, and its second difference."""
        zero, one, two = (self._gap(read, time) for time in (0.0, 1.0, 2.0))
        return zero, one - zero, two - 2 * one + zero


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


def check(trigger: Expression, counts: Collection[str], read: Read, flowing: Collection[str] = ()) -> None:
    """Refuse what cannot be followed; comparisons with what flows are.

    Raises:
        UnsupportedError: the trigger compares the time with counts, or reads it in another way than a comparison.
    """
    for clock in clocks(trigger):
        if set(names(clock.comparison)) & {*counts}:
            raise UnsupportedError("a trigger that compares the time with counts")
        if not set(names(clock.comparison)) & {*flowing}:
            clock.check(read)


def timeless(trigger: Expression, known: Mapping[Clock, str]) -> Expression:
    """The trigger with names in the place of its comparisons of the time."""
    if not isinstance(trigger, Call):
        return trigger
    if Clock(trigger) in known:
        return call("flag", Name(known[Clock(trigger)]))
    return call(trigger.operator, *(timeless(argument, known) for argument in trigger.arguments))
