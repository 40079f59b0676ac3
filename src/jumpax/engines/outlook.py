"""What happens to a path next, if nothing intervenes: its wait, the propensities then, and whether that is in time."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base import clock, random, shares
from jumpax._base.clock import Time
from jumpax._base.shares import cumulate, pin
from jumpax._base.types import Flag, Real
from jumpax.engines.completions import before
from jumpax.engines.lane import Lane
from jumpax.engines.program import Program
from jumpax.engines.rates import ceiling, propensities

INFINITY = float("inf")


class Numbers(NamedTuple):
    """Random numbers of the next event, and the streams after it."""

    exponential: Real
    chance: shares.Chance
    streams: tuple[random.Stream, ...]


class Outlook(NamedTuple):
    """What will happen to a path if nothing intervenes."""

    drawn: Numbers
    propensities: tuple[Real, ...]
    total: Real
    """Sum of the propensities."""
    bound: Real
    """What the wait is drawn from: the sum, or the bound on it."""
    inverse: Real | None
    """Of the bound, where the choice needs it."""
    wait: Real
    arrival: Time
    """Time of the next event."""
    in_time: Flag
    """Whether it comes no later than the stop."""
    sound: Flag
    """Whether the propensities are numbers that make sense."""


def not_after(first: Time, second: Time) -> Flag:
    """As `clock.not_after`, with one comparison less."""
    tie = first.high == second.high
    return jnp.where(tie, first.low, first.high) <= jnp.where(tie, second.low, second.high)


def numbers(program: Program, streams: tuple[random.Stream, ...]) -> Numbers:
    """The two numbers that decide the next event."""
    first, path = random.draw(streams[0])
    second, path = random.draw(path)
    low, other, after = None, streams[0].c, [path]  # neither word depends on the third word of the state
    if program.precision == "float64":
        low, lows = random.draw(streams[1])
        other, lows = random.draw(lows)
        after.append(lows)
    return Numbers(
        random.exponential(first, low, program.dtype),
        shares.chance(second, other, program.dtype),
        (*after, *streams[len(after) :]),
    )


def sensible(
    program: Program, propensities: Sequence[Real], total: Real, theta: Mapping[str, Real], pinned: bool
) -> Flag:
    """Whether no propensity is negative, NaN or infinite.

    Where parameters that are not negative see to that, these are looked at: they are the same in every turn.
    """
    laws = [reaction.law for reaction in program.network.reactions]
    values = [theta[name] for name in dict.fromkeys(n for law in laws if law.never_negative for n in law.nonnegative)]
    if not pinned:
        values += [a for law, a in zip(laws, propensities, strict=True) if not law.never_negative]
    zero = total - total  # or NaN
    least = values[0] if values else zero
    for value in values[1:]:
        least = jnp.where(least < value, least, value)  # one instruction; a NaN is caught by the total
    return least >= zero


def stalls(time: Time, arrival: Time, wait: Real | None = None) -> Flag:
    """Whether a wait is too short to move the clock; one that may be zero for good reason is given."""
    still = clock.same(time, arrival)
    return still if wait is None else still & (wait > 0)


def within(lane: Lane, time: Real) -> Real:
    """The nearest time that lies within the interval of the bound, if there is one: rates are read on its side of a border."""
    interval = lane.target.interval
    return time if interval is None else jnp.minimum(jnp.maximum(time, interval.begin), interval.end)


def waiting(program: Program, exponential: Real, rate: Real, pinned: bool) -> tuple[Real, Real | None]:
    """The wait for an event at this rate, and what is needed of the rate for the choice; by one division.

    The wait is infinite, or NaN, when nothing can react: such an event is not in time.
    """
    if program.precision == "float64" or (len(program.network.reactions) == 1 and not program.thinned):
        return exponential / rate, None
    inverse = np.float32(1) / rate
    wait = exponential * inverse
    return pin(wait) if pinned else wait, inverse


def look(program: Program, lane: Lane, theta: Mapping[str, Real], pinned: bool = True) -> Outlook:
    """Wait, propensities and time of the next event."""
    drawn = numbers(program, lane.streams)
    interval, spent = lane.target.interval, lane.spent
    if program.thinned:
        if interval is not None and spent is not None:
            left, bound = drawn.exponential - spent, interval.bound
            left = jnp.maximum(left, jnp.zeros_like(left))
        else:
            left, bound = drawn.exponential, ceiling(program, lane.counts, theta, lane.time.high, pinned)
        wait, inverse = waiting(program, left, bound, pinned)
        a = propensities(program, lane.counts, theta, within(lane, lane.time.high + wait), pinned)
        total = cumulate(a)[-1]
    else:
        a = propensities(program, lane.counts, theta, lane.time.high + lane.since, pinned)
        total = bound = cumulate(a)[-1]
        wait, inverse = waiting(program, drawn.exponential, total, pinned)
    arrival = clock.add(lane.time, wait)
    if program.clock == "times":
        in_time = not_after(arrival, lane.target.time)
    else:
        in_time = (lane.events < lane.target.step) & (wait < INFINITY)
        if lane.happening is not None:
            in_time = in_time & not_after(arrival, lane.target.time)
    if lane.delayed is not None:
        in_time = in_time & before(arrival, lane.delayed.due)
    sound = sensible(program, a, total, theta, pinned)
    if program.thinned:  # propensities at the arrival, which no one asked for if it comes after the stop
        sound = (sound & (total <= bound) & (bound < INFINITY)) | ~in_time
    return Outlook(drawn, a, total, bound, inverse, wait, arrival, in_time, sound)


def choose(program: Program, ahead: Outlook, happens: Flag) -> tuple[Flag, ...]:
    """Inverse CDF in reaction order: flags of the reactions up to the first whose running sum exceeds the point.

    The point lies below the last sum, unless waits are drawn from a bound: then it may lie beyond, which is a null event.
    """
    sums, point = shares.thresholds(ahead.propensities, ahead.bound, ahead.inverse, ahead.drawn.chance, program.thinned)
    first = happens & ~(point >= sums[-1]) if program.thinned else happens
    return (first, *(first & (point >= total) for total in sums[:-1]))
