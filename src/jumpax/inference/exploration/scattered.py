"""Loss and derivatives at a point from paths at it and about it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Shaped

from jumpax._base.errors import SimulationError
from jumpax._base.trees import Tree
from jumpax.inference.evaluation import Evaluation, judged
from jumpax.inference.exploration.condition_responses import ConditionResponses
from jumpax.inference.exploration.coordinates import is_near, near_points
from jumpax.inference.exploration.intervals import intervals
from jumpax.inference.exploration.surface import root
from jumpax.inference.exploration.touches import groups
from jumpax.inference.problem import Problem

BATCHES = 8
"""Independent parts of the paths, whose differences tell the noise."""
REACH = 2.5
"""Root mean square distance, in the scale, up to which paths of earlier evaluations count for slopes."""


class Drawn(NamedTuple):
    """The paths of one evaluation, by batch; the first half have the parameters of the point."""

    point: Float[np.ndarray, " free"]
    points: Float[np.ndarray, "batches paths free"]
    followed: Bool[np.ndarray, "batches paths"]
    seen: list[np.ndarray]
    """Leaves (batches, paths, times, ...)."""


class Scattered:
    """Evaluations of one condition in which half of the paths have the parameters of the point, and half have others near by.

    The former give the expectation, unbiased; a regression through both gives its derivatives, with a bias of the third order in
    the scale, averaged over neighbouring stops. Each path is told its parameters and nothing else, so that the noise does not
    grow with the number of events, as that of scores does. An evaluation takes all paths near its point together, with those
    of the evaluations before it: the last one knows the most.

    Args:
        responses: draws the paths.
        scale: columns are standard deviations of the parameters.
        paths: that each evaluation draws.
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
        self._pool: list[Drawn] = []
        bins = intervals(len(responses.loss.times or (0.0,)))
        self._smooth = bins.T @ bins
        """Slopes of neighbouring stops are averaged: any weights of the residuals lead to the answer, and these have a tenth of the noise."""
        self.level = 0
        """Paths behind the expectation of the last evaluation."""

    @property
    def paths(self) -> int:
        """That each evaluation draws."""
        return 2 * BATCHES * self._half

    @property
    def asked(self) -> int:
        """Paths at the points of all evaluations."""
        return BATCHES * self._half * len(self._pool)

    @property
    def lost(self) -> int:
        """Of those, how many could not be followed: they are left out."""
        return sum(int((~self._here(drawn)).sum()) for drawn in self._pool)

    def __call__(self, problem: Problem, u: Float[np.ndarray, " free"]) -> Evaluation:
        """Loss and derivatives.

        Raises:
            SimulationError: half of the paths at the point could not be followed.
        """
        drawn = self._draw(np.asarray(u))
        here = self._here(drawn)
        if not (here.mean() > 0.5 and here.any(1).all()):
            at = ", ".join(f"{name} = {float(value):g}" for name, value in problem.values(jnp.asarray(u)).items())
            raise SimulationError(f"paths cannot be followed for {self._responses.cap:,} events at {at}")
        self._pool.append(drawn)
        slopes = self._slopes(drawn.point)
        levels = self._levels(drawn.point, slopes)
        return jax.tree.map(
            np.asarray,
            _judged(
                problem.structure, problem.loss, problem.numbers, jnp.asarray(u, float),
                *_as_arrays((jax.tree.unflatten(self._tree, levels), jax.tree.unflatten(self._tree, slopes))),
                jnp.asarray(self.level, float),
            ),
        )  # fmt: skip

    def _draw(self, u: Float[np.ndarray, " free"]) -> Drawn:
        """New paths at a point and about it."""
        half, free = self._half, len(u)
        about = np.stack([near_points(u, self._scale, half, self._generator) for _ in range(BATCHES)])
        points = np.concatenate([np.broadcast_to(u, (BATCHES, half, free)), about], 1)
        made, followed = self._responses.seen(points.reshape(-1, free))
        leaves, self._tree = jax.tree.flatten(made)
        seen = [leaf.reshape(BATCHES, 2 * half, *leaf.shape[1:]) for leaf in leaves]
        return Drawn(u, points, followed.reshape(BATCHES, 2 * half), seen)

    def _here(self, drawn: Drawn) -> Bool[np.ndarray, "batches half"]:
        """Which of the paths at its point could be followed."""
        return drawn.followed[:, : self._half]

    def _levels(self, u: Float[np.ndarray, " free"], slopes: list[np.ndarray]) -> list[np.ndarray]:
        """Means of the paths with the parameters of the point, and of others near by, moved along the slopes; by batch."""
        ways = [(drawn, drawn.point - u) for drawn in self._pool]
        near = [(d, way) for d, way in ways if is_near(self._scale, way)]
        self.level = sum(int(self._here(drawn).sum()) for drawn, _ in near)
        whole = np.sum([self._here(drawn).sum(1) for drawn, _ in near], 0)

        def mean(number: int, steep: Float[np.ndarray, "batches ... free"]) -> np.ndarray:
            total = np.zeros(steep.shape[:-1])
            for drawn, way in near:
                kept = _column(self._here(drawn), drawn.seen[number].ndim)
                total += np.where(kept, drawn.seen[number][:, : self._half], 0.0).sum(1)
                total -= kept.sum(1) * (steep @ way)
            return total / _column(whole, total.ndim)

        return [mean(number, steep) for number, steep in enumerate(slopes)]

    def _slopes(self, u: Float[np.ndarray, " free"]) -> list[np.ndarray]:
        """Of planes through all paths near by, batch by batch, leaves (batches, times, ..., free)."""
        shapes = [leaf.shape[2:] for leaf in self._pool[0].seen]
        found: list[list[np.ndarray]] = [[] for _ in shapes]
        for batch in range(BATCHES):
            points = np.concatenate([drawn.points[batch] for drawn in self._pool])
            x = np.linalg.solve(self._scale, (points - u).T).T
            kept = np.concatenate([drawn.followed[batch] for drawn in self._pool])
            kept &= (x**2).sum(1) < REACH**2 * len(u)
            for number, (own, shape) in enumerate(zip(found, shapes, strict=True)):
                y = np.concatenate([drawn.seen[number][batch] for drawn in self._pool])[kept]
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


def _column(weights: Shaped[np.ndarray, "batches ..."], axes: int) -> np.ndarray:
    """With as many axes."""
    return weights.reshape(*weights.shape, *[1] * (axes - weights.ndim))


def _as_arrays(tree: Tree) -> Tree:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, float), tree)


_judged = jax.jit(judged, static_argnums=0)
