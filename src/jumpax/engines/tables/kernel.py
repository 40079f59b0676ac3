"""The loop over tables: one path after the other, from event to event.

It is written once for all networks: what a network is like is in the tables. Where reactions have laws of their own, a
function for each kind of law is part of it.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jumpax._base import random, shares
from jumpax._base.clock import Time, add
from jumpax._base.status import Status
from jumpax.engines.native.code import Module
from jumpax.engines.native.operations import Number
from jumpax.engines.native.printer import Printer
from jumpax.engines.tables.gathered import AbstractGathered
from jumpax.engines.tables.laws import Laws
from jumpax.engines.tables.layout import FAN, NONE, Tables
from jumpax.engines.tables.writer import Variable, Writer

INT, LONG, REAL, WORD = "int32", "int64", "float64", "uint32"
STATE = {
    "counts": INT, "sums": LONG, "rates": REAL, "constants_now": REAL, "time": REAL, "words": WORD, "whole": LONG,
}  # fmt: skip
"""A run in progress; `counts` has a molecule that is always there behind the species."""
GIVEN = {
    "constants": REAL, "theta": REAL, "start_counts": INT, "keys": WORD, "first": WORD, "start": REAL, "stop_high": REAL,
    "stop_low": REAL, "stop_step": INT, "sizes": LONG, "offsets": LONG, "reaction_of": INT,
}  # fmt: skip
MADE = {"record_integers": INT, "record_reals": REAL, "ends": INT, "end_times": REAL}
PATH, INDEX, EVENTS, BUSY = range(4)
"""Entries of `whole`: path, number of its next stop, events fired, whether a path is under way."""


class Sizes(NamedTuple):
    """Entries of `sizes`."""

    species: Any
    sums: Any
    terms: Any
    """Those of rate constants."""
    parts: Any
    """Those and reactions with laws of their own."""
    leaves: Any
    nodes: Any
    constants: Any
    parameters: Any
    stops: Any
    paths: Any
    limit: Any
    budget: Any
    """Events."""
    own_constants: Any
    """1 where each path has its own, else 0; likewise the others."""
    own_theta: Any
    own_counts: Any
    own_key: Any
    own_first: Any
    steps: Any
    """Whether stops are numbers of events."""
    integers: Any
    reals: Any


KINDS = {name: REAL if name in ("unit", "share") else INT for name in Tables._fields}


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


class Kernel:
    """Writes `advance`.

    Args:
        gathered: what is gathered along the paths.
        laws: those that are no mass action; None if there are none.
        ends: numbers of those that end a path where all of them wish it.
    """

    def __init__(self, gathered: Sequence[AbstractGathered], laws: Laws | None = None, ends: Sequence[int] = ()):
        self.gathered, self.laws = tuple(gathered), laws
        self.arrays = {**KINDS, **STATE, **GIVEN, **MADE}
        if laws is not None:
            self.arrays |= dict.fromkeys(laws.arrays, INT)
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
        """A function of all counts, of which those are loaded that it reads."""
        shapes = [jax.ShapeDtypeStruct((), np.dtype(INT))] * species
        names = [f"n{i}" for i in range(species)]
        lines, results = self.printer.lines(jax.make_jaxpr(lambda *counts: function(counts))(*shapes), names)
        read = {name for line in lines for name in line.arguments}.union(results)
        code = self.code.beside(1)
        for i, name in enumerate(names):
            if name in read:
                code.numbers[name] = self.code.load(INT, self.w.place("counts", i))
        code.run(lines)
        return [code.number(name) for name in results]

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
        self._sums()
        row = do("mul", do("mul", path, size.own_constants), size.constants)
        with w.span(0, size.terms) as term:
            value = w.get("constants", do("add", row, w.get("constant", term)))
            sound = do("select", do("ge", value, w.number(0.0)), value, w.number(np.nan))
            w.put("constants_now", term, do("mul", sound, w.get("unit", term)))
            self._rate(term)
        if self.laws is not None:
            with w.span(size.terms, size.parts) as leaf:
                w.put("rates", leaf, self.laws.rate(self, do("sub", leaf, size.terms)))
        with (
            w.span(0, do("sub", size.nodes, size.leaves)) as node,
            self.code.when(do("ge", w.get("children", node), 0)),
        ):
            self._node(node)
        for one in self.gathered:
            one.begin(self)

    def _sums(self) -> None:
        """All sums over the counts."""
        w, do = self.w, self.w.do
        with w.span(0, self.size.sums) as number:
            total = w.variable(w.long(0))
            with w.span(w.get("sum_start", number), w.get("sum_start", do("add", number, 1))) as member:
                count = w.get("counts", w.get("sum_species", member))
                total.value = do("add", total.value, do("mul", count, w.get("sum_weight", member)))
            w.put("sums", number, total.value)

    def _rate(self, term: Number) -> None:
        """The propensity of a term, from its sums."""
        w, do = self.w, self.w.do
        left, right, both = (w.real(w.get("sums", w.get(name, term))) for name in ("left", "right", "both"))
        pairs = do("sub", do("mul", left, right), both)
        w.put("rates", term, do("mul", w.get("constants_now", term), pairs))

    def _node(self, node: Number) -> None:
        """The sum of the children of an inner node."""
        w, do = self.w, self.w.do
        first = w.get("children", node)
        parts = [w.get("rates", do("add", first, i)) for i in range(FAN)]
        while len(parts) > 1:
            parts = [do("add", a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        w.put("rates", do("add", node, self.size.leaves), parts[0])

    def _live(self, left: Variable) -> None:
        """A path until it ends, or the budget is used up."""
        w, do, code = self.w, self.w.do, self.code
        words = [w.variable(w.get("words", i)) for i in range(8)]
        high, low = (w.variable(w.get("time", i)) for i in range(2))
        events, index = w.variable(w.get("whole", EVENTS)), w.variable(w.get("whole", INDEX))
        status = w.variable(w.long(int(Status.RUNNING)))
        last = do("sub", self.size.nodes, 1)
        with code.repeat() as only_if:
            only_if(do("gt", left.value, 0))
            total = w.get("rates", last)
            arguments = [*(word.value for word in words), high.value, low.value, total]
            when, rest, point, *after = self.printed(lambda *a: _ahead(a[:8], *a[8:]), arguments)
            self._stops(when, rest, events, index, (high, low), status)
            only_if(do("eq", status.value, int(Status.RUNNING)))
            finite = do("lt", total, w.number(np.inf))
            sound = do("and_", do("ge", total, w.number(0.0)), finite)
            still = do("and_", do("eq", when, high.value), do("eq", rest, low.value))
            code_of = do("select", still, w.long(int(Status.TIME_STALLED)), status.value)
            code_of = do("select", do("ge", events.value, self.size.limit), w.long(int(Status.EVENT_BUDGET)), code_of)
            status.value = do("select", sound, code_of, w.long(int(Status.BAD_PROPENSITY)))
            only_if(do("eq", status.value, int(Status.RUNNING)))
            for variable, word in zip(words, after, strict=True):
                variable.value = word
            high.value, low.value = when, rest
            events.value = do("add", events.value, 1)
            left.value = do("sub", left.value, 1)
            term, reaction = self._choose(do("mul", point, total))
            self._fire(term, reaction, (when, rest), status)
            for one in self.gathered:
                one.after(self, when)
            only_if(do("eq", status.value, int(Status.RUNNING)))
        for i, word in enumerate(words):
            w.put("words", i, word.value)
        w.put("time", 0, high.value)
        w.put("time", 1, low.value)
        w.put("whole", EVENTS, events.value)
        w.put("whole", INDEX, index.value)
        with code.when(do("ne", status.value, int(Status.RUNNING))):
            self._end(status.value, last)

    def _stops(
        self,
        when: Number,
        rest: Number,
        events: Variable,
        index: Variable,
        now: tuple[Variable, Variable],
        status: Variable,
    ) -> None:
        """Record at all stops before the next event."""
        w, do, code, size = self.w, self.w.do, self.code, self.size
        with code.repeat() as only_if:
            here = index.value
            high, low = w.get("stop_high", here), w.get("stop_low", here)
            tie = do("and_", do("eq", when, high), do("le", rest, low))
            early = do("or_", do("lt", when, high), tie)
            before = do("lt", events.value, w.get("stop_step", here))
            possible = do("lt", when, w.number(np.inf))
            steps = do("ne", size.steps, 0)
            fires = do("select", steps, do("and_", before, possible), early)
            done = self._done()
            if done is not None:
                fires = do("and_", fires, do("not_", done))
            bad = do("not_", do("ge", w.get("rates", do("sub", size.nodes, 1)), w.number(0.0)))
            only_if(do("not_", do("or_", fires, bad)))
            row = do("add", do("mul", w.get("whole", PATH), size.stops), here)
            seen = do("select", steps, now[0].value, high)
            for one in self.gathered:
                one.stop(self, row, seen)
            following = do("add", here, 1)
            index.value = following
            over = do("ge", following, size.stops)
            with code.when(over):
                total = w.get("rates", do("sub", size.nodes, 1))
                ended = do(
                    "select", do("eq", total, w.number(0.0)), w.long(int(Status.ABSORBED)), w.long(int(Status.REACHED))
                )
                status.value = ended if done is None else do("select", done, w.long(int(Status.DONE)), ended)
            only_if(do("not_", over))

    def _done(self) -> Number | None:
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

    # the choice

    def _choose(self, point: Number) -> tuple[Number, Number]:
        """The term and the reaction at a point of the running sum of all propensities."""
        w, do, code = self.w, self.w.do, self.code
        node, left = w.variable(do("sub", self.size.nodes, 1)), w.variable(point)
        with code.repeat() as only_if:
            only_if(do("ge", node.value, self.size.leaves))
            first = w.get("children", do("sub", node.value, self.size.leaves))
            child, rest = self._child(first, left.value)
            node.value, left.value = do("add", first, child), rest
        term = node.value
        chosen = w.variable(w.long(0))
        own = do("ge", term, self.size.terms)
        if self.laws is not None:
            with code.when(own):
                chosen.value = w.get("reaction_of", do("sub", term, self.size.terms))
        with code.when(do("not_", own)):
            chosen.value = self._reaction(term, do("div", left.value, w.get("rates", term)))
        return term, chosen.value

    def _child(self, first: Number, point: Number) -> tuple[Number, Number]:
        """The child at a point of the running sum of all of them, and what is left of the point; the last one with a rate at the end."""
        w, do = self.w, self.w.do
        zero, nothing = w.long(0), w.number(0.0)
        running, below, which, last, before_last = nothing, nothing, zero, zero, nothing
        for i in range(FAN):
            rate = w.get("rates", do("add", first, i))
            some = do("gt", rate, nothing)
            last = do("select", some, w.long(i), last)
            before_last = do("select", some, running, before_last)
            running = do("add", running, rate)
            beyond = do("ge", point, running)
            which = do("add", which, w.to(beyond, LONG))
            below = do("select", beyond, running, below)
        over = do("gt", which, last)
        which = do("select", over, last, which)
        below = do("select", over, before_last, below)
        return which, do("sub", point, below)

    def _reaction(self, term: Number, share: Number) -> Number:
        """The reaction of a term at a share of its propensity: entry on the left, entry on the right, reaction between them."""
        w, do, code = self.w, self.w.do, self.code
        both_block = w.get("both_block", term)
        common = do("ge", both_block, 0)
        left, right = w.get("left_pattern", term), w.get("right_pattern", term)
        partners = w.get("sums", w.get("right", term))
        others = w.real(partners)  # products of sums may be too large for whole numbers
        first, both = (w.real(w.get("sums", w.get(name, term))) for name in ("left", "both"))
        whole = do("sub", do("mul", first, others), both)
        overlap = w.get("both_entry", term)

        def block_weight(block: Number) -> Number:
            own = do("mul", w.real(w.get("sums", do("add", w.get("first_block", left), block))), others)
            shared = w.get("sums", do("select", common, do("add", both_block, block), w.long(NONE)))
            return do("sub", own, w.real(shared))

        def entry_weight(entry: Number) -> Number:
            at = do("add", w.get("first_entry", left), entry)
            free = w.variable(partners)
            with code.when(common):
                free.value = do("sub", partners, w.get("other_weight", do("add", overlap, entry)))
            pairs = do("mul", w.real(w.get("weight", at)), w.real(free.value))
            return do("mul", w.real(w.get("counts", w.get("species", at))), pairs)

        entry, rest = self._entry(left, do("mul", share, whole), block_weight, entry_weight)
        column, within = w.variable(w.long(0)), w.variable(rest)
        with code.when(do("gt", w.get("entries", right), 1)):
            self._partner(term, left, right, entry, common, overlap, partners, column, within)
        width = w.get("entries", right)
        pair = do("add", do("add", w.get("first_pair", term), do("mul", entry, width)), column.value)
        return self._slot(pair, within.value)

    def _partner(
        self,
        term: Any,
        left: Any,
        right: Any,
        entry: Any,
        common: Any,
        overlap: Any,
        partners: Any,
        column: Variable,
        share: Variable,
    ) -> None:
        """The entry on the right, from the molecules that are left when one on the left is taken."""
        w, do, code = self.w, self.w.do, self.code
        species, block, taken = w.variable(w.long(0)), w.variable(w.long(NONE)), w.variable(w.long(0))
        with code.when(common):
            species.value = w.get("species", do("add", w.get("first_entry", left), entry))
            block.value = w.get("other_block", do("add", overlap, entry))
            taken.value = w.get("other_weight", do("add", overlap, entry))
        one = do("select", do("gt", taken.value, 0), w.long(1), w.long(0))

        def move(sign: int) -> None:
            with code.when(common):
                w.add("counts", species.value, do("mul", one, sign))
                w.add("sums", block.value, do("mul", taken.value, sign))

        move(-1)

        def block_weight(number: Number) -> Number:
            return w.real(w.get("sums", do("add", w.get("first_block", right), number)))

        def entry_weight(number: Number) -> Number:
            at = do("add", w.get("first_entry", right), number)
            return w.real(do("mul", w.get("counts", w.get("species", at)), w.get("weight", at)))

        point = do("mul", share.value, w.real(do("sub", partners, taken.value)))
        column.value, share.value = self._entry(right, point, block_weight, entry_weight)
        move(1)

    def _entry(
        self,
        pattern: Number,
        point: Number,
        block_weight: Callable[[Number], Number],
        entry_weight: Callable[[Number], Number],
    ) -> tuple[Number, Number]:
        """The entry of a pattern at a point of its running sum, and the share of that entry below the point."""
        w, do = self.w, self.w.do
        size, many = w.get("block", pattern), w.get("entries", pattern)
        blocks = do("div", do("sub", do("add", many, size), 1), size)
        block, rest, _ = self._search(w.long(0), blocks, point, block_weight)
        first = do("mul", block, size)
        entry, rest, weight = self._search(first, do("min_", do("add", first, size), many), rest, entry_weight)
        return entry, do("div", rest, weight)

    def _search(
        self, first: Number, end: Number, point: Number, weight: Callable[[Number], Number]
    ) -> tuple[Number, Number, Number]:
        """The place of a point in a running sum, what is left of it there, and what the place weighs; the last one of weight at the end."""
        w, do, code = self.w, self.w.do, self.code
        here, left = w.variable(first), w.variable(point)
        found, rest, size = w.variable(first), w.variable(w.number(0.0)), w.variable(w.number(1.0))
        with code.repeat() as only_if:
            only_if(do("lt", here.value, end))
            own = weight(here.value)
            with code.when(do("gt", own, w.number(0.0))):
                found.value, rest.value, size.value = here.value, left.value, own
            only_if(do("ge", left.value, own))
            left.value = do("sub", left.value, own)
            here.value = do("add", here.value, 1)
        return found.value, do("min_", rest.value, size.value), size.value

    def _slot(self, pair: Number, share: Number) -> Number:
        """The reaction of a pair at a share of it."""
        w, do, code = self.w, self.w.do, self.code
        slot, last = w.variable(w.get("first_slot", pair)), do("sub", w.get("first_slot", do("add", pair, 1)), 1)
        with code.repeat() as only_if:
            here = slot.value
            only_if(do("lt", here, last))
            only_if(do("ge", share, w.get("share", here)))
            slot.value = do("add", here, 1)
        return w.get("reaction", slot.value)

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
                    self._rate(leaf)
            else:
                self._rate(leaf)
        with w.span(begins[3], ends[3]) as touched:
            self._node(w.get("touched_node", touched))
        negative = do("lt", least.value, 0)
        far = do("lt", least.value, -(2**30))
        fault = do("select", far, w.long(int(Status.COUNT_OVERFLOW)), w.long(int(Status.NEGATIVE_COUNT)))
        status.value = do("select", negative, fault, status.value)
