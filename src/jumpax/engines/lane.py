"""A lane: one path in flight."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from jumpax._base import random
from jumpax._base.clock import Time
from jumpax._base.status import Status
from jumpax._base.types import Count, Real, Word
from jumpax.engines import happening as events
from jumpax.engines.completions import Delayed, nothing_under_way
from jumpax.engines.flowing import Flowing, at_rest
from jumpax.engines.happening import Happening
from jumpax.engines.program import Program
from jumpax.folds.fold import Counts, Theta


class Interval(NamedTuple):
    """A stretch of time over which one bound on the total propensity holds."""

    bound: Real
    begin: Real
    """One unit in the last place after its begin: where rates may be read. A rate that jumps exactly at a border is read
    on the right side of it, wherever the clock rounds an event to."""
    end: Real
    """One unit before its end."""


class Stop(NamedTuple):
    """Where a lane has to stop next: a time, or a number of events."""

    time: Time
    step: Count
    interval: Interval | None = None
    """In which the stop lies; where bounds are given."""


class Lane(NamedTuple):
    """What the next turn of a path needs; every leaf is a scalar, or has one entry per lane."""

    counts: Counts
    time: Time
    """Time of the last event; where waits are drawn from a bound, of the last null event, or border of intervals, if that was later;
    of networks with continuous variables, where the next step of these begins."""
    since: Real
    """Time lived in the present state, from `time` on."""
    events: Count
    index: Count
    """Number of the next stop."""
    target: Stop
    streams: tuple[random.Stream, ...]
    carry: PyTree
    status: Count
    """RUNNING, PARKED, or FAULTY."""
    spent: Real | None = None
    """Part of the unit exponential of the next event that went by under bounds before; where bounds are given."""
    happening: Happening | None = None
    """For networks with events, or with continuous variables, only."""
    flowing: Flowing | None = None
    """For networks with continuous variables only."""
    delayed: Delayed | None = None
    """For networks with delays only."""


def begin(
    program: Program, key: tuple[Word, Word], path: Word, counts: Counts, theta: Theta, start: Time, target: Stop
) -> Lane:
    """Lane at the start of path number `path`."""
    zero = jnp.zeros_like(counts[0]) if counts else jnp.zeros_like(path, jnp.int32)
    nothing = zero.astype(program.dtype)
    time = Time(nothing + start.high, nothing + start.low)
    carry, status = program.fold.init(counts, theta, time.high), zero + np.int32(Status.RUNNING)
    if program.fold.ends:
        status = jnp.where(program.fold.done(carry), np.int32(Status.PARKED), status)
    lane = Lane(
        counts=counts,
        time=time,
        since=nothing,
        events=zero,
        index=zero,
        target=target,
        streams=tuple(random.seed(key, path, number) for number in program.streams),
        carry=carry,
        status=status,
        spent=nothing if program.bounded else None,
        delayed=nothing_under_way(nothing, key, path) if program.delayed else None,
    )
    if not (program.network.events or program.network.flows):
        return lane
    flows = [jnp.asarray(theta[name]) + nothing for name in program.network.flowing]
    lane = lane._replace(flowing=at_rest(flows) if flows else None)
    return events.prepared(program, lane, theta, key, path)
