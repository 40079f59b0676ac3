"""Loss and derivatives at a point from paths at it and about it."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import SimulationError
from jumpax.inference.exploration.coordinates import near_points
from jumpax.inference.exploration.responses import Responses
from jumpax.inference.problem import Evaluation, Problem, judged

BATCHES = 8
"""Independent parts of the paths, whose differences tell the noise."""


class Scattered:
    """Evaluations in which half of the paths have the parameters of the point, and half have others near by.

    The former give the expectation, unbiased; a regression through both gives its derivatives, with a bias of the third order in
    the scale. Each path is told its parameters and nothing else, so that the noise does not grow with the number of events, as that of
    scores does.

    Args:
        responses: draws the paths.
        scale: columns are standard deviations of the parameters.
        paths: of each evaluation.
        generator: of the points.
    """

    def __init__(
        self, responses: Responses, scale: Float[np.ndarray, "free free"], paths: int, generator: np.random.Generator
    ):
        self._responses, self._scale, self._generator = responses, scale, generator
        self._half = paths // (2 * BATCHES)
        self.asked = 0
        """Evaluations so far."""

    @property
    def paths(self) -> int:
        """Of each evaluation."""
        return 2 * BATCHES * self._half

    def __call__(self, problem: Problem, u: Float[np.ndarray, " free"]) -> Evaluation:
        """Loss and derivatives.

        Raises:
            SimulationError: paths at the point could not be followed.
        """
        self.asked += 1
        free, half = len(u), self._half
        about = np.stack([near_points(np.asarray(u), self._scale, half, self._generator) for _ in range(BATCHES)])
        points = np.concatenate([np.broadcast_to(u, (BATCHES, half, free)), about], 1)
        made, followed = self._responses.observables(points.reshape(-1, free))
        followed = followed.reshape(BATCHES, 2 * half)
        if not followed[:, :half].all():
            at = ", ".join(f"{name} = {float(value):g}" for name, value in problem.values(jnp.asarray(u)).items())
            raise SimulationError(f"paths cannot be followed for {self._responses.cap:,} events at {at}")
        x = np.linalg.solve(self._scale, (points - u).reshape(-1, free).T).T.reshape(BATCHES, -1, free)
        level, slope = (
            jax.tree.map(functools.partial(fitted, x * followed[..., None], followed), made)
            for fitted in (_level, _slope)
        )
        back = np.linalg.inv(self._scale)
        jacobian = jax.tree.map(lambda leaf: leaf @ back, slope)
        return jax.tree.map(
            np.asarray,
            _judged(
                problem.structure, problem.loss, problem.numbers, jnp.asarray(u, float), *_as_arrays((level, jacobian)),
                jnp.asarray(BATCHES * half, float),
            ),
        )  # fmt: skip


def _as_arrays(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, float), tree)


def _level(x: Any, followed: Any, leaf: np.ndarray) -> np.ndarray:
    """Mean over the paths at the point, (batches, times, ...)."""
    batches, count, _ = x.shape
    return leaf.reshape(batches, count, *leaf.shape[1:])[:, : count // 2].mean(1, dtype=np.float64)


def _slope(x: Any, followed: Any, leaf: np.ndarray) -> np.ndarray:
    """Slopes of a plane through all paths of a batch, (batches, times, ..., free)."""
    batches, count, free = x.shape
    values = np.where(followed[..., None], leaf.reshape(batches, count, -1), 0.0).astype(np.float64)
    made = []
    for design, y, kept in zip(x, values, followed, strict=True):
        with_level = np.concatenate([kept[:, None], design], 1)
        made.append(np.linalg.lstsq(with_level, y, rcond=None)[0][1:])
    return np.moveaxis(np.stack(made), 1, -1).reshape(batches, *leaf.shape[1:], free)


@functools.partial(jax.jit, static_argnums=0)
def _judged(
    structure: Any, loss: Any, numbers: Any, u: Float[Array, " free"], made: Any, jacobian: Any, paths: Any
) -> Evaluation:
    return judged(structure, loss, numbers, u, made, jacobian, paths)
