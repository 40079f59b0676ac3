"""Events on one path, by the rules of SBML, with `if` and `for`."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jumpax._base import clock, random
from jumpax._base.status import Status
from jumpax.engines import drawing
from jumpax.engines.agenda import LARGEST_IN_FLOAT32, MOST_AT_ONCE, agenda_of
from jumpax.engines.happening import STREAM
from jumpax.engines.program import Program
from jumpax.engines.reference.words import Words
from jumpax.folds.fold import Change
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Expression, Number, evaluate
from jumpax.networks.parameters import LARGEST_COUNT

Pair = tuple[Any, Any]
"""A time, as the sum of two numbers."""
Early = dict[str, float]
"""New values that were worked out when a trigger came true."""


def has_come(moment: Pair, time: Pair) -> bool:
    """Whether a moment has come; one that has the bits of the precision alone is compared by these."""
    return moment[0] < time[0] or (moment[0] == time[0] and (moment[1] <= time[1] or moment[1] == 0))


class Happenings:
    """What the events of a network do to one path.

    Args:
        program: what runs.
        theta: parameters of the path; those that events change are changed here.
        counts: of the path; changed here, too.
        key: its words.
        index: number of the path.
    """

    def __init__(self, program: Program, theta: dict[str, Any], counts: list[int], key: tuple[int, int], index: int):
        self.program, self.network, self.agenda = program, program.network, agenda_of(program.network)
        self.theta, self.counts, self.chances = theta, counts, Words(key, index, STREAM)
        stream = random.Stream(*map(np.uint32, Words(key, index, drawing.STREAM).state))  # type: ignore[arg-type]
        self.tries = drawing.untried(self.agenda.draws, stream, program.dtype.type(0))  # type: ignore[arg-type]  # on the host
        self.held: list[bool] = []
        self.under_way: list[list[tuple[Pair, Early]]] = [[] for _ in self.agenda.events]

    def begin(self, time: Pair) -> None:
        """Which triggers were true before the start: moments before a start later than 0 lie in the past."""
        before = self.truths(time, right_before=True)
        for event, was in zip(self.agenda.events, before, strict=True):
            passed = time[0] > 0 and was and not self.network.reads_state(event)
            self.held.append(event.initially or passed)

    def read(self, expression: Expression, time: Pair, more: dict[str, Any] | None = None) -> float:
        """The value of an expression in the present state, in float64."""
        known = {name: np.float64(value) for name, value in self.theta.items()} | (more or {})
        known |= {name: np.float64(count) for name, count in zip(self.network.species, self.counts, strict=True)}
        with jax.enable_x64(True):
            return float(np.asarray(evaluate(expression, known, np.float64(time[0]))))

    def moments(self) -> list[tuple[str, Pair, bool]]:
        """Names of the comparisons of the time, when each changes, and whether it is true from then on."""
        found, real = [], self.program.dtype.type
        for comparison, name in self.agenda.clocks:
            when, later = comparison.moment(lambda e, t: np.float64(self.read(e, (t, 0.0))))
            pair = (real(when), real(0))
            if comparison.number is not None:
                exact = clock.split(np.array(comparison.number), self.program.dtype)
                pair = (real(exact.high), real(exact.low))
            found.append((name, pair, bool(later)))
        return found

    def following(self, time: Pair) -> Pair | None:
        """When a comparison of the time changes next, or an event with a delay is carried out."""
        ahead = [when for _, when, _ in self.moments() if np.isfinite(when[0]) and not has_come(when, time)]
        ahead += [due for executions in self.under_way for due, _ in executions]
        return min(ahead) if ahead else None

    def truths(self, time: Pair, right_before: bool = False, clock_time: Pair | None = None) -> list[bool]:
        """Whether each trigger is true; if given, with comparisons of the time as at another one."""
        known, now = {}, clock_time or time
        for name, when, later in self.moments():
            over = has_come(when, now) and not (right_before and when == now)
            known[name] = float(over == later)
        return [self.read(trigger, time, known) != 0 for trigger in self.agenda.triggers]

    def rises(self, time: Pair) -> bool:
        """Whether a trigger has turned true, or false where that ends something; those that are false may turn true again."""
        now = self.truths(time)
        rises = any(new and not old for new, old in zip(now, self.held, strict=True))
        if self.agenda.watched:
            rises = rises or any(self._ends(i, new) and self.under_way[i] for i, new in enumerate(now))
        self.held = [old and new for new, old in zip(now, self.held, strict=True)]
        return rises or (self.agenda.watched and self.inexact)

    @property
    def inexact(self) -> bool:
        """Whether events read a count that float32 does not hold."""
        narrow = self.program.precision == "float32"
        read = [
            count for name, count in zip(self.network.species, self.counts, strict=True) if name in self.agenda.read
        ]
        return narrow and any(count > LARGEST_IN_FLOAT32 for count in read)

    def happen(self, time: Pair, changed: Callable[[Change], None]) -> Status | None:
        """Let everything happen that the triggers say; `changed` is called after each event. Returns what went wrong."""
        if self.inexact:
            return Status.INEXACT_COUNT
        waiting: dict[int, Early] = {}
        for _ in range(MOST_AT_ONCE + 1):
            for _ in range(drawing.MOST_TRIES + 1):
                kept = list(self.held), dict(waiting), [list(each) for each in self.under_way], self.chances.state
                done, accepted = self._one(waiting, time)
                if accepted or isinstance(done, Status):
                    break
                self.held, waiting, self.under_way, self.chances.state = kept
            else:
                return Status.BAD_DRAW
            if done is None or isinstance(done, Status):
                return done
            number, early, drawn = done
            counts, theta = tuple(np.int64(c).astype(np.int32) for c in self.counts), dict(self.theta)
            if not self._assign(self.agenda.events[number], time, early, drawn):
                return Status.BAD_ASSIGNMENT
            flags = tuple(np.bool_(other == number) for other in range(len(self.agenda.events)))
            changed(Change(flags, counts, theta))  # type: ignore[arg-type]  # on the host
        return Status.EVENT_STORM

    def _one(
        self, waiting: dict[int, Early], time: Pair
    ) -> tuple[Status | tuple[int, Early, dict[str, Any]] | None, bool]:
        """The next event, with what it has read and may draw; None if there is none, or what went wrong.

        Beside it, whether everything drawn that is wanted is accepted; if not, nothing of this counts.
        """
        made, stream = self._try(time)
        drawn = {name: np.float64(one.value) for name, one in made.items()}
        now = self.truths(time)
        rose = [new and not old for new, old in zip(now, self.held, strict=True)]
        wrong: Status | None = None
        for number, event in enumerate(self.agenda.events):
            if self._ends(number, now[number]):
                waiting.pop(number, None)
                self.under_way[number].clear()
            if rose[number]:
                early = {name: self.read(right, time, drawn) for name, right in event.assignments if event.early}
                if event.delay is None:
                    waiting[number] = early
                else:
                    wrong = wrong or self._begin(number, event.delay, time, early)
        self.held = now
        due = [number for number, executions in enumerate(self.under_way) if executions and executions[0][0] <= time]
        chosen = self._first([*waiting, *due], time) if waiting or due else None
        wanted = drawing.wanted(self.agenda.events, self.agenda.draws, rose, [n == chosen for n in range(len(rose))])
        mine = [one for one, want in zip(made.values(), wanted, strict=True) if want]
        accepted = all(one.accepted for one in mine)
        if mine:
            kept = [
                np.bool_(want and one.accepted and not accepted)
                for one, want in zip(made.values(), wanted, strict=True)
            ]
            self.tries = self.tries._replace(
                stream=stream, values=tuple(one.value for one in made.values()), kept=tuple(kept)
            )
        if wrong is None and not all(one.sound for one in mine):
            wrong = Status.BAD_DRAW
        if wrong is not None or chosen is None:
            return wrong, accepted
        early = waiting.pop(chosen) if chosen in waiting else self.under_way[chosen].pop(0)[1]
        return (chosen, early, drawn), accepted

    def _try(self, time: Pair) -> tuple[dict[str, drawing.Try], random.Stream]:
        """One try of all that events draw, in the precision of the program; and the words after it."""
        real = self.program.dtype

        def read(expression: Expression, known: dict[str, Any]) -> Any:
            return np.asarray(self.read(expression, time, {n: np.float64(v) for n, v in known.items()}), real)

        with jax.enable_x64(real == np.float64), np.errstate(over="ignore"):
            made, stream = drawing.tried(self.agenda.draws, self.tries, read, real)
        return {name: drawing.Try(*map(np.asarray, one)) for name, one in made.items()}, stream  # type: ignore[arg-type]

    def _ends(self, number: int, now: bool) -> bool:
        """Whether an event that waits does so no more, as its trigger is false."""
        return not now and not self.agenda.events[number].persistent

    def _begin(self, number: int, delay: Expression, time: Pair, early: Early) -> Status | None:
        """An execution begins, unless that is impossible; one in an infinite time does not."""
        real, value = self.program.dtype.type, self.read(delay, time)
        if not value >= 0:
            return Status.BAD_DELAY
        if not value < np.finfo(real).max / 4:
            return None
        if len(self.under_way[number]) == self.agenda.places[number]:
            return Status.QUEUE_FULL
        parts = (real(value),)
        if isinstance(delay, Number):
            parts = clock.split(np.array(value), self.program.dtype)
        due = clock.Time(*time)
        for part in parts:
            due = clock.add(due, real(part))
        self.under_way[number].append(((real(due.high), real(due.low)), early))
        self.under_way[number].sort(key=lambda execution: execution[0])  # those of one moment stay in their order
        return None

    def _first(self, waiting: list[int], time: Pair) -> int:
        """The event of largest priority; of equal ones one by chance, those without a priority last and in their order."""
        chances = {number: self.chances.draw() >> 8 for number in self.agenda.ranked}

        def rank(number: int) -> tuple[float, float]:
            priority = self.agenda.events[number].priority
            level = -np.inf if priority is None else self.read(priority, time)
            return (level if level == level else -np.inf), chances.get(number, -number)

        return max(waiting, key=rank)

    def _assign(self, event: Event, time: Pair, early: dict[str, float], drawn: dict[str, Any]) -> bool:
        """Carry out one event; whether its counts are counts."""
        new = {
            n: early[n] if event.early else self.read(expression, time, drawn) for n, expression in event.assignments
        }
        narrow = self.program.precision == "float32"
        most = LARGEST_IN_FLOAT32 if narrow else LARGEST_COUNT
        close = 2.0**-21 if narrow else 1e-9
        for name, value in new.items():
            if name in self.network.species:
                inside = -0.5 < value <= most
                if not inside or abs(value - round(value)) > close * max(1.0, value):
                    return False
        for name, value in new.items():
            if name in self.network.species:
                self.counts[self.network.species.index(name)] = round(value)
            else:
                self.theta[name] = self.program.dtype.type(value)
        return True
