"""The portable engine: a block of lanes as arrays, one per species and per carry leaf, in one XLA program.

Finished lanes take the next path from the queue, so that a few long paths do not keep the others waiting. What a path
does never depends on its lane, the size of the block, or the number of paths.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import PyTree

from jumpax._base.host import library_of
from jumpax._base.status import Status
from jumpax._base.trees import select
from jumpax._base.types import Count, Real
from jumpax.engines import completions
from jumpax.engines.carried import carried
from jumpax.engines.decision import Decision
from jumpax.engines.engine import AbstractEngine
from jumpax.engines.happening import happen, parameters
from jumpax.engines.inputs import Inputs
from jumpax.engines.lane import Lane, begin
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded, unpacked
from jumpax.engines.turn import apply, decide, onward, verdict, waits
from jumpax.networks import FLOWING

TURNS = 64
"""Most turns between two looks at parked and finished lanes."""
IDLE = 0.125
"""Share of idle lanes at which a look comes early."""


class Lanes(NamedTuple):
    """A run in progress: lanes, the queue of paths, and what has been recorded. A pytree of arrays, so it can be saved."""

    lane: Lane
    decision: Decision
    """Of the last turn; kept so that XLA computes it once, see `Decision`."""
    path: Count
    """(lanes,) path of each lane; -1 without one."""
    theta: Mapping[str, Real]
    """Parameters of each lane, (lanes,), or scalars."""
    queue: Count
    """Next path to start."""
    integers: Count
    """(paths, stops, n) integer part of the records."""
    reals: Real
    """(paths, stops, n) floating part of the records."""
    ends: Count
    """(paths, 2 + species) status, events fired, counts at the end."""
    end_times: Real
    """(paths, 2) time at the end, as a pair."""
    turns: Real
    """Turns of lanes that were taken."""
    under_way: completions.Queue | None = None
    """Reactions under way, for networks with delays."""


def block_size(room: int) -> int:
    """Lanes of a run: a power of two, small enough that the queue keeps most of them busy to the end."""
    return min(2048, max(64, 1 << max(0, (room - 1).bit_length() - 2)))


def is_per_path(inputs: Inputs) -> tuple[bool, bool]:
    """Whether theta, and whether the start counts, differ from path to path."""
    return any(jnp.ndim(v) for v in inputs.theta.values()), jnp.ndim(inputs.counts) == 2


def _theta_at(inputs: Inputs, path: Count) -> dict[str, Real]:
    return {k: v[path] if jnp.ndim(v) else jnp.broadcast_to(v, path.shape) for k, v in inputs.theta.items()}


def _fresh(program: Program, inputs: Inputs, path: Count, theta: Mapping[str, Real]) -> Lane:
    """Lanes at the start of the paths named."""
    per_path = is_per_path(inputs)[1]
    species = len(program.network.species)
    columns = tuple(
        inputs.counts[path, i] if per_path else jnp.broadcast_to(inputs.counts[i], path.shape) for i in range(species)
    )
    index = inputs.first[path] if jnp.ndim(inputs.first) else inputs.first + path.astype(jnp.uint32)
    first, second = (jnp.broadcast_to(word[path] if jnp.ndim(word) else word, path.shape) for word in inputs.key)
    target = jax.tree.map(lambda s: s[0], inputs.stops)
    make = functools.partial(begin, program)
    axes = (0, 0, 0, {k: 0 if jnp.ndim(v) else None for k, v in theta.items()}, None, None)
    lane = jax.vmap(make, in_axes=axes)((first, second), index, columns, theta, inputs.start, target)
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, path.shape), lane)


def _record_shape(program: Program, lane: Lane, theta: Mapping[str, Real]) -> Any:
    """Shapes of the fold's record."""
    scalar = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((), leaf.dtype), (lane.carry, lane.counts))
    values = {k: jax.ShapeDtypeStruct((), v.dtype) for k, v in theta.items()}
    return jax.eval_shape(lambda c, x, t: program.fold.stop(c, x, t, jnp.int32(0))[1], *scalar, values)


@functools.partial(jax.jit, static_argnums=0)
def _shown(program: Program, inputs: Inputs, path: Count, theta: Mapping[str, Real]) -> tuple[Lane, Decision, PyTree]:
    """Lanes, a decision and a record of a run: traced for their shapes, never compiled."""
    lane = _fresh(program, inputs, path, theta)
    decision = jax.vmap(functools.partial(decide, program), in_axes=(0, _axes(theta), None))(lane, theta, inputs.limit)
    record = _record_shape(program, lane, theta)
    return lane, decision, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), record)


