"""The loop over tables: one path after the other, from event to event.

It is written once for all networks: what a network is like is in the tables. Where reactions have laws of their own, a
function for each kind of law is part of it.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, final

import jax
import numpy as np

from jumpax._base import random, shares
from jumpax._base.clock import Time, add
from jumpax._base.status import Status
from jumpax.engines.native.code import Module
from jumpax.engines.native.operations import Number
from jumpax.engines.native.printer import Printer
from jumpax.engines.tables.choice import Choice
from jumpax.engines.tables.gathered import AbstractGathered
from jumpax.engines.tables.happenings import Happenings
from jumpax.engines.tables.interface import (
    BUSY,
    EVENTS,
    GIVEN,
    INDEX,
    INT,
    KINDS,
    LONG,
    MADE,
    PATH,
    REAL,
    STATE,
    WORD,
    Sizes,
)
from jumpax.engines.tables.laws import Laws
from jumpax.engines.tables.rates import Rates
from jumpax.engines.tables.writer import Variable, Writer


def _seeds(key0: Any, key1: Any, path: Any) -> list[Any]:
    """States of the two streams of a path."""
    return [word for stream in (random.PATH, random.LOW) for word in random.seed((key0, key1), path, stream)]


def _ahead(words: Sequence[Any], high: Any, low: Any, total: Any) -> list[Any]:
    """The next event: when, the point of the choice, and the words after it."""
    path, lows = random.Stream(*words[:4]), random.Stream(*words[4:])
    first, path = random.draw(path)
    second, path = random.draw(path)
    low_first, lows = random.draw(lows)
    low_second, lows = random.draw(lows)
    wait = random.exponential(first, low_first, np.dtype(REAL)) / total
    arrival = add(Time(high, low), wait)
    return [*arrival, shares.chance(second, low_second, np.dtype(REAL)).point, *path, *lows]


class Life(NamedTuple):
    """What is kept in registers of a path that lives."""

    words: list[Variable]
    time: tuple[Variable, ...]
    events: Variable
    index: Variable
    left: Variable
    """Of the budget of events."""
    status: Variable
    stands: Variable | None
    """Whether the path comes to a moment first, before a reaction; of networks with events."""


@final
class Kernel:
    """Writes `advance`.

    Args:
        gathered: what is gathered along the paths.
        laws: those that are no mass action; None if there are none.
        ends: numbers of those that end a path where all of them wish it.
        happenings: events of the network; None if there are none.
    """

    def __init__(
        self,
        gathered: Sequence[AbstractGathered],
        laws: Laws | None = None,
        ends: Sequence[int] = (),
        happenings: Happenings | None = None,
    ):
        self.gathered, self.laws, self.happenings = tuple(gathered), laws, happenings
        self.arrays = {**KINDS, **STATE, **GIVEN, **MADE}
        if laws is not None:
            self.arrays |= dict.fromkeys(laws.arrays, INT)
        if happenings is not None:
            self.arrays |= happenings.arrays
        for number, one in enumerate(self.gathered):
            one.number = number
            self.arrays |= {one.own(name): kind for name, kind in one.arrays.items()}
        self.ends = ends
        self.printer = Printer()
        self.module = Module(self.printer.constants)

    def write(self) -> str:
        """The text of the module."""
        given = ", ".join(f"ptr noalias %{name}" for name in self.arrays)
        with self.module.function(f"void @advance({given}) nounwind") as self.code:
            self.w = Writer(self.code, self.arrays)
            self.size = Sizes(*(self.w.get("sizes", i) for i in range(len(Sizes._fields))))
            self.rates = Rates(self.w, self.size)
            self.choice = Choice(self.w, self.size, self.laws is not None)
            self._run()
            self.code.say("ret void")
        return self.module.text()

    def printed(self, function: Callable[..., Sequence[Any]], arguments: Sequence[Number]) -> list[Number]:
        """A scalar function, traced by JAX, at this place."""
        shapes = [jax.ShapeDtypeStruct((), np.dtype(a.kind)) for a in arguments]
        lines, results = self.printer.lines(
            jax.make_jaxpr(function)(*shapes), names := [f"a{i}" for i in range(len(shapes))]
        )
        code = self.code.beside(1)
        code.numbers |= dict(zip(names, arguments, strict=True))
        code.run(lines)
        return [code.number(name) for name in results]

    def printed_of_counts(self, function: Callable[[tuple[Any, ...]], Sequence[Any]], species: int) -> list[Number]:
        """A function of all counts."""
        shapes = [jax.ShapeDtypeStruct((), np.dtype(INT))] * species
        closed = jax.make_jaxpr(lambda *counts: function(counts))(*shapes)
        return self.called(closed, [("counts", i) for i in range(species)])

    def called(self, closed: Any, places: Sequence[Number | tuple[str, int]]) -> list[Number]:
        """A traced function of numbers and of entries of arrays, of which those are loaded that it reads."""
        names = [f"n{i}" for i in range(len(places))]
        lines, results = self.printer.lines(closed, names)
        read = {name for line in lines for name in line.arguments}.union(results)
        code = self.code.beside(1)
        for name, place, variable in zip(names, places, closed.jaxpr.invars, strict=True):
            if name in read:
                given = place if isinstance(place, Number) else self._entry(*place)
                code.numbers[name] = self.w.to(given, np.dtype(variable.aval.dtype).name)
        code.run(lines)
        return [code.number(name) for name in results]

    def _entry(self, array: str, index: int) -> Number:
        return self.code.load(self.arrays[array], self.w.place(array, index))

    def theta(self) -> tuple[str, Number]:
        """Where the parameters of the path are: an array, and where in it they begin."""
        if self.happenings is not None:
            return "theta_now", self.w.long(0)
        row = self.w.do("mul", self.w.get("whole", PATH), self.size.own_theta)
        return "theta", self.w.do("mul", row, self.size.parameters)

    # the life of a path

    def _run(self) -> None:
        """Paths until there are no more, or the budget of events is used up."""
        w, do = self.w, self.w.do
        left = w.variable(self.size.budget)
        with self.code.repeat() as only_if:
            more = do("lt", w.get("whole", PATH), self.size.paths)
            with self.code.when(do("and_", do("eq", w.get("whole", BUSY), 0), more)):
                self._begin()
            only_if(do("ne", w.get("whole", BUSY), 0))
            only_if(do("gt", left.value, 0))
            self._live(left)

    def _begin(self) -> None:
        """Put the next path at its start."""
        w, do, size = self.w, self.w.do, self.size
        path = w.get("whole", PATH)
        row = do("mul", path, size.own_key)
        keys = [w.get("keys", do("add", do("mul", row, 2), i)) for i in range(2)]
        first = w.get("first", do("mul", path, size.own_first))
        own = do("select", do("ne", size.own_first, 0), w.long(0), path)
        number = do("add", first, w.to(own, WORD))
        for i, word in enumerate(self.printed(_seeds, [*keys, number])):
            w.put("words", i, word)
        row = do("mul", do("mul", path, size.own_counts), size.species)
        with w.span(0, size.species) as species:
            w.put("counts", species, w.get("start_counts", do("add", row, species)))
        w.put("counts", size.species, w.long(1))
        for i in range(2):
            w.put("time", i, w.get("start", i))
        w.put("whole", INDEX, w.long(0))
        w.put("whole", EVENTS, w.long(0))
        w.put("whole", BUSY, w.long(1))
        if self.happenings is not None:
            self.happenings.begin(self, keys, number)
        self.compute()
        for one in self.gathered:
            one.begin(self)

    def compute(self) -> None:
        """Sums and propensities, from counts and parameters."""
        w, do, size = self.w, self.w.do, self.size
        self.rates.sums()
        if self.happenings is None:
            constants, row = "constants", do("mul", do("mul", w.get("whole", PATH), size.own_constants), size.constants)
        else:
            constants, row = "constants_here", w.long(0)
        with w.span(0, size.terms) as term:
            value = w.get(constants, do("add", row, w.get("constant", term)))
            w.put("constants_now", term, do("mul", value, w.get("unit", term)))
            self.rates.term(term)
        if self.laws is not None:
            with w.span(size.terms, size.parts) as leaf:
                w.put("rates", leaf, self.laws.rate(self, do("sub", leaf, size.terms)))
        with (
            w.span(0, do("sub", size.nodes, size.leaves)) as node,
            self.code.when(do("ge", w.get("children", node), 0)),
        ):
            self.rates.node(node)

    def _live(self, left: Variable) -> None:
        """A path until it ends, or the budget is used up."""
        w, do, code = self.w, self.w.do, self.code
        words = [w.variable(w.get("words", i)) for i in range(8)]
        time = tuple(w.variable(w.get("time", i)) for i in range(2))
        events, index = w.variable(w.get("whole", EVENTS)), w.variable(w.get("whole", INDEX))
        status = w.variable(w.long(int(Status.RUNNING)))
        last = do("sub", self.size.nodes, 1)
        stands = None if self.happenings is None else w.variable(code.constant(False, "bool"))
        life = Life(words, time, events, index, left, status, stands)
        with code.repeat() as only_if:
            only_if(do("gt", left.value, 0))
            if self.happenings is not None:
                with code.when(self.happenings.acting(self)):
                    self.happenings.act(self, life)
                only_if(do("eq", status.value, int(Status.RUNNING)))
                only_if(do("gt", left.value, 0))
            total = w.get("rates", last)
            arguments = [*(word.value for word in words), *(part.value for part in time), total]
            when, rest, point, *after = self.printed(lambda *a: _ahead(a[:8], *a[8:]), arguments)
            self._stops(when, rest, life)
            only_if(do("eq", status.value, int(Status.RUNNING)))
            if self.happenings is None or stands is None:
                self._react(life, total, (when, rest), point, after, only_if)
            else:
                with code.when(stands.value):
                    self._move(life, self.happenings.moment(self), after)
                    left.value = do("sub", left.value, 1)
                    self.happenings.stand(self)
                with code.when(do("not_", stands.value)):
                    self._react(life, total, (when, rest), point, after, only_if)
        for i, word in enumerate(words):
            w.put("words", i, word.value)
        for i, part in enumerate(time):
            w.put("time", i, part.value)
        w.put("whole", EVENTS, events.value)
        w.put("whole", INDEX, index.value)
        with code.when(do("ne", status.value, int(Status.RUNNING))):
            self._end(status.value, last)

    def _react(
        self,
        life: "Life",
        total: Number,
        when: tuple[Number, Number],
        point: Number,
        after: Sequence[Number],
        only_if: Any,
    ) -> None:
        """A reaction fires, if all is sound."""
        w, do, status = self.w, self.w.do, life.status
        finite = do("lt", total, w.number(np.inf))
        sound = do("and_", do("ge", total, w.number(0.0)), finite)
        still = do("and_", *(do("eq", new, old.value) for new, old in zip(when, life.time)))
        code_of = do("select", still, w.long(int(Status.TIME_STALLED)), status.value)
        code_of = do("select", do("ge", life.events.value, self.size.limit), w.long(int(Status.EVENT_BUDGET)), code_of)
        status.value = do("select", sound, code_of, w.long(int(Status.BAD_PROPENSITY)))
        only_if(do("eq", status.value, int(Status.RUNNING)))
        self._move(life, when, after)
        life.events.value = do("add", life.events.value, 1)
        life.left.value = do("sub", life.left.value, 1)
        term, reaction = self.choice.reaction_at(do("mul", point, total))
        self._fire(term, reaction, when, status)
        for one in self.gathered:
            one.after(self, when[0])
        if self.happenings is not None and self.happenings.watched:
            with self.code.when(do("ne", w.get("wakes", reaction), 0)):
                self.happenings.look(self, when)
        only_if(do("eq", status.value, int(Status.RUNNING)))

    def _move(self, life: "Life", when: tuple[Number, Number], after: Sequence[Number]) -> None:
        """Be at a time; the wait for the next reaction begins anew."""
        for variable, word in zip(life.words, after, strict=True):
            variable.value = word
        for variable, part in zip(life.time, when):
            variable.value = part

    def _stops(self, when: Number, rest: Number, life: "Life") -> None:
        """Record at all stops before the next event, or moment at which the path has to stand."""
        w, do, code, size = self.w, self.w.do, self.code, self.size
        with code.repeat() as only_if:
            here = life.index.value
            high, low = w.get("stop_high", here), w.get("stop_low", here)
            early = self._not_after((when, rest), (high, low))
            before = do("lt", life.events.value, w.get("stop_step", here))
            possible = do("lt", when, w.number(np.inf))
            steps = do("ne", size.steps, 0)
            fires = do("select", steps, do("and_", before, possible), early)
            comes = None
            if self.happenings is not None:
                moment = self.happenings.moment(self)
                comes = self._comes(moment, (high, low), do("or_", before, do("not_", steps)))
                fires = do("select", comes, self._not_after((when, rest), moment), fires)
            done = self.done()
            if done is not None:
                fires = do("and_", fires, do("not_", done))
            bad = do("not_", do("ge", w.get("rates", do("sub", size.nodes, 1)), w.number(0.0)))
            goes = do("or_", fires, bad)
            if comes is not None and life.stands is not None:
                comes = comes if done is None else do("and_", comes, do("not_", done))
                life.stands.value = do("and_", comes, do("not_", goes))
                goes = do("or_", goes, comes)
            only_if(do("not_", goes))
            row = do("add", do("mul", w.get("whole", PATH), size.stops), here)
            stands = steps if done is None else do("or_", steps, done)  # what ends a path ends its integrals
            seen = do("select", stands, life.time[0].value, high)
            for one in self.gathered:
                one.stop(self, row, seen)
            following = do("add", here, 1)
            life.index.value = following
            over = do("ge", following, size.stops)
            with code.when(over):
                total = w.get("rates", do("sub", size.nodes, 1))
                ended = do(
                    "select", do("eq", total, w.number(0.0)), w.long(int(Status.ABSORBED)), w.long(int(Status.REACHED))
                )
                life.status.value = ended if done is None else do("select", done, w.long(int(Status.DONE)), ended)
            only_if(do("not_", over))

    def _not_after(self, first: tuple[Number, Number], second: tuple[Number, Number]) -> Number:
        """Whether one time is not later than another."""
        do = self.w.do
        tie = do("and_", do("eq", first[0], second[0]), do("le", first[1], second[1]))
        return do("or_", do("lt", first[0], second[0]), tie)

    def _comes(self, moment: tuple[Number, Number], stop: tuple[Number, Number], waits: Number) -> Number:
        """Whether a moment comes no later than a stop; one without a low part has come with the high part of the stop."""
        do, nothing = self.w.do, self.w.number(0.0)
        tie = do("and_", do("eq", moment[0], stop[0]), do("eq", moment[1], nothing))
        comes = do("or_", self._not_after(moment, stop), tie)
        return do("and_", waits, do("and_", comes, do("lt", moment[0], self.w.number(np.inf))))

    def done(self) -> Number | None:
        """Whether nothing more is wanted of the path; None if there is no end before the last stop."""
        flags = [self.gathered[number].done(self) for number in self.ends]
        return functools.reduce(lambda a, b: self.w.do("and_", a, b), flags) if flags else None

    def _end(self, status: Number, last: Number) -> None:
        """Write the end of a path."""
        w, do, size = self.w, self.w.do, self.size
        path = w.get("whole", PATH)
        row = do("mul", path, do("add", size.species, 2))
        w.put("ends", row, status)
        w.put("ends", do("add", row, 1), w.get("whole", EVENTS))
        with w.span(0, size.species) as species:
            w.put("ends", do("add", do("add", row, 2), species), w.get("counts", species))
        for i in range(2):
            w.put("end_times", do("add", do("mul", path, 2), i), w.get("time", i))
        w.put("whole", PATH, do("add", path, 1))
        w.put("whole", BUSY, w.long(0))

    # what an event changes

    def _fire(self, term: Number, reaction: Number, time: tuple[Number, Number], status: Variable) -> None:
        """Change counts, sums, propensities."""
        w, do, now = self.w, self.w.do, time[0]
        row = do("mul", reaction, 4)
        begins = [w.get("starts", do("add", row, i)) for i in range(4)]
        ends = [w.get("starts", do("add", row, 4 + i)) for i in range(4)]
        for one in self.gathered:
            one.fired(self, term, reaction, time)
        least = w.variable(w.long(0))
        with w.span(begins[0], ends[0]) as change:
            species = w.get("change_species", change)
            for one in self.gathered:
                one.leave_count(self, species, now)
            new = do("add", w.get("counts", species), w.get("change", change))
            w.put("counts", species, new)
            wrapped = w.to(w.to(new, INT), LONG)
            least.value = do("min_", least.value, wrapped)
        with w.span(begins[1], ends[1]) as touched:
            w.add("sums", w.get("touched_sum", touched), w.get("sum_change", touched))
        with w.span(begins[2], ends[2]) as touched:
            leaf = w.get("touched_term", touched)
            for one in self.gathered:
                one.leave_rate(self, leaf, now)
            own = do("ge", leaf, self.size.terms)
            if self.laws is not None:
                with self.code.when(own):
                    w.put("rates", leaf, self.laws.rate(self, do("sub", leaf, self.size.terms)))
                    for one in self.gathered:
                        one.enter_rate(self, leaf)
                with self.code.when(do("not_", own)):
                    self.rates.term(leaf)
            else:
                self.rates.term(leaf)
        with w.span(begins[3], ends[3]) as touched:
            self.rates.node(w.get("touched_node", touched))
        negative = do("lt", least.value, 0)
        far = do("lt", least.value, -(2**30))
        fault = do("select", far, w.long(int(Status.COUNT_OVERFLOW)), w.long(int(Status.NEGATIVE_COUNT)))
        status.value = do("select", negative, fault, status.value)
