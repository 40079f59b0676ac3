"""A fit with a budget: a search of boxes, then an estimate from paths at the best place and about it."""

import time
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jumpax._base.progress import Told
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.budget import LEAST
from jumpax.inference.conclude import Conclusion, exactly
from jumpax.inference.doubts import FAR
from jumpax.inference.estimate import Asking, estimate
from jumpax.inference.exploration import (
    ByCondition,
    Exploration,
    Places,
    Plain,
    Responses,
    Scattered,
    Visit,
    corrected,
    explore,
    mean_field_places,
)
from jumpax.inference.exploration.condition_responses import simulations
from jumpax.inference.exploration.surface import level, root
from jumpax.inference.progress import SearchProgress
from jumpax.inference.result import History, Run, Search
from jumpax.inference.search import INTERRUPTED, named_values

SHARE = 0.6
"""Of the budget, that the search of boxes may take."""
READINGS = 6
"""Evaluations that the rest of it is divided into."""
MOST = 4096
"""Paths of one evaluation, at most."""
CHECK = 64
"""Paths that judge the estimate at last, per free parameter and two; no more than an eighth of the budget."""


class Searched(NamedTuple):
    """What a budget has found."""

    ending: Conclusion
    distance: float
    """Length of the last step, to the estimate, in standard errors: no paths were left to see what lies there."""
    search: Search
    points: Float[np.ndarray, "visits free"]
    """Those of the search, unconstrained."""
    asking: Asking
    """The evaluations at the end."""
    evaluated: AbstractProblem
    """The problem, its source with the paths behind the last of them."""
    interrupted: bool

    @property
    def unsettled(self) -> bool:
        """Whether that step was longer than noise makes it."""
        return self.distance > max(FAR, 2 * self.ending.loudness)

    @property
    def run(self) -> Run:
        """As that of any fit; without gradients, and with losses where they were evaluated."""
        search, free = self.search, self.evaluated.free
        unknown = np.full(search.values.shape, np.nan)
        history = History(search.loss, search.loss_error, unknown, unknown, self.points, search.values)
        start, end = (dict(zip(free, search.values[i].tolist(), strict=True)) for i in (0, -1))
        last, stopped = self.ending.found[-1], not (self.interrupted or self.unsettled)
        ended = "the estimate has settled" if stopped else "the budget was used before the estimate settled"
        reason = INTERRUPTED if self.interrupted else ended
        return Run(start, end, float(last.loss), float(last.loss_error), reason, stopped, history)

    @property
    def doubts(self) -> dict[str, str]:
        """That the data are not explained, or by other places, too; that the estimate goes on moving, or that paths were lost."""
        found = {}
        if self.unsettled:
            found["distance"] = (
                f"the last step, to the estimate, was {self.distance:.2g} standard errors long, and the budget was used: give a larger "
                "one."
            )
        if self.asking.ask.lost:
            found["lost"] = (
                f"{self.asking.ask.lost} of {self.asking.ask.asked} paths at the estimate, or next to it, could not be followed, and "
                "what they would show is missing: allow more events (max_events), or narrow the boxes."
            )
        if self.asking.fault:
            found["given up"] = f"the estimate is where the search had come when it broke off: {self.asking.fault}"
        if not self.search.explained:
            far = (
                f"the loss is {self.search.misfit:.2g} times what their scatter gives, or more"
                if np.isfinite(self.search.misfit) and self.search.misfit > 1
                else "the paths have not shown a place where they are"
            )
            found["unexplained"] = (
                f"the data are not explained: {far}. The budget is too small to find the answer, or it lies outside the boxes, or "
                "the model is another."
            )
        elif self.search.others:
            places = "; ".join(", ".join(f"{n} = {v:.3g}" for n, v in other.items()) for other in self.search.others)
            found["elsewhere"] = (
                f"as far as the paths tell, the data are explained as well at {places}: give a larger budget."
            )
        return found


