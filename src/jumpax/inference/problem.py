"""A fitting problem: data, model, parameters, and one evaluation of the loss with its derivatives."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from jumpax._base import random
from jumpax._base.errors import InputError, JumpaxError, SimulationError, unknown_name
from jumpax._base.types import Numeric, Real
from jumpax._base.watch import meet
from jumpax.engines.journal import answered, lasting
from jumpax.gradients import failures
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.evaluation import Evaluation as Evaluation
from jumpax.inference.evaluation import Plan, compiled, level, whitened
from jumpax.inference.losses import AbstractLoss
from jumpax.inference.losses.compared import Compared
from jumpax.inference.losses.standardised import Standardised
from jumpax.inference.parameters import Derived, Fixed, Free, Numbers, Parameter, Structure, free_faults, resolve
from jumpax.inference.parametrised import AbstractParametrised
from jumpax.inference.sources import AbstractSource, Question, Simulation
from jumpax.networks import FLOWING, NONE, Network, StartTable, check_counts, check_network, numbers_of
from jumpax.networks.ceiling import check_ceilings
from jumpax.networks.starts import AbstractStart, check_start, start_of
from jumpax.observables import AbstractPathObservable, check_observable


@final
@dataclasses.dataclass(frozen=True)
class Problem(AbstractProblem):
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

    Examples:
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
    x0: Mapping[str, object] | StartTable
    loss: AbstractLoss
    parameters: Mapping[str, Parameter]
    settle: float | None = None
    start: float = 0.0
    source: AbstractSource = dataclasses.field(default_factory=Simulation)

    def __post_init__(self):
        object.__setattr__(self, "network", numbers_of(self.network, NONE, NONE)[0])
        check_network(self.network, FLOWING, "Problem")
        if not isinstance(self.loss, AbstractLoss):
            raise InputError(f"loss must be one of jumpax.losses, not {self.loss!r}")
        faults = list(self.loss.faults(self.network, self.start))
        if self.loss.times is None and not (self.settle and self.settle > 0):
            faults.append("the data have no times: give settle=..., the time after which the start is forgotten")
        if self.loss.times is not None and self.settle is not None:
            faults.append("the data have times, so settle means nothing: leave it out")
        for check in (lambda: self.law or check_counts(self.network, self.x0), lambda: self.resolved):
            try:
                check()
            except InputError as error:
                faults.append(str(error))
        if (
            not faults
            and self.source.deterministic
            and isinstance(self.loss.observable(self.network), AbstractPathObservable)
        ):
            faults.append(
                f"MasterEquation has no paths along which {type(self.loss).__name__} counts: take the source Simulation(...)"
            )
        if not faults and self.law and self.source.deterministic:
            faults.append(
                "MasterEquation starts in one state, and x0 is a law of them: take the source Simulation(...)"
            )
        if faults:
            raise InputError("the problem cannot be set up:\n" + "\n".join(f"- {fault}" for fault in faults))
        if self.network.thinned and isinstance(self.source, Simulation) and self.source.bound is None:
            values = self.values(jnp.asarray(self.structure.unconstrained(self.start_values, self.numbers), float))
            some = np.ones(len(self.network.species), int)
            counts = some if self.law else np.maximum(check_counts(self.network, self.x0), some)
            check_ceilings(self.network, counts, values, self.start)

    @functools.cached_property
    def resolved(self) -> tuple[Structure, Numbers, dict[str, float]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Structure and numbers of the parameters, and start values of the free ones."""
        start = () if self.law is None else self.law.parameters
        return resolve(self.parameters, self.network, start, self.loss.parameters)

    @functools.cached_property
    def law(self) -> AbstractStart | None:
        """Of the counts at the start; None where they are given."""
        return start_of(self.network, self.x0)

    @functools.cached_property
    def plan(self) -> Plan:
        """The static part."""
        x0: Any = self.law
        if x0 is None:
            counts = check_counts(self.network, self.x0)
            x0 = tuple(zip(self.network.species, (int(c) for c in counts), strict=True))
        observable = self.loss.observable(self.network)
        check_observable(observable, along=isinstance(self.source, Simulation))
        question = Question(observable, self.network, x0, self.loss.times, self.settle, self.start)
        return Plan(self.structure, question, self.source)

    def summed(self, found: Sequence[Evaluation]) -> Evaluation:
        """The one."""
        (only,) = found
        return only

    def after(self, expected: PyTree[Real], jacobian: PyTree[Real], step: Float[np.ndarray, " free"]) -> PyTree[Real]:
        """To first order."""
        return jax.tree.map(lambda value, slopes: value + slopes.mean(0) @ step, expected, jacobian)

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

    @property
    def units(self) -> dict[str, str]:
        """Those given, else those of the network."""
        return {n: p.unit or self.network.units.get(n, "") for n, p in self.parameters.items()}

    @property
    def parts(self) -> Mapping[str, "Problem"]:
        """Itself."""
        return {"": self}

    @property
    def places(self) -> tuple[Int[np.ndarray, " own"], ...]:
        """All."""
        return (np.arange(len(self.free)),)

    def split(self, u: Float[Array | np.ndarray, " free"]) -> tuple[tuple["Problem", Any], ...]:
        """Itself."""
        return ((self, u),)

    def of(self, parts: tuple["Problem", ...]) -> "Problem":
        """The one given."""
        return parts[0]

    def from_source(self, source: AbstractSource) -> "Problem":
        """The same with expectations from another source."""
        return self if source is self.source else dataclasses.replace(self, source=source)

    def paths(self, evaluations: int) -> PyTree[Numeric]:
        """Paths of one times their number; infinite if expectations are exact."""
        if self.source.deterministic:
            return self.source.total
        return np.asarray(self.source.total * evaluations, jnp.zeros(()).dtype)

    def standardised(self, expected: PyTree[Real], jacobian: PyTree[Real]) -> tuple[Standardised, ...]:
        """Those of the loss."""
        return self.loss.standardised(expected, jacobian)

    def compared(self, expected: PyTree[Real]) -> dict[str, tuple[Compared, ...]]:
        """Those of the loss."""
        return {"": self.loss.compared(expected)}

    def notes(self, expected: PyTree[Real]) -> dict[str, Any]:
        """Those of the loss, and priors that nobody looks at."""
        believed = [n for n, p in self.parameters.items() if isinstance(p, Free) and p.prior is not None]
        unused = (
            {"priors": f"of {', '.join(believed)} are for jumpax.posterior; a fit does not use them"}
            if believed
            else {}
        )
        return self.loss.notes(expected, self.source.total) | unused

    def told(self) -> dict[str, Any]:
        """Loss, settle and digest."""
        return {
            "loss": type(self.loss).__name__, "settle": self.settle, "network": self.network.name,
            "network_digest": self.network.digest,
        }  # fmt: skip

    def level(self, expected: PyTree[Real], u: Float[Array, " free"], paths: PyTree[Numeric]) -> float:
        """The loss of an expectation at an unconstrained point; `paths` as losses want to be told."""
        return float(level(self.loss, expected, self.values(u), paths))

    def whitened(
        self, expected: PyTree[Real], jacobian: PyTree[Real], paths: PyTree[Numeric]
    ) -> Float[np.ndarray, "batches entries free"]:
        """The Jacobian in units of the standard deviation of the data, in float64: its products lose what is small in float32."""
        return np.asarray(whitened(self.loss, expected, jacobian, paths), np.float64)

    def evaluate(self, u: Float[Array, " free"], key: PRNGKeyArray | None) -> Evaluation:
        """Loss and derivatives at an unconstrained point, as numbers.

        Raises:
            SimulationError: the loss or a derivative is not a number; names the parameters.
        """
        found = self._evaluated(u, key)
        if np.isfinite(found.loss) and np.isfinite(found.gradient).all():
            return found
        if self.source.deterministic:  # outside compiled code it raises what is wrong
            jax.jacfwd(lambda u: self.plan.expected(self.structure.theta(self.values(u)), key))(jnp.asarray(u, float))
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

    def _evaluated(self, u: Float[Array, " free"], key: PRNGKeyArray | None) -> Evaluation:
        """What may not be numbers; recorded, if a journal is open."""
        run = compiled(self.network, type(self.source))
        given = (self.plan, self.loss, self.numbers, jnp.asarray(u, float), key)
        asked = self.plan.question
        return answered(
            lambda: (
                "evaluation", self.network.digest, asked.observable, asked.x0, asked.times, asked.settle, asked.start, self.structure,
                self.source, lasting(self.loss), self.numbers, given[3], None if key is None else random.key_words(key),
            ),
            lambda: jax.tree.map(np.asarray, meet(run, *given) if self.source.shared else run(*given)),
            lambda: run.eval_shape(*given),
            lambda: failures.told,
        )  # fmt: skip

    def _broken(self, u: Float[Array, " free"], key: PRNGKeyArray | None) -> list[str]:
        """The free parameters with a gradient that is not a number, each looked at by itself: 0 times NaN is NaN."""
        wrong = []
        for i, name in enumerate(self.free):
            alone = self
            for other in self.free:
                if other != name:
                    alone = alone.fixing(other, float(self.values(u)[other]))
            run = compiled(self.network, type(self.source))
            found = run(alone.plan, self.loss, alone.numbers, jnp.asarray(u, float)[i : i + 1], key)
            wrong += [] if np.isfinite(found.gradient).all() else [name]
        return wrong or list(self.free)

    def _explain(self, values: Mapping[str, float], key: PRNGKeyArray | None) -> None:
        """Raise what went wrong in the paths, outside compiled code."""
        theta = self.structure.theta(values)
        if broken := [f"{n} = {v:g}" for n, v in theta.items() if not np.isfinite(v)]:
            raise SimulationError(f"parameters left the range of numbers: {', '.join(broken)}; set bounds")
        if negative := [f"{n} = {theta[n]:g}" for n in self.network.nonnegative if theta[n] < 0]:
            raise SimulationError(f"parameters became negative: {', '.join(negative)}; set bounds")
        if wrong := self.loss.wrong(values):
            raise SimulationError("; ".join(wrong))
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


def check_problem(problem: Any, verb: str) -> None:
    """Whether something is a problem.

    Args:
        problem: what was given.
        verb: to what.

    Raises:
        InputError: it is not.
    """
    if isinstance(problem, AbstractProblem):
        return
    records = isinstance(problem, AbstractParametrised)
    more = (
        ": records of single paths have a likelihood of their own, so take jumpax.posterior(problem), or "
        "jumpax.log_density(problem).maximise()"
        if records
        else ""
    )
    raise InputError(
        f"{verb} needs a Problem(network, x0, loss, parameters), or Conditions of several, not {type(problem).__name__}{more}"
    )
