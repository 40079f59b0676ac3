"""The loop of paths with delayed reactions: lanes as arrays, each with a queue of completions to come.

    a    = propensities(counts, theta)
    wait = unit exponential / sum(a)
    the first of time + wait, the earliest completion of the queue, and the stop

At a completion the wait is thrown away and drawn anew from the propensities after it, which is exact since an
exponential wait has no memory (Barrio et al. 2006). Random words move on only at an event, so a path never depends on
the stops. A delay is drawn by at most one proposal a turn: if it is not taken, the lane stands, with its wait and its
choice, until the next turn proposes again.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jumpax._base import clock, random
from jumpax._base.clock import Time
from jumpax._base.status import Status
from jumpax._base.types import Count, Flag, Real
from jumpax.engines.inputs import Inputs
from jumpax.engines.lane import Lane, begin
from jumpax.engines.program import Program
from jumpax.engines.turn import INFINITY, Outlook, choose, look, numbers, select, stalls, verdict
from jumpax.networks.delay import STREAM, AbstractDelay, draw

TURNS = 64
"""Most turns between two looks at parked lanes."""
IDLE = 0.125
"""Share of idle lanes at which a look comes early."""
STRIP = 16
"""Rows of a queue that are worked on together."""


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Which reactions are delayed, and what changes when: all that is compiled in besides the program."""

    reactions: tuple[int, ...]
    """Numbers of the delayed reactions."""
    kinds: tuple[type[AbstractDelay], ...]
    starts: tuple[tuple[int, ...], ...]
    """(species, reactions) change of the counts when a reaction fires."""
    ends: tuple[tuple[int, ...], ...]
    """(species, delayed reactions) change of the counts when it completes."""
    room: int
    """Completions that a queue holds."""

    @property
    def draws(self) -> int:
        """Random numbers of a proposal."""
        return max((kind.draws for kind in self.kinds), default=0)


class Queue(NamedTuple):
    """Completions to come, (room, lanes), the earliest first; free rows, with an infinite time, last."""

    due: Time
    kind: Count
    """Position of the reaction among the delayed ones."""


class Event(NamedTuple):
    """What a turn does; a result of the loop body, so that XLA computes it once (see `turn.Decision`)."""

    time: Time
    """Of the reaction or completion."""
    fired: Count
    """Number of the reaction that fires, or -1."""
    completed: Count
    """Position of the delayed reaction that completes, or -1."""
    kind: Count
    """Position among the delayed ones of the reaction that fires, or -1."""
    due: Time
    """When that one completes."""
    drawn: Flag
    """Whether the stream of the delays moves on."""
    status: Count


class Lanes(NamedTuple):
    """Paths in flight, one a lane, and what has been recorded."""

    lane: Lane
    event: Event
    """Of the last turn."""
    counts: Count
    """(lanes, stops, species) counts at the stops; -1 where they are not reached."""


def _before(first: Time, second: Time) -> Flag:
    """Whether first < second; not if one is NaN."""
    return (first.high < second.high) | ((first.high == second.high) & (first.low < second.low))


def _next(queue: Queue, event: Event) -> Queue:
    """The queue without its first row where a reaction completes, with a new row in its place where a delay begins.

    In strips of rows, as far as some lane has got rows: a roomy queue costs no time. A strip is written one iteration
    after it was made, or XLA would copy the queue, as it makes each part of it from all of the old one.
    """
    pop, push, new = event.completed >= 0, event.kind >= 0, Queue(event.due, event.kind)
    due = jax.tree.map(lambda leaf: leaf[None], event.due)

    def strip(queue: Queue, first: Count, above: Queue) -> tuple[Queue, Queue]:
        """The rows from `first` on as they will be, and the last of them as it was."""
        rows = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, first, STRIP + 1), queue)
        shifted = jax.tree.map(lambda one, leaf: jnp.concatenate([one[None], leaf[:-2]]), above, rows)
        moves = _before(due, rows.due)[:-1] & push[None]
        inserts = moves & ~_before(due, shifted.due)

        def shift(leaf: Any, down: Any, one: Any) -> Any:
            stays = jnp.where(inserts, one[None], jnp.where(moves, down, leaf[:-1]))
            return jnp.where(pop[None], leaf[1:], stays)

        return jax.tree.map(shift, rows, shifted, new), jax.tree.map(lambda leaf: leaf[STRIP - 1], rows)

    def write(queue: Queue, made: Queue, first: Count) -> Queue:
        return jax.tree.map(lambda leaf, part: lax.dynamic_update_slice_in_dim(leaf, part, first, 0), queue, made)

    def body(state: tuple[Count, Queue, Queue, Queue]) -> tuple[Count, Queue, Queue, Queue]:
        first, queue, made, above = state
        queue = write(queue, made, first)
        return first + STRIP, queue, *strip(queue, first + STRIP, above)

    def more(state: tuple[Count, Queue, Queue, Queue]) -> Any:
        first, queue, _, above = state
        return (first + STRIP < queue.kind.shape[0] - 1) & jnp.any(above.due.high < INFINITY)

    top = jax.tree.map(lambda leaf: jnp.full_like(leaf, -1), new)
    begin = jnp.int32(0)
    first, queue, made, _ = lax.while_loop(more, body, (begin, queue, *strip(queue, begin, top)))
    return write(queue, made, first)


