"""The numbers of a run; none of them is compiled in."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, Int32

from jumpax._base import clock
from jumpax._base.host import array_of, library_of
from jumpax._base.types import Count, Real, Word
from jumpax.engines.lane import Interval, Stop
from jumpax.engines.program import Program, Steps, Times


class Inputs(NamedTuple):
    """Key, parameters, start, stops and limits of a run."""

    key: tuple[Word, Word]
    """Words of the key: scalars, or one pair per path."""
    first: Word
    """Index of the first path, so that path i of this run is path first + i under the key; or an index per path."""
    paths: Count
    """How many paths; records have room for as many or more."""
    theta: Mapping[str, Real]
    """Parameters: scalars, or one value per path for all of them. Of networks with families: arrays with a leading axis, of paths or
    of length 1."""
    counts: Int32[Array, "..."]
    """Counts at the start: (species,) or (paths, species)."""
    start: clock.Time
    stops: Stop
    """Stops: (stops,) times and steps; the one not in use is infinite."""
    limit: Count
    """Most events that a path may fire."""


def is_own(values: Any) -> bool:
    """Whether there is a value for each path: more than one, along a leading axis."""
    return np.ndim(values) > 0 and len(values) > 1


def of_path(values: Any, path: int) -> Any:
    """The value of one path, of theirs or of one for all."""
    return values if not np.ndim(values) else values[path if len(values) > 1 else 0]


def of_paths(inputs: Inputs, rows: Int[np.ndarray, " some"]) -> Inputs:
    """The inputs of some paths of a run on the host: each with the index, the key and the numbers that it had."""

    def own(values: Any) -> Any:
        return np.asarray(values)[rows] if is_own(values) else values

    return inputs._replace(
        key=jax.tree.map(own, inputs.key),
        first=own(inputs.first) if np.ndim(inputs.first) else np.asarray(inputs.first) + rows.astype(np.uint32),
        paths=np.int32(len(rows)),  # type: ignore[arg-type]  # on the host
        theta=jax.tree.map(own, inputs.theta),
        counts=np.asarray(inputs.counts)[rows] if np.ndim(inputs.counts) == 2 else inputs.counts,
    )


def make_stops(program: Program, stops: Times | Steps) -> Stop:
    """Stops as arrays on the host, in the precision of the run."""
    within = None if stops.bound is None else _intervals(program, stops)
    if isinstance(stops, Times):
        time = clock.split(np.array(stops.values), program.dtype)
        return Stop(time, np.full(len(stops.values), 2**31 - 1, np.int32), within)  # type: ignore[arg-type]
    far = np.full(len(stops.values), np.inf, program.dtype)
    return Stop(clock.Time(far, np.zeros_like(far)), np.asarray(stops.values, np.int32), within)  # type: ignore[arg-type]


def _intervals(program: Program, stops: Times | Steps) -> Interval:
    """The interval of each stop; neighbours of equal bound are one, so that no path depends on stops between them."""
    dtype = program.dtype
    bounds = np.broadcast_to(np.asarray(stops.bound, dtype), len(stops.values))
    changes = np.flatnonzero(bounds[1:] != bounds[:-1])
    borders = np.array([-np.inf, *np.array(stops.values, np.float64)[changes], np.inf]).astype(dtype)
    run = np.searchsorted(changes, np.arange(len(bounds)))
    begin, end = np.nextafter(borders[run], dtype.type(np.inf)), np.nextafter(borders[run + 1], dtype.type(-np.inf))
    return Interval(bounds, begin, end)  # type: ignore[arg-type]


def make(
    program: Program,
    stops: Times | Steps,
    key: tuple[Word, Word],
    theta: Mapping[str, Real | np.ndarray | float],
    counts: Int[Array | np.ndarray, "..."],
    paths: int | Count,
    *,
    first: int | Word = 0,
    start: float = 0.0,
    max_events: int = 10_000_000,
) -> Inputs:
    """Inputs from checked values, on the host; theta, counts, key and number of paths may be traced, and are left as they are."""
    dtype = program.dtype
    values = {name: array_of(theta[name], dtype) for name in program.network.parameters}
    if program.network.families:
        shapes = program.network.shapes
        values = {k: v if v.ndim > len(shapes[k]) else v[None] for k, v in values.items()}
    elif any(v.ndim for v in values.values()):
        length = max(v.size for v in values.values())
        values = {k: library_of(v).broadcast_to(v, (length,)) for k, v in values.items()}
    return Inputs(
        key=(array_of(key[0], np.uint32), array_of(key[1], np.uint32)),
        first=array_of(first, np.uint32),
        paths=array_of(paths, np.int32),
        theta=values,
        counts=array_of(counts, np.int32),
        start=clock.split(np.asarray(start), dtype),
        stops=make_stops(program, stops),
        limit=np.asarray(max_events, np.int32),  # type: ignore[arg-type]
    )
