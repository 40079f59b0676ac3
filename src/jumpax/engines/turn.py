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


class Outlook(NamedTuple):
    """What will happen to a path if nothing intervenes."""

    drawn: Numbers
    propensities: tuple[Real, ...]
    sums: list[Real]
    """Running sums of the propensities."""
    total: Real
    """What the wait is drawn from: the last of the sums, or the bound."""
    wait: Real
    arrival: Time
    """Time of the next event."""
    in_time: Flag
    """Whether it comes no later than the stop."""
    sound: Flag
    """Whether the propensities are numbers that make sense."""


class Decision(NamedTuple):
    """What a turn does.

    An engine on arrays must keep these as results of its loop body: XLA copies the producers of a value into each of
    its consumers unless the value is itself a result, and would then draw every wait once per array of the state.
    """

    propensities: tuple[Real, ...]
    uniform: Real
    arrival: Time
    horizon: Real
    """Time lived in the present state after this turn."""
    dt: Real
    """Time that this turn advances."""
    outcome: Count
    """Number of the reaction that fires, or one of the codes below."""


NULL, STOP, FAULT, NOTHING = -1, -2, -3, -4
"""Outcomes of a turn without a reaction: a null event of a bounded program; the stop is reached; something is wrong;
the path stands, or lives on to the cap of its fold."""


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
    levels = tuple(c.astype(program.dtype) for c in counts)
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


def choose(program: Program, sums: Sequence[Real], point: Real) -> Count:
    """Inverse CDF in reaction order: number of the first reaction whose running sum exceeds `point`.

    The point lies below the last sum, unless the program is bounded: then it may lie beyond, which is a null event.
    """
    compared = sums if program.bounded else sums[:-1]
    passed = sum(((point >= total).astype(jnp.int32) for total in compared), jnp.zeros_like(point, jnp.int32))
    return jnp.where(passed < len(sums), passed, np.int32(NULL)) if program.bounded else passed


def fire(program: Program, counts: Sequence[Count], reaction: Count) -> tuple[Count, ...]:
    """Counts after a reaction, given by its number."""
    out = []
    for count, row in zip(counts, program.network.stoichiometry, strict=True):
        for number in np.flatnonzero(row):
            count = count + jnp.where(reaction == np.int32(number), np.int32(row[number]), np.int32(0))
        out.append(count)
    return tuple(out)


def look(program: Program, lane: Lane, theta: Mapping[str, Real], bound: Real) -> Outlook:
    """Wait, propensities and time of the next event."""
    drawn = numbers(program, lane.streams)
    if program.bounded:
        total = jnp.broadcast_to(bound, lane.since.shape)
        wait = drawn.exponential / total
        a = propensities(program, lane.counts, theta, lane.time.high + wait)
        sums = cumulate(a)
    else:
        a = propensities(program, lane.counts, theta, lane.time.high + lane.since)
        sums = cumulate(a)
        total = sums[-1]
        wait = drawn.exponential / total  # infinite, or NaN, when nothing can react: both are not in time
    arrival = clock.add(lane.time, wait)
    if program.clock == "times":
        in_time = clock.not_after(arrival, lane.target.time)
    else:
        in_time = (lane.events < lane.target.step) & (wait < INFINITY)
    sound = sums[-1] - sums[-1] == 0  # neither NaN nor infinite; negative ones are NaN
    if program.bounded:  # propensities at the arrival, which no one asked for if it comes after the stop
        sound = (sound & (sums[-1] <= total)) | ~in_time
    return Outlook(drawn, a, sums, total, wait, arrival, in_time, sound)


def decide(program: Program, lane: Lane, theta: Mapping[str, Real], limit: Count, bound: Real) -> Decision:
    """What the next turn of a path does.

    Args:
        program: what is compiled.
        lane: the path.
        theta: parameters.
        limit: most events that a path may fire.
        bound: total propensity from which a bounded program draws its waits; not used by others.
    """
    fold, ahead = program.fold, look(program, lane, theta, bound)
    stalled = clock.same(ahead.arrival, lane.time) & (ahead.wait > 0)
    fine = ahead.sound & ((~stalled & (lane.events < limit)) | ~ahead.in_time)
    outcome = choose(program, ahead.sums, ahead.drawn.uniform * ahead.total)
    outcome = jnp.where(ahead.in_time, outcome, np.int32(STOP))
    horizon, dt = lane.since, jnp.zeros_like(lane.since)
    if fold.advances or fold.caps:
        remaining = clock.between(lane.time, lane.target.time) if program.clock == "times" else lane.since
        horizon = jnp.where(ahead.in_time, ahead.wait, remaining)
        if fold.caps:
            reach = lane.since + fold.cap(lane.carry, lane.counts, ahead.propensities, theta)
            outcome = jnp.where(horizon <= reach, outcome, np.int32(NOTHING))
            horizon = jnp.minimum(horizon, reach)
        going = (lane.status == np.int32(Status.RUNNING)) & fine
        dt = jnp.where(going, jnp.maximum(horizon - lane.since, dt), dt)
        horizon = jnp.where(going, horizon, lane.since)
    outcome = jnp.where(fine, outcome, np.int32(FAULT))
    outcome = jnp.where(lane.status == np.int32(Status.RUNNING), outcome, np.int32(NOTHING))
    return Decision(ahead.propensities, ahead.drawn.uniform, ahead.arrival, horizon, dt, outcome)


