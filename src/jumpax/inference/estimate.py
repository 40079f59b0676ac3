"""The estimate of a fit with a budget: evaluations at the best place of the search, and where these lead."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import SimulationError
from jumpax.engines.journal import interrupted
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.conclude import Conclusion, pooled_at
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.exploration import ByCondition, Exploration, Responses, Visit


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
    def evaluated(self) -> AbstractProblem:
        """The problem, its source with the paths behind the last evaluation."""
        return self.ask.behind(self.problem)

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

    The last evaluation at a point has all paths near it behind it.
    """
    here = found.points[0]
    last = asking(here, 2 if found.interrupted else max(asking.left // 2, 1))
    ending = pooled_at(asking.evaluated, here, last[-1:])
    if asking.left and not found.interrupted and not asking.interrupted:
        here = ending.point + ending.step
        if last := asking(here, asking.left, needed=False):
            ending = pooled_at(asking.evaluated, here, last[-1:])
    return ending.moved(), ending.distance
