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


class Decision(NamedTuple):
    """What a turn does.

    An engine on arrays must keep these as results of its loop body: XLA copies the producers of a value into each of
    its consumers unless the value is itself a result, and would then draw every wait once per array of the state.
    """

    propensities: tuple[Real, ...]
    uniform: Real
    arrival: Time
    """Time of the next event if nothing intervenes."""
    horizon: Real
    """Time lived in the present state after this turn."""
    dt: Real
    """Time that this turn advances."""
    reaction: Count
    """Number of the reaction that fires; NOTHING, or NULL for an event of a bounded program that changes nothing."""
    stops: Flag
    """Whether the path reaches its stop."""
    fault: Count
    """Status code of what went wrong, or RUNNING."""


NOTHING, NULL = -1, -2
"""Values of `Decision.reaction` when none fires."""


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


def choose(sums: Sequence[Real], point: Real) -> Count:
    """Inverse CDF in reaction order: number of the first reaction whose running sum exceeds `point`, NULL if none does."""
    passed = functools.reduce(jnp.add, [(point >= total).astype(jnp.int32) for total in sums])
    return jnp.where(passed < len(sums), passed, np.int32(NULL))


def fire(program: Program, counts: Sequence[Count], reaction: Count) -> tuple[Count, ...]:
    """Counts after a reaction, given by its number."""
    out = []
    for count, row in zip(counts, program.network.stoichiometry, strict=True):
        for number in np.flatnonzero(row):
            count = count + jnp.where(reaction == np.int32(number), np.int32(row[number]), np.int32(0))
        out.append(count)
    return tuple(out)


def decide(program: Program, lane: Lane, theta: Mapping[str, Real], limit: Count, bound: Real) -> Decision:
    """What the next turn of a path does.

    Args:
        program: what is compiled.
        lane: the path.
        theta: parameters.
        limit: most events that a path may fire.
        bound: total propensity from which a bounded program draws its waits; not used by others.
    """
    drawn, zero = numbers(program, lane.streams), jnp.zeros_like(lane.since)
    if program.bounded:
        total = bound + zero
        wait = drawn.exponential / total
        a = propensities(program, lane.counts, theta, lane.time.high + wait)
    else:
        a = propensities(program, lane.counts, theta, lane.time.high + lane.since)
        total = cumulate(a)[-1]
        wait = jnp.where(total > 0, drawn.exponential / total, jnp.full_like(total, INFINITY))
    sums = cumulate(a)
    arrival = clock.add(lane.time, wait)
    if program.clock == "times":
        in_time = clock.not_after(arrival, lane.target.time)
        remaining = clock.between(lane.time, lane.target.time)
    else:
        in_time = (lane.events < lane.target.step) & (wait < INFINITY)
        remaining = lane.since
    sound = (sums[-1] >= 0) & (sums[-1] < INFINITY)
    if program.bounded:  # those are the propensities at the arrival, which no one asked for if it comes after the stop
        sound = sound | ~in_time
    going = (lane.status == np.int32(Status.RUNNING)) & ~lane.parked & sound
    horizon, arrives = jnp.where(in_time, wait, remaining), going
    if program.fold.caps:
        reach = lane.since + program.fold.cap(lane.carry, lane.counts, a, theta)
        arrives = going & (horizon <= reach)
        horizon = jnp.minimum(horizon, reach)

    wants = arrives & in_time
    stalled = clock.same(arrival, lane.time) & (wait > 0)
    affordable = lane.events < limit
    reaction = choose(sums, drawn.uniform * total)
    fault = jnp.full_like(lane.status, Status.RUNNING)
    for flag, code in (
        (wants & stalled, Status.TIME_STALLED),
        (wants & ~affordable, Status.EVENT_BUDGET),
        (~sound, Status.BAD_PROPENSITY),
        *(((in_time & (sums[-1] > total), Status.BOUND_BROKEN),) if program.bounded else ()),
    ):
        fault = jnp.where(flag, np.int32(code), fault)
    return Decision(
        propensities=a,
        uniform=drawn.uniform,
        arrival=arrival,
        horizon=jnp.where(going, horizon, lane.since),
        dt=jnp.where(going, jnp.maximum(horizon - lane.since, zero), zero),
        reaction=jnp.where(wants & affordable & ~stalled, reaction, np.int32(NOTHING)),
        stops=arrives & ~in_time,
        fault=fault,
    )


def gather(
    program: Program, lane: Lane, decision: Decision, theta: Mapping[str, Real]
) -> tuple[Any, random.Stream | None]:
    """Carry of the fold, and its random stream, after a turn."""
    fold = program.fold
    now = lane.time.high + lane.since
    carry = fold.advance(lane.carry, lane.counts, decision.propensities, theta, now, decision.dt)
    happens = decision.reaction != np.int32(NOTHING)
    moving, at = happens, decision.arrival.high
    if fold.waits:
        moving = happens | (lane.parked & ~fold.ready(lane.carry))
        at = jnp.where(happens, at, now)
    words, stream = [], None
    if fold.words:
        stream = lane.streams[-1]
        for _ in range(fold.words):
            word, stream = random.draw(stream)
            words.append(word)
        stream = select(moving, stream, lane.streams[-1])
    drawn = numbers(program, lane.streams)
    flags = tuple(decision.reaction == np.int32(number) for number in range(len(decision.propensities)))
    jump = Jump(flags, drawn.exponential, decision.uniform, tuple(words))
    after = fold.event(carry, lane.counts, decision.propensities, theta, at, jump)
    return select(moving, after, carry), stream


def apply(program: Program, lane: Lane, decision: Decision, theta: Mapping[str, Real]) -> Lane:
    """The path after its turn."""
    happens = decision.reaction != np.int32(NOTHING)
    streams = select(happens, numbers(program, lane.streams).streams, lane.streams)
    carry, own = gather(program, lane, decision, theta)
    if own is not None:
        streams = (*streams[:-1], own)
    running = (lane.status == np.int32(Status.RUNNING)) & ~lane.parked
    counts = fire(program, lane.counts, decision.reaction)
    negative = functools.reduce(jnp.bitwise_or, counts) < 0
    fault = jnp.where(negative, np.int32(Status.NEGATIVE_COUNT), decision.fault)
    parked = lane.parked | decision.stops
    if program.fold.ends:
        parked = parked | program.fold.done(carry)
    return Lane(
        counts=counts,
        time=select(happens, decision.arrival, lane.time),
        since=jnp.where(happens, jnp.zeros_like(lane.since), decision.horizon),
        events=lane.events + (decision.reaction >= 0).astype(jnp.int32),
        index=lane.index,
        target=lane.target,
        parked=parked,
        streams=streams,
        carry=carry,
        status=jnp.where(running, fault, lane.status),
    )
