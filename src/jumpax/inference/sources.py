"""Where expectations come from: exact simulation, or the master equation."""

import abc
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from jumpax._base.devices import Devices, check_devices
from jumpax._base.errors import InputError
from jumpax._base.types import ParameterValues, Real
from jumpax.exact import StateSpace
from jumpax.exact.fault import Guard
from jumpax.exact.stationary import guarded_stationary
from jumpax.exact.transient import guarded_distribution
from jumpax.gradients import AbstractEstimator, Automatic, Expectation, ScoreFunction, expectation
from jumpax.networks import Network
from jumpax.networks.starts import AbstractStart
from jumpax.observables import Observable, places_of

Expected: TypeAlias = Callable[[ParameterValues, Any], PyTree[Real]]
"""From theta and a key to the expected observable: leaves (batches, times, ...), differentiable in theta."""
SILENT = Guard(lambda fault, point: None, (), True)
"""Of programs from which no error can come: points without a law are told to nobody."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is to be expected of whom, and when."""

    observable: Observable
    network: Network
    x0: tuple[tuple[str, int], ...] | AbstractStart
    """Counts at the start, or their law."""
    times: tuple[float, ...] | None
    """None: at steady state."""
    settle: float | None
    """How long after the start paths are taken to be there."""
    start: float

    @property
    def begin(self) -> Mapping[str, int] | AbstractStart:
        """Counts at the start by name, or their law."""
        return self.x0 if isinstance(self.x0, AbstractStart) else dict(self.x0)

    @property
    def stops(self) -> tuple[float, ...]:
        """When paths are looked at."""
        return (self.start + (self.settle or 0.0),) if self.times is None else self.times


class AbstractSource(abc.ABC):
    """How the expectation of an observable is found. Final subclasses are frozen dataclasses, hashable."""

    deterministic: ClassVar[bool]
    """Whether the key does not matter."""

    @property
    @abc.abstractmethod
    def total(self) -> float:
        """Number of paths behind one expectation; infinite if it is exact."""

    def simulated(self, wrt: tuple[str, ...]) -> float:
        """Number of paths simulated for one expectation and its derivatives."""
        return self.total

    @property
    def shared(self) -> bool:
        """Whether joined processes draw its paths together."""
        return False

    @abc.abstractmethod
    def expected(self, question: Question, silent: bool = False) -> Expected:
        """The answer as a function of theta and key. Where parameters have no law it raises an error; `silent`, for compiled programs, it is NaN."""


