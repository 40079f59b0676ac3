"""A whole run inside a JAX program: traced operations, or one call to the host."""

import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jumpax.engines.engine import AbstractEngine, default_threads, precision_of
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded, packed, unpacked
from jumpax.engines.redraw import redrawn
from jumpax.engines.traced import trace

SECONDS_PER_THREAD = 4e-3
"""Work for which one more thread is worth what it costs to start, about a millisecond."""


def gather(engine: AbstractEngine, program: Program, inputs: Inputs, room: int) -> Recorded:
    """A whole run, with records for `room` paths; under `jax.jit` and `jax.vmap` too.

    A call to the host costs some tens of microseconds for each array that crosses. So all inputs cross as one, and of the
    records the few tables that engines write.
    """
    if engine.traceable:
        return engine.gather(program, inputs, room)
    leaves, structure = jax.tree.flatten(jax.tree.map(jnp.asarray, inputs))
    likes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
    with precision_of(program):
        record = trace(program).record
    tables = _tables(program, record, (room, len(inputs.stops.step)))
    engine.prepare(program, inputs)
    pace = [float("inf")]  # seconds per path in one thread, as the last call took them

    def host(words: Any) -> Any:
        given = jax.tree.unflatten(structure, _split(np.asarray(words), likes))
        paths = int(given.paths)
        threads = int(min(1 + pace[0] * paths / SECONDS_PER_THREAD, default_threads(engine)))
        begin = time.perf_counter()
        with precision_of(program):
            recorded = engine.gather(program, given, room, threads)
        recorded, _ = redrawn(
            program, given, recorded, lambda wide, some, _: engine.gather(wide, some, int(some.paths))
        )
        pace[0] = (time.perf_counter() - begin) * threads / paths
        return [_words(_filled(table, like)) for table, like in zip(packed(recorded), tables, strict=True)]

    words = jnp.concatenate([lax.bitcast_convert_type(leaf, jnp.uint32).ravel() for leaf in leaves])
    made = jax.pure_callback(host, [_as_words(like) for like in tables], words, vmap_method="sequential")
    read = [lax.bitcast_convert_type(t, like.dtype) for t, like in zip(made, tables, strict=True)]
    return unpacked(record, *read, paths=room)


def _tables(program: Program, record: Any, rows: tuple[int, int]) -> list[jax.ShapeDtypeStruct]:
    """Shapes of what `unpacked` takes."""
    whole = sum(not np.issubdtype(leaf.dtype, np.floating) for leaf in jax.tree.leaves(record))
    shapes = [
        (*rows, whole),
        (*rows, len(jax.tree.leaves(record)) - whole),
        (rows[0], 2 + len(program.network.species)),
        (rows[0], 2),
    ]
    return [
        jax.ShapeDtypeStruct(shape, kind) for shape, kind in zip(shapes, (np.int32, program.dtype) * 2, strict=True)
    ]


def _split(words: np.ndarray, likes: Sequence[jax.ShapeDtypeStruct]) -> list[np.ndarray]:
    """Arrays of these shapes and types, one after the other."""
    out, begin = [], 0
    for like in likes:
        end = begin + like.size * like.dtype.itemsize // 4
        out.append(words[begin:end].view(like.dtype).reshape(like.shape))
        begin = end
    return out


# Numbers cross in words of 32 bits: the thread that runs the call need not have heard of `jax.enable_x64`, and would
# round wider ones.
def _as_words(like: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    shape = (*like.shape, 2) if like.dtype.itemsize == 8 else like.shape
    return jax.ShapeDtypeStruct(shape, np.uint32)


def _words(table: np.ndarray) -> np.ndarray:
    words = table.view(np.uint32)
    return words.reshape(*table.shape, 2) if table.dtype.itemsize == 8 else words


def _filled(table: np.ndarray, like: jax.ShapeDtypeStruct) -> np.ndarray:
    """With rows for all the room there is, and nothing between its numbers."""
    if (table.shape, table.dtype) == (like.shape, like.dtype) and table.flags.c_contiguous:
        return table
    rows = np.zeros(like.shape, like.dtype)
    rows[: len(table)] = table
    return rows
