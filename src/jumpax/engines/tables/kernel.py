"""The loop over tables: one path after the other, from event to event.

It is written once for all networks: what a network is like is in the tables. Where reactions have laws of their own, a
function for each kind of law is part of it.
"""

import functools
from collections.abc import Callable, Sequence
from typing import final

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr

from jumpax._base import random, shares
from jumpax._base.clock import Time, add
from jumpax._base.status import Status
from jumpax._base.types import Count, Numeric, Real, Word
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
from jumpax.engines.tables.life import MOMENT, REACTION, Life, Stops
from jumpax.engines.tables.rates import Rates
from jumpax.engines.tables.thinning import Thinning
from jumpax.engines.tables.writer import Variable, Writer


def _seeds(key0: Word, key1: Word, path: Word) -> list[Word]:
    """States of the two streams of a path."""
    return [word for stream in (random.PATH, random.LOW) for word in random.seed((key0, key1), path, stream)]


def _ahead(words: Sequence[Word], high: Real, low: Real, total: Real, spent: Real | None = None) -> list[Real | Word]:
    """The next event: when, the point of the choice, and the words after it."""
    path, lows = random.Stream(*words[:4]), random.Stream(*words[4:])
    first, path = random.draw(path)
    second, path = random.draw(path)
    low_first, lows = random.draw(lows)
    low_second, lows = random.draw(lows)
    wait = random.exponential(first, low_first, np.dtype(REAL))
    wait = (wait if spent is None else jnp.maximum(wait - spent, 0.0)) / total
    arrival = add(Time(high, low), wait)
    return [*arrival, shares.chance(second, low_second, np.dtype(REAL)).point, *path, *lows]


