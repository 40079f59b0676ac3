"""From parameters to sums over paths: chunks of paths, one compiled program for all of them."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from jumpax._base.status import FIRST_FAULT
from jumpax._base.types import Precision, Word
from jumpax.engines import inputs as make_inputs
from jumpax.engines.choice import engine_for, gather
from jumpax.engines.program import Program, Steps, Times
from jumpax.engines.recorded import Recorded
from jumpax.folds import Snapshots, Together
from jumpax.gradients.estimator import AbstractEstimator, Sums
from jumpax.networks import Network
from jumpax.observables import Observable

CHUNK = 16_384
"""Most paths that are held in memory at once."""
ROWS = 65_536
"""Most paths in flight when theta is a batch."""


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Everything static about an expectation; hashable, so that equal ones are compiled once."""

    observable: Observable
    network: Network
    counts: tuple[int, ...]
    stops: Times | Steps
    keep: tuple[int, ...]
    """Which of the stops were asked for."""
    paths: int
    estimator: AbstractEstimator
    precision: Precision
    engine: str | None
    start: float
    max_events: int

    def program(self, wrt: tuple[str, ...]) -> Program:
        """What runs to get values, and derivatives with respect to `wrt`."""
        own = (self.estimator.fold(self.network, wrt),) if wrt else ()
        clock = "times" if isinstance(self.stops, Times) else "steps"
        return Program(self.network, Together((Snapshots(), *own)), self.precision, clock)

    def observe(self, counts: Mapping[str, Any]) -> Any:
        """The observable of one state."""
        return self.observable(counts)

    @functools.cached_property
    def shape(self) -> Any:
        """Structure of the observable's result."""
        scalar = jax.ShapeDtypeStruct((), np.dtype(self.precision))
        return jax.eval_shape(self.observe, dict.fromkeys(self.network.species, scalar))


def _values(sampling: Sampling, snapshots: tuple[Any, ...]) -> Float[Array, "paths stops entries"]:
    """The observable of every path and stop, flattened."""
    kind = np.dtype(sampling.precision)

    def one(*counts: Any) -> Any:
        made = sampling.observe(dict(zip(sampling.network.species, counts, strict=True)))
        return ravel_pytree(jax.tree.map(lambda leaf: jnp.asarray(leaf, kind), made))[0]

    return jax.vmap(jax.vmap(one))(*(c.astype(kind) for c in snapshots))


def _sums(sampling: Sampling, wrt: tuple[str, ...], recorded: Recorded, sound: Any) -> Sums:
    """Sums of one chunk for one theta; NaN when one of its paths is faulty."""
    keep = np.array(sampling.keep)
    snapshots, *own = jax.tree.map(lambda leaf: leaf[:, keep], recorded.record)
    values = jnp.where(sound[:, None, None], _values(sampling, snapshots), 0.0)
    paths = sound.sum().astype(values.dtype)
    value = values.sum(0)
    square = (jnp.where(sound[:, None, None], values - (value / paths)[None], 0.0) ** 2).sum(0)
    empty = jnp.zeros((*value.shape, 0), value.dtype)
    gradient, gradient_square = sampling.estimator.contributions(values, own[0], sound) if wrt else (empty, empty)
    faulty = jnp.any((recorded.status >= FIRST_FAULT) & sound)
    sums = Sums(paths, value, square, gradient, gradient_square)
    return jax.tree.map(lambda leaf: jnp.where(faulty, jnp.nan, leaf), sums)


def _split(total: int, limit: int) -> tuple[int, int]:
    """Number of chunks and paths in each; the last one may be short, by fewer paths than there are chunks."""
    chunks = -(-total // max(2, limit))
    return chunks, -(-total // chunks)


def _merge(parts: Sums) -> Sums:
    """Sums of all chunks from the stacked sums of each."""
    weight = parts.paths.reshape(-1, *[1] * (parts.value.ndim - 1))

    def spread(total: Any, square: Any) -> Any:
        width = weight.reshape(-1, *[1] * (total.ndim - 1))
        means, grand = total / width, total.sum(0) / weight.sum()
        return square.sum(0) + (width * (means - grand[None]) ** 2).sum(0)

    return Sums(
        parts.paths.sum(), parts.value.sum(0), spread(parts.value, parts.square),
        parts.gradient.sum(0), spread(parts.gradient, parts.gradient_square),
    )  # fmt: skip


def sample(sampling: Sampling, wrt: tuple[str, ...], theta: Mapping[str, Any], words: tuple[Word, Word]) -> Sums:
    """Sums over all paths.

    A batch, under `jax.vmap` over theta or keys, runs as paths with a theta and a key of their own: they share one queue of
    lanes, so that slow parameter sets do not hold up the others.
    """

    @jax.custom_batching.custom_vmap
    def run(theta: Mapping[str, Any], words: tuple[Word, Word]) -> Sums:
        batch = jax.tree.map(lambda leaf: leaf[None], (theta, words))
        return jax.tree.map(lambda leaf: leaf[0], _sample_batch(sampling, wrt, *batch, size=1))

    @run.def_vmap
    def _batched(size: int, batched: Any, theta: Mapping[str, Any], words: tuple[Word, Word]) -> tuple[Sums, Any]:
        spread = jax.tree.map(
            lambda leaf, has: leaf if has else jnp.broadcast_to(leaf, (size, *leaf.shape)),
            (theta, words),
            tuple(batched),
        )
        sums = _sample_batch(sampling, wrt, *spread, size=size)
        return sums, jax.tree.map(lambda _: True, sums)

    return run(theta, words)


def _sample_batch(sampling: Sampling, wrt: tuple[str, ...], theta: Any, words: Any, size: int) -> Sums:
    """Sums for `size` values of theta and key; leaves have a leading axis of that length."""
    program = sampling.program(wrt)
    chunks, width = _split(sampling.paths, min(CHUNK, ROWS // size))

    def chunk(number: Any) -> Sums:
        index = number * width + jnp.arange(width)
        if size == 1:
            values, key, first = jax.tree.map(lambda leaf: leaf[0], (theta, words, number[None] * width))
            many = jnp.minimum(width, sampling.paths - number * width)
        else:
            values, key = jax.tree.map(lambda leaf: jnp.repeat(leaf, width, 0), (theta, words))
            first, many = jnp.tile(index, size), size * width
        inputs = make_inputs.make(
            program, sampling.stops, key, values, np.array(sampling.counts), many, first=first,
            start=sampling.start, max_events=sampling.max_events,
        )  # fmt: skip
        recorded = gather(engine_for(program, sampling.engine), program, inputs, size * width)
        rows = jax.tree.map(lambda leaf: leaf.reshape(size, width, *leaf.shape[1:]), recorded)
        sound = index < sampling.paths
        return jax.vmap(lambda one: _sums(sampling, wrt, one, sound))(rows)

    if chunks == 1:
        return chunk(jnp.int32(0))
    return jax.vmap(_merge, in_axes=1)(jax.lax.map(chunk, jnp.arange(chunks, dtype=jnp.int32)))
