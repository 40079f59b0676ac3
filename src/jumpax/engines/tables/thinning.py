"""Waits drawn from a bound on the total propensity, with null events, in the loop over tables.

Where the bound is found, the leaf of a reaction whose rate depends on time holds what that rate does not exceed from the time on at which
it was looked at last: when a count or parameter that it reads changed, or when it was chosen. So an event costs what it changes, and
a null event makes the bound tight where it was loose. The reaction fires if the point of the choice lies in its rate at the time, else it
is a null event. Where bounds are given, all such rates are computed at each candidate.
"""

from collections.abc import Callable, Sequence
from typing import final

import jax.numpy as jnp
import numpy as np

from jumpax._base.status import Status
from jumpax.engines.native.operations import Number
from jumpax.engines.tables.interface import REAL, Kernel
from jumpax.engines.tables.layout import FAN, Layout
from jumpax.engines.tables.life import Life
from jumpax.engines.tables.writer import Variable


def parents(layout: Layout) -> np.ndarray:
    """The inner node above each node of the tree, -1 above the root."""
    made, first = np.full(layout.nodes, -1, np.int32), layout.tables.children
    nodes = np.flatnonzero(first >= 0)
    made[first[nodes][:, None] + np.arange(FAN)] = nodes[:, None]
    return made


