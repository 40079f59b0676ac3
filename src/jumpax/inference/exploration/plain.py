"""Loss and derivatives at a point by a gradient estimator, inside a budget."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray, PyTree

from jumpax._base.types import Real
from jumpax.gradients import ScoreFunction
from jumpax.inference.deciding import moving
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.exploration.condition_responses import ConditionResponses
from jumpax.inference.exploration.coordinates import is_near
from jumpax.inference.exploration.scattered import BATCHES
from jumpax.inference.information import pooled
from jumpax.inference.problem import Problem
from jumpax.inference.sources import Simulation

PARTS = 4
"""Evaluations that the rest of the budget is divided into: the bias of likelihoods falls with the paths of each."""


class Plain:
    """Evaluations of losses of one condition that squares do not describe, such as likelihoods: an estimator's, by default the score function's.

    Chances of counts that few paths reach need slopes along the same paths. An evaluation is the mean of all near its point,
    with the batches of each: the last one knows the most.

    Args:
        responses: of the condition.
        scale: columns are standard deviations of the parameters.
        key: of the paths.
        most: paths of all evaluations.
    """

    lost = 0
    """A path that cannot be followed ends an evaluation."""

    def __init__(
        self, responses: ConditionResponses, scale: Float[np.ndarray, "free free"], key: PRNGKeyArray, most: int
    ):
        self._ledger, self._scale, self._key = responses.ledger, scale, key
        source, problem = estimating(responses.source), responses.problem
        share = source.simulated(moving(problem)) / source.total
        paths = int(most / (PARTS * share)) // BATCHES * BATCHES
        self._source = dataclasses.replace(source, paths=max(paths, source.paths))
        self.paths = int(self._source.simulated(moving(problem)))
        """Of each evaluation, with those of its slopes."""
        self._made: list[tuple[np.ndarray, Evaluation]] = []
        self.level = 0
        """Paths behind the expectation of the last evaluation."""

    @property
    def asked(self) -> int:
        """Paths at the points of all evaluations."""
        return self._source.paths * len(self._made)

    def __call__(self, problem: Problem, u: Float[np.ndarray, " free"]) -> Evaluation:
        """Loss and derivatives.

        Raises:
            SimulationError: a path cannot be followed.
        """
        self._ledger.drawn += self.paths
        key = jax.random.fold_in(self._key, 1 + len(self._made))
        evaluated = problem.from_source(self._source)
        one = evaluated.evaluate(jnp.asarray(u, float), key)
        self._made.append((np.asarray(u), one))
        close = [(p, e) for p, e in self._made if is_near(self._scale, u - p)]
        information = pooled(evaluated, u, [e for _, e in close]).matrix
        near = [moved(e, u - p, information) for p, e in close]
        self.level = self._source.paths * len(near)
        mean = jax.tree.map(lambda *leaves: np.mean(leaves, 0), *near)
        return mean._replace(
            loss_error=mean.loss_error / len(near) ** 0.5,
            gradient_spread=np.concatenate([e.gradient_spread for e in near]) / len(near),
            levels=_joined([e.levels for e in near]),
            jacobian=_joined([e.jacobian for e in near]),
        )


def _joined(trees: list[PyTree[Real]]) -> PyTree[Real]:
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *trees)


def moved(
    found: Evaluation, way: Float[np.ndarray, " free"], information: Float[np.ndarray, "free free"]
) -> Evaluation:
    """What an evaluation says of a point near by, where the loss is a parabola.

    Its levels stay: chances that are moved along noisy slopes may come out as 0 or less.
    """
    bent = information @ way
    return found._replace(loss=found.loss + way @ (found.gradient + bent / 2), gradient=found.gradient + bent)


def estimating(source: Simulation) -> Simulation:
    """The same with an estimator, and as few paths as there can be."""
    gradient = ScoreFunction() if source.undecided else source.gradient
    return dataclasses.replace(source, gradient=gradient, paths=2 * BATCHES, batches=BATCHES)
