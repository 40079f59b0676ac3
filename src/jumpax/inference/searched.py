"""A fit with a budget: a search of boxes, then an estimate from paths at the best place and about it."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.gradients import ScoreFunction
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.conclude import Conclusion, Reading, exactly, pooled_at
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.exploration import Exploration, Responses, Scattered, Visit, corrected, explore, mean_field_places
from jumpax.inference.exploration.explore import explains, misfit
from jumpax.inference.exploration.surface import level
from jumpax.inference.losses import Together
from jumpax.inference.problem import Problem
from jumpax.inference.result import History, Run, Search
from jumpax.inference.search import named_values
from jumpax.inference.sources import Simulation
from jumpax.observables import AbstractPathObservable

SHARE = 0.6
"""Of the budget, that the search of boxes may take."""
READINGS = 6
"""Evaluations that the rest of it is divided into."""
LEAST, MOST = 16, 4096
"""Paths of one evaluation: at least so many per free parameter and two, and at most."""
CHECK = 64
"""Paths that judge the estimate at last, per free parameter and two; no more than an eighth of the budget."""
PLAIN = 4
"""The same for likelihoods, whose bias falls with the paths of each."""
NEAR = 1.0
"""Length of a step, in standard deviations of the points drawn, up to which the response is a plane."""


class Searched(NamedTuple):
    """What a budget has found."""

    ending: Conclusion
    search: Search
    points: Float[np.ndarray, "visits free"]
    """Those of the search, unconstrained."""
    asked: int
    """Evaluations at the end."""
    evaluated: Problem
    """The problem, its source with the paths of one evaluation."""

    @property
    def run(self) -> Run:
        """As that of any fit; without gradients."""
        search, free = self.search, self.evaluated.free
        unknown = np.full(search.values.shape, np.nan)
        history = History(search.loss, search.loss_error, unknown, unknown, self.points, search.values)
        start, end = (dict(zip(free, search.values[i].tolist(), strict=True)) for i in (0, -1))
        last = self.ending.found[-1]
        return Run(start, end, float(last.loss), float(last.loss_error), "the estimate has settled", True, history)

    @property
    def doubts(self) -> dict[str, str]:
        """That the data are not explained, or by other places, too."""
        found = {}
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


def check_budget(problem: AbstractProblem, budget: int) -> Problem:
    """Whether a problem can be fitted with a budget.

    Raises:
        InputError: a budget that is no number of paths, or too small.
        UnsupportedError: conditions, exact expectations, losses that are not of counts, or too far from a sum of squares.
    """
    least = LEAST * 16 * (len(problem.free) + 2)
    if isinstance(budget, bool) or not isinstance(budget, int | np.integer) or budget < least:
        raise InputError(
            f"budget must be a whole number of paths, for {len(problem.free)} free parameters {least} or more; got {budget!r}"
        )
    if not isinstance(problem, Problem):
        raise UnsupportedError("a budget is for one condition: fit several without")
    if not isinstance(problem.source, Simulation):
        raise UnsupportedError(f"a budget counts paths, and {type(problem.source).__name__} draws none: leave it out")
    parts = problem.loss.losses if isinstance(problem.loss, Together) else (problem.loss,)
    if bent := [type(part).__name__ for part in parts if part.linear is None]:
        more = " (or give Deviations the measured means)" if "Deviations" in bent else ""
        raise UnsupportedError(f"a budget is not for {', '.join(bent)} of these data: leave it out{more}")
    if isinstance(problem.loss.observable(problem.network), AbstractPathObservable):
        raise UnsupportedError("a budget is for data of counts, not of what is gathered along paths: leave it out")
    return problem


def searched(problem: Problem, budget: int, key: Any, known: list[Float[np.ndarray, " free"]]) -> Searched:
    """The estimate, inside the budget.

    Raises:
        SimulationError: paths cannot be followed anywhere, or not at the best place.
    """
    loss = problem.loss.linear
    assert loss is not None
    responses = Responses(problem, loss, SHARE * budget, jax.random.fold_in(key, 0))
    guessed = mean_field_places(problem, loss, _generator(key, 3)) if responses.source.mean_field else []
    early = corrected(responses, guessed[0]) if guessed else []
    near = [visit.point for visit in early[-1:]] + guessed[1:]
    found = explore(responses, jax.random.fold_in(key, 1), [*near, *known])
    check = min(CHECK * (len(problem.free) + 2), budget // 8)
    responses.budget = budget - check
    ask = (
        _scattered(problem, responses, found, key)
        if loss is problem.loss
        else _Plain(responses, jax.random.fold_in(key, 4))
    )
    evaluated = problem.from_source(dataclasses.replace(responses.source, paths=ask.level, batches=8))
    trace = [*early, *found.trace]

    def told(u: Float[np.ndarray, " free"]) -> Any:
        made = ask(evaluated, u)
        trace.append(Visit(responses.drawn, np.asarray(u), float(made.loss), float(made.loss_error)))
        return made

    here = found.points[0]
    first = [told(here) for _ in range(max(responses.left // ask.paths // 2, 1))]
    ending = pooled_at(evaluated, here, first)
    tail = [Reading(here, e) for e in first]
    while responses.left >= ask.paths:  # where the first ones lead
        here = ending.point + ending.step
        second = [told(here) for _ in range(responses.left // ask.paths)]
        close = np.linalg.norm(np.linalg.solve(found.scale, here - ending.point)) < NEAR
        ending = pooled_at(evaluated, here, second, tail if close else [])
    ending = ending.moved()
    if not ending.known and responses.source.exact:
        ending = exactly(evaluated, ending)
    responses.budget = budget
    last = level(responses.binned(responses.whole(np.repeat(ending.point[None], check, 0))))
    if last is not None:
        found = found._replace(explained=explains(last, found.replicates), misfit=misfit(last, found.replicates))
    trace.append(Visit(responses.drawn, ending.point, np.nan, np.nan))
    searching = _search(problem, found, guessed, trace, responses, budget)
    return Searched(ending, searching, np.stack([visit.point for visit in trace]), ask.asked, evaluated)


def _scattered(problem: Problem, responses: Responses, found: Exploration, key: Any) -> Scattered:
    paths = min(max(responses.left // READINGS, LEAST * (len(problem.free) + 2)), MOST)
    return Scattered(responses, found.scale, paths, _generator(key, 2))


class _Plain:
    """Evaluations of losses that squares do not describe, such as likelihoods: an estimator's, by default the score function's.

    Chances of counts that few paths reach need slopes along the same paths.
    """

    def __init__(self, responses: Responses, key: Any):
        self._responses, self._key, source = responses, key, responses.source
        gradient = ScoreFunction() if source.undecided else source.gradient
        self.level = responses.left // PLAIN // 8 * 8
        """Paths behind a level."""
        self._source = dataclasses.replace(source, gradient=gradient, paths=self.level, batches=8)
        self.paths = int(self._source.simulated(responses.problem.structure.network))
        """Of each evaluation."""
        self.asked = 0

    def __call__(self, problem: Problem, u: Float[np.ndarray, " free"]) -> Evaluation:
        """Loss and derivatives."""
        self._responses.drawn += self.paths
        self.asked += 1
        return problem.from_source(self._source).evaluate(
            jnp.asarray(u, float), jax.random.fold_in(self._key, self.asked)
        )


def _generator(key: Any, number: int) -> np.random.Generator:
    return np.random.default_rng(np.asarray(jax.random.key_data(jax.random.fold_in(key, number))).ravel())


def _search(
    problem: Problem,
    found: Exploration,
    guessed: list[Float[np.ndarray, " free"]],
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
        responses.lost,
        found.candidates,
        tuple(named_values(problem, point) for point in found.points[1:]),
        found.misfit,
        found.explained,
        tuple(named_values(problem, place) for place in guessed),
    )