def _empty(room: int, like: Real) -> Queue:
    shape = (room, *like.shape)
    due = Time(jnp.full(shape, INFINITY, like.dtype), jnp.zeros(shape, like.dtype))
    return Queue(due, jnp.full(shape, -1, jnp.int32))


def _propose(
    schedule: Schedule, delays: Sequence[Sequence[Real]], lane: Lane, fired: Count
) -> tuple[Count, Real, Flag]:
    """Position of a reaction among the delayed ones, or -1; a delay for it; whether it is taken."""
    dtype = lane.since.dtype
    draws, _ = draw(lane.streams[-1], schedule.draws, dtype)
    kind, delay, taken = jnp.full_like(fired, -1), jnp.zeros_like(lane.since), jnp.ones_like(fired, bool)
    for position, (reaction, law) in enumerate(zip(schedule.reactions, schedule.kinds, strict=True)):
        here = fired == reaction
        value, accept = law.sample(delays[position], draws[: law.draws])
        kind = jnp.where(here, position, kind)
        delay, taken = jnp.where(here, value, delay), jnp.where(here, accept, taken)
    return kind, jnp.minimum(delay, np.finfo(dtype).max / 4), taken  # an infinite one would look like a free slot


def decide(
    program: Program, schedule: Schedule, theta: Mapping[str, Real], delays: Any, limit: Count, lane: Lane
) -> Event:
    """What the next turn of each lane does."""
    ahead = look(program, lane, theta)
    running = (lane.status == np.int32(Status.RUNNING)) & ahead.sound
    (due, earliest), full = jax.tree.map(lambda rows: rows[0], lane.carry), lane.carry.due.high[-2] < INFINITY
    arrival = ahead.arrival
    first = _before(arrival, due)
    completes = running & ~first & clock.not_after(due, lane.target.time)
    in_time = running & first & ahead.in_time
    chosen = _choice(program, ahead, in_time & ~stalls(lane.time, arrival) & (lane.events < limit))
    kind, delay, taken = _propose(schedule, delays, lane, chosen)
    delayed = kind >= 0
    happens = (chosen >= 0) & taken & ~(delayed & full)
    none = np.int32(-1)
    status = jnp.where(running & ~completes & ~in_time, np.int32(Status.PARKED), np.int32(Status.FAULTY))
    status = jnp.where(completes | happens | ((chosen >= 0) & ~taken), np.int32(Status.RUNNING), status)
    return Event(
        time=select(completes, due, arrival),
        fired=jnp.where(happens, chosen, none),
        completed=jnp.where(completes, earliest, none),
        kind=jnp.where(happens, kind, none),
        due=clock.add(arrival, delay),
        drawn=delayed & (happens | ~taken),
        status=jnp.where(lane.status == np.int32(Status.RUNNING), status, lane.status),
    )


def _choice(program: Program, ahead: Outlook, happens: Flag) -> Count:
    """Number of the reaction that fires, or -1."""
    reached = choose(program, ahead, happens)
    return sum((flag.astype(jnp.int32) for flag in reached), jnp.full(happens.shape, -1, jnp.int32))


def _change(counts: Sequence[Count], matrix: Sequence[Sequence[int]], column: Count) -> tuple[Count, ...]:
    """Counts with one column of the matrix added; -1 is none."""
    out = []
    for count, row in zip(counts, matrix, strict=True):
        for number, change in enumerate(row):
            if change:
                count = count + jnp.where(column == np.int32(number), np.int32(change), np.int32(0))
        out.append(count)
    return tuple(out)


