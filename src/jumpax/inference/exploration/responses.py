"""What single paths say, each with parameters of its own: residuals of the data, in few numbers."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.exploration.condition_responses import ConditionResponses


class Responses:
    """Draws paths at points of the unconstrained scale, one in each condition; keeps count, and keeps the residuals that it found.

    Args:
        problem: with sources `Simulation`, and losses that have linear residuals.
        budget: most paths.
        key: of all paths.
    """

    def __init__(self, problem: AbstractProblem, budget: float, key: Any):
        self.problem, self.budget = problem, budget
        self.drawn = self.lost = 0
        """Paths, and those of them that could not be followed."""
        self._key, self._calls = key, 0
        self._widths: list[int] = []
        """Residuals of a path in each condition."""
        self.conditions = tuple(
            ConditionResponses(part, self) for part, _ in problem.split(np.zeros(len(problem.free)))
        )
        self.cap = self.most_events
        """Events after which a path is given up."""
        self.points: Float[np.ndarray, "paths free"] = np.zeros((0, len(problem.free)))
        self.residuals: Float[np.ndarray, "paths entries"] = np.zeros((0, 0), np.float32)

    @property
    def most_events(self) -> int:
        """That the sources follow a path for."""
        return max(condition.source.max_events for condition in self.conditions)

    @property
    def left(self) -> int:
        """Points at which paths may still be drawn."""
        return self.paths_left // len(self.conditions)

    @property
    def paths_left(self) -> int:
        """Of all conditions together."""
        return int(min(max(self.budget - self.drawn, 0), 2**31))

    def enter(self, paths: int) -> Any:
        """So many paths are drawn: their key."""
        self.drawn += paths
        self._calls += 1
        return jax.random.fold_in(self._key, self._calls)

    def lose(self, paths: int) -> None:
        """So many of them could not be followed."""
        self.lost += paths

    def draw(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths entries"]:
        """Residuals of one path in each condition, at each point, NaN where one could not be followed; kept."""
        residuals = self.binned(self.whole(points))
        self.points = np.concatenate([self.points, points])
        self.residuals = np.concatenate([self.residuals.reshape(-1, residuals.shape[1]), residuals])
        return residuals

    def whole(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths numbers"]:
        """The same at every stop, and not kept."""
        parts = [condition.whole(own) for condition, own in self._each(points)]
        self._widths = [part.shape[1] for part in parts]
        return _joined(parts)

    def binned(self, residuals: Float[np.ndarray, "paths numbers"]) -> Float[np.ndarray, "paths entries"]:
        """In few numbers: see `intervals`."""
        parts = np.split(residuals, np.cumsum(self._widths)[:-1], 1)
        return _joined([condition.binned(part) for condition, part in zip(self.conditions, parts, strict=True)])

    def _each(self, points: Float[np.ndarray, "paths free"]) -> Iterator[tuple[ConditionResponses, np.ndarray]]:
        """Conditions, and the points as each has them."""
        own = (np.asarray(part).T for _, part in self.problem.split(points.T))
        return zip(self.conditions, own, strict=True)


def _joined(parts: list[Float[np.ndarray, "paths _"]]) -> Float[np.ndarray, "paths numbers"]:
    """Side by side; all NaN where one is."""
    if len(parts) == 1:
        return parts[0]
    whole = np.concatenate(parts, 1)
    return np.where(np.isnan(whole).any(1, keepdims=True), whole.dtype.type(np.nan), whole)
