"""Reactions under way: the queue of completions of a lane, and what a turn does to it.

A delay is drawn when its reaction fires, by at most one proposal a turn: if it is not taken, the lane stands, with its wait
and its choice, until the next turn proposes again. At a completion the wait for the next reaction is thrown away and drawn
anew from the state after it, which is exact since an exponential wait has no memory.

Source: Barrio et al. 2006, doi:10.1371/journal.pcbi.0020117; Cai 2007, doi:10.1063/1.2710253.
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
from jumpax._base.trees import select
from jumpax._base.types import Count, Flag, Real, Word
from jumpax.networks import Network
from jumpax.networks.delay import STREAM, AbstractDelay, draw
from jumpax.networks.laws.rate import Rate

STRIP = 16
"""Rows of a queue that are worked on together."""
_INFINITY = float("inf")


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Which reactions of a network are delayed, and what changes when."""

    reactions: tuple[int, ...]
    """Numbers of the delayed reactions."""
    delays: tuple[AbstractDelay, ...]
    starts: tuple[tuple[int, ...], ...]
    """(species, reactions) change of the counts when a reaction fires."""
    ends: tuple[tuple[int, ...], ...]
    """(species, delayed reactions) change of the counts when it completes."""

    @property
    def draws(self) -> int:
        """Random numbers of a proposal."""
        return max((delay.draws for delay in self.delays), default=0)


@functools.lru_cache(maxsize=256)
def schedule_of(network: Network) -> Schedule:
    """The delays of a network."""
    chosen = [number for number, reaction in enumerate(network.reactions) if reaction.delay is not None]
    stages = [reaction.stages for reaction in network.reactions]
    starts = [[stage[0].get(name, 0) for stage in stages] for name in network.species]
    ends = [[stages[number][1].get(name, 0) for number in chosen] for name in network.species]
    delays = tuple(r.delay for r in network.reactions if r.delay is not None)
    return Schedule(tuple(chosen), delays, tuple(map(tuple, starts)), tuple(map(tuple, ends)))


class Delayed(NamedTuple):
    """What a lane of a network with delays knows of its queue."""

    due: Time
    """Of the earliest completion; infinite if nothing is under way."""
    kind: Count
    """Position of its reaction among the delayed ones."""
    full: Flag
    """Whether the queue holds no more."""
    stream: random.Stream
    """What delays are drawn from."""


class Queue(NamedTuple):
    """Completions to come, (room, lanes), the earliest first; free rows, with an infinite time, last."""

    due: Time
    kind: Count
    """Position of the reaction among the delayed ones."""


class Begun(NamedTuple):
    """What a turn does to the queue of a lane."""

    completes: Flag
    """Whether the earliest completion happens."""
    kind: Count
    """Position among the delayed ones of the reaction that fires, or -1."""
    delay: Real
    """How long it will take."""
    due: Time
    """When it completes."""
    drawn: Flag
    """Whether the stream of the delays moves on."""


def nothing_under_way(like: Real, key: tuple[Word, Word], path: Word) -> Delayed:
    """At the start of a path."""
    never = Time(like + np.inf, like)
    return Delayed(never, like.astype(jnp.int32) - 1, like > 0, random.seed(key, path, STREAM))


def before(first: Time, second: Time) -> Flag:
    """Whether first < second; not if one is NaN."""
    return (first.high < second.high) | ((first.high == second.high) & (first.low < second.low))


