"""Laws of parameters that leave room for surprises, and of lengths."""

import math
from dataclasses import dataclass
from typing import final

import jax.numpy as jnp

from jumpax.inference.priors.prior import AbstractPositive, AbstractReal, of_logarithm, stats


@final
@dataclass(frozen=True)
class Laplace(AbstractReal):
    """Laplace, with density exp(-|x - location| / scale) / (2 scale).

    Examples:
        >>> print(f"{Laplace(1.0, 2.0).log_density(3.0):.4f}")   # -1 - log 4
        -2.3863
    """

    location: float
    scale: float

    def inside(self, value):
        """Of the Laplace law."""
        return -abs(value - self.location) / self.scale - math.log(2 * self.scale)

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().laplace(self.location, self.scale)


@final
@dataclass(frozen=True)
class LogLaplace(AbstractPositive):
    """The logarithm is Laplace with location ln `median` and `scale`.

    Examples:
        >>> print(f"{LogLaplace(2.0, 0.5).log_density(2.0):.4f}")   # -log 2
        -0.6931
    """

    median: float
    scale: float

    def inside(self, value):
        """Of the value, so with the factor 1 / value."""
        return of_logarithm(Laplace(math.log(self.median), self.scale), value)

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().loglaplace(1 / self.scale, scale=self.median)


@final
@dataclass(frozen=True)
class Cauchy(AbstractReal):
    """Cauchy, with density 1 / (pi scale (1 + ((x - location) / scale)^2)).

    Examples:
        >>> print(f"{Cauchy(0.0, 1.0).log_density(1.0):.4f}")   # -log(2 pi)
        -1.8379
    """

    location: float
    scale: float

    def inside(self, value):
        """Of the Cauchy law."""
        return -jnp.log1p(((value - self.location) / self.scale) ** 2) - math.log(math.pi * self.scale)

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().cauchy(self.location, self.scale)


@final
@dataclass(frozen=True)
class Rayleigh(AbstractPositive):
    """Rayleigh: the length of two independent normal numbers with mean 0 and a standard deviation `scale`.

    Examples:
        >>> print(f"{Rayleigh(1.0).log_density(1.0):.4f}")
        -0.5000
    """

    scale: float

    def inside(self, value):
        """Of the Rayleigh law."""
        return jnp.log(value) - 0.5 * (value / self.scale) ** 2 - 2 * math.log(self.scale)

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().rayleigh(scale=self.scale)