def searched(
    problem: AbstractProblem,
    budget: int,
    key: PRNGKeyArray,
    known: list[Float[np.ndarray, " free"]],
    tell: Told = lambda told: None,
) -> Searched:
    """The estimate, inside the budget.

    Ctrl-C ends the search, once there are candidates, and keeps what was reached.

    Raises:
        SimulationError: paths cannot be followed anywhere, or not at the best place.
    """
    begin = time.perf_counter()
    trace: list[Visit] = []

    def visit(one: Visit) -> None:
        trace.append(one)
        tell(SearchProgress(one.paths, budget, named_values(problem, one.point), time.perf_counter() - begin))

    responses = Responses(problem, SHARE * budget, jax.random.fold_in(key, 0))
    sources = simulations(problem)
    guessed = mean_field_places(problem, _generator(key, 3)) if all(s.mean_field for s in sources) else Places([])
    early = corrected(responses, guessed.points[0]) if guessed.points else []
    trace += early
    near = [one.point for one in early[-1:]] + guessed.points[1:]
    found = explore(responses, jax.random.fold_in(key, 1), [*near, *known], visit)
    check = min(CHECK * (len(problem.free) + 2), budget // (8 * len(sources)))
    responses.ledger.budget = budget - check * len(sources)
    ask = _asking(responses, found, key)
    asking = Asking(ask, problem, responses, visit)
    ending, distance = estimate(asking, found)
    evaluated = ending.problem
    interrupted = found.interrupted or asking.interrupted
    if not (ending.known or interrupted) and all(source.exact for source in sources):
        exact = exactly(evaluated, ending)
        distance = distance if exact is ending else exact.distance
        ending = exact
    responses.ledger.budget = budget
    last = level(responses.binned(responses.whole(np.repeat(ending.point[None], check, 0))))
    explained = last is not None and found.scatter.explains(last)
    far = np.inf if last is None else found.scatter.misfit(last)
    trace.append(Visit(responses.ledger.drawn, ending.point))
    searching = _search(problem, found._replace(explained=explained, misfit=far), guessed, trace, responses, budget)
    points = np.stack([one.point for one in trace])
    return Searched(ending, distance, searching, points, asking, evaluated, interrupted)


def _asking(responses: Responses, found: Exploration, key: PRNGKeyArray) -> ByCondition:
    """Evaluations of the rest of the budget."""
    free = len(responses.problem.free)
    paths = min(max(responses.left // READINGS, LEAST * (free + 2)), MOST)
    generator, asks = _generator(key, 2), []
    for number, (condition, place) in enumerate(zip(responses.conditions, responses.problem.places, strict=True)):
        scale = _scale(found.scale, place)
        if condition.loss is condition.problem.loss:
            asks.append(Scattered(condition, scale, paths, generator))
        else:
            asks.append(Plain(condition, scale, jax.random.fold_in(key, 4 + 16 * number), responses.left))
    return ByCondition(asks)


def _scale(scale: Float[np.ndarray, "free free"], place: Int[np.ndarray, " own"]) -> Float[np.ndarray, "own own"]:
    """Of the parameters of one condition: a root of their covariance."""
    return scale[place] if len(place) == len(scale) else root(scale, place)


def _generator(key: PRNGKeyArray, number: int) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(jax.random.fold_in(key, number))).ravel())


def _search(
    problem: AbstractProblem,
    found: Exploration,
    guessed: Places,
    trace: list[Visit],
    responses: Responses,
    budget: int,
) -> Search:
    return Search(
        budget,
        np.array([visit.paths for visit in trace]),
        np.array([list(named_values(problem, visit.point).values()) for visit in trace]),
        np.array([visit.loss for visit in trace]),
        np.array([visit.error for visit in trace]),
        responses.ledger.lost,
        found.candidates,
        tuple(named_values(problem, point) for point in found.points[1:]),
        found.misfit,
        found.explained,
        tuple(named_values(problem, place) for place in guessed.points),
        guessed.fault,
    )
