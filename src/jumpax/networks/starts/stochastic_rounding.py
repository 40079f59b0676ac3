"""A start at a real number, rounded at random."""

from dataclasses import dataclass
from typing import ClassVar, final

import jax.numpy as jnp
import numpy as np

from jumpax.networks.starts.amount import Amount
from jumpax.networks.starts.count_law import AbstractCountLaw, refused


@final
@dataclass(frozen=True)
class StochasticRounding(AbstractCountLaw):
    """n = floor(m), or one more with probability m - floor(m): whole numbers with mean m, such as m = birth / death.

    Then E[f] is linear in m between whole numbers, and its derivative is E[f | floor(m) + 1] - E[f | floor(m)]: from the right where m
    is whole. An expectation takes paths from both, with the same random words, and weighs them, so it costs twice the paths and
    this chance adds no variance; every estimator then has the derivative with respect to m, unbiased, by their difference.
    One species may start like this.

    (A start that is rounded, by `round_counts=True`, is a constant: its derivative is zero.)

    Args:
        mean: m, a number, the name of a parameter, or a function of parameters; 0 to 1e9.

    Raises:
        InputError: no such thing; a mean out of range, when it is known.

    Examples:
        >>> import jax, jumpax
        >>> decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
        >>> mean = jumpax.expectation(
        ...     lambda counts: counts["A"], decay, {"A": jumpax.StochasticRounding("m")}, [1.0], paths=20_000,
        ...     gradient=jumpax.ScoreFunction(),
        ... )
        >>> slope = jax.grad(lambda m: mean({"k": 1.0, "m": m}, jax.random.key(0))[0])(7.3)
        >>> bool(abs(slope - 0.368) < 0.02)   # one more molecule, of which 1/e are left
        True
    """

    mean: Amount
    scored: ClassVar[bool] = False

    def faults(self, *numbers):
        """A mean that is negative, or too large."""
        (mean,) = numbers
        yield from refused("the mean is negative or not a number", ~(mean >= 0))
        yield from refused("the mean is above 1e9", mean > 1e9)

    def expected(self, *numbers):
        """The mean."""
        return numbers[0]

    def draw(self, uniform, numbers):
        """One of the two."""
        (mean,) = numbers
        below = np.floor(mean)
        return (below + (uniform < mean - below)).astype(np.int64)

    def log_probability(self, count, *numbers):
        """Not differentiated: both neighbours are taken."""
        return 0.0 * count

    def masses(self, count, *numbers):
        """Of the two neighbours; where the mean is whole, the derivative is that from the right."""
        (mean,) = numbers
        below = jnp.floor(mean)
        return jnp.where(count == below, below + 1 - mean, jnp.where(count == below + 1, mean - below, 0))
