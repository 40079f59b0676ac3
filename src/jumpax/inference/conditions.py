"""Several conditions that share parameters, as one problem."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from jumpax._base.errors import InputError, SimulationError, unknown_name
from jumpax._base.types import Numeric, Real
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.losses.compared import Compared
from jumpax.inference.losses.standardised import Standardised
from jumpax.inference.names import global_names, of_condition, shared_parameters
from jumpax.inference.parameters import Derived, Free, Numbers, Parameter, Structure, joined
from jumpax.inference.problem import Problem
from jumpax.inference.sources import AbstractSource, Sources


@final
@dataclasses.dataclass(frozen=True)
class Conditions(AbstractProblem):
    """Several problems with parameters in common: their losses add up, for data of different conditions are independent.

    A parameter that is `Free` has one value in all conditions, but for those named in `own`: they have a value in each,
    called `k_on[control]`. What is `Fixed` or `Derived` has one name if it is the same everywhere, else one for each
    condition. Networks, starts, data, times, inputs (fixed parameters) and sources may all differ; a parameter may be
    free in one condition and fixed in another. Everything that takes a `Problem` takes this: `fit`, `profile`.

    Args:
        problems: by the name of the condition.
        own: free parameters with a value in each condition.
        derived: more numbers to report, of the names above.

    Raises:
        InputError: fewer than two problems; names of `own` that no condition has; shared parameters with different starts,
            bounds or units; simulations with different numbers of batches.

    Examples:
        >>> import jumpax
        >>> from jumpax.inference import Conditions, Derived, Fixed, Free, MasterEquation, Problem, fit, losses
        >>> model = jumpax.zoo.birth_death()
        >>> def cells(counts):
        ...     data = losses.LogLikelihood("X", counts)
        ...     rates = {"birth": Free(5.0), "death": Fixed(1.0)}
        ...     return Problem(model.network, model.x0, data, rates, settle=9.0, source=MasterEquation({"X": 60}))
        >>> both = Conditions(
        ...     {"control": cells([9, 12, 7, 10, 14]), "drug": cells([21, 18, 24])}, own=["birth"],
        ...     derived={"fold": Derived.ratio("birth[drug]", "birth[control]")},
        ... )
        >>> both.free
        ('birth[control]', 'birth[drug]')
        >>> print(f"{fit(both).estimates['fold']:.2f}")   # 21 / 10.4
        2.02
    """

    problems: Mapping[str, Problem]
    own: Sequence[str] = ()
    derived: Mapping[str, Derived] = dataclasses.field(default_factory=dict)
    parameters: Mapping[str, Parameter] = dataclasses.field(init=False, repr=False)
    source: AbstractSource = dataclasses.field(init=False, repr=False)

    def __post_init__(self):
        if not isinstance(self.problems, Mapping) or len(self.problems) < 2:
            raise InputError(
                "Conditions needs at least two problems by name, as in Conditions({'control': a, 'drug': b})"
            )
        if wrong := [n for n, p in self.problems.items() if not isinstance(n, str) or not isinstance(p, Problem)]:
            raise InputError(
                "Conditions takes a Problem(network, x0, loss, parameters) by the name of each condition; not so: "
                + ", ".join(f"{name!r}, a {type(self.problems[name]).__name__}" for name in wrong)
            )
        own = (self.own,) if isinstance(self.own, str) else tuple(self.own)
        object.__setattr__(self, "own", own)
        known = list(dict.fromkeys(n for p in self.problems.values() for n in p.parameters))
        faults = [
            f"the name {n!r} has brackets, which tell conditions apart" for n in (*self.problems, *known) if "[" in n
        ]
        faults += [f"own: {unknown_name('parameter', n, known)}" for n in own if n not in known]
        object.__setattr__(self, "parameters", shared_parameters(self.problems, self.names, faults))
        faults += [f"derived: {n!r} is a parameter already" for n in self.derived if n in self.parameters]
        object.__setattr__(self, "parameters", {**self.parameters, **self.derived})
        object.__setattr__(self, "source", Sources(tuple(p.source for p in self.problems.values())))
        counts = {s.batches for s in self.source.sources if not s.deterministic}  # pyright: ignore[reportAttributeAccessIssue]
        if len(counts) > 1:
            raise InputError(
                f"all simulations need one number of batches; these have {', '.join(map(str, sorted(counts)))}"
            )
        if faults:
            raise InputError("the conditions do not fit together:\n" + "\n".join(f"- {fault}" for fault in faults))
        _ = self.resolved

    @functools.cached_property
    def names(self) -> dict[str, dict[str, str]]:
        """By condition: the name of each of its parameters among all."""
        return global_names(self.problems, tuple(self.own))

    @functools.cached_property
    def resolved(self) -> tuple[Structure, Numbers, dict[str, float]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Structure and numbers of all parameters, and start values of the free ones."""
        read = dict.fromkeys(
            self.names[c][n] for c, p in self.problems.items() for n in (*p.free, *p.structure.network)
        )
        return joined(self.parameters, (), tuple(read), [])

    @functools.cached_property
    def places(self) -> tuple[Int[np.ndarray, " own"], ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Where the free parameters of each condition stand among all."""
        where = {name: place for place, name in enumerate(self.free)}
        return tuple(np.array([where[self.names[c][n]] for n in p.free], int) for c, p in self.problems.items())

    @property
    def units(self) -> dict[str, str]:
        """Those of the conditions."""
        found = {n: p.unit for n, p in self.parameters.items()}
        for condition, problem in self.problems.items():
            found |= {self.names[condition][n]: unit for n, unit in problem.units.items()}
        return {name: found[name] for name in self.parameters}

    @property
    def parts(self) -> Mapping[str, Problem]:
        """The problems."""
        return self.problems

    def split(self, u: Float[Array | np.ndarray, " free"]) -> tuple[tuple[Problem, Any], ...]:
        """Problems and points of the conditions."""
        return tuple((p, jnp.asarray(u)[place]) for p, place in zip(self.problems.values(), self.places, strict=True))

    def of(self, parts: tuple[Problem, ...]) -> "Conditions":
        """The same with other problems."""
        if all(new is old for new, old in zip(parts, self.problems.values(), strict=True)):
            return self
        return dataclasses.replace(self, problems=dict(zip(self.problems, parts, strict=True)))

    def fixing(self, name: str, value: float) -> "Conditions":
        """The same with one parameter fixed, in all conditions that have it under this name."""
        known = [n for n, p in self.parameters.items() if not isinstance(p, Derived)]
        if name not in known:
            raise InputError(unknown_name("free or fixed parameter", name, known))
        return self._each(lambda problem, local: problem.fixing(local[name], value) if name in local else problem)

    def starting(self, values: Mapping[str, float]) -> "Conditions":
        """The same, begun at other values of some free parameters."""
        if unknown := [n for n in values if n not in self.free]:
            raise InputError("; ".join(unknown_name("free parameter", n, self.free) for n in unknown))

        def moved(problem: Problem, local: Mapping[str, str]) -> Problem:
            free = {n: local[n] for n in values if n in local and isinstance(problem.parameters[local[n]], Free)}
            return problem.starting({own: values[n] for n, own in free.items()})

        return self._each(moved)

    def _each(self, change: Callable[..., Problem]) -> "Conditions":
        """What `change` makes of each problem and its names (from those among all to its own)."""
        back = {c: {name: own for own, name in names.items()} for c, names in self.names.items()}
        return self.of(tuple(change(problem, back[c]) for c, problem in self.problems.items()))

    def paths(self, evaluations: int) -> PyTree[Numeric]:
        """By condition."""
        return tuple(p.paths(evaluations) for p in self.problems.values())

    def level(self, expected: PyTree[Real], u: Float[Array, " free"], paths: PyTree[Numeric]) -> float:
        """The sum over conditions."""
        each = zip(self.problems, self.split(u), paths, strict=True)
        return sum(problem.level(expected[c], own, many) for c, (problem, own), many in each)

    def whitened(
        self, expected: PyTree[Real], jacobian: PyTree[Real], paths: PyTree[Numeric]
    ) -> Float[np.ndarray, "batches entries free"]:
        """One condition below the other."""
        rows = []
        for (c, problem), place, many in zip(self.problems.items(), self.places, paths, strict=True):
            own = problem.whitened(expected[c], jacobian[c], many)
            wide = np.zeros((*own.shape[:2], len(self.free)))
            wide[..., place] = own
            rows.append(wide)
        return np.concatenate(rows, 1)

    def evaluate(self, u: Float[Array, " free"], key: PRNGKeyArray | None) -> Evaluation:
        """Sums over conditions, each with a key of its own."""
        found = []
        for number, (condition, (problem, own)) in enumerate(zip(self.problems, self.split(u), strict=True)):
            try:
                found.append(problem.evaluate(own, None if key is None else jax.random.fold_in(key, number)))
            except SimulationError as fault:
                raise SimulationError(f"condition {condition!r}: {fault}") from fault
        return self.summed(found)

    def summed(self, found: Sequence[Evaluation]) -> Evaluation:
        """Their sums."""
        size, batches = len(self.free), max(_batches(f) for f in found)
        gradient: Any = np.zeros(size)
        spreads: list[np.ndarray] = []
        information: Any = np.zeros((size, size))
        for place, f in zip(self.places, found, strict=True):
            gradient[place] += f.gradient
            spreads.append(np.zeros((len(f.gradient_spread), size)))
            spreads[-1][:, place] = f.gradient_spread
            information[np.ix_(place, place)] += f.information
        return Evaluation(
            np.sum([f.loss for f in found]), np.sqrt(np.sum([np.square(f.loss_error) for f in found])), gradient, np.concatenate(spreads),
            information, {c: _repeated(f.levels, batches) for c, f in zip(self.problems, found, strict=True)},
            {c: _repeated(f.jacobian, batches) for c, f in zip(self.problems, found, strict=True)},
        )  # fmt: skip

    def after(self, expected: PyTree[Real], jacobian: PyTree[Real], step: Float[np.ndarray, " free"]) -> PyTree[Real]:
        """By condition."""
        each = zip(self.problems.items(), self.places, strict=True)
        return {c: problem.after(expected[c], jacobian[c], step[place]) for (c, problem), place in each}

    def standardised(self, expected: PyTree[Real], jacobian: PyTree[Real]) -> tuple[Standardised, ...]:
        """Those of each condition, with its name."""
        made = []
        for (c, problem), place in zip(self.problems.items(), self.places, strict=True):
            for part in problem.standardised(expected[c], jacobian[c]):
                more = part.slopes[:, len(place) :]
                wide = np.zeros((len(part.slopes), len(self.free)))
                wide[:, place] = part.slopes[:, : len(place)]
                made.append(part._replace(data=f"{c}, {part.data}", slopes=np.concatenate([wide, more], 1)))
        return tuple(made)

    def compared(self, expected: PyTree[Real]) -> dict[str, tuple[Compared, ...]]:
        """Those of each."""
        return {c: problem.loss.compared(expected[c]) for c, problem in self.problems.items()}

    def notes(self, expected: PyTree[Real]) -> dict[str, Any]:
        """Those of each condition."""
        return {
            of_condition(note, c): said for c, p in self.problems.items() for note, said in p.notes(expected[c]).items()
        }

    def told(self) -> dict[str, Any]:
        """By condition where they differ."""
        each = {c: problem.told() for c, problem in self.problems.items()}
        keys = dict.fromkeys(key for told in each.values() for key in told)
        told = {key: {c: each[c][key] for c in each} for key in keys}
        return {k: next(iter(v.values())) if _alike(list(v.values())) else v for k, v in told.items()} | {
            "conditions": list(each)
        }


def _alike(values: Sequence[object]) -> bool:
    return all(value == values[0] for value in values)


def _batches(found: Evaluation) -> int:
    return jax.tree.leaves(found.jacobian)[0].shape[0]


def _repeated(made: PyTree[Real], batches: int) -> PyTree[Real]:
    """An exact expectation is the same in all batches."""
    return jax.tree.map(lambda leaf: np.broadcast_to(leaf, (batches, *leaf.shape[1:])), made)
