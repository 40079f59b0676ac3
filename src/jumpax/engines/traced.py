"""The loop of a program as scalar functions, which kernels are printed from."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import PyTree

from jumpax._base.clock import Time
from jumpax._base.status import Status
from jumpax.engines.carried import carried
from jumpax.engines.happening import happen, parameters
from jumpax.engines.lane import Interval, Lane, Stop, begin
from jumpax.engines.program import Program
from jumpax.engines.turn import apply, judge, onward, verdict, waits


@dataclasses.dataclass(frozen=True)
class Traced:
    """Jaxprs of one program, and the structure of what they take and give; everything is scalar."""

    lane: Any
    """Shapes of a lane."""
    record: PyTree
    """Shapes of a record."""
    fields: tuple[str, ...]
    """Names of the leaves of a lane, in order: `counts[0]`, `time.high`, .."""
    begin: core.ClosedJaxpr
    """(key 0, key 1, path, counts.., theta.., start high, low, stop..) -> lane"""
    turn: core.ClosedJaxpr
    """(lane.., theta.., limit) -> lane, whether it moves on (int32)"""
    stop: core.ClosedJaxpr
    """(lane.., theta..) -> carry, record, whether it is due, status to go on with"""
    onward: core.ClosedJaxpr
    """(lane.., next stop..) -> lane"""
    finish: core.ClosedJaxpr
    """(lane.., theta.., limit) -> status to end with"""
    happen: core.ClosedJaxpr | None
    """(lane.., theta.., stop..) -> lane, whether there may be more to do; for networks with events"""


def _turn(program: Program, lane: Lane, theta: Any, limit: Any) -> tuple[Lane, Any]:
    after = apply(program, lane, judge(program, lane, theta, limit), theta)
    moving = after.status == np.int32(Status.RUNNING)
    if program.fold.waits:
        moving = moving | waits(program, after)
    return after, moving.astype(jnp.int32)


def _stop(program: Program, lane: Lane, theta: Any) -> tuple[Any, ...]:
    fold, status = program.fold, lane.status
    theta = parameters(program, lane.happening, theta)
    carry, record = fold.stop(lane.carry, lane.counts, theta, lane.index)
    carry, due = carried(fold, lane.carry, carry), status == np.int32(Status.PARKED)
    if fold.waits:
        due = due & fold.ready(lane.carry)
    going = jnp.full_like(status, Status.RUNNING)
    if fold.ends:
        going = jnp.where(fold.done(carry), np.int32(Status.PARKED), going)
    return carry, record, due, going


def _fields(lane: Lane) -> tuple[str, ...]:
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(lane)]
    return tuple(jax.tree_util.keystr(path).removeprefix(".") for path in paths)


def record_types(traced: Traced) -> list[np.dtype]:
    """Types of the leaves of a record."""
    return [np.dtype(leaf.dtype) for leaf in jax.tree.leaves(traced.record)]


@functools.lru_cache(maxsize=64)
def trace(program: Program) -> Traced:
    """Trace the loop of a program with scalars."""
    shapes: Any = [jax.ShapeDtypeStruct((), d) for d in (program.dtype, np.int32, np.uint32)]
    real, count, word = shapes
    theta = dict.fromkeys(program.network.parameters, real)
    counts = (count,) * len(program.network.species)
    time = Time(real, real)
    stop = Stop(time, count, Interval(real, real, real) if program.bounded else None)
    started = jax.make_jaxpr(functools.partial(begin, program), return_shape=True)
    first, lane = started((word, word), word, counts, theta, time, stop)
    turned = jax.make_jaxpr(functools.partial(_turn, program))(lane, theta, count)
    stopped, (_, record, *_) = jax.make_jaxpr(functools.partial(_stop, program), return_shape=True)(lane, theta)
    left = jax.make_jaxpr(onward)(lane, stop)
    finished = jax.make_jaxpr(functools.partial(verdict, program))(lane, theta, count)
    acts = None
    if program.network.events:
        acts = jax.make_jaxpr(lambda lane, theta, stop: happen(program, lane, theta, stop)[:2])(lane, theta, stop)
    return Traced(lane, record, _fields(lane), first, turned, stopped, left, finished, acts)
