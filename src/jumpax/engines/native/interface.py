"""What a kernel is called with: the state of a run, its inputs, and how many rows they have."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sized
from types import ModuleType
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from jumpax._base.status import Status
from jumpax._base.types import Numeric
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded, unpacked
from jumpax.engines.traced import Traced, record_types, trace


class Block(NamedTuple):
    """A run in progress: arrays in the order in which a kernel takes and changes them."""

    reals: Array | np.ndarray
    """(leaves, lanes) floating leaves of the lanes."""
    integers: Array | np.ndarray
    words: Array | np.ndarray
    path: Array | np.ndarray
    """(lanes,) path of each lane, -1 without one."""
    queue: Array | np.ndarray
    """Next path to start, and how many have ended."""
    turns: Array | np.ndarray
    """Turns taken: of each thread, modulo 2^32, or of a whole block on a processor."""
    record_integers: Array | np.ndarray
    """(paths, stops, n) counts and truth values of the records."""
    record_reals: Array | np.ndarray
    ends: Array | np.ndarray
    """(paths, 2 + species) status, events fired, counts at the end."""
    end_times: Array | np.ndarray


REAL = "real"
"""Stands for the type of the real numbers of a program."""
STATE: dict[str, str | type[np.generic]] = {
    "reals": REAL, "integers": np.int32, "words": np.uint32, "path": np.int32, "queue": np.int32, "turns": np.uint32,
    "record_integers": np.int32, "record_reals": REAL, "ends": np.int32, "end_times": REAL,
}  # fmt: skip
"""Types of the arrays of a block."""
INPUTS: dict[str, str | type[np.generic]] = {
    "theta": REAL, "counts": np.int32, "keys": np.uint32, "first": np.uint32, "start": REAL, "stop_times": REAL,
    "stop_steps": np.int32, "intervals": REAL, "paths": np.int32, "limit": np.int32, "budget": np.int32,
}  # fmt: skip
"""Arrays that a kernel reads."""
ROWS = ("theta", "counts", "keys", "first")
"""Those of them with one row for all paths, or a row for each."""
WHOLES = (*(f"{name}_rows" for name in ROWS), "stops")
"""Whole numbers: 1 where every path has a row of its own, else 0; and how many stops there are."""


def types_of(program: Program, wider: Mapping[str, str | type[np.generic]]) -> dict[str, np.dtype]:
    """Types of all arrays of a kernel; `wider` names those that are not as above."""
    types = {**STATE, **INPUTS, **wider}
    return {name: program.dtype if kind is REAL else np.dtype(kind) for name, kind in types.items()}


def places_of(traced: Traced) -> list[tuple[str, int]]:
    """Where each leaf of a lane lies: `reals`, `integers` or `words`, and its number there."""
    buffers = [{"f": "reals", "u": "words"}.get(leaf.dtype.kind, "integers") for leaf in jax.tree.leaves(traced.lane)]
    return [(buffer, buffers[:i].count(buffer)) for i, buffer in enumerate(buffers)]


def started(program: Program, lanes: int, stops: int, room: int, library: ModuleType) -> Block:
    """Lanes without a path, and empty records for `room` paths, as arrays of NumPy or of JAX (`library`)."""
    traced = trace(program)
    places, kinds, types = places_of(traced), record_types(traced), types_of(program, {})
    leaves = Counter(buffer for buffer, _ in places)
    whole = sum(kind.kind != "f" for kind in kinds)
    shapes = {name: (leaves[name], lanes) for name in ("reals", "integers", "words")} | {
        "path": (lanes,), "queue": (2,), "turns": (lanes,),
        "record_integers": (room, stops, whole), "record_reals": (room, stops, len(kinds) - whole),
        "ends": (room, 2 + len(program.network.species)), "end_times": (room, 2),
    }  # fmt: skip
    filled = {"path": -1, "record_integers": -1, "record_reals": np.nan}
    block = Block(**{name: library.full(shape, filled.get(name, 0), types[name]) for name, shape in shapes.items()})
    status = library.arange(len(block.integers))[:, None] == places[traced.fields.index("status")][1]
    return block._replace(integers=library.where(status, np.int32(Status.DONE), block.integers))


def collected(program: Program, block: Block, paths: int) -> Recorded:
    """What has been recorded of the first paths."""
    tables = (block.record_integers, block.record_reals, block.ends, block.end_times)
    return unpacked(trace(program).record, *tables, paths)


def arrays_of(
    program: Program, inputs: Inputs, budget: Array | np.ndarray, library: ModuleType
) -> dict[str, Array | np.ndarray]:
    """What a kernel reads, as arrays of NumPy or of JAX (`library`); `budget` is one already, of one entry."""
    dtype = program.dtype

    def rows(columns: Iterable[Numeric], dtype: np.dtype | type[np.generic]) -> Array | np.ndarray:
        """Columns side by side."""
        made = [library.atleast_1d(library.asarray(column, dtype)) for column in columns]
        many = max((len(column) for column in made), default=1)
        if not made:
            return library.zeros((1, 0), dtype)
        return library.stack([library.broadcast_to(column, (many,)) for column in made], -1)

    return {
        "theta": rows([inputs.theta[name] for name in program.network.parameters], dtype),
        "counts": library.atleast_2d(library.asarray(inputs.counts, np.int32)),
        "keys": rows(inputs.key, np.uint32),
        "first": library.atleast_1d(library.asarray(inputs.first, np.uint32)),
        "start": library.stack([library.asarray(value, dtype) for value in inputs.start]),
        "stop_times": rows(inputs.stops.time, dtype),
        "stop_steps": library.asarray(inputs.stops.step, np.int32),
        "intervals": rows(inputs.stops.interval or (), dtype),
        "paths": library.reshape(library.asarray(inputs.paths, np.int32), 1),
        "limit": library.reshape(library.asarray(inputs.limit, np.int32), 1),
        "budget": budget,
    }


def wholes_of(arrays: Mapping[str, Sized]) -> tuple[int, ...]:
    """The whole numbers that go with them."""
    return (*(int(len(arrays[name]) > 1) for name in ROWS), len(arrays["stop_steps"]))


def is_per_path(inputs: Inputs) -> bool:
    """Whether every path has parameters of its own."""
    return any(np.ndim(value) for value in inputs.theta.values())
