"""The events of a network, prepared for the loops of the engines."""

import dataclasses
import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jumpax._base import clock
from jumpax._base.clock import Time
from jumpax._base.types import Flag, Real
from jumpax.engines.drawing import Drawn, lifted
from jumpax.engines.program import Program
from jumpax.folds.fold import Counts
from jumpax.networks import Network
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Expression, evaluate, names
from jumpax.networks.expressions.hill import steady
from jumpax.networks.triggers import Clock, clocks, timeless

LARGEST_IN_FLOAT32 = 2**24
"""Beyond, float32 does not hold every whole number; a path whose events read or set such counts is drawn again in float64."""
MOST_AT_ONCE = 1_000
"""Events of one path at one moment; more are a storm."""


@dataclasses.dataclass(frozen=True)
class Agenda:
    """Events with their triggers split: comparisons of the time, which change at moments, and the rest."""

    events: tuple[Event, ...]
    """With names in the place of what they draw."""
    draws: tuple[Drawn, ...]
    clocks: tuple[tuple[Clock, str], ...]
    """All comparisons of the time, each with the name that stands for it in `triggers`."""
    triggers: tuple[Expression, ...]
    watched: bool
    """Whether a reaction, or what flows, may make a trigger true."""
    flowing: tuple[str, ...]
    """What flows and is read by triggers."""
    places: tuple[int, ...]
    """How many executions of each event may be under way at once; 0 of those without a delay."""

    @property
    def ranked(self) -> tuple[int, ...]:
        """Numbers of the events with a priority, if there are several: among equal ones chance decides."""
        found = tuple(number for number, event in enumerate(self.events) if event.priority is not None)
        return found if len(found) > 1 else ()

    @property
    def early(self) -> tuple[tuple[int, str], ...]:
        """Right sides that are read when the trigger comes true: number of the event, and what it assigns to; not those with a delay."""
        own = [(i, event) for i, event in enumerate(self.events) if event.early and event.delay is None]
        return tuple((i, name) for i, event in own for name, _ in event.assignments)

    @functools.cached_property
    def read(self) -> frozenset[str]:
        """All that events read."""
        drawn = frozenset(name for each in self.draws for name in names(each.draw))
        return drawn.union(name for event in self.events for name in event.read)


@functools.lru_cache(maxsize=256)
def agenda_of(network: Network) -> Agenda:
    """The events of a network."""
    found = dict.fromkeys(clock for event in network.events for clock in clocks(event.trigger))
    found = [clock for clock in found if not {*network.flowing}.intersection(names(clock.comparison))]
    known = {each: f"(clock {number})" for number, each in enumerate(found)}
    triggers = tuple(timeless(event.trigger, known) for event in network.events)
    read = {name for trigger in triggers for name in names(trigger)}
    places = tuple(_places(event, network) for event in network.events)
    flowing = tuple(name for name in network.flowing if name in read)
    watched = bool(flowing) or bool(read & set(network.species))
    return Agenda(*lifted(network.events), tuple(known.items()), tuple(map(steady, triggers)), watched, flowing, places)


def _places(event: Event, network: Network) -> int:
    """How many executions of an event may be under way: one where its trigger cannot come true again before."""
    if event.delay is None:
        return 0
    once = event.trigger in [each.comparison for each in clocks(event.trigger)]
    once = once and not set(names(event.trigger)) & {*network.moved, *network.species}
    return 1 if once or not event.persistent else event.queue


