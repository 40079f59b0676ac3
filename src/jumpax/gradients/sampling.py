"""What an expectation is of, and what runs for it: one program, and sums over a chunk of its paths."""

import dataclasses
import functools
import operator
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, PyTree, Shaped

from jumpax._base import given
from jumpax._base.devices import Devices, parts_of
from jumpax._base.errors import UnsupportedError
from jumpax._base.status import FIRST_FAULT
from jumpax._base.types import Count, Numbers, Precision, Real
from jumpax.engines.choice import engine_for, platform
from jumpax.engines.engine import AbstractEngine
from jumpax.engines.program import Bound, Program, Steps, Times
from jumpax.engines.recorded import Recorded
from jumpax.engines.size import COPIES, numbers
from jumpax.folds import AbstractFold, Snapshots, Together
from jumpax.folds.dependence import Dependence, dependence, record_of
from jumpax.folds.fixed_path import FixedPath, read_slopes
from jumpax.gradients import neighbours
from jumpax.gradients.chunk import AbstractRule, Chunk, Sums, Totals, asked
from jumpax.networks import Network, check_needs
from jumpax.networks.starts import AbstractStart
from jumpax.observables import AbstractPathObservable, Moments, Observable

NUMBERS = 2**25
"""Most numbers in one array of records or of gradient contributions."""


