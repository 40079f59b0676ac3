"""Runs of a block of lanes in arrays: to the end, with what is gathered on the way; and segments again."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from jumpax._base import clock
from jumpax._base.clock import Time
from jumpax._base.status import Status
from jumpax._base.trees import Tree
from jumpax._base.types import Count, Flag, Real, Word
from jumpax.engines.arrays.rates import Leaves, Structure, fresh_inputs
from jumpax.engines.arrays.sections import take
from jumpax.engines.arrays.turn import Borders, Lane, Step, begin, no_step, turn, verdict, witness
from jumpax.engines.choice import platform

CORE, DEVICE = 128, 2**14
"""Paths that run together: as many as suit a core, and a device of another kind."""


def width_of(paths: int) -> int:
    """How many of so many paths run together."""
    return min(paths, CORE if platform() == "cpu" else DEVICE)


@dataclass(frozen=True)
class Plan:
    """What is static in a run."""

    observed: tuple[int, ...]
    """Species that are gathered."""
    borders: tuple[float, ...]
    """Times, or numbers of events."""
    start: float
    limit: int
    """Most events of a path."""
    turns: int
    """Turns of a segment."""
    kept: int
    """Lanes that are kept, at starts of segments; 0 for none."""
    by_events: bool = False
    """Whether borders are numbers of events."""

    def at(self, real: np.dtype) -> Borders:
        """Borders as pairs, or as numbers of events."""
        if self.by_events:
            far, numbers = jnp.full(len(self.borders), jnp.inf, real), jnp.array(self.borders, jnp.int32)
            return Borders(Time(far, jnp.zeros_like(far)), jnp.int32(self.limit), numbers)
        return Borders(Time(*map(jnp.asarray, clock.split(np.array(self.borders), real))), jnp.int32(self.limit))


class Block(NamedTuple):
    """Paths that run together, with their params."""

    leaves: Leaves
    weights: Real | None
    """W, (features, species)."""
    counts: Real
    """At the start, (species, lanes)."""
    index: Word
    """Numbers of the paths, (lanes,)."""
    alive: Flag
    """Whether there is a path."""
    key: tuple[Word, Word]
    start: Time
    """At which paths begin."""


Steps = tuple[Count, Real, Real, Real]
"""Of one turn, or of many: reaction, time that it advanced, wait, propensity."""
Take = Callable[[Lane, Lane, Step, Tree], Tree]


class Records(NamedTuple):
    """What is gathered."""

    observed: Real
    """Observed counts, (observed, lanes): a copy, so that the counts of all species can be updated in place."""
    integral: Real
    """Of the observed counts, since the last border; (observed, lanes)."""
    integrals: Float[Array, "borders observed lanes"]
    """Of the counts between a border and the one before."""
    counts: Float[Array, "borders observed lanes"]
    """At the borders; NaN where a path did not come."""


class Kept(NamedTuple):
    """Lanes at the starts of some segments: of all of them, or of every 2nd, 4th, ... if there are more than places."""

    lanes: Lane
    """One more axis in front, for the places."""
    segment: Int[Array, " places"]
    """Number of the segment at whose start a place was taken; -1 for none."""
    used: Count
    """How many segments there were."""


class Outcome(NamedTuple):
    """A block of paths that have ended."""

    records: Records
    lane: Lane
    status: Int[Array, " lanes"]
    kept: Kept


class Log(NamedTuple):
    """Steps of one segment, (turns, lanes) each; see `Step`."""

    reaction: Count
    dt: Real
    wait: Real
    rate: Real
    taken: Count
    """How many turns there were."""


def table_of(model: Structure, weights: Real | None) -> Real | None:
    """W zeta: what each reaction adds to the features."""
    if weights is None:
        return None
    return weights @ jnp.asarray(model.network.stoichiometry, weights.dtype)


def first(block: Block) -> Lane:
    """Lanes at the start."""
    inputs = None if block.weights is None else fresh_inputs(block.weights, block.counts)
    return begin(block.counts, inputs, block.key, block.index, block.start, block.alive)


def observe(plan: Plan, counts: Real) -> Real:
    """Counts of the observed species."""
    return take((0, len(counts)), (counts,), np.array(plan.observed))


def running(lane: Lane) -> Flag:
    """Whether any lane runs."""
    return jnp.any(lane.status == np.int32(Status.RUNNING))


def _gather(plan: Plan, border: Count, after: Real, step: Step, records: Records) -> Records:
    """Records after a step from `border` to the counts `after`."""
    integral = records.integral + records.observed * step.dt[None]
    observed = observe(plan, after)

    def flush(_: None) -> Records:
        here = step.stops[None] & (np.arange(len(plan.borders), dtype=np.int32)[:, None] == border[None])

        def put(buffer: Real, value: Real) -> Real:
            return jnp.where(here[:, None], value[None], buffer)

        kept = jnp.where(step.stops[None], jnp.zeros_like(integral), integral)
        return Records(observed, kept, put(records.integrals, integral), put(records.counts, records.observed))

    go_on = records._replace(observed=observed, integral=integral)
    return lax.cond(jnp.any(step.stops), flush, lambda _: go_on, None)


def _segment(
    model: Structure,
    turns: int,
    block: Block,
    borders: Borders,
    take: Take[Tree],
    table: Real | None,
    lane: Lane,
    records: Tree,
) -> tuple[Lane, Tree]:
    """Up to so many turns."""

    def more(state: tuple[Count, Lane, Step, Tree]) -> Flag:
        return (state[0] < turns) & running(state[1]) & witness(state[2])

    def body(state: tuple[Count, Lane, Step, Tree]) -> tuple[Count, Lane, Step, Tree]:
        k, lane, _, records = state
        after, step = turn(model, block.leaves, table, borders, lane)
        return k + 1, after, step, take(lane, after, step, records)

    start = (jnp.int32(0), lane, no_step(model, lane), records)
    _, lane, _, records = lax.while_loop(more, body, start)
    return lane, records


def travel(
    model: Structure, block: Block, borders: Borders, turns: int, kept: int, take: Take[Tree], records: Tree
) -> tuple[Lane, Tree, Count, Kept]:
    """All paths of a block to their ends: the lanes there, what was gathered, their status, and the lanes kept.

    Args:
        model: what is known.
        block: paths.
        borders: where something is recorded.
        turns: of a segment, at whose start a lane may be kept.
        kept: how many lanes are kept; 0 for none.
        take: from lanes before and after a turn, its step and what was gathered, to what is gathered then.
        records: at the start.
    """
    table, lane = table_of(model, block.weights), first(block)
    places = jax.tree.map(lambda leaf: jnp.zeros((kept, *leaf.shape), leaf.dtype), lane)
    empty = Kept(places, jnp.full(kept, -1, jnp.int32), jnp.int32(0))

    def body(state: tuple[Lane, Tree, Kept, Count]) -> tuple[Lane, Tree, Kept, Count]:
        lane, records, at, stride = state
        at, stride = _keep(at, lane, stride) if kept else (at, stride)
        lane, records = _segment(model, turns, block, borders, take, table, lane, records)
        return lane, records, at._replace(used=at.used + 1), stride

    state = (lane, records, empty, jnp.int32(1))
    lane, records, at, _ = lax.while_loop(lambda state: running(state[0]), body, state)
    return lane, records, verdict(model, block.leaves, borders, lane), at


def run(model: Structure, plan: Plan, block: Block) -> Outcome:
    """All paths of a block to their ends, with integrals and counts of the observed species."""
    many, (_, lanes), real = len(plan.borders), block.counts.shape, block.counts.dtype
    empty = jnp.full((many, len(plan.observed), lanes), jnp.nan, real)
    observed = observe(plan, block.counts)
    records = Records(observed, jnp.zeros_like(observed), empty, empty)

    def take(before: Lane, after: Lane, step: Step, records: Records) -> Records:
        return _gather(plan, before.border, after.counts, step, records)

    lane, records, status, kept = travel(model, block, plan.at(real), plan.turns, plan.kept, take, records)
    wrong = (status == np.int32(Status.NEGATIVE_COUNT))[None, None]  # since when is not known
    integrals, counts = (jnp.where(wrong, jnp.nan, leaf) for leaf in (records.integrals, records.counts))
    return Outcome(records._replace(integrals=integrals, counts=counts), lane, status, kept)


def _keep(kept: Kept, lane: Lane, stride: Count) -> tuple[Kept, Count]:
    """Put a lane into a free place, if its segment is a multiple of the stride; double that if there is none."""
    full = jnp.all(kept.segment >= 0) & (kept.used % stride == 0)
    stride = jnp.where(full, 2 * stride, stride)
    segment = jnp.where(kept.segment % stride == 0, kept.segment, -1)
    place = jnp.where(kept.used % stride == 0, jnp.argmin(segment), len(segment))
    lanes = jax.tree.map(lambda all_, one: all_.at[place].set(one, mode="drop"), kept.lanes, lane)
    return Kept(lanes, segment.at[place].set(kept.used, mode="drop"), kept.used), stride


def segment_again(model: Structure, plan: Plan, block: Block, kept: Kept, number: Count) -> tuple[Lane, "Log"]:
    """Lanes at the end of a segment, drawn again from the last lanes kept before, and its log."""
    segment = jnp.where(kept.segment <= number, kept.segment, -1)
    place = jnp.argmax(segment)
    lane = jax.tree.map(lambda leaf: lax.dynamic_index_in_dim(leaf, place, 0, keepdims=False), kept.lanes)
    empty = jax.tree.map(lambda leaf: jnp.zeros((plan.turns, *leaf.shape), leaf.dtype), logged(no_step(model, lane)))
    start = (lane, _log(empty, jnp.int32(0)))
    return lax.fori_loop(segment[place], number + 1, lambda _, state: again(model, plan, block, *state), start)


def again(model: Structure, plan: Plan, block: Block, lane: Lane, log: Log) -> tuple[Lane, Log]:
    """A segment from its first lane, with a log in place of the one given."""
    borders, table = plan.at(lane.counts.dtype), table_of(model, block.weights)
    step = no_step(model, lane)

    def more(state: tuple[Count, Lane, Step, Steps]) -> Flag:
        return (state[0] < plan.turns) & running(state[1]) & witness(state[2])

    def body(state: tuple[Count, Lane, Step, Steps]) -> tuple[Count, Lane, Step, Steps]:
        k, lane, _, log = state
        lane, step = turn(model, block.leaves, table, borders, lane)
        put = functools.partial(lax.dynamic_update_index_in_dim, index=k, axis=0)
        return k + 1, lane, step, jax.tree.map(put, log, logged(step))

    start = (jnp.int32(0), lane, step, (log.reaction, log.dt, log.wait, log.rate))
    taken, lane, _, steps = lax.while_loop(more, body, start)
    return lane, _log(steps, taken)


def _log(steps: Steps, taken: Count) -> Log:
    """A log of so many turns."""
    return Log(steps[0], steps[1], steps[2], steps[3], taken)


def logged(step: Step) -> Steps:
    """What of a step is needed to go back over it."""
    return step.reaction, step.dt, step.wait, step.rate
