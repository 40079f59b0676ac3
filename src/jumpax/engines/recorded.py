"""What a run leaves behind."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int32, PyTree


class Recorded(NamedTuple):
    """Records and ends of paths; rows after the end of a faulty path hold -1 (integers), NaN (reals) or False."""

    record: PyTree
    """The fold's record; every leaf (paths, stops)."""
    status: Int32[Array | np.ndarray, " paths"]
    events: Int32[Array | np.ndarray, " paths"]
    """Reactions fired."""
    counts: Int32[Array | np.ndarray, "paths species"]
    """Counts at the end."""
    time: Float[Array | np.ndarray, "paths 2"]
    """Time of the last event, as a pair to be added in float64."""
    redrawn: Any = None
    """(paths,) whether a path was drawn again in float64; None where nobody has looked."""
    whole: Any = None
    """(paths, stops, n) all whole numbers of the record side by side, where an engine wrote them so: those of the first fold first."""


def unpacked(record: PyTree, integers: Any, reals: Any, ends: Any, time: Any, paths: int) -> Recorded:
    """The first paths of what an engine wrote, its records with counts and truth values apart from real numbers.

    Args:
        record: the fold's record, of scalars or their shapes.
        integers: (paths, stops, n), truth values as 0 and 1.
        reals: (paths, stops, m).
        ends: (paths, 2 + species): status, events fired, counts.
        time: (paths, 2).
        paths: how many.
    """
    shapes, tree = jax.tree.flatten(record)
    numbers, parts, leaves = iter(range(integers.shape[2])), iter(range(reals.shape[2])), []
    for shape in shapes:
        if np.issubdtype(shape.dtype, np.floating):
            leaves.append(reals[:paths, :, next(parts)])
        else:
            whole = integers[:paths, :, next(numbers)]
            leaves.append(whole == 1 if shape.dtype == bool else whole)
    ends = ends[:paths]
    return Recorded(
        record=jax.tree.unflatten(tree, leaves), status=ends[:, 0], events=ends[:, 1], counts=ends[:, 2:],
        time=time[:paths],
    )  # fmt: skip


def packed(recorded: Recorded) -> tuple[np.ndarray, ...]:
    """Integers, reals, ends and times as `unpacked` takes them: without a copy where an engine wrote them together."""
    leaves: list[np.ndarray] = [np.asarray(leaf) for leaf in jax.tree.leaves(recorded.record)]
    none = np.zeros((*leaves[0].shape, 0), np.int32)
    parts = [leaf for leaf in leaves if np.issubdtype(leaf.dtype, np.floating)]
    whole = [leaf for leaf in leaves if not np.issubdtype(leaf.dtype, np.floating)]
    ends = np.column_stack([np.asarray(column) for column in (recorded.status, recorded.events, recorded.counts)])
    return beside(whole) if whole else none, beside(parts) if parts else none, ends, np.asarray(recorded.time)


def beside(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Columns stacked along a new last axis; without a copy where they lie side by side already, as an engine wrote them."""
    if _run(columns) < len(columns):
        return np.stack(columns, -1)
    first = columns[0]
    return np.lib.stride_tricks.as_strided(
        first, (*first.shape, len(columns)), (*first.strides, first.itemsize), writeable=first.flags.writeable
    )


def joined(parts: Sequence[Recorded]) -> Recorded:
    """Paths of all parts, one part after the other; columns that lie side by side still do."""
    structure = jax.tree.structure(parts[0])
    leaves = list(zip(*map(jax.tree.leaves, parts), strict=True))
    made: list[np.ndarray] = []
    while len(made) < len(leaves):
        rest = leaves[len(made) :]
        width = max(1, min(_run([leaf[number] for leaf in rest]) for number in range(len(parts))))
        blocks = [beside([leaf[number] for leaf in rest[:width]]) for number in range(len(parts))]
        whole = np.concatenate(blocks)
        made += [whole[..., column] for column in range(width)]
    return jax.tree.unflatten(structure, made)


def _run(columns: Sequence[np.ndarray]) -> int:
    """How many arrays, from the first on, are neighbouring columns of one array."""
    first = columns[0]
    if not isinstance(first, np.ndarray) or not first.size or not first.ndim:
        return 0
    place = first.__array_interface__["data"][0]
    room = min(first.strides) // first.itemsize
    for number, column in enumerate(columns):
        alike = isinstance(column, np.ndarray) and (column.shape, column.strides, column.dtype) == (
            first.shape, first.strides, first.dtype
        )  # fmt: skip
        if not alike or number >= room or column.__array_interface__["data"][0] != place + number * first.itemsize:
            return number
    return len(columns)