def apply(program: Program, schedule: Schedule, lane: Lane, event: Event) -> Lane:
    """The lanes after their turn."""
    fires = event.fired >= 0
    moves = fires | (event.completed >= 0)
    counts = _change(_change(lane.counts, schedule.starts, event.fired), schedule.ends, event.completed)
    _, after = draw(lane.streams[-1], schedule.draws, program.dtype)
    path = select(moves, numbers(program, lane.streams).streams, lane.streams)
    negative = functools.reduce(jnp.bitwise_or, counts) < 0
    return lane._replace(
        counts=counts,
        time=select(moves, event.time, lane.time),
        events=lane.events + fires.astype(jnp.int32),
        streams=(*path[:-1], select(event.drawn, after, lane.streams[-1])),
        carry=_next(lane.carry, event) if schedule.kinds else lane.carry,
        status=jnp.where(negative, np.int32(Status.FAULTY), event.status),
    )


def start(program: Program, schedule: Schedule, size: int, inputs: Inputs, delays: Any) -> Lanes:
    """Lanes at the start of the paths of `inputs`, the others idle."""
    slot = jnp.arange(size, dtype=jnp.int32)
    columns = jnp.moveaxis(jnp.broadcast_to(inputs.counts, (size, len(schedule.starts))), 1, 0)
    target = jax.tree.map(lambda s: jnp.broadcast_to(s[0], (size,)), inputs.stops)
    index = inputs.first
    lane = begin(program, inputs.key, index, tuple(columns), inputs.theta, inputs.start, target)
    lane = lane._replace(
        carry=_empty(schedule.room + 1, lane.since),
        streams=(*lane.streams, random.seed(inputs.key, index, STREAM)),
        status=jnp.where(slot < inputs.paths, lane.status, np.int32(Status.DONE)),
    )
    stops = inputs.stops.step.shape[0]
    event = jax.eval_shape(functools.partial(decide, program, schedule), inputs.theta, delays, inputs.limit, lane)
    return Lanes(
        lane=lane,
        event=jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), event),
        counts=jnp.full((size, stops, len(columns)), -1, jnp.int32),
    )


def _serve(inputs: Inputs, lanes: Lanes) -> Lanes:
    """Record parked lanes, and move them to their next stop."""
    lane, stops = lanes.lane, inputs.stops.step.shape[0]
    parked = lane.status == np.int32(Status.PARKED)
    size = lane.status.shape[0]
    row = jnp.where(parked, jnp.arange(size, dtype=jnp.int32), size)
    index = lane.index + parked.astype(jnp.int32)
    going = jnp.where(index >= stops, np.int32(Status.DONE), np.int32(Status.RUNNING))
    target = jax.tree.map(lambda s: s[jnp.minimum(index, stops - 1)], inputs.stops)
    return lanes._replace(
        lane=lane._replace(index=index, target=target, status=jnp.where(parked, going, lane.status)),
        counts=lanes.counts.at[row, lane.index].set(jnp.stack(lane.counts, 1), mode="drop"),
    )


def advance(
    program: Program, schedule: Schedule, inputs: Inputs, delays: Any, lanes: Lanes, rounds: Count
) -> tuple[Lanes, Count]:
    """So many rounds of turns and records, or fewer when all paths have ended; how many have not."""

    def alive(lanes: Lanes) -> Count:
        return jnp.sum(lanes.lane.status == np.int32(Status.RUNNING), dtype=jnp.int32)

    def turn(state: tuple[Count, Lanes]) -> tuple[Count, Lanes]:
        count, lanes = state
        event = decide(program, schedule, inputs.theta, delays, inputs.limit, lanes.lane)
        return count + 1, lanes._replace(lane=apply(program, schedule, lanes.lane, event), event=event)

    def once(state: tuple[Count, Lanes]) -> tuple[Count, Lanes]:
        busy = alive(state[1])
        enough = jnp.maximum(1, busy - (busy * IDLE).astype(jnp.int32))
        _, lanes = lax.while_loop(
            lambda inner: (inner[0] < TURNS) & (alive(inner[1]) >= enough), turn, (jnp.int32(0), state[1])
        )
        return state[0] + 1, _serve(inputs, lanes)

    _, lanes = lax.while_loop(lambda state: (state[0] < rounds) & (alive(state[1]) > 0), once, (jnp.int32(0), lanes))
    return lanes, alive(lanes)


def status(program: Program, inputs: Inputs, lanes: Lanes) -> Count:
    """Codes with which the paths end."""
    lane = lanes.lane
    code = verdict(program, lane, inputs.theta, inputs.limit)
    ahead = look(program, lane, inputs.theta)
    full = (code == np.int32(Status.TIME_STALLED)) & ~stalls(lane.time, ahead.arrival)
    code = jnp.where(full, np.int32(Status.QUEUE_FULL), code)
    waits = lane.carry.due.high[0] < INFINITY
    return jnp.where((code == np.int32(Status.ABSORBED)) & waits, np.int32(Status.REACHED), code)
