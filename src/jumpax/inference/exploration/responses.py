"""What single paths say, each with parameters of its own: residuals of the data, in few numbers."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.exploration.condition_responses import ConditionResponses, simulations
from jumpax.inference.exploration.ledger import Ledger


class Responses:
    """Draws paths at points of the unconstrained scale, one in each condition; keeps count, and keeps the residuals that it found.

    Args:
        problem: with sources `Simulation`, and losses that have linear residuals.
        budget: most paths.
        key: of all paths.
    """

    def __init__(self, problem: AbstractProblem, budget: float, key: PRNGKeyArray):
        self.problem = problem
        self.ledger = Ledger(budget, key, max(each.max_events for each in simulations(problem)))
        """Of all paths."""
        self.conditions = tuple(ConditionResponses(part, self.ledger) for part in problem.parts.values())
        self.points: Float[np.ndarray, "paths free"] = np.zeros((0, len(problem.free)))
        self.residuals: Float[np.ndarray, "paths entries"] = np.zeros((0, 0), np.float32)
        self.touches: Bool[np.ndarray, "entries free"] = np.zeros((0, len(problem.free)), bool)
        """Which entries may depend on which parameter."""

    @property
    def left(self) -> int:
        """Points at which paths may still be drawn."""
        return self.ledger.left // len(self.conditions)

    def draw(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths entries"]:
        """Residuals of one path in each condition, at each point, NaN where one could not be followed; kept."""
        residuals = self.binned(self.whole(points))
        self.points = np.concatenate([self.points, points])
        self.residuals = np.concatenate([self.residuals.reshape(-1, residuals.shape[1]), residuals])
        return residuals

    def whole(self, points: Float[np.ndarray, "paths free"]) -> list[Float[np.ndarray, "paths numbers"]]:
        """The same at every stop, by condition, and not kept."""
        each = zip(self.conditions, self.problem.places, strict=True)
        return [condition.whole(points[:, place]) for condition, place in each]

    def binned(self, residuals: Sequence[Float[np.ndarray, "paths numbers"]]) -> Float[np.ndarray, "paths entries"]:
        """In few numbers: see `intervals`. All are NaN where one is."""
        each = zip(self.conditions, residuals, strict=True)
        parts = [condition.binned(part) for condition, part in each]
        self._widen(parts)
        made = np.concatenate(parts, 1)
        return np.where(np.isnan(made).any(1, keepdims=True), made.dtype.type(np.nan), made)

    def _widen(self, parts: Sequence[Float[np.ndarray, "paths entries"]]) -> None:
        """Note which entries of each condition may depend on its parameters, once their number is known."""
        if len(self.touches):
            return
        rows = []
        for condition, place, part in zip(self.conditions, self.problem.places, parts, strict=True):
            wide = np.zeros((part.shape[1], len(self.problem.free)), bool)
            wide[:, place] = condition.touched(part.shape[1])
            rows.append(wide)
        self.touches = np.concatenate(rows)
