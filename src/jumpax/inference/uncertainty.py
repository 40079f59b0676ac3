"""Standard errors from the Fisher information."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jumpax.inference.problem import Problem

SINGULAR = 1e-4
"""Relative eigenvalue of the information below which a direction counts as not determined."""
RESOLVED = 3.0
"""Standard errors by which an eigenvalue must exceed 0."""


class Uncertainty(NamedTuple):
    """What the data, and what the simulation, leave open; by name of every parameter, free and derived."""

    covariance: Float[np.ndarray, "free free"]
    """Of the unconstrained parameters; infinite entries on the diagonal where the data do not determine them."""
    standard_errors: dict[str, float]
    """From the Fisher information, by the delta method; infinite where the data do not determine a parameter."""
    simulation_errors: dict[str, float]
    """Of the estimates as numbers: what other random paths would change."""
    undetermined: tuple[str, ...]


def uncertainty(
    problem: Problem,
    u: Float[np.ndarray, " free"],
    informations: Float[np.ndarray, "evaluations free free"],
    noise: Float[np.ndarray, "free free"],
) -> Uncertainty:
    """Covariances at the estimate `u`.

    Args:
        problem: gives the transformations and the derived parameters.
        u: unconstrained estimate.
        informations: expected Fisher information of all the data, on the unconstrained scale; several estimates of it.
        noise: covariance of the estimate from the simulation.
    """
    inverse, lost = _inverse(np.asarray(informations, float))

    def named(point: Float[jax.Array, " free"]) -> dict[str, jax.Array]:
        return {n: jnp.asarray(v, float) for n, v in problem.values(point).items()}

    slopes = {n: np.asarray(s, float) for n, s in jax.jacfwd(named)(jnp.asarray(u, float)).items()}
    errors = {n: float(np.sqrt(max(s @ inverse @ s, 0.0))) for n, s in slopes.items()}
    felt = {n: float(np.abs(lost.T @ s).max(initial=0.0)) > 0.03 * float(np.linalg.norm(s)) for n, s in slopes.items()}
    undetermined = tuple(n for n, s in slopes.items() if np.any(s) and felt[n])
    errors |= dict.fromkeys(undetermined, float("inf"))
    simulated = {n: float(np.sqrt(max(s @ noise @ s, 0.0))) for n, s in slopes.items()}
    covariance = inverse.copy()
    for i, name in enumerate(problem.free):
        covariance[i, i] = np.inf if name in undetermined else covariance[i, i]
    return Uncertainty(covariance, errors, simulated, undetermined)


def _inverse(informations: Float[np.ndarray, "evaluations free free"]) -> tuple[np.ndarray, np.ndarray]:
    """Inverse on the directions that are determined, and the others as columns."""
    values, vectors = np.linalg.eigh(informations.mean(0))
    along = np.einsum("pi,epq,qi->ei", vectors, informations, vectors)
    noise = along.std(0, ddof=1) / np.sqrt(len(along)) if len(along) > 1 else np.zeros_like(values)
    kept = values > np.maximum(SINGULAR * max(float(values[-1]), 1e-300), RESOLVED * noise)
    return (vectors[:, kept] / values[kept]) @ vectors[:, kept].T, vectors[:, ~kept]


def interval(
    problem: Problem, u: Float[np.ndarray, " free"], covariance: Float[np.ndarray, "free free"], z: float = 1.96
) -> Mapping[str, tuple[float, float]]:
    """Intervals of the free parameters, symmetric on the unconstrained scale, so that they respect bounds."""
    spread = z * np.sqrt(np.diag(covariance))
    ends = []
    for side in (-1, 1):
        reach = np.where(np.isfinite(spread), u + side * spread, side * 80.0)
        ends.append({n: float(v) for n, v in problem.values(jnp.asarray(reach)).items() if n in problem.free})
    return {n: (min(ends[0][n], ends[1][n]), max(ends[0][n], ends[1][n])) for n in problem.free}
