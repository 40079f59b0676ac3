"""From parameters to sums over all paths of a sampling: chunk after chunk, on one device or on all, one compiled program for all of them."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jumpax._base.devices import FEWEST_PARTS, FEWEST_PATHS, on_all
from jumpax._base.memory import check_memory
from jumpax._base.types import Count, ParameterValues, Word
from jumpax.engines import inputs as make_inputs
from jumpax.engines.choice import engine_for
from jumpax.engines.gathering import gather
from jumpax.engines.recorded import Recorded
from jumpax.engines.size import COPIES, check_records
from jumpax.engines.starts import drawn
from jumpax.gradients.batches import over_batches
from jumpax.gradients.chunk import AbstractRule, Sums
from jumpax.gradients.sampling import Run, Sampling

CHUNK = 16_384
"""Most paths that are held in memory at once, on a processor."""
ROWS = 65_536
"""Most paths in flight when theta is a batch, on a processor."""


class _Division(NamedTuple):
    """Paths in equal chunks, which are divided among the devices; none has more than one path less."""

    paths: int
    chunks: int

    @property
    def width(self) -> int:
        """Most paths in a chunk."""
        return -(-self.paths // self.chunks)

    def of(self, chunk: Count) -> tuple[Count, Count]:
        """The first path of a chunk, and how many there are."""
        least, longer = divmod(self.paths, self.chunks)
        return chunk * least + jnp.minimum(chunk, longer), least + (chunk < longer)


def _divided(sampling: Sampling, limit: int) -> _Division:
    """With chunks of at most so many paths; for several devices, the same chunks for several numbers of them."""
    chunks = -(-sampling.paths // max(2, limit))
    if sampling.devices == "all" and sampling.paths >= FEWEST_PATHS * FEWEST_PARTS:
        chunks = -(-max(chunks, FEWEST_PARTS) // sampling.parts) * sampling.parts
    return _Division(sampling.paths, chunks)


def _merge(parts: Sums) -> Sums:
    """Sums of all chunks from the stacked sums of each.

    Squares are of deviations from the mean of a chunk; one of sqrt(peak) from there is at most |mean - grand mean| more from
    the mean of all.
    """
    weight = parts.paths.reshape(-1, *[1] * (parts.value.ndim - 1))

    def shifts(total: Array) -> tuple[Array, Array]:
        width = weight.reshape(-1, *[1] * (total.ndim - 1))
        return width, total / width - (total.sum(0) / weight.sum())[None]

    def spread(total: Array, square: Array) -> Array:
        width, shift = shifts(total)
        return square.sum(0) + (width * shift**2).sum(0)

    peak = (jnp.sqrt(parts.gradient_peak) + jnp.abs(shifts(parts.gradient)[1])) ** 2
    tail = parts.gradient_tail
    if tail is not None:
        many = tail.shape[-1]
        tail = jax.lax.top_k(jnp.moveaxis(tail, 0, -2).reshape(*tail.shape[1:-1], -1), many)[0]
    return Sums(
        parts.paths.sum(), parts.value.sum(0), spread(parts.value, parts.square),
        parts.gradient.sum(0), spread(parts.gradient, parts.gradient_square), peak.max(0), tail,
        redrawn=None if parts.redrawn is None else parts.redrawn.sum(0),
    )  # fmt: skip


def sample(
    sampling: Sampling,
    rule: AbstractRule | None,
    wrt: tuple[str, ...],
    theta: ParameterValues,
    words: tuple[Word, Word],
) -> Sums:
    """Sums over all paths, with the derivatives that a rule gives (none without a rule).

    A batch, under `jax.vmap` over theta or keys, runs as paths with a theta and a key of their own: they share one queue of
    lanes, so that slow parameter sets do not hold up the others.
    """
    run = sampling.run(rule, wrt)
    return over_batches(lambda *batch: _sample_batch(run, *batch, size=len(batch[1][0])))(theta, words)


def _check_size(run: Run, paths: int) -> None:
    """Whether what is held of so many paths at once fits into memory."""
    remedy = "Ask for fewer times, a smaller observable, or fewer parameters (wrt=...)"
    check_records(run.program, paths, len(run.stops.values), remedy)
    stops, entries, wrt = len(run.sampling.stops.values), run.sampling.entries, len(run.wrt)
    check_memory(
        f"{paths:,} paths x {stops:,} stops x {entries:,} entries of the observable"
        + (f" x {wrt:,} parameters" if wrt else ""),
        COPIES * paths * stops * entries * max(1, wrt) * run.program.dtype.itemsize,
        remedy,
    )


def _sample_batch(run: Run, theta: ParameterValues, words: tuple[Word, Word], size: int) -> Sums:
    """Sums for `size` values of theta and key; leaves have a leading axis of that length."""
    sampling = run.sampling
    engine = engine_for(run.program, sampling.engine)
    division = _divided(sampling, min(engine.breadth * min(CHUNK, ROWS // size), run.width, run.held(engine) // size))
    _check_size(run, size * division.width)

    if division.chunks == 1:
        return _chunk(run, division, theta, words, size, jnp.int32(0))

    def part(number: Count, theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
        own = division.chunks // sampling.parts
        chunk = functools.partial(_chunk, run, division, theta, words, size)
        return jax.lax.map(chunk, number * own + jnp.arange(own, dtype=jnp.int32))

    chunks = part(jnp.int32(0), theta, words) if sampling.parts == 1 else on_all(part, theta, words)
    return jax.vmap(_merge, in_axes=1)(chunks)


def _chunk(
    run: Run, division: _Division, theta: ParameterValues, words: tuple[Word, Word], size: int, number: Count
) -> Sums:
    """Sums over one chunk of the paths of each theta."""
    sampling, program, width = run.sampling, run.program, division.width
    engine = engine_for(program, sampling.engine)
    begin, many = division.of(number)
    index = begin + jnp.arange(width)
    if size == 1:
        values, key, first = jax.tree.map(lambda leaf: leaf[0], (theta, words, begin[None]))
        total = many
    else:
        values, key = jax.tree.map(lambda leaf: jnp.repeat(leaf, width, 0), (theta, words))
        first, total = jnp.tile(index, size), size * width
    starts: tuple[Count | None, ...] = (None,)
    if sampling.x0 is not None:
        starts = drawn(sampling.x0, key, jnp.tile(index, size).astype(jnp.uint32), values, program.dtype)

    def ran(start: Count | None) -> Recorded:
        counts = np.array(sampling.counts) if start is None else jnp.maximum(start, 0)
        inputs = make_inputs.make(
            program, run.stops, key, values, counts, total, first=first, start=sampling.start, max_events=sampling.max_events,
        )  # fmt: skip
        return gather(engine, program, inputs, size * width)

    both = tuple(map(ran, starts)), starts
    rows, starts = jax.tree.map(lambda leaf: leaf.reshape(size, width, *leaf.shape[1:]), both)
    sound = jnp.arange(width) < many
    return jax.vmap(lambda ones, values, starts: run.sums(ones, values, sound, starts))(rows, theta, starts)
