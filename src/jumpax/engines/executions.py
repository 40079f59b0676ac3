"""Executions of events with delays that are under way on a lane.

An execution begins when its trigger comes true, with the moment at which the event will be carried out; a trigger that is not
persistent ends it by turning false before that. A lane has places for so many of each event (`Agenda.places`), in the order
in which they began.
"""

import functools
import itertools
import operator
from collections.abc import Mapping, Sequence
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
"""The places of each event; none for those without a delay. Free ones come last."""


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
    for event, places, new, stays in zip(scene.program.network.events, under_way, rose, lasts, strict=True):
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
        taken = [_is_free(place) for place in kept]
        first = [taken[0], *(free & ~other for other, free in itertools.pairwise(taken))]
        made.append(tuple(select(comes & here, late, place) for here, place in zip(first, kept, strict=True)))
    return tuple(made), fault


def _is_free(place: Execution) -> Flag:
    return ~(place.due.high < _INFINITY)


def _later(scene: Scene, delay: Expression, value: Real) -> Time:
    """The time so much later; a delay that is a plain number has all the bits of the clock."""
    if not isinstance(delay, Number):
        return clock.add(scene.time, value)
    exact = clock.split(np.array(delay.value), scene.program.dtype)
    return clock.add(clock.add(scene.time, exact.high), exact.low)


def due(places: Sequence[Execution], time: Time) -> list[Flag]:
    """Which executions of an event have come."""
    return [~before(time, place.due) for place in places]


def early_values(places: Sequence[Execution], chosen: Sequence[Flag], event: Event) -> Mapping[str, Real]:
    """Right sides of the execution that is carried out, as they were read when it began."""
    found = {}
    for number, (name, _) in enumerate(_early(event) if places else ()):
        first, *rest = [place.early[number] for place in places]
        found[name] = functools.reduce(
            lambda value, one: jnp.where(one[0], one[1], value), zip(chosen[1:], rest, strict=True), first
        )
    return found


def carried_out(places: Sequence[Execution], chosen: Sequence[Flag]) -> tuple[Execution, ...]:
    """The places without the execution that is carried out; those behind it move up."""
    if not places:
        return ()
    nothing = jnp.zeros_like(places[0].due.high)
    free = places[-1]._replace(due=Time(nothing + _INFINITY, nothing))
    gone, made = chosen[0], []
    for number, (place, behind) in enumerate(zip(places, (*places[1:], free), strict=True)):
        gone = gone | chosen[number]
        made.append(select(gone, behind, place))
    return tuple(made)


def next_due(under_way: Executions, found: Time) -> Time:
    """When something under way is carried out, if that is before a time; else that time."""
    for place in (place for places in under_way for place in places):
        found = select(before(place.due, found), place.due, found)
    return found


def broken_off(events: Sequence[Event], under_way: Executions, fell: Sequence[Flag], none: Flag) -> Flag:
    """Whether something under way ends since its trigger has turned false, so that the path has to stand."""
    ends = [
        false & ~_is_free(places[0])
        for event, places, false in zip(events, under_way, fell, strict=True)
        if event.delay is not None and not event.persistent
    ]
    return functools.reduce(operator.or_, ends, none)
