"""The largest density, and the normal law about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

_HIGH = 1e30
"""What a search that strays is told."""


@final
@dataclass(frozen=True, eq=False)
class Maximum:
    """Where a posterior density is largest on the unconstrained scale, with Laplace's approximation of the posterior."""

    u: Float[np.ndarray, " free"]
    values: dict[str, float]
    """Of all parameters there, fixed and derived ones too."""
    log_density: float
    covariance: Float[np.ndarray, "free free"]
    """Of u: the inverse of minus the second derivative, which is a central difference of gradients; NaN if that is not positive."""
    standard_errors: dict[str, float]
    """Of all parameters, to first order; NaN where the covariance is."""
    found: tuple[float, ...]
    """Log densities that the searches ended at, the best first: equal ones are one maximum found again."""


def maximise(density: Any, starts: Sequence[Float[np.ndarray, " free"]]) -> Maximum:
    """The best end of searches by L-BFGS."""
    from scipy.optimize import minimize

    slope = jax.jit(jax.value_and_grad(density))

    def downhill(u: Float[np.ndarray, " free"]) -> tuple[float, Float[np.ndarray, " free"]]:
        value, gradient = slope(jnp.asarray(u, float))
        return (-float(value), -np.asarray(gradient, np.float64)) if np.isfinite(value) else (_HIGH, np.zeros(len(u)))

    ends = [minimize(downhill, start, jac=True, method="L-BFGS-B") for start in starts]
    ends.sort(key=lambda end: end.fun)
    u = np.asarray(ends[0].x, np.float64)
    covariance = _covariance(lambda u: -downhill(u)[1], u)
    values = density.constrained(u)
    rows = jax.jacfwd(density.constrained)(jnp.asarray(u, float))
    errors = {
        name: float(np.sqrt(np.asarray(row, float) @ covariance @ np.asarray(row, float))) for name, row in rows.items()
    }
    return Maximum(
        u, {name: float(value) for name, value in values.items()}, -float(ends[0].fun), covariance, errors,
        tuple(-float(end.fun) for end in ends),
    )  # fmt: skip


def _covariance(
    gradient: Callable[[Float[np.ndarray, " free"]], Float[np.ndarray, " free"]], u: Float[np.ndarray, " free"]
) -> Float[np.ndarray, "free free"]:
    """The inverse of minus the second derivative."""
    step = 1e-4 if jax.config.read("jax_enable_x64") else 1e-2
    moves = step * np.eye(len(u))
    second = np.stack([(gradient(u + move) - gradient(u - move)) / (2 * step) for move in moves])
    information = -(second + second.T) / 2
    try:
        np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        return np.full(information.shape, np.nan)
    return np.linalg.inv(information)
