"""What folds gather along a block of lanes, with all species or reactions in one array."""

from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, PyTree

from jumpax._base.clock import Time
from jumpax._base.errors import UnsupportedError
from jumpax._base.shares import Chance
from jumpax._base.types import Count, Real
from jumpax.engines.arrays.rates import Structure
from jumpax.engines.arrays.turn import Lane, Step
from jumpax.engines.recorded import Recorded
from jumpax.folds import AbstractFold, Jump, Together
from jumpax.networks import Need


class Gathered(NamedTuple):
    """Carry of the fold, and its records so far."""

    carry: PyTree
    """Leaves (lanes,), or (species or reactions, lanes)."""
    records: PyTree
    """The same with a leading axis of stops."""


def check_fold(fold: AbstractFold) -> None:
    """Whether a fold can be gathered with all species in one array.

    Raises:
        UnsupportedError: naming it.
    """
    parts = fold.folds if isinstance(fold, Together) else (fold,)
    if wrong := [type(part).__name__ for part in parts if Need.FAMILY not in part.treats]:
        raise UnsupportedError(
            f"engine 'arrays' does not gather {', '.join(wrong)}, but TimeAverages and ReactionCounts; for gradients there is "
            "TrapezoidalTangent(reverse=True)"
        )


def _missing(leaf: jax.ShapeDtypeStruct) -> Array:
    """What stands where a path did not come."""
    return jnp.full(leaf.shape, {"f": np.nan, "b": False}.get(np.dtype(leaf.dtype).kind, -1), leaf.dtype)


def _whole(counts: Real) -> Count:
    """Counts as whole numbers; -1 where they no longer are numbers."""
    return jnp.where(jnp.isfinite(counts), counts, -1).astype(jnp.int32)


def empty(fold: AbstractFold, counts: Real, now: Time, stops: int) -> Gathered:
    """Nothing yet, for a block of lanes with these counts, (species, lanes)."""
    whole = _whole(counts)
    carry = fold.init(whole, {}, jnp.full(whole.shape[1:], now.high))  # type: ignore[arg-type]  # one array in place of a tuple
    one = jax.eval_shape(lambda c, x: fold.stop(c, x, {}, jnp.int32(0))[1], carry, whole)
    return Gathered(carry, jax.tree.map(lambda s: _missing(jax.ShapeDtypeStruct((stops, *s.shape), s.dtype)), one))


def gather(fold: AbstractFold, model: Structure, before: Lane, after: Lane, step: Step, gathered: Gathered) -> Gathered:
    """What is gathered after a turn."""
    carry, records = gathered
    reactions = np.arange(model.network.reactions, dtype=np.int32)[:, None]
    fired: Any = reactions == step.reaction[None]
    numbers: Any = (step.rate, Chance(step.rate, None))  # no fold in arrays reads the random numbers
    carry = fold.advance(carry, before.counts, (), {}, before.time.high, step.dt)  # type: ignore[arg-type]
    carry = fold.event(carry, before.counts, (), {}, step.arrival.high, Jump(fired, *numbers, ()))  # type: ignore[arg-type]

    def flush(_: None) -> Gathered:
        due = step.stops & (before.counts == before.counts).all(0)
        renewed, record = fold.stop(carry, _whole(before.counts), {}, jnp.int32(0))  # type: ignore[arg-type]

        def put(buffer: Array, value: Array) -> Array:
            here = due[None] & (np.arange(len(buffer), dtype=np.int32)[:, None] == before.border[None])
            return jnp.where(here.reshape(-1, *[1] * (value.ndim - 1), here.shape[1]), value[None], buffer)

        def renew(new: Array, old: Array) -> Array:
            return jnp.where(step.stops.reshape(*[1] * (new.ndim - 1), -1), new, old)

        kept = jax.tree.map(renew, renewed, carry)
        return Gathered(kept, jax.tree.map(put, records, record))

    return lax.cond(jnp.any(step.stops), flush, lambda _: Gathered(carry, records), None)


def rows_of(gathered: Gathered, lane: Lane, status: Count) -> Recorded:
    """Records of a block, one row per path; species and reactions stay one axis, the last."""
    return Recorded(
        record=jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), gathered.records),
        status=status,
        events=lane.events,
        counts=_whole(lane.counts).T,
        time=jnp.stack(list(lane.time), 1),
    )


def columns(recorded: Recorded, paths: int, library: ModuleType) -> Recorded:
    """The first rows, as folds give them: a leaf for each species or reaction."""

    def parted(leaf: Array | np.ndarray) -> Array | np.ndarray | tuple[Array | np.ndarray, ...]:
        leaf = library.asarray(leaf)[:paths]
        return leaf if leaf.ndim == 2 else tuple(leaf[..., i] for i in range(leaf.shape[-1]))

    others = jax.tree.map(lambda leaf: library.asarray(leaf)[:paths], recorded._replace(record=None))
    return others._replace(record=jax.tree.map(parted, recorded.record))
