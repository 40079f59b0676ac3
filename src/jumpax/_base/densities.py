"""Logarithms, exponentials and probabilities without cancellation, in straight lines that every engine can print.

Sources: Loader 2000 for the Poisson and binomial laws; Kahan's corrections for exp(x) - 1 and log(1 + x).
"""

import math as host

import jax.numpy as jnp

from jumpax._base import math, whole
from jumpax._base.types import Real


def log1p(x: Real) -> Real:
    """The logarithm of 1 + x for x > -1, exact for small x (Kahan)."""
    y = 1.0 + x
    same = y == 1.0
    gap = jnp.abs(y) - 1.0  # XLA would make x of (1 + x) - 1
    return jnp.where(same, x, math.log(y) * (x / jnp.where(same, jnp.ones_like(y), gap)))


def expm1(x: Real) -> Real:
    """The exponential of x less 1 for x <= 0, exact for small x (Kahan)."""
    near = x > -1.0
    kept = jnp.where(near, x, jnp.zeros_like(x))
    y = math.exp(kept)
    same = y == 1.0
    small = jnp.where(same, kept, (y - 1.0) * (kept / jnp.where(same, jnp.ones_like(y), math.log(y))))
    return jnp.where(near, small, math.exp(x) - 1.0)


def log_poisson(k: Real, mean: Real) -> Real:
    """The logarithm of a probability; k >= 0."""
    none = k < 1.0
    at = jnp.where(none, jnp.ones_like(k), k)
    return jnp.where(none, -mean, -_error(at) - _deviance(at, mean) - 0.5 * math.log(2.0 * host.pi * at))


def log_binomial(k: Real, n: Real, p: Real) -> Real:
    """The logarithm of a probability less that of the likeliest number; 0 <= k <= n."""
    return _log_binomial(k, n, p) - _log_binomial(whole.floor((n + 1.0) * p), n, p)


def _log_binomial(k: Real, n: Real, p: Real) -> Real:
    none, all_ = k < 1.0, k > n - 1.0
    at = jnp.where(none | all_, 0.5 * n, k)
    rest, q = n - at, 1.0 - p
    inner = -_error(at) - _error(rest) - _deviance(at, n * p) - _deviance(rest, n * q)
    inner = inner + 0.5 * math.log(n / (2.0 * host.pi * at * rest)) + _error(n)
    return jnp.where(none, n * log1p(-p), jnp.where(all_, n * math.log(p), inner))


def _error(x: Real) -> Real:
    """The logarithm of x! less that of Stirling's formula, x >= 1."""
    small = x < 16.0
    at = jnp.where(small, x, jnp.full_like(x, 16.0))
    product, to = jnp.ones_like(x), at + 16.0
    for step in range(1, 17):
        product = product * ((at + float(step)) / to)
    large = jnp.where(small, to, x)
    square = 1.0 / (large * large)
    series = (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680))) / large
    # log x! = log (x + 16)! - log((x + 1) .. (x + 16)), where a series would not do
    shifted = series + (at + 0.5) * math.log(to / at) - 16.0 - math.log(product)
    return jnp.where(small, shifted, series)


def _deviance(x: Real, mean: Real) -> Real:
    """The number x log(x / mean) + mean - x, without cancellation near the mean; x > 0."""
    gap, sum_ = x - mean, x + mean
    v = gap / sum_
    square = v * v
    series = jnp.zeros_like(v)
    for j in range(9, 0, -1):
        series = (series + 1.0 / (2 * j + 1)) * square
    near = gap * v + 2.0 * x * v * series
    return jnp.where(jnp.abs(v) < 0.1, near, x * math.log(x / mean) + mean - x)
