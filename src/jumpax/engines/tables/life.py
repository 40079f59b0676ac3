"""What is kept of a path while it lives, and the stops that it passes."""

import functools
from typing import NamedTuple, final

import numpy as np

from jumpax._base.status import Status
from jumpax.engines.native.operations import Number
from jumpax.engines.tables.interface import PATH, Kernel
from jumpax.engines.tables.writer import Variable

REACTION, MOMENT, BORDER = range(3)
"""What comes next: a reaction, or a candidate of one; a moment of events; a stop that was passed, after which another bound may hold."""


class Life(NamedTuple):
    """What is kept in registers of a path that lives."""

    words: list[Variable]
    time: tuple[Variable, ...]
    events: Variable
    index: Variable
    left: Variable
    """Of the budget of events."""
    status: Variable
    next: Variable | None
    """What comes next, where that is not always a reaction."""
    spent: Variable | None
    """Part of the unit exponential of the next candidate that went by under bounds before; where bounds are given."""


@final
class Stops:
    """Writes what happens at stops.

    Args:
        kernel: that is being written.
    """

    def __init__(self, kernel: Kernel):
        self.kernel = kernel

    def write(self, when: Number, rest: Number, life: Life) -> None:
        """Record at all stops before the next event, or moment at which the path has to stand; where bounds are given, at one."""
        kernel, bounded = self.kernel, life.spent is not None
        w, do, size = kernel.w, kernel.w.do, kernel.size
        with kernel.code.repeat() as only_if:
            here = life.index.value
            high, low = w.get("stop_high", here), w.get("stop_low", here)
            early = self._not_after((when, rest), (high, low))
            before = do("lt", life.events.value, w.get("stop_step", here))
            possible = do("lt", when, w.number(np.inf))
            steps = do("ne", size.steps, 0)
            fires = do("select", steps, do("and_", before, possible), early)
            comes = None
            if kernel.happenings is not None:
                moment = kernel.happenings.moment(kernel)
                comes = self._comes(moment, (high, low), do("or_", before, do("not_", steps)))
                fires = do("select", comes, self._not_after((when, rest), moment), fires)
            done = self.done()
            if done is not None:
                fires = do("and_", fires, do("not_", done))
            goes = fires
            if not bounded:  # rates are those of the next candidate where they are
                bad = do("not_", do("ge", w.get("rates", do("sub", size.nodes, 1)), w.number(0.0)))
                goes = do("or_", fires, bad)
            if life.next is not None:
                life.next.value = w.long(REACTION)
            if comes is not None and life.next is not None:
                comes = comes if done is None else do("and_", comes, do("not_", done))
                life.next.value = do("select", do("and_", comes, do("not_", goes)), w.long(MOMENT), w.long(REACTION))
                goes = do("or_", goes, comes)
            only_if(do("not_", goes))
            row = do("add", do("mul", w.get("whole", PATH), size.stops), here)
            stands = steps if done is None else do("or_", steps, done)  # what ends a path ends its integrals
            seen = do("select", stands, life.time[0].value, high)
            for one in kernel.gathered:
                one.stop(kernel, row, seen)
            following = do("add", here, 1)
            life.index.value = following
            over = do("ge", following, size.stops)
            with kernel.code.when(over):
                life.status.value = self._ended(done, seen)
            only_if(do("not_", over))
            if bounded and life.next is not None:
                assert kernel.thinning is not None
                kernel.thinning.onward(kernel, life, here, done)
                life.next.value = w.long(BORDER)
                only_if(kernel.code.constant(False, "bool"))

    def _ended(self, done: Number | None, seen: Number) -> Number:
        """How a path ends at its last stop."""
        kernel = self.kernel
        w, do, size = kernel.w, kernel.w.do, kernel.size
        if kernel.thinning is None:
            still = do("eq", w.get("rates", do("sub", size.nodes, 1)), w.number(0.0))
        else:
            still = kernel.thinning.still(kernel, seen)
        ended = do("select", still, w.long(int(Status.ABSORBED)), w.long(int(Status.REACHED)))
        return ended if done is None else do("select", done, w.long(int(Status.DONE)), ended)

    def _not_after(self, first: tuple[Number, Number], second: tuple[Number, Number]) -> Number:
        """Whether one time is not later than another."""
        do = self.kernel.w.do
        tie = do("and_", do("eq", first[0], second[0]), do("le", first[1], second[1]))
        return do("or_", do("lt", first[0], second[0]), tie)

    def _comes(self, moment: tuple[Number, Number], stop: tuple[Number, Number], waits: Number) -> Number:
        """Whether a moment comes no later than a stop; one without a low part has come with the high part of the stop."""
        w, do = self.kernel.w, self.kernel.w.do
        tie = do("and_", do("eq", moment[0], stop[0]), do("eq", moment[1], w.number(0.0)))
        comes = do("or_", self._not_after(moment, stop), tie)
        return do("and_", waits, do("and_", comes, do("lt", moment[0], w.number(np.inf))))

    def done(self) -> Number | None:
        """Whether nothing more is wanted of the path; None if there is no end before the last stop."""
        kernel = self.kernel
        flags = [kernel.gathered[number].done(kernel) for number in kernel.ends]
        return functools.reduce(lambda a, b: kernel.w.do("and_", a, b), flags) if flags else None
