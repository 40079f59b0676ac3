"""A whole run inside a JAX program: traced operations, or one call to the host."""

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from jumpax._base.devices import no_mesh
from jumpax._base.host_call import call_host
from jumpax._base.watch import drawing
from jumpax.engines.engine import AbstractEngine, default_threads, precision_of
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded, packed, unpacked
from jumpax.engines.redraw import redrawn

SECONDS_PER_THREAD = 4e-3
"""Work for which one more thread is worth what it costs to start, about a millisecond."""


def gather(engine: AbstractEngine, program: Program, inputs: Inputs, room: int) -> Recorded:
    """A whole run, with records for `room` paths; under `jax.jit` and `jax.vmap` too."""
    if engine.traceable:
        return engine.gather(program, jax.tree.map(jnp.asarray, inputs), room)
    leaves, structure = jax.tree.flatten(inputs)
    with no_mesh():  # kernels are the same wherever they run
        record = engine.record(program)
        tables = _tables(program, record, (room, len(inputs.stops.step)))
        engine.prepare(program, inputs)
    run = _Run(engine, program, structure, room)
    *made, again = call_host(run, tables, list(map(jnp.asarray, leaves)))
    return unpacked(record, *made, paths=room)._replace(redrawn=again == 1, whole=made[0])


@dataclasses.dataclass(frozen=True)
class _Run:
    """What the host does; equal ones are compiled once."""

    engine: AbstractEngine
    program: Program
    structure: Any
    """Of the inputs."""
    room: int
    pace: list[float] = dataclasses.field(default_factory=lambda: [float("inf")], compare=False)
    """Seconds per path in one thread, as the last call took them."""

    def __call__(self, leaves: list[np.ndarray], tables: list[np.ndarray]) -> None:
        engine, program = self.engine, self.program
        inputs = jax.tree.unflatten(self.structure, leaves)
        paths = int(inputs.paths)
        threads = int(min(1 + self.pace[0] * paths / SECONDS_PER_THREAD, default_threads(engine)))
        begin = time.perf_counter()
        with drawing():
            with precision_of(program):
                recorded = engine.gather(program, inputs, self.room, threads)
            recorded, again = redrawn(
                program, inputs, recorded, lambda wide, some, _: engine.gather(wide, some, int(some.paths))
            )
        self.pace[0] = (time.perf_counter() - begin) * threads / paths
        for table, made in zip(tables, (*packed(recorded), again), strict=True):
            table[: len(made)] = made
            table[len(made) :] = 0


def _tables(program: Program, record: PyTree, rows: tuple[int, int]) -> list[jax.ShapeDtypeStruct]:
    """Shapes of what `unpacked` takes, and of who was drawn again."""
    whole = sum(not np.issubdtype(leaf.dtype, np.floating) for leaf in jax.tree.leaves(record))
    shapes = [
        (*rows, whole),
        (*rows, len(jax.tree.leaves(record)) - whole),
        (rows[0], 2 + len(program.network.species)),
        (rows[0], 2),
    ]
    made = [
        jax.ShapeDtypeStruct(shape, kind) for shape, kind in zip(shapes, (np.int32, program.dtype) * 2, strict=True)
    ]
    return [*made, jax.ShapeDtypeStruct(rows[:1], np.int32)]
