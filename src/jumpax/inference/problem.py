"""A fitting problem: data, model, parameters, and one evaluation of the loss with its derivatives."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.compiling import plain
from jumpax._base.errors import InputError, JumpaxError, SimulationError, unknown_name
from jumpax._base.host import library_of
from jumpax._base.types import default_precision
from jumpax.engines.choice import engine_for
from jumpax.engines.program import Program
from jumpax.folds import Snapshots, Together
from jumpax.inference.losses import AbstractLoss
from jumpax.inference.parameters import Derived, Fixed, Free, Numbers, Parameter, Structure, free_faults, resolve
from jumpax.inference.sources import AbstractSource, Expected, Simulation
from jumpax.networks import NONE, SINGLE, Network, StartTable, check_counts, check_network, numbers_of
from jumpax.networks.ceiling import check_ceilings
from jumpax.networks.starts import AbstractStart, check_start, start_of
from jumpax.observables import Observable, check_observable


class Evaluation(NamedTuple):
    """Loss and derivatives at one point, on the unconstrained scale."""

    loss: Float[Array, ""]
    loss_error: Float[Array, ""]
    """Standard error of the loss, from the batches."""
    gradient: Float[Array, " free"]
    gradient_covariance: Float[Array, "free free"]
    """Of the gradient, from the batches."""
    information: Float[Array, "free free"]
    """Expected Fisher information of the data; unbiased, so that it need not be positive."""
    expected: Any
    """The observable, averaged over batches; a leading axis of times."""
    jacobian: Any
    """Of the observable, (batches, times, ..., free)."""

    @property
    def gradient_error(self) -> Float[Array, " free"]:
        """Standard error of the gradient."""
        library = library_of(self.gradient_covariance)
        return library.sqrt(library.maximum(library.diagonal(self.gradient_covariance), 0.0))


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything static about a problem; equal plans are compiled once."""

    structure: Structure
    observable: Observable
    network: Network
    x0: tuple[tuple[str, int], ...] | AbstractStart
    times: tuple[float, ...] | None
    settle: float | None
    start: float
    source: AbstractSource

    @property
    def begin(self) -> Any:
        """Counts at the start by name, or their law."""
        return self.x0 if isinstance(self.x0, AbstractStart) else dict(self.x0)

    @functools.cached_property
    def expected(self) -> Expected:
        """The expectation as a function of theta and key."""
        return self.source.expected(self.observable, self.network, self.begin, self.times, self.settle, self.start)


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is to be explained, and by what.

    Args:
        network: what reacts; of a model, its network is taken.
        x0: counts at the start, or laws of them with parameters, as `simulate` takes: they may be free, too.
        loss: data, and how badly an expectation explains them (`jumpax.losses`).
        parameters: `Free`, `Fixed` or `Derived` by name: all parameters of the network, and more if formulas read them
            or they are to be reported.
        settle: for data at steady state (a loss without times): how long to simulate until the start is forgotten.
        start: time at the start.
        source: where expectations come from: `Simulation(...)` (default) or `MasterEquation(...)`.

    Raises:
        InputError: everything that does not fit together.
        UnsupportedError: rates that depend on time and, at the start values, have no largest value, in a simulation without a bound.

    Example:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, Problem, losses
        >>> model = jumpax.zoo.birth_death()
        >>> data = losses.MomentMatch("X", [9, 12, 7, 10, 14, 8, 11], order=1)
        >>> parameters = {name: Fixed(value) for name, value in model.theta.items()}
        >>> problem = Problem(model.network, model.x0, data, parameters | {"birth": Free(5.0)}, settle=10.0)
        >>> problem.free
        ('birth',)
    """

    network: Network
    x0: Mapping[str, Any] | StartTable
    loss: AbstractLoss
    parameters: Mapping[str, Parameter]
    settle: float | None = None
    start: float = 0.0
    source: AbstractSource = dataclasses.field(default_factory=Simulation)

    def __post_init__(self):
        object.__setattr__(self, "network", numbers_of(self.network, NONE, NONE)[0])
        check_network(self.network, SINGLE, "Problem")
        if not isinstance(self.loss, AbstractLoss):
            raise InputError(f"loss must be one of jumpax.losses, not {self.loss!r}")
        faults = list(self.loss.faults(self.network, self.start))
        if self.loss.times is None and not (self.settle and self.settle > 0):
            faults.append("the data have no times: give settle=..., the time after which the start is forgotten")
        if self.loss.times is not None and self.settle is not None:
            faults.append("the data have times, so settle means nothing: leave it out")
        for check in (lambda: self.law or check_counts(self.network, self.x0), lambda: self._resolved):
            try:
                check()
            except InputError as error:
                faults.append(str(error))
        if not faults and self.law and self.source.deterministic:
            faults.append(
                "MasterEquation starts in one state, and x0 is a law of them: take the source Simulation(...)"
            )
        if faults:
            raise InputError("the problem cannot be set up:\n" + "\n".join(f"- {fault}" for fault in faults))
        if self.network.time_dependent and isinstance(self.source, Simulation) and self.source.bound is None:
            values = self.values(jnp.asarray(self.structure.unconstrained(self.start_values, self.numbers), float))
            some = np.ones(len(self.network.species), int)
            counts = some if self.law else np.maximum(check_counts(self.network, self.x0), some)
            check_ceilings(self.network, counts, values, self.start)

    @functools.cached_property
    def _resolved(self) -> tuple[Structure, Numbers, dict[str, float]]:
        return resolve(self.parameters, self.network, () if self.law is None else self.law.parameters)

    @functools.cached_property
    def law(self) -> AbstractStart | None:
        """Of the counts at the start; None where they are given."""
        return start_of(self.network, self.x0)

    @property
    def structure(self) -> Structure:
        """Which parameters are free, fixed, derived."""
        return self._resolved[0]

    @property
    def numbers(self) -> Numbers:
        """Bounds and fixed values."""
        return self._resolved[1]

    @property
    def start_values(self) -> dict[str, float]:
        """Where the search begins."""
        return dict(self._resolved[2])

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return self.structure.free

    @functools.cached_property
    def plan(self) -> Plan:
        """The static part."""
        x0: Any = self.law
        if x0 is None:
            counts = check_counts(self.network, self.x0)
            x0 = tuple(zip(self.network.species, (int(c) for c in counts), strict=True))
        observable = self.loss.observable(self.network)
        check_observable(observable)
        return Plan(
            self.structure, observable, self.network, x0, self.loss.times, self.settle,
            self.start, self.source,
        )  # fmt: skip

    def fixing(self, name: str, value: float) -> "Problem":
        """The same problem with one parameter fixed.

        Raises:
            InputError: for a name that is not a free or fixed parameter.
        """
        known = [n for n, p in self.parameters.items() if not isinstance(p, Derived)]
        if name not in known:
            raise InputError(unknown_name("free or fixed parameter", name, known))
        fixed = Fixed(float(value), self.parameters[name].unit)
        return dataclasses.replace(self, parameters={**self.parameters, name: fixed})

    def starting(self, values: Mapping[str, float]) -> "Problem":
        """The same problem, begun at other values of some free parameters.

        Raises:
            InputError: other names than those of free parameters; values on or beyond their bounds.
        """
        if unknown := [n for n in values if n not in self.free]:
            raise InputError("; ".join(unknown_name("free parameter", n, self.free) for n in unknown))
        bounds = {n: p for n, p in self.parameters.items() if isinstance(p, Free)}
        faults = [
            f"parameter {n!r}: {fault}"
            for n, v in values.items()
            for fault in free_faults(v, bounds[n].lower, bounds[n].upper)
        ]
        if faults:
            raise InputError("\n".join(faults))
        changed = {
            n: dataclasses.replace(p, value=float(values[n])) if isinstance(p, Free) and n in values else p
            for n, p in self.parameters.items()
        }
        return dataclasses.replace(self, parameters=changed)

    def resuming(self, estimates: Mapping[str, float]) -> "Problem":
        """The same problem, begun where a fit ended: estimates that were rounded to a bound are moved off it."""

        def inside(name: str, value: float) -> float:
            i = self.free.index(name)
            low, high = float(self.numbers.lower[i]), float(self.numbers.upper[i])
            width = high - low if math.isfinite(high - low) else max(1.0, abs(value))
            return min(max(value, low + 1e-6 * width), high - 1e-6 * width)

        return self.starting({name: inside(name, value) for name, value in estimates.items()})

    def values(self, u: Float[Array, " free"]) -> dict[str, Float[Array, ""]]:
        """Every named value at an unconstrained point."""
        made = _values(self.structure, self.numbers, jnp.asarray(u, float))
        return {name: made[name] for name in self.structure.names}

    def slopes(self, u: Float[Array, " free"]) -> dict[str, Float[Array, " free"]]:
        """Their derivatives."""
        made = _slopes(self.structure, self.numbers, jnp.asarray(u, float))
        return {name: made[name] for name in self.structure.names}

    def level(self, expected: Any, u: Float[Array, " free"], paths: Any) -> float:
        """The loss of an expectation at an unconstrained point; `paths` as losses want to be told."""
        run = _level if self.source.deterministic else _compiled_level
        return float(run(self.loss, expected, self.values(u), paths))

    def whitened(self, expected: Any, jacobian: Any, paths: Any) -> Float[np.ndarray, "batches entries free"]:
        """The Jacobian in units of the standard deviation of the data, in float64: its products lose what is small in float32."""
        run = _whitened if self.source.deterministic else _compiled_whitened
        return np.asarray(run(self.loss, expected, jacobian, paths), np.float64)

    def evaluate(self, u: Float[Array, " free"], key: Any) -> Evaluation:
        """Loss and derivatives at an unconstrained point, as numbers.

        Raises:
            SimulationError: the loss or a derivative is not a number; names the parameters.
        """
        run = _evaluate if self.source.deterministic else _compiled(self.network)
        found = jax.tree.map(np.asarray, run(self.plan, self.loss, self.numbers, jnp.asarray(u, float), key))
        if np.isfinite(found.loss) and np.isfinite(found.gradient).all():
            return found
        values = {name: float(value) for name, value in self.values(u).items()}
        at = ", ".join(f"{name} = {value:g}" for name, value in values.items())
        if np.isfinite(found.loss):
            wrong = self._broken(u, key)
            raise SimulationError(
                f"the gradient of the loss with respect to {', '.join(map(repr, wrong))} is not a number at {at}. A "
                "rate law whose value is finite may have a derivative that is not, as sqrt has at 0: rewrite it, or "
                "set bounds."
            )
        self._explain(values, key)
        raise SimulationError(f"the loss is not a number at {at}: see the observable and the data")

    def _broken(self, u: Float[Array, " free"], key: Any) -> list[str]:
        """The free parameters with a gradient that is not a number, each looked at by itself: 0 times NaN is NaN."""
        wrong = []
        for i, name in enumerate(self.free):
            alone = self
            for other in self.free:
                if other != name:
                    alone = alone.fixing(other, float(self.values(u)[other]))
            run = _evaluate if self.source.deterministic else _compiled(self.network)
            found = run(alone.plan, self.loss, alone.numbers, jnp.asarray(u, float)[i : i + 1], key)
            wrong += [] if np.isfinite(found.gradient).all() else [name]
        return wrong or list(self.free)

    def _explain(self, values: Mapping[str, float], key: Any) -> None:
        """Raise what went wrong in the paths, outside compiled code."""
        theta = self.structure.theta(values)
        if broken := [f"{n} = {v:g}" for n, v in theta.items() if not np.isfinite(v)]:
            raise SimulationError(f"parameters left the range of numbers: {', '.join(broken)}; set bounds")
        if negative := [f"{n} = {theta[n]:g}" for n in self.network.nonnegative if theta[n] < 0]:
            raise SimulationError(f"parameters became negative: {', '.join(negative)}; set bounds")
        if self.law is not None:
            try:
                check_start(self.law, theta)
            except InputError as error:
                raise SimulationError(f"{error}; set bounds") from error
        try:
            expected = self.plan.expected(theta, key)
        except JumpaxError as error:
            raise SimulationError(f"the loss is not a number: {error}") from error
        if any(bool(jnp.isnan(leaf).any()) for leaf in jax.tree.leaves(expected)):
            at = ", ".join(f"{n} = {v:g}" for n, v in theta.items())
            raise SimulationError(
                f"the expectation is not a number at {at}: a path was faulty, or the observable gives NaN. "
                "jumpax.simulate with the same network and theta names the path, the reaction and the state."
            )


def check_problem(problem: Any) -> None:
    """Whether something is a problem.

    Raises:
        InputError: it is not.
    """
    if not isinstance(problem, Problem):
        raise InputError(f"fit needs a Problem(network, x0, loss, parameters), not {type(problem).__name__}")


def _evaluate(plan: Plan, loss: AbstractLoss, numbers: Numbers, u: Float[Array, " free"], key: Any) -> Evaluation:
    """One evaluation; every derivative comes from one Jacobian of the expectation.

    Noise is that of the jackknife over batches: what loss and gradient are without each of them. The gradient is that of the
    jackknife too: logarithms and squares of noisy means bias it by O(1 / paths), in the same direction in every evaluation, so
    that a mean over many would be wrong by more than their spread tells. That term is taken off (Quenouille 1956,
    doi:10.1093/biomet/43.3-4.353); what counts that few paths reach leave beyond it is not.
    """
    paths = plan.source.total
    paths = paths if math.isinf(paths) else jnp.asarray(paths, u.dtype)

    def batches(u: Float[Array, " free"]) -> tuple[Any, Any]:
        made = plan.expected(plan.structure.theta(plan.structure.values(u, numbers)), key)
        return made, made

    jacobian, made = jax.jacfwd(batches, has_aux=True)(u)
    return judged(plan.structure, loss, numbers, u, made, jacobian, paths)


def judged(
    structure: Structure,
    loss: AbstractLoss,
    numbers: Numbers,
    u: Float[Array, " free"],
    made: Any,
    jacobian: Any,
    paths: Any,
) -> Evaluation:
    """Loss and derivatives from the observable of batches, leaves (batches, times, ...), and its Jacobian, (..., free)."""

    def level_and_slope(expected: Any, slopes: Any, paths: Any) -> tuple[Float[Array, ""], Float[Array, " free"]]:
        def value(expected: Any, u: Float[Array, " free"]) -> Float[Array, ""]:
            return loss.value(expected, structure.values(u, numbers), paths)

        level, (steep, direct) = jax.value_and_grad(value, (0, 1))(expected, u)
        return level, _contract(steep, slopes) + direct

    mean, slopes = jax.tree.map(lambda leaf: leaf.mean(0), (made, jacobian))
    level, gradient = level_and_slope(mean, slopes, paths)
    count = jax.tree.leaves(made)[0].shape[0]
    roots = loss.whitened(mean, jacobian, paths)
    own = jnp.einsum("kep,keq->pq", roots, roots)
    if count == 1:
        nothing = jnp.zeros_like(level)
        return Evaluation(level, nothing, gradient, jnp.zeros_like(own), own, mean, jacobian)
    without = jax.tree.map(lambda leaf: (leaf.sum(0, keepdims=True) - leaf) / (count - 1), (made, jacobian))
    share = (count - 1) / count
    levels, gradients = jax.vmap(lambda e, s: level_and_slope(e, s, paths * share))(*without)
    spread = gradients - gradients.mean(0, keepdims=True)
    total = roots.sum(0)
    information = (total.T @ total - own) / (count * (count - 1))
    return Evaluation(
        level, jnp.sqrt(share * ((levels - levels.mean()) ** 2).sum()),
        count * gradient - (count - 1) * gradients.mean(0), share * spread.T @ spread,
        (information + information.T) / 2, mean, jacobian,
    )  # fmt: skip


def _contract(slope: Any, jacobian: Any) -> Any:
    """Sum of the products over everything but the last axis of the Jacobian, that of the free parameters."""

    def over(s: Any, x: Any) -> Any:
        return jnp.tensordot(s, x, s.ndim)

    return functools.reduce(jnp.add, jax.tree.leaves(jax.tree.map(over, slope, jacobian)))


@functools.lru_cache(64)
def _compiled(network: Network) -> Callable[..., Evaluation]:
    """Of paths that are drawn outside the programs of XLA, which may then be compiled in haste."""
    program = Program(network, Together((Snapshots(),)), default_precision())
    outside = not engine_for(program, None).traceable
    return jax.jit(_evaluate, static_argnums=0, compiler_options=plain() if outside else {})


@functools.partial(jax.jit, static_argnums=0)
def _values(structure: Structure, numbers: Numbers, u: Float[Array, " free"]) -> dict[str, Any]:
    return {name: jnp.asarray(value, u.dtype) for name, value in structure.values(u, numbers).items()}


@functools.partial(jax.jit, static_argnums=0)
def _slopes(structure: Structure, numbers: Numbers, u: Float[Array, " free"]) -> dict[str, Any]:
    return jax.jacfwd(lambda u: _values(structure, numbers, u))(u)


def _level(loss: AbstractLoss, expected: Any, values: Mapping[str, Any], paths: Any) -> Any:
    return loss.value(expected, values, paths)


def _whitened(loss: AbstractLoss, expected: Any, jacobian: Any, paths: Any) -> Any:
    return loss.whitened(expected, jacobian, paths)


_compiled_level, _compiled_whitened = jax.jit(_level), jax.jit(_whitened)
