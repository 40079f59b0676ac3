"""Exact likelihood of counts seen in independent snapshots."""

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from jumpax._base.errors import InputError, JumpaxWarning
from jumpax.exact.first_order import Theta
from jumpax.exact.state_space import Counts, StateSpace
from jumpax.exact.transient import Probabilities, distribution


def log_likelihood(
    space: StateSpace,
    theta: Theta,
    species: str | Sequence[str],
    counts: Sequence[Any] | np.ndarray,
    times: float | int | Sequence[float | int] | np.ndarray,
    x0: Counts | None = None,
    *,
    initial: Probabilities | None = None,
    tolerance: float = 1e-6,
    floor: float = 1e-30,
) -> Float[Array, ""]:
    """Log probability of independent snapshots of one or several species; differentiable once in theta.

    `sum_cells ln max(P(count at its time), floor)`, where P is the marginal of `distribution`: the other species are
    summed over. With the leak below `tolerance` the probability of every count is low by at most that much.

    Args:
        space: where to solve; its limits must lie above the counts.
        theta: value of each parameter.
        species: which were counted.
        counts: (cells,) for one species, (cells, species) for several; a list of such arrays for several times.
        times: when; one number, or one per array, increasing.
        x0: as in `distribution`.
        initial: as in `distribution`.
        tolerance: as in `distribution`.
        floor: probability given to counts that are less probable; with it the derivative of such a cell is 0.

    Returns:
        A scalar.

    Raises:
        InputError: counts, species or times do not fit together.
        SimulationError: as `distribution`.

    Warns:
        JumpaxWarning: counts that no state of the space has (their cells get the floor).

    Examples:
        >>> from jumpax.networks import MassAction, Network, Reaction
        >>> network = Network([Reaction("∅ -> X", MassAction("k")), Reaction("X -> ∅", MassAction("g"))])
        >>> space = StateSpace.reachable(network, {"X": 0}, limits=40)
        >>> loss = lambda k: -log_likelihood(space, {"k": k, "g": 1.0}, "X", [3, 5, 2], 1.0)
        >>> print(f"{jax.grad(loss)(5.0):.4f}")
        -0.1036
    """
    names = (species,) if isinstance(species, str) else tuple(species)
    several = np.ndim(times) > 0
    moments = list(np.atleast_1d(np.asarray(times, np.float64)))
    tables = [_table(table, names) for table in (counts if several else [counts])]
    if len(tables) != len(moments):
        raise InputError(f"{len(moments)} times need as many arrays of counts, not {len(tables)}")
    columns = space.states[:, [space.column(name) for name in names]]
    law = distribution(space, theta, moments, x0, initial=initial, tolerance=tolerance)
    total = jnp.zeros(())
    for probabilities, table in zip(law.probabilities, tables):
        group, cells, missing = _groups(columns, table)
        if missing.sum():
            warnings.warn(_outside(names, table, missing, floor), JumpaxWarning, stacklevel=2)
        seen = jax.ops.segment_sum(probabilities, group, num_segments=len(cells) + 1)[:-1]
        total += cells @ jnp.log(jnp.maximum(seen, floor)) + int(missing.sum()) * jnp.log(floor)
    return total


def _table(counts: Any, names: tuple[str, ...]) -> Int[np.ndarray, "cells species"]:
    if isinstance(counts, Tracer):
        raise InputError("counts must be known numbers, not traced by jit or grad")
    table = np.asarray(counts)
    table = table[:, None] if table.ndim == 1 and len(names) == 1 else table
    if table.ndim != 2 or table.shape[1] != len(names) or not np.array_equal(table, np.round(table)):
        raise InputError(
            f"counts must be whole numbers of shape (cells, {len(names)}) for {names}, not {np.shape(counts)}"
        )
    return table.astype(np.int64)


def _groups(
    columns: Int[np.ndarray, "states species"], table: Int[np.ndarray, "cells species"]
) -> tuple[Int[np.ndarray, " states"], Float[np.ndarray, " distinct"], Bool[np.ndarray, " cells"]]:
    """How the states fall into groups of the counts that were seen.

    Returns:
        for each state the place of its counts among the distinct ones seen (or one past); how often each of those was
        seen, 0 if no state has it; and which cells no state has.
    """
    distinct, cell_group = np.unique(table, axis=0, return_inverse=True)
    _, code = np.unique(np.concatenate([distinct, columns]), axis=0, return_inverse=True)
    place = np.full(int(code.max()) + 1, len(distinct))
    place[code.ravel()[: len(distinct)]] = np.arange(len(distinct))
    group = place[code.ravel()[len(distinct) :]]
    known = np.isin(np.arange(len(distinct)), group)
    times_seen = np.bincount(cell_group.ravel(), minlength=len(distinct)).astype(float)
    return group, np.where(known, times_seen, 0.0), ~known[cell_group.ravel()]


def _outside(names: tuple[str, ...], table: np.ndarray, missing: np.ndarray, floor: float) -> str:
    return (
        f"{int(missing.sum())} of {len(table)} counts are those of no state of the space, such as {names} = "
        f"{tuple(table[missing][0].tolist())}; they get the probability {floor:g}. Raise the limits of the space, "
        f"or see whether the model can produce such counts"
    )
