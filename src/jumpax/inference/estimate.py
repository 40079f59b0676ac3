"""The estimate of a fit with a budget: evaluations at the best place of the search, and where these lead."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import SimulationError
from jumpax.engines.journal import interrupted
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.conclude import Conclusion, Reading, pooled_at
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.exploration import ByCondition, Exploration, Responses, Visit

NEAR = 1.0
"""Length of a step, in standard deviations of the points drawn, up to which the response is a plane."""


class Asking:
    """Evaluations in a row, and what ended them.

    Args:
        ask: for one.
        problem: what is evaluated.
        responses: keeps count of the paths.
        tell: told after each.
    """

    def __init__(self, ask: ByCondition, problem: AbstractProblem, responses: Responses, tell: Callable[[Visit], None]):
        self.ask, self.problem, self.interrupted, self.fault = ask, problem, False, ""
        self._responses, self._tell = responses, tell

    @property
    def left(self) -> int:
        """Evaluations that there are paths for."""
        return self._responses.ledger.left // self.ask.paths

    def __call__(self, u: Float[np.ndarray, " free"], count: int, needed: bool = True) -> list[Evaluation]:
        """So many at a point; fewer where paths cannot be followed, or by Ctrl-C.

        Raises:
            SimulationError: paths cannot be followed, and one evaluation is needed.
        """
        made: list[Evaluation] = []
        try:
            for _ in range(count):
                made.append(self.ask(self.problem, u))
                self._tell(
                    Visit(self._responses.ledger.drawn, np.asarray(u), float(made[-1].loss), float(made[-1].loss_error))
                )
        except KeyboardInterrupt:
            if needed and not made:
                raise
            interrupted()
            self.interrupted = True
        except SimulationError as fault:
            if needed and not made:
                raise
            self.fault = str(fault)
        return made


def estimate(asking: Asking, found: Exploration) -> tuple[Conclusion, float]:
    """Where evaluations at the best place lead, and others where the first ones lead; and how long the last step was.

    Slopes of an evaluation may be from the paths of those before it, too (`Scattered`): then their noise is not independent.
    """
    here, problem = found.points[0], asking.problem
    first = asking(here, 2 if found.interrupted else max(asking.left // 2, 1))
    ending = pooled_at(problem, here, first, independent=asking.ask.independent)
    if asking.left and not found.interrupted and not asking.interrupted:
        here = ending.point + ending.step
        if second := asking(here, asking.left, needed=False):
            close = np.linalg.norm(np.linalg.solve(found.scale, here - ending.point)) < NEAR
            tail = [Reading(ending.point, e) for e in first] if close else []
            ending = pooled_at(problem, here, second, tail, independent=asking.ask.independent)
    return ending.moved(), ending.distance
