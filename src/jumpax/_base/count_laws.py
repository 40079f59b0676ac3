"""Probabilities of counts, and their logarithms: Poisson, negative binomial and binomial laws.

Elementwise, with JAX, differentiable in the numbers of a law and not in counts. Where a count has no probability, or the numbers make no
sense, the logarithm is -inf with derivative 0. At the edges of the numbers (mean 0, probability 0 or 1) derivatives are those from within:
of probabilities, all of them; of logarithms, those that are finite. Counts that are NumPy arrays have their factorials in float64.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.types import Numeric, Real


def log_poisson(n: Numeric, mean: Numeric) -> Float[Array, "*shape"]:
    """N ln m - m - ln n!, with m the mean.

    Examples:
        >>> print(f"{log_poisson(2.0, 3.0):.4f}")
        -1.4959
    """
    from jax.scipy.special import xlogy  # slow to import

    possible = (n >= 0) & ((mean > 0) | ((mean == 0) & (n == 0)))
    return jnp.where(possible, xlogy(n, jnp.where(mean > 0, mean, 1.0)) - mean - _log_factorial(n), -jnp.inf)


def log_negative_binomial(n: Numeric, mean: Numeric, size: Numeric) -> Float[Array, "*shape"]:
    """Ln Gamma(n + r) - ln Gamma(r) - ln n! + n ln (m / (m + r)) - r ln (1 + m / r), with m the mean and r the size: variance m + m^2 / r.

    Examples:
        >>> print(f"{log_negative_binomial(2.0, 3.0, 1.5):.4f}")
        -1.8302
    """
    from jax.scipy.special import gammaln, xlogy  # slow to import

    possible = (n >= 0) & (size > 0) & ((mean > 0) | ((mean == 0) & (n == 0)))
    r, m = jnp.where(size > 0, size, 1.0), jnp.where(mean > 0, mean, 1.0)
    ways = gammaln(jnp.maximum(n, 0) + r) - gammaln(r) - _log_factorial(n)
    log_p = ways + xlogy(n, m / (m + r)) - r * jnp.log1p(jnp.where(mean >= 0, mean, 0.0) / r)
    return jnp.where(possible, log_p, -jnp.inf)


def log_binomial(n: Numeric, trials: Numeric, p: Numeric) -> Float[Array, "*shape"]:
    """Ln N! - ln n! - ln (N - n)! + n ln p + (N - n) ln (1 - p), with N the trials.

    Examples:
        >>> print(f"{log_binomial(2.0, 3.0, 0.5):.4f}")
        -0.9808
    """
    from jax.scipy.special import xlog1py, xlogy  # slow to import

    missed = trials - n
    possible = (n >= 0) & (missed >= 0) & (p >= 0) & (p <= 1) & ((p > 0) | (n == 0)) & ((p < 1) | (missed == 0))
    ways = _log_factorial(trials) - _log_factorial(n) - _log_factorial(missed)
    seen, not_seen = xlogy(n, jnp.where(p > 0, p, 1.0)), xlog1py(missed, -jnp.where(p < 1, p, 0.0))
    return jnp.where(possible, ways + seen + not_seen, -jnp.inf)


def poisson(n: Numeric, mean: Numeric) -> Float[Array, "*shape"]:
    """The probability itself."""
    return jnp.where(mean == 0, _first_order(n, mean), jnp.exp(log_poisson(n, mean)))


def negative_binomial(n: Numeric, mean: Numeric, size: Numeric) -> Float[Array, "*shape"]:
    """The probability itself."""
    at_zero = (mean == 0) & (size > 0)
    return jnp.where(at_zero, _first_order(n, mean), jnp.exp(log_negative_binomial(n, mean, size)))


def binomial(n: Numeric, trials: Numeric, p: Numeric) -> Float[Array, "*shape"]:
    """The probability itself."""
    inside = jnp.exp(log_binomial(n, trials, p))
    with_none = jnp.where(p == 0, _first_order(n, trials * p), inside)
    return jnp.where(p == 1, _first_order(trials - n, trials * (1 - p)), with_none)


def _first_order(n: Numeric, mean: Numeric) -> Real:
    """Probabilities of a count whose mean is next to 0: of 0 and of 1, nothing else."""
    return jnp.where(n == 0, 1 - mean, jnp.where(n == 1, mean, 0.0))


def _log_factorial(n: Numeric) -> Real:
    """Of NumPy arrays in float64; of what is negative, that of 0."""
    if isinstance(n, np.ndarray):
        from scipy.special import gammaln  # slow to import

        return gammaln(np.maximum(n, 0) + 1.0)
    from jax.scipy.special import gammaln  # slow to import

    return gammaln(jnp.maximum(n, 0) + 1.0)
