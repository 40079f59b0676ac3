"""Standard errors and intervals, from the Fisher information and the noise of the simulation."""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.combinations import Combination, combinations
from jumpax.inference.information import Information
from jumpax.inference.optimiser import LEAST

FELT = 0.03
"""Share of a direction in a parameter from which on the parameter is lost with it."""
LARGEST = LEAST**-0.5
"""Standard error on the unconstrained scale, in units of the parameter, above which it is not determined."""
QUANTILE = 1.959964
"""Of the normal law, for intervals of 95 %."""


class Uncertainty(NamedTuple):
    """What the data, and what the simulation, leave open; by name of every parameter, free and derived."""

    standard_errors: dict[str, float]
    """From the Fisher information, by the delta method; infinite where the data do not determine a parameter, NaN where
    the paths do not show it."""
    simulation_errors: dict[str, float]
    """Of the estimates: what other random paths would change; infinite and NaN as above."""
    intervals: dict[str, tuple[float, float]]
    """95 %, of the free parameters."""
    undetermined: tuple[str, ...]
    """What the data do not determine."""
    unresolved: tuple[str, ...]
    """What too few paths leave open."""
    determined: tuple[Combination, ...]
    """Combinations that the data determine where they do not determine the parameters."""


def uncertainty(
    problem: AbstractProblem,
    u: Float[np.ndarray, " free"],
    information: Information,
    noise: Float[np.ndarray, "free free"],
) -> Uncertainty:
    """What is known at the estimate `u`.

    Args:
        problem: gives the transformations and the derived parameters.
        u: unconstrained estimate.
        information: there.
        noise: covariance of the estimate from the simulation.
    """
    unit, vectors, roots = information.unit, information.vectors, information.roots

    def felt(slope: Float[np.ndarray, " free"], directions: Float[np.ndarray, " free"]) -> bool:
        own = slope * unit
        return float(np.abs(vectors[:, directions].T @ own).max(initial=0.0)) > FELT * float(np.linalg.norm(own))

    slopes = {n: np.asarray(s, float) for n, s in problem.slopes(jnp.asarray(u)).items()}
    errors = {n: float(np.linalg.norm(roots.T @ s)) for n, s in slopes.items()}
    simulated = {n: float(np.sqrt(max(s @ noise @ s, 0.0))) for n, s in slopes.items()}
    unresolved = tuple(n for n, s in slopes.items() if np.any(s) and felt(s, information.unresolved))
    undetermined = tuple(
        n
        for n, s in slopes.items()
        if np.any(s)
        and n not in unresolved
        and (felt(s, information.flat) or errors[n] > LARGEST * np.linalg.norm(s * unit))
    )
    lost = dict.fromkeys(undetermined, np.inf) | dict.fromkeys(unresolved, np.nan)
    return Uncertainty(
        errors | lost, simulated | lost, _intervals(problem, u, np.linalg.norm(roots, axis=1), lost), undetermined,
        unresolved, combinations(problem, information) if lost else (),
    )  # fmt: skip


def _intervals(
    problem: AbstractProblem,
    u: Float[np.ndarray, " free"],
    errors: Float[np.ndarray, " free"],
    lost: Mapping[str, float],
) -> dict[str, tuple[float, float]]:
    """Symmetric on the unconstrained scale, so that they respect bounds; those bounds where nothing is determined."""
    ends = [problem.values(jnp.asarray(u + side * QUANTILE * errors)) for side in (-1, 1)]
    found = {n: sorted(float(end[n]) for end in ends) for n in problem.free}
    bounds = zip(problem.free, problem.numbers.lower, problem.numbers.upper, strict=True)
    found |= {n: [float(low), float(high)] for n, low, high in bounds if np.isinf(lost.get(n, 0.0))}
    found |= {n: [np.nan, np.nan] for n in problem.free if np.isnan(lost.get(n, 0.0))}
    return {n: (low, high) for n, (low, high) in found.items()}