def start(program: Program, inputs: Inputs, room: int, library: Any = jnp) -> Lanes:
    """Idle lanes, and empty records with room for `room` paths, as arrays of NumPy or of JAX (`library`).

    No path has begun: the first ones are taken from the queue as all others are, so that what begins a path is compiled once.
    """
    size, dtype = block_size(room), program.dtype
    path = library.zeros(size, np.int32)
    theta = _theta_at(inputs, path) if is_per_path(inputs)[0] else dict(inputs.theta)
    shapes = _shown.eval_shape(program, inputs, path, theta)
    lane, decision = jax.tree.map(lambda leaf: library.zeros(leaf.shape, leaf.dtype), shapes[:2])
    integers = [not jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(shapes[2])]
    stops = inputs.stops.step.shape[0]
    species = len(program.network.species)
    return Lanes(
        lane=lane._replace(status=library.full(size, Status.DONE, np.int32)),
        decision=decision,
        path=library.full(size, -1, np.int32),
        theta=theta,
        queue=library.zeros((), np.int32),
        integers=library.full((room, stops, sum(integers)), -1, np.int32),
        reals=library.full((room, stops, len(integers) - sum(integers)), np.nan, dtype),
        ends=library.zeros((room, 2 + species), np.int32),
        end_times=library.zeros((room, 2), dtype),
        turns=library.zeros((), np.float32),
        under_way=completions.empty(program.queue, lane.since, library) if program.delayed else None,
    )


def _axes(theta: Mapping[str, Real]) -> dict[str, int | None]:
    return {k: 0 if jnp.ndim(v) else None for k, v in theta.items()}


def halves(
    program: Program, inputs: Inputs, lanes: Lanes
) -> tuple[Callable[[Lane], Decision], Callable[[Lane, Decision], Lane]]:
    """The two halves of a turn on all lanes.

    The folds read their parameters from another array than the laws do. Otherwise XLA would share the laws' products
    with the folds, and whether a product is contracted with the addition after it depends on what else reads it (see
    `pin`): paths would depend on their folds in the last bit.
    """
    axes = _axes(lanes.theta)
    theta_fold = {k: jnp.where(v == v, v, jnp.full_like(v, jnp.nan)) for k, v in lanes.theta.items()}
    look = jax.vmap(functools.partial(decide, program), in_axes=(0, axes, None))
    move = jax.vmap(functools.partial(apply, program), in_axes=(0, 0, axes))
    return (
        lambda lane: look(lane, lanes.theta, inputs.limit),
        lambda lane, decision: move(lane, decision, theta_fold),
    )


Turns: TypeAlias = tuple[Count, Count, Lane, Decision, completions.Queue | None]
"""Turns taken, lanes that move, and what a turn changes."""


def _turns(program: Program, inputs: Inputs, lanes: Lanes) -> Lanes:
    """Up to TURNS turns of all lanes; fewer when too many of them stand still."""
    look, move = halves(program, inputs, lanes)
    alive = jnp.sum(lanes.path >= 0, dtype=jnp.int32)
    enough = jnp.maximum(1, alive - (alive * IDLE).astype(jnp.int32))

    def busy(lane: Lane) -> Count:
        moving = lane.status == np.int32(Status.RUNNING)
        if program.fold.waits:
            moving = moving | jax.vmap(functools.partial(waits, program))(lane)
        return jnp.sum(moving, dtype=jnp.int32)

    def more(state: Turns) -> Any:
        return (state[0] < TURNS) & (state[1] >= enough)

    def body(state: Turns) -> Turns:
        taken, _, lane, _, queue = state
        decision = look(lane)
        lane, queue = queued(move(lane, decision), queue, decision)
        return taken + 1, busy(lane), lane, decision, queue

    first = (jnp.int32(0), enough, lanes.lane, lanes.decision, lanes.under_way)
    taken, _, lane, decision, queue = lax.while_loop(more, body, first)
    turns = lanes.turns + taken.astype(jnp.float32) * lane.status.shape[0]
    return lanes._replace(lane=lane, decision=decision, turns=turns, under_way=queue)


