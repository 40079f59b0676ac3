"""Binomial counts at the start."""

from dataclasses import dataclass
from typing import final

import jax.numpy as jnp
import numpy as np

from jumpax._base import count_laws
from jumpax._base.errors import InputError
from jumpax.networks.starts.amount import Amount
from jumpax.networks.starts.count_law import AbstractCountLaw, no_score_at_zero, refused
from jumpax.networks.starts.inversion import inverted


@final
@dataclass(frozen=True)
class Binomial(AbstractCountLaw):
    """P(n) = N! / (n! (N - n)!) p^n (1 - p)^(N - n): how many of N molecules are in a state, or in one of two daughter cells.

    Drawn by inversion in float64, exact to 1e-15 and in the tails to 1e-16. Its score is n / p - (N - n) / (1 - p) (NaN at p = 0 and 1).

    Args:
        trials: N, a whole number, 0 to 1e9.
        probability: p, a number from 0 to 1, the name of a parameter, or a function of parameters.

    Raises:
        InputError: no such thing; a probability out of range, when it is known.

    Examples:
        >>> Binomial(40, "share").parameters
        ('share',)
    """

    trials: int
    probability: Amount

    def __post_init__(self):
        whole = isinstance(self.trials, int | np.integer) and not isinstance(self.trials, bool)
        if not whole or not 0 <= self.trials <= 10**9:
            raise InputError(f"Binomial: trials must be a whole number from 0 to 1e9, not {self.trials!r}")
        super().__post_init__()
        object.__setattr__(self, "trials", int(self.trials))

    def faults(self, *numbers):
        """No probability."""
        yield from refused("the probability is not between 0 and 1", ~((numbers[1] >= 0) & (numbers[1] <= 1)))

    def expected(self, *numbers):
        """N p."""
        return numbers[0] * numbers[1]

    def draw(self, uniform, numbers):
        """By inversion."""
        return inverted(_cumulative, _spread, uniform, numbers)

    def log_probability(self, count, *numbers):
        """With no score at p = 0 and 1."""
        trials, p = numbers
        return count_laws.log_binomial(count, jnp.asarray(trials, count.dtype), p) + no_score_at_zero(p * (1 - p))

    def masses(self, count, *numbers):
        """Those of the law."""
        trials, p = numbers
        return count_laws.binomial(count, jnp.asarray(trials, count.dtype), p)


def _cumulative(counts, trials, p):
    from scipy.special import bdtr  # slow to import

    inside = np.clip(counts, 0, max(trials - 1, 0))
    return np.where(counts < 0, 0.0, np.where(counts >= trials, 1.0, bdtr(inside, int(trials), p)))


def _spread(trials, p):
    return trials * p, float(np.sqrt(trials * p * (1 - p)))
