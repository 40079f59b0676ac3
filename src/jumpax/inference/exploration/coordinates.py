"""Where a search of many parameters draws its points, and how long a step may be."""

import numpy as np
from jaxtyping import Float
from scipy.special import logit, ndtri

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.parameters import LOG_BOX, factors

SPREAD = 2.0
"""Standard deviation of the first points about the start, on the unconstrained scale, where a parameter has no box."""
NEAR = 1.0
"""Distance, in standard deviations of the points drawn, up to which the response is a plane."""
EDGE = 1e-3
"""Share of a box at each of its ends that is not drawn from."""


def first_points(
    problem: AbstractProblem, count: int, generator: np.random.Generator
) -> Float[np.ndarray, "count free"]:
    """A Latin hypercube: uniform in each box on its scale, normal about the start where there is none."""
    start = problem.structure.unconstrained(problem.start_values, problem.numbers)
    shares = _hypercube(len(start), count, generator)
    boxed = np.array([scale in (LOG_BOX, "logit") for scale in problem.structure.scales])
    return np.where(boxed, logit(shares), start + SPREAD * ndtri(shares))


def near_points(
    centre: Float[np.ndarray, " free"],
    scale: Float[np.ndarray, "free free"],
    count: int,
    generator: np.random.Generator,
) -> Float[np.ndarray, "count free"]:
    """Normal about a centre, stratified in each direction: centre + scale x."""
    return centre + ndtri(_hypercube(len(centre), count, generator)) @ scale.T


def is_near(scale: Float[np.ndarray, "free free"], way: Float[np.ndarray, " free"]) -> bool:
    """Whether paths at one end of a way tell of the other end, too."""
    return bool(np.linalg.norm(np.linalg.solve(scale, way)) < NEAR)


def _hypercube(free: int, count: int, generator: np.random.Generator) -> Float[np.ndarray, "count free"]:
    """A Latin hypercube, off the faces."""
    from scipy.stats import qmc  # half a second, and not needed to simulate

    return np.clip(qmc.LatinHypercube(free, rng=generator).random(count), EDGE, 1 - EDGE)


def units(problem: AbstractProblem, point: Float[np.ndarray, " free"]) -> Float[np.ndarray, " free"]:
    """How much of the unconstrained scale changes each parameter by a factor e, or by its part between two bounds."""
    return factors(problem.structure, problem.numbers, point)