def queued(lane: Lane, queue: completions.Queue | None, decision: Decision) -> tuple[Lane, completions.Queue | None]:
    """Lanes with their queues of completions, if there are any, after a turn."""
    if queue is None or decision.begun is None or lane.delayed is None:
        return lane, queue
    queue = completions.turned(queue, decision.begun)
    return lane._replace(delayed=completions.headed(lane.delayed, queue)), queue


def acted(program: Program, inputs: Inputs, lanes: Lanes) -> tuple[Lanes, Any]:
    """One event on each lane that stands where events may happen; whether there may be more, and which it was, or -1."""
    last = inputs.stops.step.shape[0] - 1
    stop = jax.tree.map(lambda s: s[jnp.minimum(lanes.lane.index, last)], inputs.stops)
    step = jax.vmap(functools.partial(happen, program), in_axes=(0, _axes(lanes.theta), 0))
    lane, busy, number = step(lanes.lane, lanes.theta, stop)
    return lanes._replace(lane=lane), (busy, number)


def _act(program: Program, inputs: Inputs, lanes: Lanes) -> Lanes:
    """All events on lanes that stand where events may happen."""

    def body(state: tuple[Any, Lanes]) -> tuple[Any, Lanes]:
        lanes, (busy, _) = acted(program, inputs, state[1])
        return jnp.any(busy), lanes

    stands = jnp.any(lanes.lane.status == np.int32(Status.PARKED))
    return lax.while_loop(lambda state: state[0], body, (stands, lanes))[1]


def serve(program: Program, inputs: Inputs, lanes: Lanes) -> Lanes:
    """Record parked lanes, move them to their next stop, write the ends of finished ones."""
    lane, fold, axes = lanes.lane, program.fold, _axes(lanes.theta)
    stops = inputs.stops.step.shape[0]
    alive = lanes.path >= 0
    fault = alive & (lane.status == np.int32(Status.FAULTY))
    due = alive & (lane.status == np.int32(Status.PARKED))
    if fold.waits:
        due = due & jax.vmap(fold.ready)(lane.carry)
    if lane.happening is not None:
        acting = lane.happening.acting  # a log takes events one by one
        due = due & ~(acting & ~jax.vmap(fold.done)(lane.carry) if fold.ends else acting)
    own = functools.partial(parameters, program)
    stop = jax.vmap(
        lambda lane, theta: fold.stop(lane.carry, lane.counts, own(lane.happening, theta), lane.index),
        in_axes=(0, axes),
    )
    carry, record = stop(lane, lanes.theta)
    carry = carried(fold, lane.carry, carry)
    leaves = [jnp.broadcast_to(leaf, due.shape) for leaf in jax.tree.leaves(record)]
    wholes = [leaf.astype(jnp.int32) for leaf in leaves if not jnp.issubdtype(leaf.dtype, jnp.floating)]
    parts = [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]
    row = jnp.where(due, lanes.path, lanes.integers.shape[0])

    def put(buffer: Any, columns: list) -> Any:
        if not columns:
            return buffer
        return buffer.at[row, lane.index].set(jnp.stack(columns, 1).astype(buffer.dtype), mode="drop")

    index = lane.index + due.astype(jnp.int32)
    finished = fault | (due & (index >= stops))
    after = lane._replace(carry=select(due, carry, lane.carry), index=index)
    judge = jax.vmap(functools.partial(verdict, program), in_axes=(0, axes, None))
    status = judge(after, lanes.theta, inputs.limit)
    going = np.int32(Status.RUNNING)
    if fold.ends:
        going = jnp.where(jax.vmap(fold.done)(after.carry), np.int32(Status.PARKED), going)
    last = jnp.where(finished, lanes.path, lanes.ends.shape[0])
    ends = lanes.ends.at[last].set(jnp.stack([status, lane.events, *lane.counts], 1), mode="drop")
    end_times = lanes.end_times.at[last].set(jnp.stack(list(lane.time), 1), mode="drop")
    target = jax.tree.map(lambda s: s[jnp.minimum(index, stops - 1)], inputs.stops)
    return lanes._replace(
        lane=select(due, onward(after, target), after)._replace(
            status=jnp.where(finished, np.int32(Status.DONE), jnp.where(due, going, lane.status)),
        ),
        path=jnp.where(finished, -1, lanes.path),
        integers=put(lanes.integers, wholes), reals=put(lanes.reals, parts), ends=ends, end_times=end_times,
    )  # fmt: skip


