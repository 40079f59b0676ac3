"""Where a search of many parameters draws its points, and how long a step may be."""

import numpy as np
from jaxtyping import Float
from scipy.special import expit, logit, ndtri
from scipy.stats import qmc

from jumpax.inference.parameters import LOG_BOX
from jumpax.inference.problem import Problem

SPREAD = 2.0
"""Standard deviation of the first points about the start, on the unconstrained scale, where a parameter has no box."""
EDGE = 1e-3
"""Share of a box at each of its ends that is not drawn from."""
LONGEST = 4.0
"""Largest unit: the scale of a box has no end, the box has."""


def first_points(problem: Problem, count: int, generator: np.random.Generator) -> Float[np.ndarray, "count free"]:
    """A Latin hypercube: uniform in each box on its scale, normal about the start where there is none."""
    start = problem.structure.unconstrained(problem.start_values, problem.numbers)
    shares = np.clip(qmc.LatinHypercube(len(start), rng=generator).random(count), EDGE, 1 - EDGE)
    boxed = np.array([scale in (LOG_BOX, "logit") for scale in problem.structure.scales])
    return np.where(boxed, logit(shares), start + SPREAD * ndtri(shares))


def near_points(
    centre: Float[np.ndarray, " free"],
    scale: Float[np.ndarray, "free free"],
    count: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "count free"]:
    """Normal about a centre, stratified in each direction: centre + scale x."""
    shares = qmc.LatinHypercube(len(centre), rng=generator).random(count)
    return centre + ndtri(np.clip(shares, EDGE, 1 - EDGE)) @ scale.T


def units(problem: Problem, point: Float[np.ndarray, " free"]) -> Float[np.ndarray, " free"]:
    """How much of the unconstrained scale changes each parameter by a factor e, or by its part between two bounds."""
    return np.array([_unit(problem, i, scale, u) for i, (scale, u) in enumerate(zip(problem.structure.scales, point))])


def _unit(problem: Problem, i: int, scale: str, u: float) -> float:
    if scale != LOG_BOX:
        return 1.0
    width = np.log(problem.numbers.upper[i] / problem.numbers.lower[i])
    share = expit(u)
    return float(min(1 / (width * share * (1 - share)), LONGEST))
