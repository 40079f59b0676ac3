"""The natural gradient as an Optax transformation."""

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

if TYPE_CHECKING:
    import optax  # a tenth of a second, and not needed to simulate

LEAST = 0.1
"""Least eigenvalue that is believed, in nats per squared unit: a standard error of 3 on the unconstrained scale."""


class InformationState(NamedTuple):
    """Running mean of the Fisher information, and its weight."""

    mean: Float[Array, "free free"]
    weight: Float[Array, ""]


def scale_by_information(decay: float = 0.9, floor: float = 0.02) -> "optax.GradientTransformationExtraArgs":
    """Multiply the gradient by the inverse of a running mean of the Fisher information.

    Eigenvalues are taken to be at least `floor` times the largest: the estimate is noisy, and directions that the data
    do not determine would fly off.

    Args:
        decay: of the running mean, per step.
        floor: least eigenvalue, relative.

    Source: Amari 1998, doi:10.1162/089976698300017746.
    """
    import optax

    def init(params: Any) -> InformationState:
        size = params.shape[0]
        return InformationState(jnp.zeros((size, size)), jnp.zeros(()))

    def update(updates: Any, state: InformationState, params: Any = None, *, information: Any, **extra: Any) -> Any:
        mean = decay * state.mean + (1 - decay) * jnp.asarray(information)
        weight = decay * state.weight + (1 - decay)
        values, vectors = jnp.linalg.eigh(mean / weight)
        values = jnp.maximum(values, jnp.maximum(floor * values[-1], LEAST))
        return vectors @ ((vectors.T @ updates) / values), InformationState(mean, weight)

    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]


@functools.cache
def natural_gradient(
    learning_rate: float = 0.5, largest: float = 0.7, decay: float = 0.9
) -> "optax.GradientTransformationExtraArgs":
    """Steps of the natural gradient, of Euclidean length up to `largest` on the unconstrained scale.

    Args:
        learning_rate: 1 is Fisher scoring; less, and the mean of the last iterates, for noisy gradients.
        largest: before the learning rate.
        decay: of the running Fisher information.
    """
    import optax

    return optax.chain(
        scale_by_information(decay), optax.clip_by_global_norm(largest), optax.scale_by_learning_rate(learning_rate)
    )
