"""Places where the mean field explains the data: candidates that cost no paths, and their correction by a few."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.exploration.coordinates import first_points, units
from jumpax.inference.exploration.descent import Descent
from jumpax.inference.exploration.explore import EVENTS, FIRST, Visit
from jumpax.inference.exploration.mean_response import TOGETHER, MeanResponse, work
from jumpax.inference.exploration.responses import Responses
from jumpax.inference.exploration.surface import level
from jumpax.networks import Need

SCREENED = 4
"""How many times as many points the starts are the best of."""
ITERATIONS, STRAIGHT = 40, 12
"""Steps of each, and how many of them, at the end, take residuals as they are."""
MOST = 3
"""Places that are told."""
BEND = 0.1
"""Residuals beyond this part of the usual one of the first points are squashed, until the last steps."""
APART = 0.5
"""Factors e in some parameter, by which places differ."""
WORSE = 4.0
"""Times the least loss, up to which a place is told."""
WORK = 4e9
"""Most operations, about: larger networks have no places."""
CORRECTIONS = 3
"""Times that the best place is corrected."""
ERROR = 1.0
"""What the mean field is wrong by, usually, in factors e."""
TOLD = 4.0
"""So many residuals of a path, neighbours in time, tell no more than one."""
QUIET = np.errstate(over="ignore", invalid="ignore")
"""Places far away may be off by more than numbers hold; they are not taken."""


class Places(NamedTuple):
    """Where the mean field explains the data."""

    points: list[Float[np.ndarray, " free"]]
    """Unconstrained, the best first."""
    fault: str = ""
    """Why there are none, if they were not looked for."""


@QUIET
def mean_field_places(problem: AbstractProblem, generator: np.random.Generator) -> Places:
    """Up to three places on the unconstrained scale where mean counts by the rate equation come nearest to the data, the best first.

    Least squares by damped Gauss-Newton steps from the best of a Latin hypercube, side by side. Approximate, as the mean
    field is: paths have to judge. Bounded in work, not in time, so that the same numbers come out each time. No place
    where the network has no mean field, or is too large, or its laws are for whole numbers only.

    Args:
        problem: with free parameters, and losses that have linear residuals.
        generator: of the points.
    """
    if more := frozenset().union(*(part.network.needs for part in problem.parts.values())) - {Need.TIME}:
        return Places([], f"networks with {', '.join(sorted(need.value for need in more))} have none")
    if work(problem) * TOGETHER * (SCREENED + ITERATIONS) > WORK:
        return Places([], "the network is too large")
    points, response = first_points(problem, TOGETHER * SCREENED, generator), MeanResponse(problem)
    try:
        firsts = response(points)[0]
    except Exception as fault:  # calls laws and observables, which are anybody's functions, made for whole numbers
        return Places([], f"the laws cannot be followed between whole numbers: {type(fault).__name__}: {fault}")
    return Places(_places(problem, response, points, firsts))


def _places(
    problem: AbstractProblem,
    response: MeanResponse,
    points: Float[np.ndarray, "points free"],
    firsts: Float[np.ndarray, "points entries"],
) -> list[Float[np.ndarray, " free"]]:
    """From the best of the first points."""
    sound = np.isfinite(firsts).all(1)
    if not sound.any():
        return []
    size = np.maximum(BEND * np.median(np.abs(firsts[sound]), 0), 1.0)
    far = np.where(sound, np.log1p((np.nan_to_num(firsts) / size) ** 2).mean(1), np.inf)
    descent = Descent(problem, response, points[np.argsort(far, kind="stable")[:TOGETHER]], size)
    for iteration in range(ITERATIONS):
        if iteration == ITERATIONS - STRAIGHT:
            descent.straighten()
        descent.step()
    order = np.argsort(descent.loss, kind="stable")
    kept: list[np.ndarray] = []
    for i in order[descent.loss[order] <= WORSE * descent.loss[order[0]]]:
        place = descent.points[i]
        unit = units(problem, place)
        if np.isfinite(descent.loss[i]) and all(np.abs((place - other) / unit).max() > APART for other in kept):
            kept.append(place)
    return kept[:MOST]


@QUIET
def corrected(responses: Responses, place: Float[np.ndarray, " free"]) -> list[Visit]:
    """A place by the mean field, and where a few paths lead from it, the last the best known.

    Residuals of paths at the place, less those of the mean field there, are what the mean field is wrong by. Taken for the same
    near by, they correct it: the next place is where the corrected mean field is nearest to the data, and so on, with the mean
    of all corrections, weighed by its noise against the distance from the first. This has the mean of paths and the slopes of the
    mean field, so that a few dozen paths will do; what is left of the error is what the slopes are wrong by, and noise. Ends
    early where paths cannot be followed, which are given up after few events.
    """
    problem = responses.problem
    response, paths = MeanResponse(problem), FIRST * (len(place) + 2)
    visits, off, first = [Visit(responses.ledger.drawn, place)], [], place
    usual, responses.ledger.cap = responses.ledger.cap, min(responses.ledger.cap, EVENTS)
    for _ in range(CORRECTIONS):
        seen = level(responses.draw(np.repeat(place[None], min(paths, responses.left), 0)))
        if seen is None:
            break
        off.append(seen.level - response(place[None])[0][0])
        noise = np.sqrt(max(seen.variance.mean(), 1e-300) * TOLD / (paths * len(off)))
        near = _Near(response, np.mean(off, 0), noise, first, ERROR * units(problem, first))
        descent = Descent(problem, near, place[None])
        for _ in range(STRAIGHT):
            descent.step()
        place = descent.points[0]
        visits.append(Visit(responses.ledger.drawn, place))
    responses.ledger.cap = usual
    return visits


class _Near:
    """A response with something added to its residuals, over their noise; and distances from a place, over what is usual."""

    def __init__(self, response: MeanResponse, shift: np.ndarray, noise: float, place: np.ndarray, usual: np.ndarray):
        self._response, self._shift, self._noise, self._place, self._usual = response, shift, noise, place, usual

    def __call__(self, points: Float[np.ndarray, "points free"]) -> tuple[np.ndarray, np.ndarray]:
        """Both at each point, with a row for each parameter."""
        residuals, slopes = self._response(points)
        more = np.broadcast_to(np.diag(1 / self._usual), (len(points), len(self._usual), len(self._usual)))
        return (
            np.concatenate([(residuals + self._shift) / self._noise, (points - self._place) / self._usual], 1),
            np.concatenate([slopes / self._noise, more], 1),
        )
