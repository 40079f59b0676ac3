"""Small linear systems in plain JAX operations."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def solve(matrix: Float[Array, "... n n"], right: Float[Array, "... n k"]) -> Float[Array, "... n k"]:
    """Solution of matrix x = right, by Gauss-Jordan elimination with pivoting; NaN or infinite for singular matrices.

    For batches of small systems. `jnp.linalg.solve` of a batch makes each call into LAPACK wait for other threads of the
    pool that it occupies: as many such calls at a time as there are threads (cores) stop the program for ever.

    Examples:
        >>> solve(jnp.array([[0.0, 2.0], [1.0, 0.0]]), jnp.array([[2.0], [3.0]]))[:, 0].tolist()
        [3.0, 1.0]
    """
    if matrix.ndim > 2:
        return jax.vmap(solve)(matrix, right)
    rows = jnp.arange(len(matrix))

    def eliminate(column: Array, both: Array) -> Array:
        size = jnp.where(rows >= column, jnp.abs(both[:, column]), -1)
        pivot = jnp.argmax(size)
        lead = both[pivot][None] / both[pivot, column]
        both = jnp.where((rows == pivot)[:, None], both[column][None], both)
        rest = both - both[:, column, None] * lead
        return jnp.where((rows == column)[:, None], lead, rest)

    both = jax.lax.fori_loop(0, len(matrix), eliminate, jnp.concatenate([matrix, right], 1))
    return both[:, len(matrix) :]
