"""Sums of squares of residuals, in units of their standard deviation."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def half_square(
    residual: Float[Array, "times entries"], root: Float[Array | np.ndarray, "times entries entries"]
) -> Float[Array, ""]:
    """Half the squared length of the whitened residual: minus its Gaussian log-density, up to a constant."""
    return 0.5 * (jnp.einsum("tij,tj->ti", root, residual) ** 2).sum()


def whitened(
    jacobian: Float[Array, "batches times entries free"], root: Float[Array | np.ndarray, "times entries entries"]
) -> Float[Array, "batches rows free"]:
    """The Jacobian of the whitened residual."""
    rows = jnp.einsum("tij,ktjp->ktip", root, jacobian)
    return rows.reshape(rows.shape[0], rows.shape[1] * rows.shape[2], rows.shape[3])


def inverse_root(covariance: Float[np.ndarray, "entries entries"]) -> Float[np.ndarray, "entries entries"]:
    """A matrix L with L^T L = covariance^-1; directions without variance (1e-9 of the largest) drop out."""
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = values > 1e-9 * max(values.max(), 1e-300)
    inverse = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return (inverse[:, None] * vectors.T) / scale


def errors_behind(root: Float[np.ndarray, "times entries entries"]) -> Float[np.ndarray, "times entries"]:
    """Standard errors behind a root that is diagonal; infinite where nothing was measured."""
    with np.errstate(divide="ignore"):
        return 1 / np.diagonal(root, axis1=1, axis2=2)