@dataclasses.dataclass(frozen=True)
class Sampling:
    """Everything static about an expectation but its estimator; hashable, so that equal ones are compiled once."""

    observable: Observable | AbstractPathObservable
    network: Network
    counts: tuple[int, ...]
    """At the start; none where `x0` is their law."""
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
    x0: AbstractStart | None = None
    """Law of the counts at the start."""
    devices: Devices = "one"
    """Among which paths are divided."""

    @property
    def parts(self) -> int:
        """How many of them do a part."""
        return parts_of(self.devices, self.paths)

    @property
    def begin(self) -> tuple[int, ...] | AbstractStart:
        """Counts at the start, or their law, as `simulate` takes them."""
        return self.counts if self.x0 is None else self.x0

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the network, and those that only the start reads."""
        return self.network.parameters if self.x0 is None else (*self.network.parameters, *self.only)

    @property
    def only(self) -> tuple[str, ...]:
        """Parameters that the start reads and the network does not."""
        known = self.network.parameters
        return () if self.x0 is None else tuple(name for name in self.x0.parameters if name not in known)

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
        """Whether the observable has parameters in it beside the path, which the score, that of the path, does not see."""
        return self.gathered is not None and _dependence(self.observable, self.network).parameters

    @functools.cached_property
    def rough(self) -> bool:
        """Whether, of what parameters do to the observable beside the path, there is more than a derivative."""
        return self.explicit and not _dependence(self.observable, self.network).smooth

    def observe(self, counts: Sequence[Real] | Float[Array, " species"]) -> Float[Array, " entries"]:
        """The observable of one state, (species,) real counts, flattened.

        Raises:
            UnsupportedError: it is gathered along paths.
        """
        if isinstance(self.observable, AbstractPathObservable):
            raise UnsupportedError(
                f"{type(self.observable).__name__} is gathered along paths, and no function of the counts"
            )
        return self._flat(given.observe(self.observable, dict(zip(self.network.species, counts, strict=True))))

    def read(self, record: PyTree[Array], stop: Real) -> Float[Array, " entries"]:
        """The observable of one record of what it gathers, flattened."""
        assert isinstance(self.observable, AbstractPathObservable)
        return self._flat(given.numbers(self.observable.value(record, stop), "the observable"))

    def _flat(self, made: PyTree[float | Shaped[Numbers, "..."]]) -> Float[Array, " entries"]:
        kind = np.dtype(self.precision)
        return ravel_pytree(jax.tree.map(lambda leaf: jnp.asarray(leaf, kind), made))[0]

    @property
    def problem(self) -> "Sampling":
        """What is asked for, however many paths, in whatever precision, and wherever they run."""
        return dataclasses.replace(self, paths=1, precision="float32", engine=None, max_events=1, tail=0, devices="one")

    def component(self, stop: int, entry: int) -> str:
        """One entry of the result, in words."""
        name = f"entry {entry} of the observable" if self.entries > 1 else "the observable"
        if isinstance(self.observable, Moments):
            species, power = divmod(entry, self.observable.order)
            name = self.observable.species[species] + (f"^{power + 1}" if power else "")
        return f"{name} {'after event' if isinstance(self.stops, Steps) else 'at time'} {self.stops.values[stop]:g}"

    @functools.cached_property
    def shape(self) -> PyTree[jax.ShapeDtypeStruct]:
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
        own = tuple(name for name in wrt if name not in self.only)
        scored = self.x0 is not None and bool(set(wrt) & set(self.x0.scored))
        kept, stops = rule if own or scored else None, self.stops
        if isinstance(stops, Steps) and self.gathered is not None and _dependence(self.observable, self.network).times:
            stops = dataclasses.replace(stops, timed=True)
        folds = () if kept is None else (kept.fold(self.network, own, stops),)
        beside = own if kept is not None and kept.of_fixed_path and self.explicit else ()
        program = self._program(folds, beside)
        if isinstance(stops, Times):
            stops = stops.joined(program.fold)
        keep = np.searchsorted(np.array(stops.values), np.array(self.stops.values))
        inner = () if rule is None else own + tuple(name for name in wrt if name not in own)
        return Run(self, kept, inner, program, stops, keep, tuple(map(inner.index, wrt)) if inner else (), bool(beside))

    def outside(self, estimator: object, wrt: tuple[str, ...]) -> bool:
        """Whether its paths are drawn outside the programs of XLA, which may then be compiled in haste: it is not they that take time."""
        return _outside(self, estimator if isinstance(estimator, AbstractRule) else None, wrt, platform())

    def _program(self, folds: tuple[AbstractFold, ...], beside: tuple[str, ...]) -> Program:
        clock = "times" if isinstance(self.stops, Times) else "steps"
        fold = Together((Snapshots(), *folds))
        if self.gathered is not None:
            observed = FixedPath(self.network, self.gathered, beside) if beside else self.gathered
            what = " with parameters in it beside the path" if beside else ""
            check_needs(self.network, observed.treats, f"the fold {type(self.gathered).__name__}{what}")
            fold = Together((Snapshots(), observed, *folds), until=1)
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
    order: tuple[int, ...] = ()
    """Places, in `wrt`, of the parameters in the order in which they were asked for."""
    beside: bool = False
    """Whether the observable has derivatives of its own, at a fixed path."""

    @property
    def width(self) -> int:
        """Most paths for which all records and gradient contributions are held in memory at once."""
        each = max(self._added, int(numbers(self.program)))
        return max(256, NUMBERS // (len(self.stops.values) * each * self._runs))

    def held(self, engine: AbstractEngine) -> int:
        """Most paths that the engine holds at once with their contributions, and copies of both."""
        stops = len(self.stops.values)
        beside = stops * self._added * self.program.dtype.itemsize
        return int(engine.most(self.program, stops, beside) / (COPIES * self._runs))

    @property
    def _added(self) -> int:
        """Numbers that a path adds at a stop to value or gradient."""
        return self.sampling.entries * max(1, len(self.wrt))

    @property
    def _runs(self) -> int:
        """How many runs there are: of each of two neighbouring starts, or one."""
        return 2 if self.sampling.x0 is not None and self.sampling.x0.rounded is not None else 1

    def sums(
        self,
        recorded: Sequence[Recorded],
        theta: Mapping[str, Array],
        sound: Bool[Array, " paths"],
        starts: Sequence[Count | None] = (None,),
    ) -> Sums:
        """Sums of one chunk for one theta, from one run or those of two neighbouring starts; NaN when a path is faulty.

        Where their law is random, `starts` has the counts at the start of each run, (paths, species).
        """
        sampling = self.sampling
        chunks = [self._chunk(one, theta, sound, start) for one, start in zip(recorded, starts, strict=True)]
        values = chunks[0].values
        if len(chunks) > 1:
            assert sampling.x0 is not None
            values = neighbours.mixed_values(sampling.x0, chunks)
        paths = sound.sum().astype(values.dtype)
        value = values.sum(0)
        square = (jnp.where(sound[:, None, None], values - (value / paths)[None], 0.0) ** 2).sum(0)
        totals = self._totals(chunks)
        faulty = jnp.any((recorded[0].status >= FIRST_FAULT) & sound)
        for one in recorded[1:]:
            faulty = faulty | jnp.any((one.status >= FIRST_FAULT) & sound)
        for start in starts:
            faulty = faulty if start is None else faulty | jnp.any((start < 0) & sound[:, None])
        again = None
        if recorded[0].redrawn is not None:
            rows = functools.reduce(operator.or_, [one.redrawn for one in recorded])
            again = (rows & sound).sum().astype(values.dtype)
        sums = Sums(paths, value, square, *totals, redrawn=again)
        return jax.tree.map(lambda leaf: jnp.where(faulty, jnp.nan, leaf), sums)

    def _chunk(
        self, recorded: Recorded, theta: Mapping[str, Array], sound: Bool[Array, " paths"], start: Count | None
    ) -> Chunk:
        """What was gathered along the paths of one run."""
        sampling = self.sampling
        snapshots, *own = recorded.record
        kind = np.dtype(sampling.precision)
        if recorded.whole is None:
            counts = jnp.stack([asked(c, self.keep) for c in snapshots], -1).astype(kind)
        else:  # one array, where there may be thousands
            counts = asked(recorded.whole, self.keep)[..., : len(snapshots)].astype(kind)
        explicit = None
        if sampling.gathered is None:
            values = jax.vmap(jax.vmap(sampling.observe))(counts)
        else:
            gathered, *own = own
            rows = jax.tree.map(lambda leaf: asked(leaf, self.keep), gathered)
            at = jnp.asarray(np.array(sampling.stops.values), kind)
            if self.beside:
                rows, explicit = rows[0], self._explicit(rows, at)
            values = jax.vmap(jax.vmap(sampling.read), in_axes=(0, None))(rows, at)
        values = jnp.where(sound[:, None, None], values, 0.0)
        return Chunk(
            sampling.network, self.wrt, theta, sampling.counts if start is None else start, sampling.start, self.stops, self.keep,
            sampling.observe, counts, values, own[0] if own else None, sound, sampling.tail, self._start_scores(theta, sound, start), explicit,
        )  # fmt: skip

    def _explicit(
        self, rows: tuple[PyTree[Array], PyTree[Array]], at: Float[Array, " asked"]
    ) -> Float[Array, "paths asked entries parameters"]:
        """Derivatives of the observable at fixed paths, (paths, asked, entries, parameters)."""

        def slopes(record: PyTree[Array], moved: PyTree[Array], stop: Real) -> Float[Array, "entries parameters"]:
            return read_slopes(lambda record: self.sampling.read(record, stop), record, moved)

        made = jax.vmap(jax.vmap(slopes), in_axes=(0, 0, None))(rows[0], rows[1], at)
        return jnp.pad(made, ((0, 0), (0, 0), (0, 0), (0, len(self.wrt) - len(self.own))))

    def _totals(self, chunks: Sequence[Chunk]) -> Totals:
        """Gradient contributions, by parameters in the order in which they were asked for."""
        nothing = jnp.zeros((*chunks[0].values.shape[1:], len(self.wrt)), chunks[0].values.dtype)
        none = Totals(nothing, nothing, nothing)
        if not self.wrt:
            return none
        each = [self._contributions(chunk, none) for chunk in chunks]
        totals = each[0]
        if len(chunks) > 1:
            assert self.sampling.x0 is not None
            totals = neighbours.mixed_totals(self.sampling.x0, chunks, each)
        if self.order == tuple(range(len(self.order))):
            return totals
        place = np.array(self.order)
        tail = None if totals.tail is None else totals.tail[..., place, :]
        return Totals(totals.gradient[..., place], totals.square[..., place], totals.peak[..., place], tail)

    def _contributions(self, chunk: Chunk, none: Totals) -> Totals:
        """Of one run; of parameters that neither the network reads nor the start has a score of, zero."""
        if self.rule is None:
            return none
        if chunk.start_scores is not None:
            return self.rule.contributions(chunk)
        if chunk.explicit is not None:
            chunk = chunk._replace(explicit=chunk.explicit[..., : len(self.own)])
        made = self.rule.contributions(chunk._replace(wrt=self.own))
        return made if self.own == self.wrt else self._padded(made)

    def _padded(self, made: Totals) -> Totals:
        """With zeros for the parameters that come last."""
        more = (0, len(self.wrt) - len(self.own))
        plain = [jnp.pad(leaf, ((0, 0), (0, 0), more)) for leaf in (made.gradient, made.square, made.peak)]
        tail = None if made.tail is None else jnp.pad(made.tail, ((0, 0), (0, 0), more, (0, 0)))
        return Totals(plain[0], plain[1], plain[2], tail)

    def _start_scores(
        self, theta: Mapping[str, Array], sound: Bool[Array, " paths"], start: Count | None
    ) -> Float[Array, "paths parameters"] | None:
        """Derivatives of the logarithm of the probability of the counts at the start, (paths, parameters); None if there are none."""
        x0 = self.sampling.x0
        names = () if x0 is None else tuple(name for name in self.wrt if name in x0.scored)
        if x0 is None or not names:
            return None
        assert start is not None

        def slopes(counts: Float[Array, " species"]) -> dict[str, Array]:
            return jax.grad(lambda moving: x0.log_probability(counts, {**theta, **moving}))(
                {n: theta[n] for n in names}
            )

        kind = np.dtype(self.sampling.precision)
        found = jax.vmap(slopes)(jnp.maximum(start, 0).astype(kind))
        columns = [found[name].astype(kind) if name in names else jnp.zeros(len(start), kind) for name in self.wrt]
        return jnp.where(sound[:, None], jnp.stack(columns, -1), 0.0)

    @property
    def own(self) -> tuple[str, ...]:
        """Those of `wrt` that the network reads, which come first; what other names there are, those of couplings, too."""
        return tuple(name for name in self.wrt if name not in self.sampling.only)


@functools.lru_cache(256)
def _dependence(observable: AbstractPathObservable, network: Network) -> Dependence:
    """Whether what is gathered along paths changes with parameters or times on a path that is the same otherwise."""
    return dependence(observable.fold(network), network, lambda record: observable.value(record, jnp.ones(())))


@functools.lru_cache(256)
def _outside(sampling: Sampling, rule: AbstractRule | None, wrt: tuple[str, ...], _platform: str) -> bool:
    return not engine_for(sampling.run(rule, wrt).program, sampling.engine).traceable