@final
class Kernel:
    """Writes `advance`.

    Args:
        gathered: what is gathered along the paths.
        laws: those that are no mass action; None if there are none.
        ends: numbers of those that end a path where all of them wish it.
        happenings: events of the network; None if there are none.
        bounded: whether bounds on the total propensity are given.
    """

    def __init__(
        self,
        gathered: Sequence[AbstractGathered],
        laws: Laws | None = None,
        ends: Sequence[int] = (),
        happenings: Happenings | None = None,
        bounded: bool = False,
    ):
        self.gathered, self.laws, self.happenings = tuple(gathered), laws, happenings
        self.arrays = {**KINDS, **STATE, **GIVEN, **MADE}
        if laws is not None:
            self.arrays |= dict.fromkeys(laws.arrays, INT)
        if happenings is not None:
            self.arrays |= happenings.arrays
        timed = laws is not None and laws.timed
        self.bounded, self.stops = bounded, Stops(self)
        self.thinning = Thinning(bounded) if bounded or timed else None
        if self.thinning is not None:
            self.arrays |= {"parent": INT, **self.thinning.given}
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

    def printed(self, function: Callable[..., Sequence[Numeric]], arguments: Sequence[Number]) -> list[Number]:
        """A scalar function, traced by JAX, at this place."""
        shapes = [jax.ShapeDtypeStruct((), np.dtype(a.kind)) for a in arguments]
        lines, results = self.printer.lines(
            jax.make_jaxpr(function)(*shapes), names := [f"a{i}" for i in range(len(shapes))]
        )
        code = self.code.beside(1)
        code.numbers |= dict(zip(names, arguments, strict=True))
        code.run(lines)
        return [code.number(name) for name in results]

    def printed_of_counts(
        self, function: Callable[[tuple[Count, ...]], Sequence[Numeric]], species: int
    ) -> list[Number]:
        """A function of all counts."""
        shapes = [jax.ShapeDtypeStruct((), np.dtype(INT))] * species
        closed = jax.make_jaxpr(lambda *counts: function(counts))(*shapes)
        return self.called(closed, [("counts", i) for i in range(species)])

    def called(self, closed: ClosedJaxpr, places: Sequence[Number | tuple[str, int]]) -> list[Number]:
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
        if self.bounded:
            w.put("time", 2, w.number(0.0))
        w.put("whole", INDEX, w.long(0))
        w.put("whole", EVENTS, w.long(0))
        w.put("whole", BUSY, w.long(1))
        if self.happenings is not None:
            self.happenings.begin(self, keys, number)
        self.seeds = [*keys, number]
        self.compute(w.get("time", 0) if self.thinning else w.number(0.0))
        for one in self.gathered:
            one.begin(self)

    def compute(self, now: Number) -> None:
        """Sums and propensities, from counts and parameters, at a time."""
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
                w.put("rates", leaf, self.laws.rate(self, do("sub", leaf, size.terms), now))
        self.nodes()

    def nodes(self) -> None:
        """All sums of the tree, from the leaves."""
        w, do, size = self.w, self.w.do, self.size
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
        other = self.happenings is not None or self.bounded
        following, spent = (
            w.variable(w.long(REACTION)) if other else None,
            w.variable(w.get("time", 2)) if self.bounded else None,
        )
        life = Life(words, time, events, index, left, status, following, spent)
        with code.repeat() as only_if:
            only_if(do("gt", left.value, 0))
            if self.happenings is not None:
                with code.when(self.happenings.acting(self)):
                    self.happenings.act(self, life)
                only_if(do("eq", status.value, int(Status.RUNNING)))
                only_if(do("gt", left.value, 0))
            total = w.get("rates", last)
            if self.thinning is not None:
                total = self.thinning.total(self, life, total)
            arguments = [*(word.value for word in words), *(part.value for part in time), total]
            arguments += [] if spent is None else [spent.value]
            when, rest, point, *after = self.printed(lambda *a: _ahead(a[:8], *a[8:]), arguments)
            self.stops.write(when, rest, life)
            only_if(do("eq", status.value, int(Status.RUNNING)))
            react = self._react if self.thinning is None else functools.partial(self.thinning.candidate, self)
            if following is None:
                react(life, total, (when, rest), point, after, only_if)
            else:
                what = following.value
                if self.happenings is not None:
                    with code.when(do("eq", what, MOMENT)):
                        self.move(life, self.happenings.moment(self), after)
                        left.value = do("sub", left.value, 1)
                        self.happenings.stand(self)
                with code.when(do("eq", what, REACTION)):
                    react(life, total, (when, rest), point, after, only_if)
        for i, word in enumerate(words):
            w.put("words", i, word.value)
        for i, part in enumerate((*time, *((spent,) if spent else ()))):
            w.put("time", i, part.value)
        w.put("whole", EVENTS, events.value)
        w.put("whole", INDEX, index.value)
        with code.when(do("ne", status.value, int(Status.RUNNING))):
            self._end(status.value, last)

    def _react(
        self,
        life: Life,
        total: Number,
        when: tuple[Number, Number],
        point: Number,
        after: Sequence[Number],
        only_if: Callable[[Number], None],
    ) -> None:
        """A reaction fires, if all is sound."""
        do, status = self.w.do, life.status
        status.value = self.judged(life, total, when, Status.BAD_PROPENSITY)
        only_if(do("eq", status.value, int(Status.RUNNING)))
        self.move(life, when, after)
        life.events.value = do("add", life.events.value, 1)
        life.left.value = do("sub", life.left.value, 1)
        term, reaction, _ = self.choice.reaction_at(do("mul", point, total))
        self.fire(term, reaction, when, status)
        only_if(do("eq", status.value, int(Status.RUNNING)))

    def judged(self, life: Life, total: Number, when: tuple[Number, Number], infinite: Status) -> Number:
        """The status of a path whose next event is at a time; `infinite`: that of one whose total propensity, or bound, is."""
        w, do, status = self.w, self.w.do, life.status
        finite = do("lt", total, w.number(np.inf))
        sound = do("and_", do("ge", total, w.number(0.0)), finite)
        still = do("and_", *(do("eq", new, old.value) for new, old in zip(when, life.time)))
        code_of = do("select", still, w.long(int(Status.TIME_STALLED)), status.value)
        code_of = do("select", do("ge", life.events.value, self.size.limit), w.long(int(Status.EVENT_BUDGET)), code_of)
        fault = w.long(int(Status.BAD_PROPENSITY))
        if infinite is not Status.BAD_PROPENSITY:
            fault = do("select", do("eq", total, w.number(np.inf)), w.long(int(infinite)), fault)
        return do("select", sound, code_of, fault)

    def move(self, life: Life, when: tuple[Number, Number], after: Sequence[Number]) -> None:
        """Be at a time; the wait for the next reaction begins anew."""
        for variable, word in zip(life.words, after, strict=True):
            variable.value = word
        for variable, part in zip(life.time, when):
            variable.value = part
        if life.spent is not None:
            life.spent.value = self.w.number(0.0)

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

    def fire(self, term: Number, reaction: Number, when: tuple[Number, Number], status: Variable) -> None:
        """A reaction, with all that follows it."""
        self._change(term, reaction, when, status)
        for one in self.gathered:
            one.after(self, when[0])
        if self.happenings is not None and self.happenings.watched:
            with self.code.when(self.w.do("ne", self.w.get("wakes", reaction), 0)):
                self.happenings.look(self, when)

    def _change(self, term: Number, reaction: Number, time: tuple[Number, Number], status: Variable) -> None:
        """Change counts, sums, propensities."""
        w, do, now = self.w, self.w.do, time[0]
        row = do("mul", reaction, 4)
        begins = [w.get("starts", do("add", row, i)) for i in range(4)]
        ends = [w.get("starts", do("add", row, 4 + i)) for i in range(4)]
        for one in self.gathered:
            one.fired(self, term, reaction, time)
        if self.laws is not None and self.laws.timed and any(one.timely for one in self.gathered):
            with w.span(begins[2], ends[2]) as touched:
                for one in self.gathered:
                    one.leave_timed(self, w.get("touched_term", touched), now)
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
                    w.put("rates", leaf, self.laws.rate(self, do("sub", leaf, self.size.terms), now))
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