@final
class Thinning:
    """Writes candidates.

    Args:
        bounded: whether bounds are given, one for each interval between stops.
    """

    def __init__(self, bounded: bool):
        self.bounded = bounded
        self.given = {"bounds": REAL, "borders": REAL} if bounded else {}

    def total(self, kernel: Kernel, life: Life, total: Number) -> Number:
        """What the wait is drawn from."""
        return kernel.w.get("bounds", life.index.value) if self.bounded else total

    def candidate(
        self,
        kernel: Kernel,
        life: Life,
        total: Number,
        when: tuple[Number, Number],
        point: Number,
        after: Sequence[Number],
        only_if: Callable[[Number], None],
    ) -> None:
        """A reaction fires, or nothing, if all is sound."""
        w, do, code, status = kernel.w, kernel.w.do, kernel.code, life.status
        status.value = kernel.judged(
            life, total, when, Status.BOUND_BROKEN if not self.bounded else Status.BAD_PROPENSITY
        )
        only_if(do("eq", status.value, int(Status.RUNNING)))
        level = do("mul", point, total)
        fires = w.variable(code.constant(True, "bool"))
        chosen = None
        if self.bounded:
            self._all(kernel, life, when[0], total)
            fires.value = do("lt", level, w.get("rates", do("sub", kernel.size.nodes, 1)))
        else:
            chosen = kernel.choice.reaction_at(level)
            self._one(kernel, chosen[0], chosen[2], when[0], fires, status)
        only_if(do("eq", status.value, int(Status.RUNNING)))
        kernel.move(life, when, after)
        life.left.value = do("sub", life.left.value, 1)
        with code.when(fires.value):
            term, reaction, _ = chosen or kernel.choice.reaction_at(level)
            life.events.value = do("add", life.events.value, 1)
            kernel.fire(term, reaction, when, status)
        if chosen is not None:
            with code.when(self.timed(kernel, chosen[0])):
                self._again(kernel, chosen[0], when[0])
        only_if(do("eq", status.value, int(Status.RUNNING)))

    def timed(self, kernel: Kernel, leaf: Number) -> Number:
        """Whether a leaf is a reaction whose rate depends on time."""
        w, do, code = kernel.w, kernel.w.do, kernel.code
        found = w.variable(code.constant(False, "bool"))
        with code.when(do("ge", leaf, kernel.size.terms)):
            found.value = do("ne", w.get("law_timed", do("sub", leaf, kernel.size.terms)), 0)
        return found.value

    def _one(self, kernel: Kernel, leaf: Number, rest: Number, now: Number, fires: Variable, status: Variable) -> None:
        """Whether the reaction that is chosen fires: whether the point lies in its rate at the time."""
        assert kernel.laws is not None  # of which one reads the time
        w, do, code = kernel.w, kernel.w.do, kernel.code
        with code.when(self.timed(kernel, leaf)):
            rate = kernel.laws.at(kernel, do("sub", leaf, kernel.size.terms), now)
            fires.value = do("lt", rest, rate)
            broken = do("gt", rate, w.get("rates", leaf))
            fault = do("select", broken, w.long(int(Status.BOUND_BROKEN)), status.value)
            bad = do("not_", do("ge", rate, w.number(0.0)))
            status.value = do("select", bad, w.long(int(Status.BAD_PROPENSITY)), fault)

    def _again(self, kernel: Kernel, leaf: Number, now: Number) -> None:
        """What a rate does not exceed from now on, and the sums above it."""
        assert kernel.laws is not None
        w, do, size = kernel.w, kernel.w.do, kernel.size
        w.put("rates", leaf, kernel.laws.rate(kernel, do("sub", leaf, size.terms), now))
        node = w.variable(w.get("parent", leaf))
        with kernel.code.repeat() as only_if:
            only_if(do("ge", node.value, 0))
            kernel.rates.node(node.value)
            node.value = w.get("parent", do("add", node.value, size.leaves))

    def _all(self, kernel: Kernel, life: Life, when: Number, bound: Number) -> None:
        """All rates at a time, on the side of a border on which its interval lies; whether they are sound, and hold the bound."""
        w, do, size = kernel.w, kernel.w.do, kernel.size
        place = do("mul", life.index.value, 2)
        begin, end = w.get("borders", place), w.get("borders", do("add", place, 1))
        here = do("min_", do("max_", when, begin), end)
        if kernel.laws is not None and kernel.laws.timed:
            with w.span(size.terms, size.parts) as leaf, kernel.code.when(self.timed(kernel, leaf)):
                w.put("rates", leaf, kernel.laws.at(kernel, do("sub", leaf, size.terms), here))
            kernel.nodes()
        total = w.get("rates", do("sub", size.nodes, 1))
        fault = do("select", do("le", total, bound), life.status.value, w.long(int(Status.BOUND_BROKEN)))
        sound = do("and_", do("ge", total, w.number(0.0)), do("lt", total, w.number(np.inf)))
        life.status.value = do("select", sound, fault, w.long(int(Status.BAD_PROPENSITY)))

    def onward(self, kernel: Kernel, life: Life, stop: Number, done: Number | None) -> None:
        """Where the bound changes at a stop, what is left of the unit exponential is used up at the next one."""
        w, do = kernel.w, kernel.w.do
        here, there = w.get("bounds", stop), w.get("bounds", life.index.value)
        high, low = w.get("stop_high", stop), w.get("stop_low", stop)
        assert life.spent is not None
        changes = do("ne", here, there)
        with kernel.code.when(changes if done is None else do("and_", changes, do("not_", done))):
            times = [part.value for part in life.time]
            (lived,) = kernel.printed(lambda a, b, c, d: [jnp.maximum((c - a) + (d - b), 0.0)], [*times, high, low])
            life.spent.value = do("add", life.spent.value, do("mul", here, lived))
            life.time[0].value, life.time[1].value = high, low

    def still(self, kernel: Kernel, time: Number) -> Number:
        """Whether no reaction can fire at a time."""
        w, do = kernel.w, kernel.w.do
        lives = w.variable(kernel.code.constant(False, "bool"))
        with w.span(0, kernel.size.parts) as leaf:
            rate = w.variable(w.get("rates", leaf))
            if kernel.laws is not None and kernel.laws.timed:
                with kernel.code.when(self.timed(kernel, leaf)):
                    rate.value = kernel.laws.at(kernel, do("sub", leaf, kernel.size.terms), time)
            lives.value = do("or_", lives.value, do("gt", rate.value, w.number(0.0)))
        return do("not_", lives.value)
