"""Events of an SBML model."""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.counts import Counting, near_whole
from jumpax.importers.faults import Faults
from jumpax.importers.symbols import Symbols
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import (
    Call,
    Expression,
    Name,
    Number,
    Time,
    call,
    evaluate_host,
    flag,
    names,
    reads_time,
)
from jumpax.networks.triggers import check


class SbmlEvents:
    """Reads the events of one model, and what only they know.

    Args:
        model: `libsbml.Model`.
        symbols: what its names mean.
        faults: takes what is wrong.
        counting: how amounts become counts.
    """

    def __init__(self, model: Any, symbols: Symbols, faults: Faults, counting: Counting):
        self.model, self.symbols, self.faults, self.counting = model, symbols, faults, counting
        self.counts = {*map(symbols.public, symbols.counts)}
        self.own = {symbols.public(name): name for name in reversed(symbols.known())}
        self.flowing = frozenset(map(symbols.public, symbols.flows))
        self.places: dict[str, str] = {}
        self.rounds = False

    def __iter__(self) -> Iterator[Event]:
        """Those whose trigger can be read; all that is wrong with them is noted."""
        made = self._start() if self.symbols.drawn else None
        if made is not None:
            yield made
        for place, event in enumerate(self.model.getListOfEvents(), 1):
            what = f"line {event.getLine()}: event {event.getId() or f'event {place}'!r}"
            made = self._event(event, event.getId() or f"event {place}", what)
            if made is not None:
                self.places[made.name] = what
                yield made

    def _start(self) -> Event | None:
        """What initial assignments draw, at time 0 and before all other events."""
        done, drawn = [], {*map(self.symbols.public, self.symbols.drawn)}
        for name in self.symbols.drawn:
            what = f"line {self.symbols.starts[name].getLine()}: initial assignment to {name!r}"
            with self.faults.of(what):
                done.append(self._assignment_to(name, self.symbols.starts[name].getMath(), None))
                if drawn & {*names(done[-1][1])}:
                    raise UnsupportedError("it draws a random number, and reads another that is drawn at the start")
        for place, event in enumerate(self.model.getListOfEvents(), 1):
            with self.faults.of(f"line {event.getLine()}: event {event.getId() or f'event {place}'!r}"):
                if event.getTrigger() is None:
                    continue
                read = drawn & {*names(self.symbols.expression(event.getTrigger().getMath()))}
                if read:
                    raise UnsupportedError(f"its trigger reads {', '.join(sorted(read))}, drawn at the start")
        if len(done) < len(drawn):
            return None
        made = Event(
            "initial assignments", call("ge", Time(), Number(0.0)), tuple(done), Number(math.inf), initially=False
        )
        self.places[made.name] = "initial assignments"
        return made

    def _event(self, event: Any, name: str, what: str) -> Event | None:
        late, trigger, when, made = self.model.getLevel() > 2, event.getTrigger(), None, None
        priority = delay = None
        persistent = trigger.getPersistent() if late and trigger is not None else True
        with self.faults.of(what):
            if trigger is None or trigger.getMath() is None:
                raise InputError("it has no trigger")
            when = flag(self.symbols.expression(trigger.getMath()))
            when = self._instants(when, self._counters(event)) if persistent or not event.isSetDelay() else when
        done = []
        for assignment in event.getListOfEventAssignments():
            with self.faults.of(what):
                done.append(self._assignment(assignment, event))
        with self.faults.of(what):
            priority = self.symbols.expression(event.getPriority().getMath()) if event.isSetPriority() else None
        with self.faults.of(what):
            delay = self._delay(event) if event.isSetDelay() else None
        with self.faults.of(what):
            if when is not None:
                made = Event(
                    name, when, tuple(done), priority,
                    persistent=persistent,
                    initially=trigger.getInitialValue() if late else True,
                    early=event.getUseValuesFromTriggerTime(),
                    delay=delay,
                )  # fmt: skip
        return made

    def _delay(self, event: Any) -> Expression | None:
        """How long after its trigger it is carried out, in units of the time of the file; none where that is at once."""
        if event.getDelay().getMath() is None:
            raise InputError("a delay without a value")
        if event.isSetTimeUnits() and event.getTimeUnits() not in ("time", self.model.getTimeUnits() or "second"):
            raise UnsupportedError(
                f"a delay in units of its own, {event.getTimeUnits()!r}; give it in those of the time"
            )
        delay = self.symbols.expression(event.getDelay().getMath())
        return None if delay == Number(0.0) else delay

    def _instants(self, trigger: Expression, counters: frozenset[str]) -> Expression:
        """The trigger with `time >= v` for `time == v`, where that is all of it that changes: both become true at v, and at once.

        Of several numbers each begins a window, which ends before the next. Counters are as good as what nothing moves: they are beyond
        the time whenever they have been moved.
        """
        if isinstance(trigger, Call) and trigger.operator == "and":
            moving = [each for each in trigger.arguments if reads_time(each) or self._moves(each, counters)]
            if len(moving) == 1:
                return call(
                    "and",
                    *(self._instants(each, counters) if each is moving[0] else each for each in trigger.arguments),
                )
        if isinstance(trigger, Call) and trigger.operator == "or":
            moments = [_moment(each) for each in _alternatives(trigger)]
            times = sorted({each.value for each in moments if isinstance(each, Number) and each.value >= 0})
            if times and all(isinstance(each, Number) for each in moments):
                ends = [(time + later) / 2 for time, later in itertools.pairwise(times)]
                windows = [
                    call("and", call("ge", Time(), Number(time)), call("lt", Time(), Number(end)))
                    for time, end in zip(times, ends, strict=False)
                ]
                return call("or", *windows, call("ge", Time(), Number(times[-1])))
        value = _moment(trigger)
        if value is None or reads_time(value) or self._moves(value, counters):
            return trigger  # a moment that is moved into the past comes true with >= only
        after = call("ge", Time(), value)
        if isinstance(value, Number) and value.value >= 0:
            return after
        return call("and", after, call("ge", value, Number(0.0)))

    def _counters(self, event: Any) -> frozenset[str]:
        """Parameters that this event moves by a positive number, and no other: times that it waits for."""
        with contextlib.suppress(InputError, UnsupportedError):  # told elsewhere, as those of assignments
            if event.isSetDelay() and self._delay(event) is not None:
                return frozenset()
        assigned = [a.getVariable() for each in self.model.getListOfEvents() for a in each.getListOfEventAssignments()]
        found = []
        for assignment in event.getListOfEventAssignments():
            name, math = assignment.getVariable(), assignment.getMath()
            if (
                math is None
                or assigned.count(name) > 1
                or name not in self.symbols.parameters
                or name in self.symbols.flows
            ):
                continue
            with contextlib.suppress(InputError, UnsupportedError):
                match self.symbols.expression(math):
                    case Call("add", (Name(own), Number(by)) | (Number(by), Name(own))):
                        found += [own] if own == self.symbols.public(name) and by > 0 else []
        return frozenset(found)

    def _moves(self, expression: Expression, counters: frozenset[str]) -> bool:
        """Whether it reads what reactions, other events or rate rules change."""
        return bool((self.symbols.moving - counters).intersection(names(expression)))

    def _assignment(self, assignment: Any, event: Any) -> tuple[str, Expression]:
        """What is assigned: amounts, for species."""
        return self._assignment_to(assignment.getVariable(), assignment.getMath(), event)

    def _assignment_to(self, name: str, math: Any, event: Any) -> tuple[str, Expression]:
        symbols = self.symbols
        if name in symbols.rules:
            raise InputError(f"an assignment to {name!r}, which a rule governs")
        if math is None:
            raise InputError(f"an assignment to {name!r} without a value")
        if event is None and name in symbols.compartments:
            raise UnsupportedError("a compartment whose size is drawn at the start")
        value = symbols.expression(math, draws=True)
        if name in symbols.species and name not in symbols.flows:
            size = symbols.species[name].getCompartment()
            resized = event is not None and event.getEventAssignment(size) is not None
            if not symbols.species[name].getHasOnlySubstanceUnits() and resized:
                raise UnsupportedError(
                    f"assignments to the concentration {name!r} and to its compartment {size!r} at once"
                )
            molecules = symbols.molecules(name, value)
            if self.counting.rounded and not _whole(molecules):
                self.rounds = True
                return symbols.public(name), near_whole(molecules, rounded=True)
            converted = symbols.units.of(name).molecules != 1.0
            return symbols.public(name), near_whole(molecules, rounded=False) if converted else molecules
        if name not in symbols.parameters and name not in symbols.compartments and name not in symbols.flows:
            raise UnsupportedError(f"an assignment to {name!r}, which is no species, parameter or compartment")
        return symbols.public(name), value

    def beside(
        self, events: tuple[Event, ...], theta: Mapping[str, float], number: Callable[[str], float]
    ) -> dict[str, float]:
        """Values of parameters that only events read or change; nan for those that nothing reads and that have none.

        Triggers that cannot be followed are noted.
        """
        found: dict[str, float] = {}
        known = {*theta, *self.counts}
        for event in events:
            with self.faults.of(self.places[event.name]):
                for name in event.names:
                    if name not in known and name not in found:
                        found[name] = self._state(name, name in event.read, number)
                values = {**theta, **found}
                check(event.trigger, self.counts, lambda e, t, values=values: evaluate_host(e, values, t), self.flowing)
                if alike := self._alike(event.trigger):
                    raise UnsupportedError(
                        f"its trigger asks whether {alike} equals something, which what a rate rule governs does for no time at all; use >="
                    )
        return found

    def _alike(self, trigger: Expression) -> str:
        """What flows of all that is compared by == or != in a trigger."""
        if not isinstance(trigger, Call):
            return ""
        own = self.flowing.intersection(names(trigger)) if trigger.operator in ("eq", "neq") else ()
        return ", ".join(sorted(own)) or next(filter(None, map(self._alike, trigger.arguments)), "")

    def _state(self, name: str, read: bool, number: Callable[[str], float]) -> float:
        """Value at the start: inf for a time that never comes, nan for what has no value and that nothing reads."""
        own = self.symbols.parameters.get(self.own.get(name, ""))
        if self.own.get(name) in self.symbols.drawn:
            return 0.0  # until the start
        if own is not None and own.getId() not in self.symbols.starts:
            value = own.getValue() if own.isSetValue() else math.nan
            if math.isinf(value) or not (read or math.isfinite(value)):
                return value
        return number(name)


def _moment(trigger: Expression) -> Expression | None:
    """What the time is compared with, of `time == ...`."""
    if not isinstance(trigger, Call) or trigger.operator != "eq" or Time() not in trigger.arguments:
        return None
    return trigger.arguments[1 if trigger.arguments[0] == Time() else 0]


def _alternatives(trigger: Expression) -> Iterator[Expression]:
    """Of an `or` of an `or` .. each part."""
    if isinstance(trigger, Call) and trigger.operator == "or":
        for each in trigger.arguments:
            yield from _alternatives(each)
    else:
        yield trigger


def _whole(value: Expression) -> bool:
    """Whether it is a whole number that is written as such."""
    return isinstance(value, Number) and value.value == int(value.value)
