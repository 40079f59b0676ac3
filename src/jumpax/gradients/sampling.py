"""From parameters to sums over paths: chunks of paths, one compiled program for all of them."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jumpax._base import given
from jumpax._base.errors import UnsupportedError
from jumpax._base.memory import check_memory
from jumpax._base.status import FIRST_FAULT
from jumpax._base.types import Precision, Word
from jumpax.engines import inputs as make_inputs
from jumpax.engines.choice import engine_for, platform
from jumpax.engines.gathering import gather
from jumpax.engines.program import Bound, Program, Steps, Times
from jumpax.engines.recorded import Recorded
from jumpax.engines.size import COPIES, check_records, numbers
from jumpax.folds import AbstractFold, Snapshots, Together
from jumpax.folds.dependence import depends, record_of
from jumpax.gradients.batches import over_batches
from jumpax.gradients.chunk import AbstractRule, Chunk, Sums, Totals, asked
from jumpax.networks import Network
from jumpax.observables import AbstractPathObservable, Moments, Observable

CHUNK = 16_384
"""Most paths that are held in memory at once, on a processor."""
ROWS = 65_536
"""Most paths in flight when theta is a batch, on a processor."""
NUMBERS = 2**25
"""Most numbers in one array of records or of gradient contributions."""


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Everything static about an expectation but its estimator; hashable, so that equal ones are compiled once."""

    observable: Observable | AbstractPathObservable
    network: Network
    counts: tuple[int, ...]
    stops: Times | Steps
    """Those that were asked for."""
    paths: int
    precision: Precision
    engine: str | None = None
    start: float = 0.0
    max_events: int = 10_000_000
    queue: int = 0
    """Reactions of one path that may be under way at one time, for networks with delays."""
    tail: int = 0
    """How many of the largest squared deviations of gradient contributions are kept; for pilots."""

    @property
    def bound(self) -> Bound:
        """From which waits are drawn, with null events; None where they are drawn from the total propensity."""
        return self.stops.bound

    @functools.cached_property
    def gathered(self) -> AbstractFold | None:
        """What an observable of whole paths gathers; None where it is a function of the counts at the stops."""
        known = self.observable
        return known.fold(self.network) if isinstance(known, AbstractPathObservable) else None

    @functools.cached_property
    def explicit(self) -> bool:
        """Whether the observable has parameters in it beside the path: the score, which is that of the path, does not see them."""
        return _depends(self.observable, self.network, "parameters")

    def observe(self, counts: Any) -> Any:
        """The observable of one state, (species,) real counts, flattened.

        Raises:
            UnsupportedError: it is gathered along paths.
        """
        if isinstance(self.observable, AbstractPathObservable):
            raise UnsupportedError(
                f"{type(self.observable).__name__} is gathered along paths, and no function of the counts"
            )
        return self._flat(given.observe(self.observable, dict(zip(self.network.species, counts, strict=True))))

    def read(self, record: Any, stop: Any) -> Any:
        """The observable of one record of what it gathers, flattened."""
        assert isinstance(self.observable, AbstractPathObservable)
        return self._flat(given.numbers(self.observable.value(record, stop), "the observable"))

    def _flat(self, made: Any) -> Any:
        kind = np.dtype(self.precision)
        return ravel_pytree(jax.tree.map(lambda leaf: jnp.asarray(leaf, kind), made))[0]

    @property
    def problem(self) -> "Sampling":
        """What is asked for, however many paths, in whatever precision, and wherever they run."""
        return dataclasses.replace(self, paths=1, precision="float32", engine=None, max_events=1, tail=0)

    def component(self, stop: int, entry: int) -> str:
        """One entry of the result, in words."""
        name = f"entry {entry} of the observable" if self.entries > 1 else "the observable"
        if isinstance(self.observable, Moments):
            species, power = divmod(entry, self.observable.order)
            name = self.observable.species[species] + (f"^{power + 1}" if power else "")
        return f"{name} {'after event' if isinstance(self.stops, Steps) else 'at time'} {self.stops.values[stop]:g}"

    @functools.cached_property
    def shape(self) -> Any:
        """Structure of the observable's result."""
        scalar = jax.ShapeDtypeStruct((), np.dtype(self.precision))
        if isinstance(self.observable, AbstractPathObservable):
            assert self.gathered is not None
            record = record_of(self.gathered, self.network, scalar.dtype)
            made = jax.eval_shape(self.observable.value, record, scalar)
            given.numbers(made, "the observable")
            return made
        return jax.eval_shape(
            functools.partial(given.observe, self.observable), dict.fromkeys(self.network.species, scalar)
        )

    @property
    def entries(self) -> int:
        """Length of the observable's result, flattened."""
        return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(self.shape))

    def run(self, rule: AbstractRule | None, wrt: tuple[str, ...]) -> "Run":
        """The program that gives values and, by a rule, derivatives with respect to `wrt`."""
        kept, stops = rule if wrt else None, self.stops
        if isinstance(stops, Steps) and _depends(self.observable, self.network, "times"):
            stops = dataclasses.replace(stops, timed=True)
        folds = () if kept is None else (kept.fold(self.network, wrt, stops),)
        program = self._program(folds)
        if isinstance(stops, Times):
            stops = stops.joined(program.fold)
        keep = np.searchsorted(np.array(stops.values), np.array(self.stops.values))
        return Run(self, kept, () if kept is None else wrt, program, stops, keep)

    def outside(self, estimator: Any, wrt: tuple[str, ...]) -> bool:
        """Whether its paths are drawn outside the programs of XLA, which may then be compiled in haste: it is not they that take time."""
        return _outside(self, estimator if isinstance(estimator, AbstractRule) else None, wrt, platform())

    def _program(self, folds: tuple[AbstractFold, ...]) -> Program:
        clock = "times" if isinstance(self.stops, Times) else "steps"
        fold = Together((Snapshots(), *folds))
        if self.gathered is not None:
            fold = Together((Snapshots(), self.gathered, *folds), until=1)
        return Program(self.network, fold, self.precision, clock, self.bound is not None, self.queue)


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A sampling with the rule that gives its derivatives, and what runs for that."""

    sampling: Sampling
    rule: AbstractRule | None
    wrt: tuple[str, ...]
    program: Program
    stops: Times | Steps
    keep: np.ndarray

    @property
    def width(self) -> int:
        """Most paths for which all records and gradient contributions are held in memory at once."""
        each = max(self.sampling.entries * max(1, len(self.wrt)), int(numbers(self.program)))
        return max(256, NUMBERS // (len(self.stops.values) * each))

    def sums(self, recorded: Recorded, theta: Mapping[str, Any], sound: Any) -> Sums:
        """Sums of one chunk for one theta; NaN when one of its paths is faulty."""
        sampling = self.sampling
        snapshots, *own = recorded.record
        kind = np.dtype(sampling.precision)
        counts = jnp.stack([asked(c, self.keep) for c in snapshots], -1).astype(kind)
        if sampling.gathered is None:
            values = jax.vmap(jax.vmap(sampling.observe))(counts)
        else:
            gathered, *own = own
            rows = jax.tree.map(lambda leaf: asked(leaf, self.keep), gathered)
            at = jnp.asarray(np.array(sampling.stops.values), kind)
            values = jax.vmap(jax.vmap(sampling.read), in_axes=(0, None))(rows, at)
        values = jnp.where(sound[:, None, None], values, 0.0)
        paths = sound.sum().astype(values.dtype)
        value = values.sum(0)
        square = (jnp.where(sound[:, None, None], values - (value / paths)[None], 0.0) ** 2).sum(0)
        totals = Totals(*[jnp.zeros((*value.shape, 0), values.dtype)] * 3)
        if self.rule is not None:
            chunk = Chunk(
                sampling.network, self.wrt, theta, sampling.counts, sampling.start, self.stops, self.keep,
                sampling.observe, counts, values, own[0], sound, sampling.tail,
            )  # fmt: skip
            totals = self.rule.contributions(chunk)
        faulty = jnp.any((recorded.status >= FIRST_FAULT) & sound)
        again = None if recorded.redrawn is None else (recorded.redrawn & sound).sum().astype(values.dtype)
        sums = Sums(paths, value, square, *totals, redrawn=again)
        return jax.tree.map(lambda leaf: jnp.where(faulty, jnp.nan, leaf), sums)


@functools.lru_cache(256)
def _depends(observable: Any, network: Network, on: Literal["parameters", "times"]) -> bool:
    """Whether an observable that is gathered along paths changes with parameters or times on a path that is the same otherwise."""
    if not isinstance(observable, AbstractPathObservable):
        return False
    return depends(observable.fold(network), network, on, lambda record: observable.value(record, jnp.ones(())))


@functools.lru_cache(256)
def _outside(sampling: Sampling, rule: AbstractRule | None, wrt: tuple[str, ...], _platform: str) -> bool:
    return not engine_for(sampling.run(rule, wrt).program, sampling.engine).traceable


def _split(total: int, limit: int) -> tuple[int, int]:
    """Number of chunks and paths in each; the last one may be short, by fewer paths than there are chunks."""
    chunks = -(-total // max(2, limit))
    return chunks, -(-total // chunks)


def _merge(parts: Sums) -> Sums:
    """Sums of all chunks from the stacked sums of each.

    Squares are of deviations from the mean of a chunk; one of sqrt(peak) from there is at most |mean - grand mean| more from
    the mean of all.
    """
    weight = parts.paths.reshape(-1, *[1] * (parts.value.ndim - 1))

    def shifts(total: Any) -> tuple[Any, Any]:
        width = weight.reshape(-1, *[1] * (total.ndim - 1))
        return width, total / width - (total.sum(0) / weight.sum())[None]

    def spread(total: Any, square: Any) -> Any:
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
    theta: Mapping[str, Any],
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


def _sample_batch(run: Run, theta: Any, words: Any, size: int) -> Sums:
    """Sums for `size` values of theta and key; leaves have a leading axis of that length."""
    sampling, program = run.sampling, run.program
    engine = engine_for(program, sampling.engine)
    chunks, width = _split(sampling.paths, min(engine.breadth * min(CHUNK, ROWS // size), run.width))
    _check_size(run, size * width)

    def chunk(number: Any) -> Sums:
        index = number * width + jnp.arange(width)
        if size == 1:
            values, key, first = jax.tree.map(lambda leaf: leaf[0], (theta, words, number[None] * width))
            many = jnp.minimum(width, sampling.paths - number * width)
        else:
            values, key = jax.tree.map(lambda leaf: jnp.repeat(leaf, width, 0), (theta, words))
            first, many = jnp.tile(index, size), size * width
        inputs = make_inputs.make(
            program, run.stops, key, values, np.array(sampling.counts), many, first=first,
            start=sampling.start, max_events=sampling.max_events,
        )  # fmt: skip
        recorded = gather(engine, program, inputs, size * width)
        rows = jax.tree.map(lambda leaf: leaf.reshape(size, width, *leaf.shape[1:]), recorded)
        sound = index < sampling.paths
        return jax.vmap(lambda one, values: run.sums(one, values, sound))(rows, theta)

    if chunks == 1:
        return chunk(jnp.int32(0))
    return jax.vmap(_merge, in_axes=1)(jax.lax.map(chunk, jnp.arange(chunks, dtype=jnp.int32)))
