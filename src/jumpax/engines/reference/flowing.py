"""Continuous variables of one path, step by step, with `if` and `while`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jumpax._base.runge_kutta import Step, gain_of, slope_of, step
from jumpax._base.status import Status
from jumpax.engines.attempt import HALVINGS
from jumpax.engines.flowing import LARGEST_STEP, MOST_STEPS, SMALLEST, TOLERANCE
from jumpax.engines.reference.happenings import Pair
from jumpax.folds.fold import Stretch

if TYPE_CHECKING:
    from jumpax.engines.reference.path import Path


def added(pair: Pair, number: Any) -> Pair:
    """The sum of a pair and a number."""
    total = pair[0] + number
    back = total - pair[0]
    error = (pair[0] - (total - back)) + (number - back) + pair[1]
    high = total + error
    return high, error - (high - total)


class Flow:
    """What flows along one path: where the next step begins, at the time of the path, and how long it is.

    The parameters of the path have the values that are seen where it stands.
    """

    def __init__(self, path: "Path"):
        self.path, self.network, self.real = path, path.program.network, path.real
        self.tolerance = TOLERANCE[path.program.precision]
        self.spent: Pair = (self.real(0), self.real(0))
        self.length = self.real(1)
        self.tried = 0
        self.held: list[bool] = []
        self.base: list[Pair] = []
        self.resume()

    def resume(self) -> None:
        """Go on from the values that the parameters of the path have."""
        known = dict(enumerate(self.base))
        for number, name in enumerate(self.network.flowing):
            value = self.real(self.path.theta[name])
            if number not in known or known[number][0] != value:
                known[number] = (value, self.real(0))
        self.base = list(known.values())

    def to_stop(self, stop: Pair) -> Status:
        """Live until the stop; the status is RUNNING there unless something went wrong."""
        path = self.path
        while True:
            exponential = path.numbers()[0]
            left = max((exponential - self.spent[0]) - self.spent[1], self.real(0))
            moment = path.happenings.following(path.time) if path.happenings else None
            tried = self._tried(left, moment)
            if isinstance(tried, Status):
                return tried
            made, longer, part, what = tried
            arrival = added(path.time, part * made.length)
            if moment is not None and (what == "moment" or moment < arrival):
                arrival = moment
            if stop < arrival:
                gone = path.span(stop)
                self._live(made, min(gone / made.length, self.real(1)), gone, moves=False)
                return Status.RUNNING
            self._live(made, part, path.span(arrival), moves=True)
            self.length = longer
            self.tried = self.tried + 1 if what == "end" else 0
            if self.tried >= MOST_STEPS:
                return Status.STEP_BUDGET
            if (fault := self._arrive(made, part, what, arrival)) is not None:
                return fault
            if path.done() or (what == "moment" and stop <= path.time):
                return Status.RUNNING

    def _tried(self, left: Any, moment: Pair | None) -> tuple[Step, Any, Any, str] | Status:
        """A step that is good, the length of the next one, and where in it what happens; what is wrong, if no step moves the clock."""
        path = self.path
        values = (*(value for value, _ in self.base), self.real(0))
        first = self._slopes(values, path.time[0])
        why = self._why(first)
        if not np.isfinite(first).all():
            return why
        while added(path.time, self.length * SMALLEST[path.program.precision]) != path.time:
            length = min(self.length, path.span(moment) if moment is not None else self.real(np.inf))
            if first[-1] > 0:
                length = min(length, max(2 * left / first[-1], self.real(2.0**-20) * length))
            with np.errstate(all="ignore"):
                made = step(self._slopes, values, first, path.time[0], length)
                error = self._error(made, values)
            where = self._within(made, left, moment) if error <= 1 else None
            if where is not None:
                grown = 8 if error < 2.0**-16 else 2 if error < 2.0**-6 else 1
                whole = where[1] in ("end", "moment") and length >= self.length
                grown = self.real(min(grown * length, LARGEST_STEP)) if whole else self.length
                return made, grown, *where
            why = self._why(np.sum(made.slopes, 0))
            self.tried += 1
            if self.tried >= MOST_STEPS:
                return Status.STEP_BUDGET
            self.length = length * self.real(0.5 if error <= 2.0**5 else 0.25 if error <= 2.0**10 else 0.0625)
        return why

    def _why(self, slopes: Any) -> Status:
        """What is wrong where slopes are no numbers: propensities, if only these are none."""
        flows = np.isfinite(slopes[:-1]).all()
        return Status.BAD_PROPENSITY if flows and not np.isfinite(slopes[-1]) else Status.FLOW_BROKEN

    def _error(self, made: Step, values: tuple[Any, ...]) -> Any:
        """Of a step, over what is tolerated."""
        if not np.isfinite(made.slopes).all():
            return np.inf
        worst = abs(made.errors[-1]) / (self.tolerance * (1 + made.gains(self.real(1))[-1]))
        for number, value in enumerate(values[:-1]):
            steepest = max(abs(slopes[number]) for slopes in made.slopes)
            scale = abs(value) + made.length * steepest + np.finfo(self.real).tiny * 2.0**60
            worst = max(worst, abs(made.errors[number]) / (self.tolerance * scale))
        return worst

    def _within(self, made: Step, left: Any, moment: Pair | None) -> tuple[Any, str] | None:
        """The part of a step after which something happens, and what; None if a reaction would come where none is possible."""
        path, what, low, part = self.path, "end", self.real(0), self.real(1)
        if moment is not None and made.length >= path.span(moment):
            what = "moment"
        mass = made.gains(part)[-1]
        if mass >= left and mass > 0:
            powers = made.powers(len(self.base))
            fine = 2 * float(np.finfo(self.real).eps)
            what, part = "reaction", self._first(lambda x: gain_of(powers, x, made.length) >= left, low, part, fine)
        if path.happenings and path.happenings.agenda.flowing:
            part, rises = self._risen(made, part)
            what = "event" if rises else what
        if what == "reaction":
            values = self._values(made, part)
            theta = path.theta | dict(zip(self.network.flowing, (high for high, _ in values)))
            a = path.code["laws"](path.counts_now(), theta, added(path.time, part * made.length)[0])
            if not 0 < sum(map(self.real, a)) < np.inf:
                return None
        return part, what

    def _risen(self, made: Step, end: Any) -> tuple[Any, bool]:
        """Up to a part of a step, where a condition comes true that was not before, if one does: as `Attempt.risen`."""
        happenings = self.path.happenings
        assert happenings is not None
        self.held, low = list(happenings.held), self.real(0)
        for part in (*sorted(self._turn(made, self.network.flowing.index(n)) for n in happenings.agenda.flowing), end):
            here = min(part, end)
            now = self._truths(made, here)
            if self._rises(now):
                return self._first(lambda x: self._rises(self._truths(made, x)), low, here), True
            self.held, low = [old and new for new, old in zip(now, self.held, strict=True)], here
        return end, False

    def _turn(self, made: Step, number: int) -> Any:
        """The part of a step after which a variable turns round; 1 if it does not."""
        powers, whole = made.powers(number), self.real(1)
        begin, end = (slope_of(powers, part, made.length) for part in (self.real(0), whole))
        if not begin * end < 0:
            return whole
        return self._first(lambda x: slope_of(powers, x, made.length) * end > 0, self.real(0), whole)

    def _rises(self, now: list[bool]) -> bool:
        """Whether a condition is true that has not been all the time."""
        return any(new and not old for new, old in zip(now, self.held, strict=True))

    def _first(self, true: Any, low: Any, high: Any, fine: float | None = None) -> Any:
        """Up to a part of a step at which something is true, the first one, a little after that."""
        fine = 2.0 ** -HALVINGS[self.path.program.precision] if fine is None else fine
        while high - low > fine * (high + fine):
            middle = self.real(0.5) * (low + high)
            low, high = (low, middle) if true(middle) else (middle, high)
        return high

    def _values(self, made: Step, part: Any) -> list[Pair]:
        return [added(base, gain) for base, gain in zip(self.base, made.gains(part))]

    def _truths(self, made: Step, part: Any) -> list[bool]:
        """Which conditions of events are true after a part of a step."""
        happenings, kept = self.path.happenings, dict(self.path.theta)
        assert happenings is not None
        self._show(self._values(made, part))
        now = happenings.truths(added(self.path.time, part * made.length), clock_time=self.path.time)
        self.path.theta.update(kept)
        return now

    def _show(self, values: list[Pair]) -> None:
        self.path.theta.update(zip(self.network.flowing, (high for high, _ in values)))

    def _live(self, made: Step, part: Any, gone: Any, moves: bool) -> None:
        """Let the fold live through a part of a step, from where the path stands in it."""
        path = self.path
        base = path.theta | dict(zip(self.network.flowing, (high for high, _ in self.base)))
        begin = path.since / made.length if made.length > 0 else self.real(0)
        stretch = Stretch(path.time[0], made.length, begin, part, np.bool_(moves))  # type: ignore[arg-type]
        now, some = path.time[0] + path.since, moves or gone > path.since
        a = path.code["laws"](path.counts_now(), base, path.time[0])
        path.live([self.real(value) for value in a], now, gone)
        if some:
            path.carry = path.code["flowed"](path.carry, path.counts_now(), base, stretch)
            self._show(self._values(made, part))

    def _arrive(self, made: Step, part: Any, what: str, arrival: Pair) -> Status | None:
        """Be where the step ends, and let happen what happens there; what went wrong, if anything did."""
        path = self.path
        self.base, fault = self._values(made, part), None
        if path.happenings and path.happenings.agenda.flowing:
            path.happenings.held = self.held
        self.spent = added(self.spent, made.gains(part)[-1])
        if what == "reaction":
            a = [self.real(v) for v in path.code["laws"](path.counts_now(), path.theta, arrival[0])]
            exponential, chance = path.numbers()
            total = self.real(0)
            for value in a:
                total = total + value
            fault = path.event(a, total, exponential, chance, part * made.length, arrival)
        if what == "moment":
            path.move_on(arrival)
        if what in ("reaction", "moment"):
            self.spent = (self.real(0), self.real(0))
        path.time, path.since = arrival, self.real(0)
        if fault is None and path.happenings and (path.happenings.rises(path.time) or what == "moment"):
            fault = path.happen()
            self.resume()
        return fault

    def _slopes(self, values: tuple[Any, ...], time: Any) -> tuple[Any, ...]:
        given = tuple(map(self.real, values))
        made = self.path.code["slopes"](self.path.counts_now(), self.path.theta, given, self.real(time))
        return tuple(map(self.real, made))