@dataclasses.dataclass(frozen=True)
class Simulation(AbstractSource):
    """Exact paths with the gradients of an estimator; steady state is the state after the time `settle`.

    Unbiased at times; at steady state biased by what is left of the start, of order exp(-settle / slowest relaxation).

    Args:
        paths: how many paths each step simulates, in all batches together.
        batches: independent batches, at least 2: their spread is the noise of loss and gradient, and products of
            different batches give an unbiased Fisher information.
        gradient: the estimator, or `auto`: `fit` chooses it at the start and again when the parameters have moved, never the
            master equation. Default `auto` for moments; the score function for whole distributions, whose indicators have
            no tangent.
        max_events: events after which a path is given up as exploding.
        bound: for rates that depend on time explicitly: a number that the total propensity never exceeds wherever the fit
            goes, or one for each interval between the times of the data; by default found from the laws (see `jumpax.expectation`).
        exact: whether a fit may end by the master equation, if that is small and paths leave the estimate or its standard
            error in doubt.
        mean_field: whether a fit with a budget may follow places where the rate equation explains the data, beside those that
            paths have found. They cost no paths but some that correct the best; what comes of them is judged by paths alone.
        devices: among which the paths of each batch are divided, as in `jumpax.expectation`: with `all`, every process that `jax.distributed`
            joins runs the same fit, and comes to the same result.
    """

    paths: int = 8_000
    batches: int = 8
    gradient: AbstractEstimator | Automatic | Literal["auto"] | None = None
    max_events: int = 10_000_000
    bound: float | Sequence[float] | None = None
    exact: bool = True
    mean_field: bool = True
    devices: Devices = "one"
    deterministic = False

    def __post_init__(self):
        if isinstance(self.bound, Sequence | np.ndarray):
            object.__setattr__(self, "bound", tuple(map(float, self.bound)))  # hashable
        for name in ("exact", "mean_field"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} must be true or false; got {getattr(self, name)!r}")
        check_devices(self.devices)
        if self.batches < 2 or self.paths < 2 * self.batches:
            raise InputError(
                f"needed are at least 2 batches of at least 2 paths; got {self.paths} paths in {self.batches} batches"
            )

    @property
    def undecided(self) -> bool:
        """Whether the estimator is still to be chosen."""
        return not isinstance(self.gradient, AbstractEstimator)

    @property
    def total(self) -> float:
        """Paths of all batches."""
        return float(self.paths // self.batches * self.batches)

    @property
    def shared(self) -> bool:
        """With all devices."""
        return self.devices == "all" and jax.process_count() > 1

    def simulated(self, wrt: tuple[str, ...]) -> float:
        """Those, and what the estimator simulates beside them."""
        if not isinstance(self.gradient, AbstractEstimator):
            return self.total
        return float(self.batches * self.gradient.simulated(self.paths // self.batches, wrt))

    def expected(self, question: Question, silent: bool = False) -> Expected:
        """One expectation per batch, each with a key of its own; by the score function where `auto` is still open."""
        decided = dataclasses.replace(self, gradient=ScoreFunction()) if self.undecided else self
        one = decided.batch(question)
        return lambda theta, key: jax.vmap(lambda k: one(theta, k))(jax.random.split(key, self.batches))

    def batch(self, question: Question) -> Expectation:
        """The expectation over one batch."""
        usual = ScoreFunction() if places_of(question.observable) else "auto"  # indicators have no tangent
        gradient = usual if self.gradient is None else self.gradient
        return expectation(
            question.observable, question.network, question.begin, question.stops,
            paths=self.paths // self.batches, start=question.start,
            gradient=Automatic(exact=False) if gradient == "auto" else gradient,
            max_events=self.max_events, bound=self.bound, devices=self.devices,
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class MasterEquation(AbstractSource):
    """The master equation on a truncated space: exact up to the truncation, for small networks.

    Args:
        limits: largest count of each species that is not bounded by itself.
        tolerance: refuse to lose more probability than this.
        stationary: False: data at steady state are compared with the law at the time `settle`, as with paths, and not with
            the stationary one.
    """

    limits: tuple[tuple[str, int], ...]
    tolerance: float
    stationary: bool
    deterministic = True

    def __init__(self, limits: Mapping[str, int] | None = None, tolerance: float = 1e-6, stationary: bool = True):
        object.__setattr__(self, "limits", tuple(sorted((limits or {}).items())))
        object.__setattr__(self, "tolerance", tolerance)
        object.__setattr__(self, "stationary", stationary)

    @property
    def total(self) -> float:
        """Infinitely many."""
        return float("inf")

    def expected(self, question: Question, silent: bool = False) -> Expected:
        """Probabilities times the table of the observable over all states; one batch."""
        guarded, guard = self.guarded(question), SILENT if silent else None
        return lambda theta, key: guarded(theta, guard)

    def guarded(self, question: Question) -> Callable[[ParameterValues, Guard | None], PyTree[Real]]:
        """The same as a function of theta and a guard, with which parameters without a law raise no error, but give NaN."""
        assert not isinstance(question.x0, AbstractStart)  # problems refuse it
        space, table = _table(question.observable, question.network, question.x0, self.limits)
        begin = dict(question.x0)

        def probabilities(theta: ParameterValues, guard: Guard | None) -> PyTree[Real]:
            if question.times is None and self.stationary:
                return guarded_stationary(space, theta, self.tolerance, guard).probabilities[None]
            after = np.array(question.stops) - question.start
            return guarded_distribution(space, theta, after, begin, None, self.tolerance, guard).probabilities

        def expected(theta: ParameterValues, guard: Guard | None) -> PyTree[Real]:
            p = probabilities(theta, guard)
            return jax.tree.map(lambda leaf: jnp.tensordot(p, jnp.asarray(leaf, p.dtype), 1)[None], table)

        return expected


@dataclasses.dataclass(frozen=True)
class Sources(AbstractSource):
    """The sources of several conditions."""

    sources: tuple[AbstractSource, ...]

    @property
    def deterministic(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether all are."""
        return all(source.deterministic for source in self.sources)

    @property
    def total(self) -> float:
        """Paths of all that simulate; infinite if none does."""
        return sum(s.total for s in self.sources if not s.deterministic) or float("inf")

    def simulated(self, wrt: tuple[str, ...]) -> float:
        """Paths of all."""
        return sum(source.simulated(wrt) for source in self.sources)

    def expected(self, question: Question, silent: bool = False) -> Expected:
        """There is none of all together."""
        raise InputError("each condition has a source of its own")


@functools.lru_cache(maxsize=8)
def _table(
    observable: Observable, network: Network, x0: tuple[tuple[str, int], ...], limits: tuple[tuple[str, int], ...]
) -> tuple[StateSpace, Any]:
    """The space, and the observable in each of its states."""
    with jax.ensure_compile_time_eval():  # they are known, whatever is being traced
        space = StateSpace.reachable(network, dict(x0), limits=dict(limits))
        columns = {name: jnp.asarray(x, float) for name, x in zip(network.species, space.states.T, strict=True)}
        return space, jax.vmap(observable)(columns)
