"""Poisson counts at the start."""

from dataclasses import dataclass
from typing import final

import numpy as np

from jumpax._base import count_laws
from jumpax.networks.starts.amount import Amount
from jumpax.networks.starts.count_law import AbstractCountLaw, no_score_at_zero, refused
from jumpax.networks.starts.inversion import inverted


@final
@dataclass(frozen=True)
class Poisson(AbstractCountLaw):
    """P(n) = m^n e^-m / n!, the law of independent births, or of a dilute sample.

    Drawn by inversion in float64, exact to 1e-15 and in the tails to 1e-16. Its score is n / m - 1 (NaN at m = 0, where no draw shows
    what more of them would do).

    Args:
        mean: a number, the name of a parameter, or a function of parameters; 0 to 1e9.

    Raises:
        InputError: no such thing; a mean out of range, when it is known.

    Examples:
        >>> import jumpax
        >>> decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
        >>> paths = jumpax.simulate(
        ...     decay, {"k": 1.0, "m": 50.0}, {"A": jumpax.Poisson("m")}, times=[0.0, 1.0], paths=10_000, key=0
        ... )
        >>> bool(abs(paths["A"][:, 0].var() - 50) < 4), bool(abs(paths["A"][:, 1].var() - 18.4) < 1.5)   # 50 / e
        (True, True)
    """

    mean: Amount

    def faults(self, *numbers):
        """A mean that is negative, or too large."""
        (mean,) = numbers
        yield from refused("the mean is negative or not a number", ~(mean >= 0))
        yield from refused("the mean is above 1e9", mean > 1e9)

    def expected(self, *numbers):
        """The mean."""
        return numbers[0]

    def draw(self, uniform, numbers):
        """By inversion."""
        return inverted(_cumulative, _spread, uniform, numbers)

    def log_probability(self, count, *numbers):
        """With no score at mean 0."""
        return count_laws.log_poisson(count, *numbers) + no_score_at_zero(numbers[0])

    def masses(self, count, *numbers):
        """Those of the law."""
        return count_laws.poisson(count, *numbers)


def _cumulative(counts, mean):
    from scipy.special import pdtr  # slow to import

    return np.where(counts < 0, 0.0, pdtr(np.maximum(counts, 0.0), mean))


def _spread(mean):
    return mean, float(np.sqrt(mean))
