"""One turn of a block of lanes in arrays: the direct method, its choice by blocks of reactions.

The same numbers decide as in `turn`: two words per event, a pair clock, and a point in the running sum of propensities, or of
their shares in whole units (`shares`), in reaction order. So paths are those of the other engines, but for near ties in the last bit.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from jumpax._base import clock, random, shares
from jumpax._base.clock import Time
from jumpax._base.shares import pin
from jumpax._base.status import Status
from jumpax._base.trees import select
from jumpax._base.types import Count, Flag, Real, Word
from jumpax.engines.arrays.rates import Leaves, Structure, fire, propensities
from jumpax.engines.outlook import not_after, stalls

BLOCK = 16
"""Most reactions whose propensities are summed before a choice among them; as many as the largest group has, if these are fewer."""
BORDER, NOTHING = -1, -2
"""What a turn without a reaction did: reach the next border; nothing, as the lane stands."""


class Lane(NamedTuple):
    """A block of paths in flight."""

    counts: Real
    """(species, lanes), whole numbers."""
    inputs: Real | None
    """u, (features, lanes)."""
    rest: Real | None
    """What rounding has left of u, so that it does not drift, however many columns of W were added."""
    time: Time
    """Of the last event."""
    since: Real
    """Time lived since."""
    events: Count
    border: Count
    """Number of the next border."""
    streams: tuple[random.Stream, ...]
    status: Count


class Step(NamedTuple):
    """What a turn did, and how it came to that.

    XLA copies the producers of a value into each of its consumers, down to every species, unless the value is a result of
    the loop body that somebody reads: so these are, and `witness` reads them.
    """

    reaction: Count
    """Its number, or one of the codes above."""
    dt: Real
    """Time that the turn advanced."""
    wait: Real
    """From one event to the next."""
    rate: Real
    """Propensity of the reaction that fired."""
    sums: Real
    """Of each block, (blocks, lanes): of what `within` has."""
    block: Count
    rest: Real
    """The point looked for, less the sums before its block."""
    within: Real
    """Of the block, (reactions of a block, lanes): propensities in float64, shares in whole units in float32."""
    arrival: Time
    happens: Flag
    stops: Flag


def witness(step: PyTree[Array]) -> Flag:
    """True, by a look at all that a step holds."""
    flags = []
    for leaf in jax.tree.leaves(step):
        one = leaf[(0,) * leaf.ndim]
        flags.append(one | ~one if one.dtype == bool else ~(one < -(2**30)))
    return functools.reduce(jnp.logical_and, flags)


def no_step(model: Structure, lane: Lane) -> Step:
    """What a turn did that never was."""
    zero, number = jnp.zeros_like(lane.since), jnp.full(lane.since.shape, NOTHING, jnp.int32)
    sums, within = (jnp.zeros((n, *zero.shape), zero.dtype) for n in (len(_starts(model)), _width(model.groups)))
    return Step(number, zero, zero, zero, sums, number, zero, within, Time(zero, zero), zero > 0, zero > 0)


class Borders(NamedTuple):
    """Where something is recorded, the last of them the end."""

    time: Time
    """Times, as pairs; infinite where numbers of events are given."""
    limit: Count
    """Most events of a path."""
    step: Count | None = None
    """Numbers of events, if these are the borders."""


def begin(counts: Real, inputs: Real | None, key: tuple[Word, Word], index: Word, start: Time, running: Flag) -> Lane:
    """Lanes at the start of the paths with these indices."""
    many = index.shape
    double = counts.dtype == np.float64
    streams = tuple(random.seed(key, index, s) for s in (random.PATH, random.LOW)[: 1 + double])
    return Lane(
        counts=counts,
        inputs=inputs,
        rest=None if inputs is None else jnp.zeros_like(inputs),
        time=Time(*(jnp.full(many, t, counts.dtype) for t in start)),
        since=jnp.zeros(many, counts.dtype),
        events=jnp.zeros(many, jnp.int32),
        border=jnp.zeros(many, jnp.int32),
        streams=streams,
        status=jnp.where(running, np.int32(Status.RUNNING), np.int32(Status.DONE)),
    )


def _numbers(
    streams: tuple[random.Stream, ...], real: np.dtype
) -> tuple[Real, shares.Chance, tuple[random.Stream, ...]]:
    """Unit exponential of the next event, the numbers of its choice, and the streams after it."""
    first, path = random.draw(streams[0])
    second, path = random.draw(path)
    low, other, after = None, streams[0].c, [path]
    if len(streams) > 1:
        low, lows = random.draw(streams[1])
        other, lows = random.draw(lows)
        after.append(lows)
    return random.exponential(first, low, real), shares.chance(second, other, real), tuple(after)


def _width(sizes: Sequence[int]) -> int:
    """Reactions of a block, for groups of these sizes: sums are the same for any number, with zeros at the ends of groups."""
    return min(BLOCK, max(sizes))


def _blocked(groups: Sequence[Real]) -> list[Real]:
    """Groups of propensities as (blocks, reactions of a block, lanes) each, filled up with zeros."""
    width, parts = _width([len(group) for group in groups]), []
    for group in groups:
        if rest := -len(group) % width:
            group = jnp.concatenate([group, jnp.zeros((rest, group.shape[1]), group.dtype)])
        parts.append(group.reshape(-1, width, group.shape[1]))
    return parts


def _chain(values: Real | Sequence[Real]) -> list[Real]:
    """Running sums."""
    sums = [values[0]]
    for value in values[1:]:
        sums.append(sums[-1] + value)
    return sums


def _find(sums: Sequence[Real], values: Sequence[Real], point: Real) -> tuple[Count, Real]:
    """Where the point lies in the running sums, and what lies before; among those with a positive value."""
    place, before = jnp.zeros(point.shape, jnp.int32), jnp.zeros_like(point)
    last, before_last = place, before
    for i, (total, value) in enumerate(zip(sums, values, strict=True)):
        passed, some = total <= point, value > 0
        last = jnp.where(some, np.int32(i), last)
        before_last = before_last if i == 0 else jnp.where(some, sums[i - 1], before_last)
        place = jnp.where(passed, np.int32(i + 1), place)
        before = jnp.where(passed, total, before)
    beyond = place > last
    return jnp.where(beyond, last, place), jnp.where(beyond, before_last, before)


def _sum(terms: Sequence[Real]) -> Real:
    """Sum in pairs: one and the same order everywhere."""
    while len(terms) > 1:
        terms = [functools.reduce(jnp.add, terms[i : i + 2]) for i in range(0, len(terms), 2)]
    return terms[0]


def sums_of_blocks(groups: Sequence[Real]) -> Real:
    """Sum of each block of propensities, (blocks, lanes)."""
    return jnp.concatenate([_sum([part[:, i] for i in range(part.shape[1])]) for part in _blocked(groups)])


def _pick(groups: Sequence[Real], block: Count) -> Real:
    """The propensities of the block of each lane, (reactions of a block, lanes)."""
    parts = [part for group in _blocked(groups) for part in group]
    zero = groups[0].dtype.type(0)
    return _sum([jnp.where((block == np.int32(i))[None], part, zero) for i, part in enumerate(parts)])


def _starts(model: Structure) -> np.ndarray:
    """First reaction of each block."""
    begins, width = np.cumsum([0, *model.groups])[:-1], _width(model.groups)
    return np.concatenate([b + np.arange(0, s, width) for b, s in zip(begins, model.groups, strict=True)])


def _added(high: Real, low: Real, by: Real) -> tuple[Real, Real]:
    """A sum, and what its rounding leaves, to be added the next time (Knuth 1969; Kahan 1965)."""
    step = by + low
    total = high + step
    there = total - high
    return total, (high - (total - there)) + (step - there)


def _kept(counts: Real) -> Real:
    """The counts; NaN for good where one is negative, and infinite where it no longer moves by one."""
    return jnp.where(counts >= _largest(counts.dtype), jnp.full_like(counts, jnp.inf), pin(counts))


def turn(model: Structure, leaves: Leaves, table: Real | None, borders: Borders, lane: Lane) -> tuple[Lane, Step]:
    """The block after a turn, and what happened.

    Args:
        model: what is known.
        leaves: params.
        table: W zeta, (features, reactions): what each reaction adds to u.
        borders: where to stop.
        lane: the block.
    """
    real = lane.counts.dtype
    groups = tuple(pin(a) for a in propensities(model, leaves, lane.counts, lane.inputs))
    total = _chain(sums_of_blocks(groups))[-1]
    exponential, chance, streams = _numbers(lane.streams, real)
    inverse = None if chance.shift is None else 1 / total
    wait = exponential / total if inverse is None or model.network.reactions == 1 else pin(exponential * inverse)
    arrival = clock.add(lane.time, wait)
    target = jax.tree.map(lambda leaf: leaf[jnp.minimum(lane.border, len(leaf) - 1)], (borders.time, borders.step))
    in_time, reach = not_after(arrival, target[0]), clock.between(lane.time, target[0])
    if borders.step is not None:
        in_time, reach = (lane.events < target[1]) & (wait < np.inf), lane.since
    live = (lane.status == np.int32(Status.RUNNING)) & (total - total == 0)
    happens = live & in_time & ~stalls(lane.time, arrival) & (lane.events < borders.limit)
    stops = live & ~in_time
    horizon = jnp.where(in_time, wait, reach)
    dt = jnp.where(happens | stops, jnp.maximum(horizon - lane.since, 0), 0)
    parts = sums_of_blocks([shares.weight(g, inverse, chance) for g in groups])
    sums = _chain(parts)
    point = shares.point(sums[-1], total, chance)
    block, before = _find(sums, list(parts), point)
    rates = _pick(groups, block)
    within = shares.weight(rates, inverse, chance)
    rest = point - before
    place, _ = _find(_chain(within), list(within), rest)
    rate = _sum([jnp.where(place == np.int32(i), value, 0) for i, value in enumerate(rates)])
    number = jnp.asarray(_starts(model), jnp.int32)[block] + place
    reaction = jnp.where(happens, number, jnp.where(stops, np.int32(BORDER), np.int32(NOTHING)))
    inputs, left = lane.inputs, lane.rest
    if inputs is not None and left is not None and table is not None:
        inputs, left = _added(inputs, left, jnp.where(happens[None], table[:, jnp.maximum(reaction, 0)], real.type(0)))
    border = lane.border + stops
    status = jnp.where(stops & (border >= len(borders.time.high)), np.int32(Status.DONE), lane.status)
    going = (lane.status != np.int32(Status.RUNNING)) | happens | stops
    return Lane(
        counts=_kept(fire(model, (lane.counts,), reaction, (0, len(lane.counts)))[0]),
        inputs=inputs,
        rest=left,
        time=select(happens, arrival, lane.time),
        since=jnp.where(happens, 0, jnp.where(stops, lane.since + dt, lane.since)),
        events=lane.events + happens,
        border=border,
        streams=select(happens, streams, lane.streams),
        status=jnp.where(going, status, np.int32(Status.FAULTY)),
    ), Step(reaction, dt, wait, rate, parts, block, rest, within, arrival, happens, stops)


def verdict(model: Structure, leaves: Leaves, borders: Borders, lane: Lane) -> Count:
    """Status with which each path ended; see `turn.verdict`."""
    groups = tuple(pin(a) for a in propensities(model, leaves, lane.counts, lane.inputs))
    total = functools.reduce(jnp.add, [g.sum(0) for g in groups])
    whole = (lane.counts >= 0).all(0)
    code = jnp.full_like(lane.status, Status.TIME_STALLED)
    code = jnp.where(lane.events >= borders.limit, np.int32(Status.EVENT_BUDGET), code)
    code = jnp.where(total - total == 0, code, np.int32(Status.BAD_PROPENSITY))
    ended = jnp.where(total == 0, np.int32(Status.ABSORBED), np.int32(Status.REACHED))
    code = jnp.where(lane.status == np.int32(Status.DONE), ended, code)
    code = jnp.where(whole, code, np.int32(Status.NEGATIVE_COUNT))
    return jnp.where(lane.counts.max(0) >= _largest(lane.counts.dtype), np.int32(Status.COUNT_OVERFLOW), code)


def _largest(real: np.dtype) -> float:
    """Beyond, a count of this type no longer moves by one."""
    return 2.0**24 if real == np.float32 else 2.0**31 - 1
