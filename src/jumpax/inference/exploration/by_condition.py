"""Evaluations of several conditions, each in its own way."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.exploration.plain import Plain
from jumpax.inference.exploration.scattered import Scattered


class ByCondition:
    """Asks for an evaluation of each condition, and takes them together.

    Args:
        asks: by condition.
    """

    def __init__(self, asks: Sequence[Scattered | Plain]):
        self._asks = tuple(asks)
        self.asked = 0
        """Evaluations so far."""

    @property
    def independent(self) -> bool:
        """Whether evaluations have no paths in common."""
        return all(isinstance(ask, Plain) for ask in self._asks)

    @property
    def paths(self) -> int:
        """Of each evaluation."""
        return sum(ask.paths for ask in self._asks)

    @property
    def levels(self) -> tuple[int, ...]:
        """Paths with the parameters of the point, by condition."""
        return tuple(ask.level for ask in self._asks)

    @property
    def lost(self) -> int:
        """Of those, how many could not be followed."""
        return sum(ask.lost for ask in self._asks)

    def __call__(self, problem: AbstractProblem, u: Float[np.ndarray, " free"]) -> Evaluation:
        """Loss and derivatives.

        Raises:
            SimulationError: paths could not be followed.
        """
        self.asked += 1
        parts = zip(self._asks, problem.split(u), strict=True)
        return problem.summed([ask(part, np.asarray(own)) for ask, (part, own) in parts])
