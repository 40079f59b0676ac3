"""Which gradient estimator a fit uses at a point."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jumpax._base.errors import SimulationError
from jumpax.gradients import Choice, stale
from jumpax.inference.parameters import Fixed
from jumpax.inference.problem import Problem
from jumpax.inference.sources import Simulation


class Deciding:
    """Puts an estimator in the place of `gradient="auto"`, and a new one when the parameters have moved."""

    def __init__(self):
        self.choice: Choice | None = None

    def decided(self, problem: Problem, u: Any, key: Any) -> Problem:
        """The problem as it is to be evaluated at an unconstrained point."""
        source = problem.source
        if not isinstance(source, Simulation) or not source.undecided:
            return problem
        values = {name: float(value) for name, value in problem.values(jnp.asarray(u)).items()}
        theta = {name: float(value) for name, value in problem.structure.theta(values).items()}
        moving = tuple(n for n in problem.network.parameters if not isinstance(problem.parameters[n], Fixed))
        if self.choice is None or stale(self.choice, moving, theta):
            plan = problem.plan
            batch = source.batch(plan.observable, plan.network, dict(plan.x0), plan.times, plan.settle, plan.start)
            try:
                self.choice = batch.choose(theta, jax.random.fold_in(key, 0x6175), wrt=moving)
            except SimulationError as error:
                at = ", ".join(f"{name} = {value:g}" for name, value in theta.items())
                raise SimulationError(f"the paths cannot be followed at {at}: {error}") from error
        return dataclasses.replace(problem, source=dataclasses.replace(source, gradient=self.choice.estimator))