def propose(
    network: Network, delayed: Delayed, theta: Mapping[str, Real], fired: Sequence[Flag], arrival: Time
) -> tuple[Begun, Flag]:
    """What the reaction that fires at `arrival` begins, and whether it fires: its delay is taken, and there is room for it."""
    schedule, dtype = schedule_of(network), arrival.high.dtype
    draws, _ = draw(delayed.stream, schedule.draws, dtype)
    nothing = jnp.zeros_like(arrival.high)
    kind, delay, taken = jnp.full_like(delayed.kind, -1), nothing, nothing == nothing
    for position, (number, law) in enumerate(zip(schedule.reactions, schedule.delays, strict=True)):
        value, accept = law.sample([_number(rate, theta, nothing) for rate in law.rates.values()], draws[: law.draws])
        kind = jnp.where(fired[number], np.int32(position), kind)
        delay, taken = jnp.where(fired[number], value, delay), jnp.where(fired[number], accept, taken)
    delay = jnp.minimum(delay, np.finfo(dtype).max / 4)  # an infinite one would look like a free row
    some = kind >= 0
    fires = taken & ~(some & delayed.full)
    kind = jnp.where(fires, kind, jnp.full_like(kind, -1))
    begun = Begun(nothing != nothing, kind, delay, clock.add(arrival, delay), some & (fires | ~taken))
    return begun, fires


def _number(rate: Rate, theta: Mapping[str, Real], nothing: Real) -> Real:
    return nothing + (theta[rate] if isinstance(rate, str) else np.asarray(rate, nothing.dtype))


def moved_on(network: Network, delayed: Delayed, drawn: Flag) -> Delayed:
    """With the stream of the delays after a proposal."""
    _, after = draw(delayed.stream, schedule_of(network).draws, delayed.due.high.dtype)
    return delayed._replace(stream=select(drawn, after, delayed.stream))


def completed(network: Network, counts: Sequence[Count], delayed: Delayed, happens: Flag) -> tuple[Count, ...]:
    """Counts after the earliest completion."""
    out = []
    for count, row in zip(counts, schedule_of(network).ends, strict=True):
        for position, change in enumerate(row):
            if change:
                own = happens & (delayed.kind == np.int32(position))
                count = count + jnp.where(own, np.int32(change), np.int32(0))
        out.append(count)
    return tuple(out)


def empty(room: int, lanes: Real, library: Any = jnp) -> Queue:
    """A queue without completions for lanes of this shape; one row is kept free."""
    shape = (room + 1, *lanes.shape)
    due = Time(library.full(shape, _INFINITY, lanes.dtype), library.zeros(shape, lanes.dtype))
    return Queue(due, library.full(shape, -1, np.int32))


def headed(delayed: Delayed, queue: Queue) -> Delayed:
    """What lanes know of their queues."""
    due, kind = jax.tree.map(lambda rows: rows[0], (queue.due, queue.kind))
    return delayed._replace(due=due, kind=kind, full=queue.due.high[-2] < _INFINITY)


def turned(queue: Queue, begun: Begun) -> Queue:
    """The queue without its first row where a reaction completes, with a new row in its place where a delay begins.

    In strips of rows, as far as some lane has got rows: a roomy queue costs no time. A strip is written one iteration
    after it was made, or XLA would copy the queue, as it makes each part of it from all of the old one.
    """
    pop, push, new = begun.completes, begun.kind >= 0, Queue(begun.due, begun.kind)
    due = jax.tree.map(lambda leaf: leaf[None], begun.due)

    def strip(queue: Queue, first: Count, above: Queue) -> tuple[Queue, Queue]:
        """The rows from `first` on as they will be, and the last of them as it was."""
        rows = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, first, STRIP + 1), queue)
        shifted = jax.tree.map(lambda one, leaf: jnp.concatenate([one[None], leaf[:-2]]), above, rows)
        moves = before(due, rows.due)[:-1] & push[None]
        inserts = moves & ~before(due, shifted.due)

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
        return (first + STRIP < queue.kind.shape[0] - 1) & jnp.any(above.due.high < _INFINITY)

    top = jax.tree.map(lambda leaf: jnp.full_like(leaf, -1), new)
    begin = jnp.int32(0)
    first, queue, made, _ = lax.while_loop(more, body, (begin, queue, *strip(queue, begin, top)))
    return write(queue, made, first)