def refill(program: Program, inputs: Inputs, lanes: Lanes) -> Lanes:
    """Idle lanes take the next paths from the queue."""
    paths = inputs.paths

    def fill(lanes: Lanes) -> Lanes:
        free = lanes.path < 0
        path = lanes.queue + jnp.cumsum(free, dtype=jnp.int32) - 1
        take = free & (path < paths)
        path = jnp.where(take, path, 0)
        theta = lanes.theta
        if is_per_path(inputs)[0]:
            theta = select(take, _theta_at(inputs, path), theta)
        lane = select(take, _fresh(program, inputs, path, theta), lanes.lane)
        queue = lanes.under_way
        if queue is not None:
            queue = select(take[None], completions.empty(program.queue, lane.since), queue)
        return lanes._replace(
            lane=lane,
            under_way=queue,
            theta=theta,
            path=jnp.where(take, path, lanes.path),
            queue=lanes.queue + jnp.sum(take, dtype=jnp.int32),
        )

    return lax.cond(jnp.any(lanes.path < 0) & (lanes.queue < paths), fill, lambda lanes: lanes, lanes)


def advance(program: Program, inputs: Inputs, lanes: Lanes, budget: Count) -> Lanes:
    """Up to `budget` rounds of refills, turns, events and records; fewer when all paths have ended."""

    def body(state: tuple[Count, Lanes]) -> tuple[Count, Lanes]:
        lanes = _turns(program, inputs, refill(program, inputs, state[1]))
        if program.network.events:
            lanes = _act(program, inputs, lanes)
        return state[0] + 1, serve(program, inputs, lanes)

    def more(state: tuple[Count, Lanes]) -> Any:
        under_way = jnp.any(state[1].path >= 0) | (state[1].queue < inputs.paths)
        return (state[0] < budget) & under_way

    return lax.while_loop(more, body, (jnp.int32(0), lanes))[1]


def _unpack(program: Program, lanes: Lanes, paths: int) -> Recorded:
    record = _record_shape(program, lanes.lane, lanes.theta)
    return unpacked(record, lanes.integers, lanes.reals, lanes.ends, lanes.end_times, paths)


_advance = jax.jit(advance, static_argnums=0, donate_argnums=2)


class Xla(AbstractEngine):
    """Lanes as arrays in one XLA program: any law, any fold, every device of JAX."""

    name = "xla"
    offers = FLOWING
    traceable = True

    def prepare(self, program: Program, inputs: Inputs) -> None:
        """Nothing."""

    def start(self, program: Program, inputs: Inputs, room: int) -> Lanes:
        """Idle lanes, before the first paths."""
        return jax.device_put(start(program, pad(inputs, room), room, np))  # as `advance` gives them: one program

    def advance(self, program: Program, inputs: Inputs, lanes: Lanes, budget: int) -> Lanes:
        """Lanes after up to `budget` rounds of turns."""
        return _advance(program, pad(inputs, lanes.ends.shape[0]), lanes, jnp.int32(budget))

    def finished(self, lanes: Lanes) -> int:
        """How many paths have ended."""
        return int(lanes.queue) - int(np.sum(np.asarray(lanes.path) >= 0))

    def collect(self, program: Program, inputs: Inputs, lanes: Lanes) -> Recorded:
        """What has been recorded."""
        tables: Any = {name: np.asarray(getattr(lanes, name)) for name in ("integers", "reals", "ends", "end_times")}
        return _unpack(program, lanes._replace(**tables), int(inputs.paths))

    def gather(self, program: Program, inputs: Inputs, room: int, threads: int = 1) -> Recorded:
        """A whole run as one traceable call; rows beyond the paths of `inputs` are empty."""
        padded = pad(inputs, room)
        lanes = advance(program, padded, start(program, padded, room), jnp.int32(2**31 - 1))
        return _unpack(program, lanes, room)


def pad(inputs: Inputs, room: int) -> Inputs:
    """Per-path values with one row for each path that there is room for."""
    library = library_of(inputs)

    def pad(values: Any) -> Any:
        if len(values) >= room:
            return values
        return library.concatenate([values, library.repeat(values[-1:], room - len(values), 0)])

    key, first, theta = jax.tree.map(lambda v: pad(v) if jnp.ndim(v) else v, (inputs.key, inputs.first, inputs.theta))
    counts = pad(inputs.counts) if jnp.ndim(inputs.counts) == 2 else inputs.counts
    return inputs._replace(key=key, first=first, theta=theta, counts=counts)
