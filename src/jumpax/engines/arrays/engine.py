"""Lanes in arrays as an engine: for families of reactions, and for any network of thousands of reactions."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jumpax._base.memory import check_memory
from jumpax._base.types import Count, Real
from jumpax.engines.arrays.gathered import check_fold, columns, empty, gather, rows_of
from jumpax.engines.arrays.rates import Structure, filled, structure
from jumpax.engines.arrays.run import CORE, Block, first, travel, width_of
from jumpax.engines.arrays.turn import Borders
from jumpax.engines.engine import AbstractEngine
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.networks import Need, Stacked

TURNS = 2**30
"""Of a segment: no lanes are kept here, so that one is enough."""


class Lanes(NamedTuple):
    """A run: what its blocks have recorded, (room, ...), and how many of them have run."""

    rows: Recorded
    blocks: Count


def _padded(inputs: Inputs, rows: int) -> Inputs:
    """Values of one path each with so many rows, the last one repeated; shared ones as they are."""

    def more(values: Array) -> Array:
        return jnp.concatenate([values, jnp.repeat(values[-1:], rows - len(values), 0)])

    def own(values: Array) -> Array:
        return more(values) if jnp.ndim(values) and len(values) < rows else values

    key, first = jax.tree.map(own, (inputs.key, inputs.first))
    rows_of_theta = {name: value if jnp.ndim(value) else value[None] for name, value in inputs.theta.items()}
    theta = {name: own(value) if len(value) > 1 else value for name, value in rows_of_theta.items()}
    counts = own(inputs.counts) if jnp.ndim(inputs.counts) == 2 else inputs.counts
    return inputs._replace(key=key, first=first, theta=theta, counts=counts)


def _model(program: Program, inputs: Inputs) -> Structure:
    """What is known before numbers are; parameters of one path each are told by their leading axis."""
    return structure(Stacked(program.network), [name for name, value in inputs.theta.items() if len(value) > 1])


def _weights(model: Structure, inputs: Inputs) -> Real | None:
    """W of the features, if there are any."""
    features = model.network.features
    if features is None:
        return None
    shared = {name: value[0] for name, value in inputs.theta.items() if len(value) == 1}
    return features(shared).astype(inputs.start.high.dtype)


def _block(
    program: Program, model: Structure, inputs: Inputs, weights: Real | None, number: Count, width: int
) -> Block:
    """Block number `number` of the paths."""
    row = number * width + jnp.arange(width, dtype=jnp.int32)

    def own(values: Array) -> Array:
        return jnp.moveaxis(lax.dynamic_slice_in_dim(values, number * width, width), 0, -1)

    theta = [inputs.theta[name] for name in model.names]
    values = [own(v) if len(v) > 1 else v[0] for v in theta]
    counts = inputs.counts.astype(program.dtype)
    counts = own(counts) if counts.ndim == 2 else jnp.broadcast_to(counts[:, None], (len(counts), width))
    index = own(inputs.first) if jnp.ndim(inputs.first) else inputs.first + row.astype(jnp.uint32)
    first, second = (own(word) if jnp.ndim(word) else word for word in inputs.key)
    return Block(
        filled(model.kinds, values, width), weights, counts, index, row < inputs.paths, (first, second), inputs.start
    )


def start(program: Program, inputs: Inputs, room: int) -> Lanes:
    """No path has run yet."""
    rows = -(-room // width_of(room)) * width_of(room)
    inputs = _padded(inputs, rows)
    block = _block(program, _model(program, inputs), inputs, None, jnp.int32(0), width_of(room))
    lane = first(block)
    made = rows_of(empty(program.fold, block.counts, inputs.start, len(inputs.stops.step)), lane, lane.events)
    return Lanes(jax.tree.map(lambda s: jnp.zeros((rows, *s.shape[1:]), s.dtype), made), jnp.int32(0))


def advance(program: Program, inputs: Inputs, lanes: Lanes, budget: Count) -> Lanes:
    """Up to `budget` more blocks."""
    rows = len(lanes.rows.status)
    inputs, width = _padded(inputs, rows), width_of(rows)
    model = _model(program, inputs)
    weights = _weights(model, inputs)
    borders = Borders(inputs.stops.time, inputs.limit, inputs.stops.step if program.clock == "steps" else None)
    take = functools.partial(gather, program.fold, model)

    def body(lanes: Lanes) -> Lanes:
        block = _block(program, model, inputs, weights, lanes.blocks, width)
        nothing = empty(program.fold, block.counts, inputs.start, len(inputs.stops.step))
        lane, gathered, status, _ = travel(model, block, borders, TURNS, 0, take, nothing)
        put = functools.partial(lax.dynamic_update_slice_in_dim, start_index=lanes.blocks * width, axis=0)
        return Lanes(jax.tree.map(put, lanes.rows, rows_of(gathered, lane, status)), lanes.blocks + 1)

    last = lanes.blocks + jnp.minimum(budget, 2**20)
    return lax.while_loop(lambda s: (s.blocks < last) & (s.blocks * width < inputs.paths), body, lanes)


def _check(program: Program) -> None:
    """Whether the engine can run a program, by its folds and by the memory of lanes in flight.

    Raises:
        UnsupportedError: it cannot; `TooLargeError`: it would take too much.
    """
    check_fold(program.fold)
    network = Stacked(program.network)
    species, reactions = network.stoichiometry.shape
    check_memory(
        f"{CORE:,} paths in flight, of {species:,} species and {reactions:,} reactions",
        4.0 * program.dtype.itemsize * (CORE * (species + reactions + network.width) + network.width * reactions),
        "Simulate a smaller network",
    )


_start = jax.jit(start, static_argnums=(0, 2))
_advance = jax.jit(advance, static_argnums=0, donate_argnums=2)


class Arrays(AbstractEngine):
    """Blocks of paths that run to their ends together; for few kinds of folds."""

    name = "arrays"
    traceable = True
    offers = frozenset({Need.FAMILY})

    def prepare(self, program: Program, inputs: Inputs) -> None:
        """Nothing."""

    def start(self, program: Program, inputs: Inputs, room: int) -> Lanes:
        """Empty records."""
        _check(program)
        return _start(program, inputs, room)

    def advance(self, program: Program, inputs: Inputs, lanes: Lanes, budget: int) -> Lanes:
        """Up to `budget` more blocks."""
        return _advance(program, inputs, lanes, jnp.int32(budget))

    def finished(self, lanes: Lanes) -> int:
        """How many paths have ended, those of which there are none included."""
        return int(lanes.blocks) * width_of(len(lanes.rows.status))

    def collect(self, program: Program, inputs: Inputs, lanes: Lanes) -> Recorded:
        """What has been recorded."""
        return columns(lanes.rows, int(inputs.paths), np)

    def gather(self, program: Program, inputs: Inputs, room: int, threads: int = 1) -> Recorded:
        """A whole run as one traceable call."""
        _check(program)
        lanes = advance(program, inputs, start(program, inputs, room), jnp.int32(2**31 - 1))
        return columns(lanes.rows, room, jnp)
