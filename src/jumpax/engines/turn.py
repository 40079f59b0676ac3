"""One turn of one lane: the loop body that every fast engine runs.

    a     = propensities(counts, theta)
    wait  = unit exponential / sum(a)
    dt    = the least of wait, time to the stop, cap of the fold; minus the time already lived in this state
    fold.advance over dt; then an event, a stop, or another turn

Random words move on only when an event fires, and the event happens if its time, as the clock will hold it, does not
come after the stop: so a path never depends on stops or caps.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import clock, random
from jumpax._base.clock import Time
from jumpax._base.status import Status
from jumpax._base.types import Count, Flag, Real
from jumpax.engines.lane import Lane
from jumpax.engines.program import Program
from jumpax.folds.fold import Jump

INFINITY = float("inf")


class Numbers(NamedTuple):
    """Random numbers of the next event, and the streams after it."""

    exponential: Real
    uniform: Real
    streams: tuple[random.Stream, ...]


def select(flag: Flag, new: Any, old: Any) -> Any:
    """`new` where the flag is set, leaf by leaf."""
    return jax.tree.map(functools.partial(jnp.where, flag), new, old)


def pin(value: Real) -> Real:
    """The value if it is >= 0, else NaN.

    Besides catching negative numbers, the select keeps XLA from contracting the multiplication behind `value` with an
    addition after it: whether it does depends on what else reads the product, so a path would depend on its folds.
    """
    return jnp.where(value >= 0, value, jnp.full_like(value, jnp.nan))


def propensities(program: Program, counts: Sequence[Count], theta: Mapping[str, Real], now: Real) -> tuple[Real, ...]:
    """Propensities of all reactions; NaN where a law gives a negative number."""
    levels = tuple(pin(c.astype(program.dtype)) for c in counts)
    return tuple(pin(jnp.asarray(a, program.dtype)) for a in program.network.propensities(levels, theta, now))


def cumulate(values: Sequence[Real]) -> list[Real]:
    """Running sums, in reaction order."""
    sums = [values[0]]
    for value in values[1:]:
        sums.append(sums[-1] + value)
    return sums


def numbers(program: Program, streams: tuple[random.Stream, ...]) -> Numbers:
    """The two numbers that decide the next event."""
    first, path = random.draw(streams[0])
    second, path = random.draw(path)
    lows, after = (None, None), [path]
    if program.precision == "float64":
        low_first, low = random.draw(streams[1])
        low_second, low = random.draw(low)
        lows = (low_first, low_second)
        after.append(low)
    return Numbers(
        random.exponential(first, lows[0], program.dtype),
        random.uniform(second, lows[1], program.dtype),
        (*after, *streams[len(after) :]),
    )


def choose(sums: Sequence[Real], point: Real) -> tuple[Flag, ...]:
    """Inverse CDF in reaction order: the first reaction whose running sum exceeds `point`; none beyond the last."""
    below = [point < total for total in sums]
    return (below[0], *(here & ~before for before, here in zip(below, below[1:])))


def fire(program: Program, counts: Sequence[Count], fired: Sequence[Flag]) -> tuple[Count, ...]:
    """Counts after the reaction whose flag is set."""
    out = []
    for count, row in zip(counts, program.network.stoichiometry):
        for flag, change in zip(fired, row):
            if change:
                count = count + jnp.where(flag, np.int32(change), np.int32(0))
        out.append(count)
    return tuple(out)


def turn(
    program: Program, lane: Lane, theta: Mapping[str, Real], theta_fold: Mapping[str, Real], limit: Count, bound: Real
) -> Lane:
    """One turn.

    Args:
        program: what is compiled.
        lane: the path.
        theta: parameters for the laws.
        theta_fold: the same values for the fold. They reach the program as another array, so that the compiler cannot
            share the laws' intermediate results with the fold: then a path would depend on its folds, see `pin`.
        limit: most events that a path may fire.
        bound: total propensity to draw waits from, used by a bounded program only.
    """
    fold, dtype = program.fold, program.dtype
    drawn = numbers(program, lane.streams)
    zero = jnp.zeros_like(lane.since)

    if program.bounded:
        total = bound + zero
        wait = drawn.exponential / total
        at_event = lane.time.high + wait
        a = propensities(program, lane.counts, theta, at_event)
    else:
        at_event = lane.time.high + lane.since
        a = propensities(program, lane.counts, theta, at_event)
        total = cumulate(a)[-1]
        wait = jnp.where(total > 0, drawn.exponential / total, jnp.full_like(total, INFINITY))
    sums = cumulate(a)

    sound = (sums[-1] >= 0) & (sums[-1] < INFINITY)
    arrival = clock.add(lane.time, wait)
    stalled = clock.same(arrival, lane.time) & (wait > 0)
    running = (lane.status == np.int32(Status.RUNNING)) & ~lane.parked
    going = running & sound
    if program.clock == "times":
        in_time = clock.not_after(arrival, lane.target.time)
        remaining = clock.between(lane.time, lane.target.time)
    else:
        in_time = (lane.events < lane.target.step) & (wait < INFINITY)
        remaining = lane.since

    horizon = jnp.where(in_time, wait, remaining)
    if fold.caps:
        reach = lane.since + fold.cap(lane.carry, lane.counts, a, theta_fold)
        going_on = horizon > reach
        horizon = jnp.where(going_on, reach, horizon)
    else:
        going_on = zero > 0
    wants = going & in_time & ~going_on
    affordable = lane.events < limit
    happens = wants & affordable & ~stalled
    stops = going & ~in_time & ~going_on

    fired = choose(sums, drawn.uniform * total)
    after = fire(program, lane.counts, tuple(flag & happens for flag in fired))
    negative = functools.reduce(jnp.bitwise_or, after) < 0
    happens_well = happens & ~negative

    now = lane.time.high + lane.since
    dt = jnp.where(going, jnp.maximum(horizon - lane.since, zero), zero)
    carry = fold.advance(lane.carry, lane.counts, a, theta_fold, now, dt)

    moving = happens_well
    flags = tuple(flag & happens_well for flag in fired)
    if fold.waits:
        moving = moving | (lane.parked & ~fold.ready(lane.carry))
    words, streams = [], drawn.streams
    if fold.words:
        own = streams[-1]
        for _ in range(fold.words):
            word, own = random.draw(own)
            words.append(word)
        streams = (*streams[:-1], select(moving, own, streams[-1]))
        streams = (*select(happens_well, streams[:-1], lane.streams[:-1]), streams[-1])
    else:
        streams = select(happens_well, streams, lane.streams)
    jump = Jump(flags, drawn.exponential, drawn.uniform, tuple(words))
    carry = select(moving, fold.event(carry, lane.counts, a, theta_fold, arrival.high, jump), carry)

    status = lane.status
    for flag, code in (
        (running & ~sound, Status.BAD_PROPENSITY),
        (wants & ~affordable, Status.EVENT_BUDGET),
        (wants & stalled, Status.TIME_STALLED),
        (happens & negative, Status.NEGATIVE_COUNT),
        *(((going & (sums[-1] > total), Status.BOUND_BROKEN),) if program.bounded else ()),
    ):
        status = jnp.where(flag, np.int32(code), status)
    return Lane(
        counts=select(happens_well, after, lane.counts),
        time=Time(*select(happens_well, tuple(arrival), tuple(lane.time))),
        since=jnp.where(happens_well, zero, jnp.where(going, horizon, lane.since)),
        events=lane.events + happens_well.astype(jnp.int32),
        index=lane.index,
        target=lane.target,
        parked=lane.parked | stops,
        streams=streams,
        carry=carry,
        status=status,
    )
