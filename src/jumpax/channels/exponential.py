"""Exponentials of many small matrices, in a program that compiles quickly."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_TERMS, _MOST_SQUARINGS = 18, 48
"""Of the series for a norm of 1 at most (the next is 1e-17); norms of up to 2^48 are scaled down to that."""


def exponential(matrices: Float[Array, "*many n n"]) -> Float[Array, "*many n n"]:
    """`exp` of each matrix by scaling and squaring; differentiable as often as wanted, NaN for norms beyond 2^48.

    `jax.scipy.linalg.expm` compiles five rational functions for this, and refuses norms beyond 2^18.
    """
    norm = jax.lax.stop_gradient(jnp.abs(matrices).sum(-2).max(-1))
    squarings = jnp.ceil(jnp.log2(jnp.maximum(norm, 1.0)))[..., None, None]
    scaled = matrices * jnp.where(squarings <= _MOST_SQUARINGS, 2.0**-squarings, jnp.nan)
    one = jnp.broadcast_to(jnp.eye(matrices.shape[-1]), matrices.shape)

    def term(made, order):
        return one + scaled @ made / order, None

    def square(made, number):
        return jnp.where(number < squarings, made @ made, made), None

    series, _ = jax.lax.scan(term, one, jnp.arange(_TERMS, 0, -1.0))
    return jax.lax.scan(square, series, jnp.arange(_MOST_SQUARINGS))[0]
