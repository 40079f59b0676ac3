"""Which gradient estimator a fit uses at a point."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jumpax._base.errors import SimulationError
from jumpax.gradients import Choice, stale
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.parameters import Fixed
from jumpax.inference.problem import Problem
from jumpax.inference.sources import Simulation

SHARE = 0.5
"""Paths that may have gone into choices, over those of the evaluations, when another choice is made."""


class Deciding:
    """Puts an estimator in the place of `gradient="auto"`, and a new one when the parameters have moved.

    Steps of few paths go on with the old one until they have earned another choice.
    """

    def __init__(self):
        self.choice: Choice | None = None
        self._choosing = self._evaluating = 0.0
        self._others: list[Deciding] = []
        """Of conditions beyond the first."""

    @property
    def paths(self) -> float:
        """Simulated so far, to choose and to evaluate."""
        return self._choosing + self._evaluating + sum(other.paths for other in self._others)

    def evaluate(self, problem: AbstractProblem, u: Float[Array, " free"], key: PRNGKeyArray) -> Evaluation:
        """Loss and derivatives of the problem at an unconstrained point."""
        parts = problem.split(u)
        self._others += [Deciding() for _ in range(len(parts) - 1 - len(self._others))]
        each = zip((self, *self._others), parts, strict=True)
        decided = tuple(own._counted(part, point, key) for own, (part, point) in each)
        return problem.of(decided).evaluate(u, key)

    def _counted(self, problem: Problem, u: Float[Array, " free"], key: PRNGKeyArray) -> Problem:
        """The problem as it is to be evaluated, and its paths among those simulated."""
        decided = self._decided(problem, u, key)
        self._evaluating += decided.source.simulated(moving(problem))
        return decided

    def _decided(self, problem: Problem, u: Float[Array, " free"], key: PRNGKeyArray) -> Problem:
        """The problem as it is to be evaluated at an unconstrained point."""
        source = problem.source
        if not isinstance(source, Simulation) or not source.undecided:
            return problem
        values = {name: float(value) for name, value in problem.values(jnp.asarray(u)).items()}
        theta = {name: float(value) for name, value in problem.structure.theta(values).items()}
        names = moving(problem)
        if self.choice is not None:
            self.choice = self.choice.revised()
        paid = self._choosing <= SHARE * self._evaluating
        if self.choice is None or (paid and stale(self.choice, names, theta)):
            plan = problem.plan
            batch = source.batch(plan.question)
            try:
                self.choice = batch.choose(theta, jax.random.fold_in(key, 0x6175), names, self.choice)
                self._choosing += self.choice.paths
            except SimulationError as error:
                at = ", ".join(f"{name} = {value:g}" for name, value in theta.items())
                raise SimulationError(f"the paths cannot be followed at {at}: {error}") from error
        return dataclasses.replace(problem, source=dataclasses.replace(source, gradient=self.choice.guarded))


def moving(problem: Problem) -> tuple[str, ...]:
    """Parameters of the network that are not fixed: those with slopes."""
    return tuple(n for n in problem.structure.network if not isinstance(problem.parameters[n], Fixed))
