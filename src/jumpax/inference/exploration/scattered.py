"""Loss and derivatives at a point from paths at it and about it."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from jumpax._base.errors import SimulationError
from jumpax._base.trees import Tree
from jumpax.inference.evaluation import Evaluation, judged
from jumpax.inference.exploration.condition_responses import ConditionResponses
from jumpax.inference.exploration.coordinates import near_points
from jumpax.inference.exploration.intervals import intervals
from jumpax.inference.exploration.surface import root
from jumpax.inference.exploration.touches import groups
from jumpax.inference.problem import Problem

BATCHES = 8
"""Independent parts of the paths, whose differences tell the noise."""
REACH = 2.5
"""Root mean square distance, in the scale, up to which paths of earlier evaluations count for slopes."""


class Scattered:
    """Evaluations of one condition in which half of the paths have the parameters of the point, and half have others near by.

    The former give the expectation, unbiased; a regression through both gives its derivatives, with a bias of the third order in
    the scale, averaged over neighbouring stops. Each path is told its parameters and nothing else, so that the noise does not grow with the number of events, as that of
    scores does.

    Args:
        responses: draws the paths.
        scale: columns are standard deviations of the parameters.
        paths: of each evaluation.
        generator: of the points.
    """

    def __init__(
        self,
        responses: ConditionResponses,
        scale: Float[np.ndarray, "free free"],
        paths: int,
        generator: np.random.Generator,
    ):
        self._responses, self._scale, self._generator = responses, scale, generator
        self._half = paths // (2 * BATCHES)
        self._pool: list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]] = []
        """Points, whether they were followed and what was seen, of all evaluations, by batch."""
        bins = intervals(len(responses.loss.times or (0.0,)))
        self._smooth = bins.T @ bins
        """Slopes of neighbouring stops are averaged: any weights of the residuals lead to the answer, and these have a tenth of the noise."""
        self.asked = self.lost = 0
        """Evaluations so far, and paths at their points that could not be followed: they are left out."""

    @property
    def paths(self) -> int:
        """Of each evaluation."""
        return 2 * BATCHES * self._half

    @property
    def level(self) -> int:
        """Those with the parameters of the point."""
        return BATCHES * self._half

    def __call__(self, problem: Problem, u: Float[np.ndarray, " free"]) -> Evaluation:
        """Loss and derivatives.

        Raises:
            SimulationError: half of the paths at the point could not be followed.
        """
        self.asked += 1
        free, half = len(u), self._half
        about = np.stack([near_points(np.asarray(u), self._scale, half, self._generator) for _ in range(BATCHES)])
        points = np.concatenate([np.broadcast_to(u, (BATCHES, half, free)), about], 1)
        made, followed = self._responses.seen(points.reshape(-1, free))
        followed = followed.reshape(BATCHES, 2 * half)
        here = followed[:, :half]
        if not (here.mean() > 0.5 and here.any(1).all()):
            at = ", ".join(f"{name} = {float(value):g}" for name, value in problem.values(jnp.asarray(u)).items())
            raise SimulationError(f"paths cannot be followed for {self._responses.cap:,} events at {at}")
        self.lost += int(here.size - here.sum())
        leaves, tree = jax.tree.flatten(made)
        leaves = [leaf.reshape(BATCHES, 2 * half, *leaf.shape[1:]) for leaf in leaves]
        self._pool.append((points, followed, leaves))
        level = jax.tree.unflatten(tree, [_mean(leaf[:, :half], here) for leaf in leaves])
        jacobian = jax.tree.unflatten(tree, self._slopes(np.asarray(u)))
        return jax.tree.map(
            np.asarray,
            _judged(
                problem.structure, problem.loss, problem.numbers, jnp.asarray(u, float), *_as_arrays((level, jacobian)),
                jnp.asarray(here.sum(), float),
            ),
        )  # fmt: skip

    def _slopes(self, u: Float[np.ndarray, " free"]) -> list[np.ndarray]:
        """Of planes through all paths near by, batch by batch, leaves (batches, times, ..., free)."""
        shapes = [leaf.shape[2:] for leaf in self._pool[0][2]]
        found: list[list[np.ndarray]] = [[] for _ in shapes]
        for batch in range(BATCHES):
            points = np.concatenate([points[batch] for points, _, _ in self._pool])
            x = np.linalg.solve(self._scale, (points - u).T).T
            kept = np.concatenate([followed[batch] for _, followed, _ in self._pool]) & (
                (x**2).sum(1) < REACH**2 * len(u)
            )
            for number, (own, shape) in enumerate(zip(found, shapes, strict=True)):
                y = np.concatenate([leaves[number][batch] for _, _, leaves in self._pool])[kept]
                slopes = self._planes((points - u)[kept], y.reshape(len(y), -1)).reshape(shape[0], -1)
                own.append((self._smooth @ slopes).reshape(*shape, len(u)))
        return [np.stack(own) for own in found]

    def _planes(
        self, away: Float[np.ndarray, "paths free"], y: Float[np.ndarray, "paths numbers"]
    ) -> Float[np.ndarray, "numbers free"]:
        """Slopes of numbers, of those parameters that may move them."""
        slopes = np.zeros((y.shape[1], away.shape[1]))
        for some, own in groups(self._responses.touched(y.shape[1])):
            back = np.linalg.inv(root(self._scale, own))
            design = np.concatenate([np.ones((len(away), 1)), away[:, own] @ back.T], 1)
            slopes[np.ix_(some, own)] = (np.linalg.pinv(design)[1:] @ y[:, some]).T @ back
        return slopes


def _mean(leaf: Float[np.ndarray, "batches paths ..."], kept: Bool[np.ndarray, "batches paths"]) -> np.ndarray:
    """Over the paths of each batch that are kept."""
    weight = (kept / kept.sum(1, keepdims=True)).reshape(*kept.shape, *[1] * (leaf.ndim - 2))
    return (np.where(weight > 0, leaf, 0.0) * weight).sum(1)


def _as_arrays(tree: Tree) -> Tree:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, float), tree)


_judged = jax.jit(judged, static_argnums=0)