def verdict(program: Program, lane: Lane, theta: Mapping[str, Real], limit: Count, bound: Real) -> Count:
    """Status code with which a path ends here: what is wrong if it is FAULTY, else whether it could have gone on."""
    ahead = look(program, lane, theta, bound)
    least = functools.reduce(jnp.minimum, lane.counts)
    code = jnp.full_like(lane.status, Status.TIME_STALLED)
    code = jnp.where(lane.events >= limit, np.int32(Status.EVENT_BUDGET), code)
    if program.bounded:
        code = jnp.where(ahead.sums[-1] > ahead.total, np.int32(Status.BOUND_BROKEN), code)
    code = jnp.where(ahead.sums[-1] - ahead.sums[-1] == 0, code, np.int32(Status.BAD_PROPENSITY))
    code = jnp.where(least < 0, np.int32(Status.NEGATIVE_COUNT), code)
    code = jnp.where(least < -(2**30), np.int32(Status.COUNT_OVERFLOW), code)
    total = cumulate(propensities(program, lane.counts, theta, lane.time.high + lane.since))[-1]
    ended = jnp.where(total == 0, np.int32(Status.ABSORBED), np.int32(Status.REACHED))
    if program.fold.ends:
        ended = jnp.where(program.fold.done(lane.carry), np.int32(Status.DONE), ended)
    return jnp.where(lane.status == np.int32(Status.FAULTY), code, ended)


def gather(
    program: Program, lane: Lane, decision: Decision, theta: Mapping[str, Real]
) -> tuple[Any, random.Stream | None]:
    """Carry of the fold, and its random stream, after a turn."""
    fold = program.fold
    now = lane.time.high + lane.since
    carry = fold.advance(lane.carry, lane.counts, decision.propensities, theta, now, decision.dt)
    happens = decision.outcome >= np.int32(NULL)
    moving, at = happens, decision.arrival.high
    if fold.waits:
        moving = happens | waits(program, lane)
        at = jnp.where(happens, at, now)
    words, stream = [], None
    if fold.words:
        stream = lane.streams[-1]
        for _ in range(fold.words):
            word, stream = random.draw(stream)
            words.append(word)
        stream = select(moving, stream, lane.streams[-1])
    drawn = numbers(program, lane.streams)
    flags = tuple(decision.outcome == np.int32(number) for number in range(len(decision.propensities)))
    jump = Jump(flags, drawn.exponential, decision.uniform, tuple(words))
    after = fold.event(carry, lane.counts, decision.propensities, theta, at, jump)
    return select(moving, after, carry), stream


def waits(program: Program, lane: Lane) -> Flag:
    """Whether a parked path is held by its fold."""
    return (lane.status == np.int32(Status.PARKED)) & ~program.fold.ready(lane.carry)


def apply(program: Program, lane: Lane, decision: Decision, theta: Mapping[str, Real]) -> Lane:
    """The path after its turn."""
    outcome = decision.outcome
    happens = outcome >= np.int32(NULL)
    streams = select(happens, numbers(program, lane.streams).streams, lane.streams)
    carry, own = gather(program, lane, decision, theta)
    if own is not None:
        streams = (*streams[:-1], own)
    counts = fire(program, lane.counts, outcome)
    status = jnp.where(outcome == np.int32(STOP), np.int32(Status.PARKED), lane.status)
    if program.fold.ends:
        ends = (status == np.int32(Status.RUNNING)) & program.fold.done(carry)
        status = jnp.where(ends, np.int32(Status.PARKED), status)
    negative = functools.reduce(jnp.bitwise_or, counts) < 0
    status = jnp.where((outcome == np.int32(FAULT)) | negative, np.int32(Status.FAULTY), status)
    return Lane(
        counts=counts,
        time=select(happens, decision.arrival, lane.time),
        since=jnp.where(happens, jnp.zeros_like(lane.since), decision.horizon),
        events=lane.events + (outcome >= 0).astype(jnp.int32),
        index=lane.index,
        target=lane.target,
        streams=streams,
        carry=carry,
        status=status,
    )
