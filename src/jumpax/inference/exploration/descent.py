"""Least squares by Gauss-Newton steps from several places at once."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.exploration.coordinates import EDGE, units
from jumpax.inference.parameters import LOG_BOX

FIRST = 1e-2
"""Damping at first."""
REACH = 2.0
"""Longest step, in factors e."""


class Descent:
    """Places that go downhill, each with a damping of its own (Levenberg-Marquardt), inside the boxes.

    Args:
        problem: has the boxes.
        ask: residuals (places, entries) and their slopes (places, entries, free) at places.
        points: where to begin.
        size: of residuals, (entries,), beyond which they are squashed: sign(r) size log(1 + |r| / size); None: nothing is.
    """

    def __init__(
        self,
        problem: AbstractProblem,
        ask: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        points: Float[np.ndarray, "places free"],
        size: Float[np.ndarray, " entries"] | None = None,
    ):
        self._problem, self._ask, self.points = problem, ask, points
        boxed = np.array([scale in (LOG_BOX, "logit") for scale in problem.structure.scales])
        self._end = np.where(boxed, math.log((1 - EDGE) / EDGE), np.inf)
        self._start(size)

    def straighten(self) -> None:
        """From here on with residuals as they are."""
        self._start(None)

    def _start(self, size: Float[np.ndarray, " entries"] | None) -> None:
        self._size, self._damping = size, np.full(len(self.points), FIRST)
        self._residuals, self._slopes = self._asked(self.points)
        self.loss = _losses(self._residuals)

    def _asked(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        residuals, slopes = self._ask(points)
        if self._size is not None:
            part = np.abs(residuals) / self._size
            residuals, slopes = np.sign(residuals) * self._size * np.log1p(part), slopes / (1 + part)[..., None]
        return residuals, slopes

    def step(self) -> None:
        """One of each place: taken where it leads downhill."""
        moved = self.points.copy()
        for i, point in enumerate(self.points):
            slope = self._slopes[i]
            if not (np.isfinite(self.loss[i]) and np.isfinite(slope).all()):
                continue
            unit = units(self._problem, point)
            slope = slope * unit
            normal = slope.T @ slope
            damped = normal + self._damping[i] * np.diag(np.diagonal(normal) + 1e-6 * np.trace(normal) + 1e-12)
            x = -np.linalg.solve(damped, slope.T @ self._residuals[i])
            x *= min(1.0, REACH / max(np.abs(x).max(), 1e-300))
            moved[i] = np.clip(point + unit * x, -self._end, self._end)
        residuals, slopes = self._asked(moved)
        loss = _losses(residuals)
        better = loss < self.loss
        self._damping = np.clip(np.where(better, self._damping / 5, self._damping * 4), 1e-8, 1e6)
        self.points = np.where(better[:, None], moved, self.points)
        self._residuals = np.where(better[:, None], residuals, self._residuals)
        self._slopes = np.where(better[:, None, None], slopes, self._slopes)
        self.loss = np.where(better, loss, self.loss)


def _losses(residuals: Float[np.ndarray, "places entries"]) -> Float[np.ndarray, " places"]:
    loss = 0.5 * (residuals**2).sum(1)
    return np.where(np.isfinite(loss), loss, np.inf)
