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
    """The time reach / |A|, |A| the largest sum of absolute values along a row; infinite where nothing flows."""
    sums = {}
    for (d, _), value in matrix.items():
        sums[d] = sums.get(d, jnp.zeros_like(like)) + jnp.abs(value)
    size = functools.reduce(jnp.maximum, sums.values(), jnp.zeros_like(like))
    flows = size > 0
    return jnp.where(flows, reach / jnp.where(flows, size, jnp.ones_like(size)), jnp.full_like(size, jnp.inf))


def step(matrix: Matrix, source: Rows, v: Rows, dt: Real) -> Rows:
    """What v is after the time dt, by one Taylor step of order 4: its error is (|A| dt)^5 / 5! of v."""
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
