"""Loss and derivatives at a point by a gradient estimator, inside a budget."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jumpax.gradients import ScoreFunction
from jumpax.inference.deciding import moving
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.exploration.condition_responses import ConditionResponses
from jumpax.inference.problem import Problem
from jumpax.inference.sources import Simulation

BATCHES = 8
"""Independent parts of the paths, whose differences tell the noise."""
PARTS = 4
"""Evaluations that the rest of the budget is divided into: the bias of likelihoods falls with the paths of each."""


class Plain:
    """Evaluations of losses of one condition that squares do not describe, such as likelihoods: an estimator's, by default the score function's.

    Chances of counts that few paths reach need slopes along the same paths.

    Args:
        responses: of the condition.
        key: of the paths.
        most: paths of all evaluations.
    """

    lost = 0
    """A path that cannot be followed ends an evaluation."""

    def __init__(self, responses: ConditionResponses, key: PRNGKeyArray, most: int):
        self._ledger, self._key = responses.ledger, key
        source, problem = estimating(responses.source), responses.problem
        share = source.simulated(moving(problem)) / source.total
        paths = int(most / (PARTS * share)) // BATCHES * BATCHES
        self._source = dataclasses.replace(source, paths=max(paths, source.paths))
        self.level = self._source.paths
        """Paths behind a level."""
        self.paths = int(self._source.simulated(moving(problem)))
        """Of each evaluation, with those of its slopes."""
        self.asked = 0

    def __call__(self, problem: Problem, u: Float[np.ndarray, " free"]) -> Evaluation:
        """Loss and derivatives.

        Raises:
            SimulationError: a path cannot be followed.
        """
        self._ledger.drawn += self.paths
        self.asked += 1
        return problem.from_source(self._source).evaluate(
            jnp.asarray(u, float), jax.random.fold_in(self._key, self.asked)
        )


def estimating(source: Simulation) -> Simulation:
    """The same with an estimator, and as few paths as there can be."""
    gradient = ScoreFunction() if source.undecided else source.gradient
    return dataclasses.replace(source, gradient=gradient, paths=2 * BATCHES, batches=BATCHES)