@dataclasses.dataclass(frozen=True)
class Scene:
    """The state of one path at a time, in which expressions are read.

    Args:
        program: what runs.
        counts: of all species.
        theta: parameters, with those that events have changed.
        time: of the path.
    """

    program: Program
    counts: Counts
    theta: Mapping[str, Real]
    time: Time

    def read(self, expression: Expression, time: Any = None) -> Real:
        """The value of an expression, now or at another time."""
        real, numbers = self.program.dtype, self.program.network.numbers
        levels = {name: self.counts[numbers[name]].astype(real) for name in names(expression) if name in numbers}
        value = evaluate(expression, {**self.theta, **levels}, self.time.high if time is None else time)
        return jnp.asarray(value, real) + jnp.zeros_like(self.time.high)

    def moment(self, comparison: Clock) -> tuple[Time, Flag]:
        """When a comparison of the time changes, and whether it is true from then on.

        A time that is a plain number has all the bits of the clock, any other one those of the precision.
        """
        nothing = jnp.zeros_like(self.time.high)
        when, later = comparison.moment(lambda expression, time: self.read(expression, time + nothing))
        pair = Time(when, nothing)
        if comparison.number is not None:
            exact = clock.split(np.array(comparison.number), self.program.dtype)
            pair = Time(exact.high + nothing, exact.low + nothing)
        return pair, jnp.asarray(later) | (nothing > 0)

    @property
    def inexact(self) -> Flag:
        """Whether events read a count that the precision does not hold: in float32 one beyond 2^24."""
        agenda, none = agenda_of(self.program.network), self.time.high != self.time.high
        if self.program.precision == "float64":
            return none
        counts = zip(self.program.network.species, self.counts, strict=True)
        large = [count > LARGEST_IN_FLOAT32 for name, count in counts if name in agenda.read]
        return functools.reduce(operator.or_, large, none)

    def truths(self, before: bool = False, clock_time: Time | None = None) -> tuple[Flag, ...]:
        """Whether each trigger is true, at this time or right before it; if given, with comparisons of the time as at another one."""
        now = self.time if clock_time is None else clock_time
        agenda = agenda_of(self.program.network)
        known = dict(self.theta)
        for comparison, name in agenda.clocks:
            when, later = self.moment(comparison)
            over = not_after(when, now)
            over = over & ~clock.same(when, now) if before else over
            known[name] = (over == later).astype(self.program.dtype)
        scene = dataclasses.replace(self, theta=known)
        return tuple(scene.read(trigger) != 0.0 for trigger in agenda.triggers)

    def following(self) -> Time:
        """When a comparison of the time changes next; never is infinite."""
        nothing = jnp.zeros_like(self.time.high)
        found = Time(nothing + np.inf, nothing)
        for comparison, _ in agenda_of(self.program.network).clocks:
            when, _ = self.moment(comparison)
            sooner = not_after(when, found) & ~not_after(when, self.time) & (when.high == when.high)
            found = Time(jnp.where(sooner, when.high, found.high), jnp.where(sooner, when.low, found.low))
        return found

    def first(self, waits: Sequence[Flag], chances: Sequence[Real]) -> tuple[Flag, ...]:
        """Which event that waits is carried out: that of largest priority.

        Args:
            waits: which events do.
            chances: uniform numbers for the events of `Agenda.ranked`, the largest of equal priority goes first; those
                without a priority follow all others, in the order of the network.
        """
        agenda, lowest = agenda_of(self.program.network), np.finfo(self.program.dtype).min
        nothing = jnp.zeros_like(self.time.high)
        given = dict(zip(agenda.ranked, chances, strict=True))
        best, order = nothing - np.inf, nothing - np.inf
        chosen: list[Flag] = []
        for number, event in enumerate(agenda.events):
            rank = nothing + lowest if event.priority is None else self.read(event.priority)
            rank = jnp.where(rank >= lowest, rank, nothing + lowest)  # not a number is the lowest, too
            mine = given.get(number, nothing - number)
            ahead = waits[number] & ((rank > best) | ((rank == best) & (mine > order)))
            chosen = [*(flag & ~ahead for flag in chosen), ahead]
            best, order = jnp.where(ahead, rank, best), jnp.where(ahead, mine, order)
        return tuple(chosen)


def not_after(first: Time, second: Time) -> Flag:
    """Whether a moment has come at a time: one without a low part has come with the time's high part."""
    tie = first.high == second.high
    return (first.high < second.high) | (tie & ((first.low <= second.low) | (first.low == 0.0)))
