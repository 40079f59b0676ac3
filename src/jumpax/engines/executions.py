"""Executions of events with delays that are under way on a lane.

An execution begins when its trigger comes true, with the moment at which the event will be carried out; a trigger that is not
persistent ends it by turning false before that. A lane has places for so many of each event (`Agenda.places`), sorted: those of
one moment in the order in which they began.
"""

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from jumpax._base import clock
from jumpax._base.clock import Time
from jumpax._base.status import Status
from jumpax._base.trees import select
from jumpax._base.types import Count, Flag, Real
from jumpax.engines.agenda import Scene, agenda_of
from jumpax.engines.completions import before
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Expression, Number

_INFINITY = float("inf")


class Execution(NamedTuple):
    """One place of an event."""

    due: Time
    """When the event is carried out; infinite if the place is free."""
    early: tuple[Real, ...]
    """Right sides that were read when the trigger came true, of events that are early."""


Executions: TypeAlias = tuple[tuple[Execution, ...], ...]
"""The places of each event, the earliest first; none for those without a delay."""


def none_under_way(scene: Scene) -> Executions:
    """At the start of a path."""
    nothing, agenda = jnp.zeros_like(scene.time.high), agenda_of(scene.program.network)
    return tuple(
        (Execution(Time(nothing + _INFINITY, nothing), tuple(nothing for _ in _early(event))),) * places
        for event, places in zip(agenda.events, agenda.places, strict=True)
    )


def _early(event: Event) -> tuple[tuple[str, Expression], ...]:
    return event.assignments if event.early else ()


def begun(scene: Scene, under_way: Executions, rose: Sequence[Flag], lasts: Sequence[Flag]) -> tuple[Executions, Count]:
    """What is under way where triggers have come true, or have turned false.

    Args:
        scene: where the path stands.
        under_way: until now.
        rose: which triggers have come true.
        lasts: for which events what is under way stays so.

    Returns:
        What is under way now; and what is wrong with it, a code of `Status`, or RUNNING.
    """
    made, fault = [], jnp.zeros_like(rose[0], np.int32)
    for event, places, new, stays in zip(agenda_of(scene.program.network).events, under_way, rose, lasts, strict=True):
        if event.delay is None:
            made.append(())
            continue
        never = Time(jnp.full_like(scene.time.high, _INFINITY), jnp.zeros_like(scene.time.high))
        kept = [one._replace(due=select(stays, one.due, never)) for one in places]
        delay = scene.read(event.delay)
        comes = new & (delay < np.finfo(scene.program.dtype).max / 4)  # in an infinite time it is never carried out
        wrong = jnp.where(comes & ~_is_free(kept[-1]), np.int32(Status.QUEUE_FULL), jnp.zeros_like(fault))
        wrong = jnp.where(new & ~(delay >= 0), np.int32(Status.BAD_DELAY), wrong)
        fault = jnp.where(fault > 0, fault, wrong)
        late = Execution(_later(scene, event.delay, delay), tuple(scene.read(value) for _, value in _early(event)))
        made.append(_with(kept, late, comes))
    return tuple(made), fault


def _with(places: Sequence[Execution], late: Execution, comes: Flag) -> tuple[Execution, ...]:
    """The places with one more execution; those after it move down."""
    sooner = [comes & before(late.due, place.due) for place in places]
    inner = [
        select(sooner[number], select(sooner[number - 1], places[number - 1], late), places[number])
        for number in range(1, len(places))
    ]
    return (select(sooner[0], late, places[0]), *inner)


def _is_free(place: Execution) -> Flag:
    return ~(place.due.high < _INFINITY)


def _later(scene: Scene, delay: Expression, value: Real) -> Time:
    """The time so much later; a delay that is a plain number has all the bits of the clock."""
    if not isinstance(delay, Number):
        return clock.add(scene.time, value)
    exact = clock.split(np.array(delay.value), scene.program.dtype)
    return clock.add(clock.add(scene.time, exact.high), exact.low)


def has_come(places: Sequence[Execution], time: Time) -> Flag:
    """Whether an execution of an event with a delay has come."""
    return ~before(time, places[0].due)


def carried_out(places: Sequence[Execution], happens: Flag) -> tuple[Execution, ...]:
    """The places without the first one, if that is carried out; those after it move up."""
    if not places:
        return ()
    nothing = jnp.zeros_like(places[0].due.high)
    free = places[-1]._replace(due=Time(nothing + _INFINITY, nothing))
    return tuple(select(happens, after, place) for place, after in itertools.pairwise((*places, free)))


def next_due(under_way: Executions, found: Time) -> Time:
    """When something under way is carried out, if that is before a time; else that time."""
    for first, *_ in filter(None, under_way):
        found = select(before(first.due, found), first.due, found)
    return found


def broken_off(events: Sequence[Event], under_way: Executions, fell: Sequence[Flag], none: Flag) -> Flag:
    """Whether something under way ends since its trigger has turned false, so that the path has to stand."""
    ends = [
        false & ~_is_free(places[0])
        for event, places, false in zip(events, under_way, fell, strict=True)
        if event.delay is not None and not event.persistent
    ]
    return functools.reduce(operator.or_, ends, none)
