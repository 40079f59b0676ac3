"""Linear flow between events, v' = A v + b, shared by the folds that carry tangents."""

import functools
from collections.abc import Mapping

import jax.numpy as jnp

from jumpax._base.types import Real

Rows = tuple[tuple[Real, ...], ...]
"""What flows: one row per carried direction, one entry per parameter."""
Matrix = Mapping[tuple[int, int], Real]
"""The entries of A that can differ from zero, by (row, column)."""


def longest_step(matrix: Matrix, reach: float, like: Real) -> Real:
    """The time reach / nu, nu^4 the largest row sum of |A|^4; infinite where nothing flows, or where entries are not finite.

    Here |A| has the absolute values of A for entries. nu lies between the largest rate at which anything can grow, that
    of |A|, and the largest row sum of |A|; a large entry that feeds one row and comes back from none counts little.
    With the weights u_i = sum over k < 4 of (|A|^k 1)_i / nu^k, at least 1,

        (|A| u)_i = nu (u_i - 1 + (|A|^4 1)_i / nu^4) <= nu u_i

    so A is bounded by nu in the norm max_i |v_i| / u_i: a step of order 4 that long has an error of reach^5 / 5! of v, and
    of b / nu, in that norm (and of 5 % more for the orders after the fifth, at reach = 0.3).
    """
    sizes = {at: jnp.abs(value) for at, value in matrix.items()}
    sums = _sums(sizes, None)
    size = functools.reduce(jnp.maximum, sums.values(), jnp.zeros_like(like))
    if any(d != j for d, j in matrix):
        fourth = _sums(sizes, _sums(sizes, _sums(sizes, sums)))
        power = functools.reduce(jnp.maximum, fourth.values())
        safe = (power > 1e-30) & (power < 1e30)  # no overflow, nor the other way
        size = jnp.where(safe, jnp.sqrt(jnp.sqrt(jnp.where(safe, power, jnp.ones_like(power)))), size)
    flows = (size > 0) & (size < jnp.inf)  # of what is not finite no step is short enough: it shows in the result
    return jnp.where(flows, reach / jnp.where(flows, size, jnp.ones_like(size)), jnp.full_like(size, jnp.inf))


def _sums(sizes: Matrix, weights: Mapping[int, Real] | None) -> dict[int, Real]:
    """Row sums of a matrix with weighted columns, those without a weight left out; all weights 1 for None."""
    out = {}
    for (d, j), value in sizes.items():
        if weights is None or j in weights:
            part = value if weights is None else value * weights[j]
            out[d] = out[d] + part if d in out else part
    return out


def step(matrix: Matrix, source: Rows, v: Rows, dt: Real) -> Rows:
    """What v is after the time dt, by one Taylor step of order 4; see `longest_step` for its error."""
    term = add(apply(matrix, v, dt), tuple(tuple(b * dt for b in row) for row in source))
    total = add(v, term)
    for order in (2.0, 3.0, 4.0):
        term = apply(matrix, term, dt * dt.dtype.type(1 / order))
        total = add(total, term)
    return total


def apply(matrix: Matrix, v: Rows, by: Real) -> Rows:
    """The product A v, times a number."""
    zero = jnp.zeros_like(by)
    out = [[zero for _ in row] for row in v]
    for (d, j), value in matrix.items():
        out[d] = [o + value * x for o, x in zip(out[d], v[j], strict=True)]
    return tuple(tuple(o * by for o in row) for row in out)


def add(first: Rows, second: Rows) -> Rows:
    """Sum, entry by entry."""
    return tuple(tuple(x + y for x, y in zip(r, s, strict=True)) for r, s in zip(first, second, strict=True))
