"""Negative binomial counts at the start."""

from dataclasses import dataclass
from typing import final

import jax.numpy as jnp
import numpy as np

from jumpax._base import count_laws
from jumpax.networks.starts.amount import Amount
from jumpax.networks.starts.count_law import AbstractCountLaw, no_score_at_zero, refused
from jumpax.networks.starts.inversion import inverted, too_wide


@final
@dataclass(frozen=True)
class NegativeBinomial(AbstractCountLaw):
    """P(n) = Gamma(n + r) / (n! Gamma(r)) (r / (r + m))^r (m / (r + m))^n: mean m, variance m + m^2 / r; counts from bursts.

    Bursts of mean size b that come a times per lifetime leave r = a, m = a b. Large r is Poisson, r = 1 geometric. Drawn by inversion
    in float64, exact to 1e-13 and in the tails to 1e-16.

    Args:
        mean: m, a number, the name of a parameter, or a function of parameters; 0 to 1e9.
        size: r, in the same way; positive.

    Raises:
        InputError: no such thing; numbers out of range, when they are known; a law with more than four million different counts.

    Examples:
        >>> NegativeBinomial("m", lambda burst, m: m / burst).parameters
        ('m', 'burst')
    """

    mean: Amount
    size: Amount

    def faults(self, *numbers):
        """A mean or size out of range, or a law that is too wide."""
        mean, size = np.broadcast_arrays(*numbers)
        bad = ~(mean >= 0) | ~(size > 0)
        yield from refused("the mean is negative or not a number", ~(mean >= 0))
        yield from refused("the size is not positive", ~(size > 0))
        if not np.any(bad):
            rows = {row: too_wide(_cumulative, _spread, row) for row in set(zip(mean.flat, size.flat, strict=True))}
            wide = np.array([rows[row] for row in zip(mean.flat, size.flat, strict=True)])
            yield from refused("the law has more than four million different counts, or a mean above 1e9", wide)

    def expected(self, *numbers):
        """The mean."""
        return numbers[0]

    def draw(self, uniform, numbers):
        """By inversion."""
        return inverted(_cumulative, _spread, uniform, numbers)

    def log_probability(self, count, *numbers):
        """With no score at mean 0."""
        mean, size = (jnp.asarray(number, count.dtype) for number in numbers)
        return count_laws.log_negative_binomial(count, mean, size) + no_score_at_zero(mean)

    def masses(self, count, *numbers):
        """Those of the law."""
        mean, size = (jnp.asarray(number, count.dtype) for number in numbers)
        return count_laws.negative_binomial(count, mean, size)


def _cumulative(counts, mean, size):
    from scipy.special import betainc  # slow to import

    return np.where(counts < 0, 0.0, betainc(size, np.maximum(counts, 0.0) + 1, size / (size + mean)))


def _spread(mean, size):
    return mean, float(np.sqrt(mean + mean**2 / size))
