"""Laws of parameters."""

import math
from dataclasses import dataclass
from typing import final

import jax.numpy as jnp

from jumpax.inference.priors.prior import AbstractPositive, AbstractPrior, AbstractReal, of_logarithm, positive, stats

_LOG_2PI = math.log(2 * math.pi)


@final
@dataclass(frozen=True)
class Normal(AbstractReal):
    """Normal, for a parameter without bounds.

    Examples:
        >>> print(f"{Normal(1.0, 2.0).log_density(3.0):.4f}")
        -2.1121
    """

    mean: float
    sd: float

    def inside(self, value):
        """Of the normal law."""
        return -0.5 * ((value - self.mean) / self.sd) ** 2 - math.log(self.sd) - 0.5 * _LOG_2PI

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().norm(self.mean, self.sd)


@final
@dataclass(frozen=True)
class LogNormal(AbstractPositive):
    """The logarithm is normal with mean ln `median` and standard deviation `sd`: a factor e^sd either way.

    Examples:
        >>> print(f"{LogNormal(2.0, 0.5).log_density(2.0):.4f}")
        -0.9189
    """

    median: float
    sd: float

    def inside(self, value):
        """Of the value, so with the factor 1 / value."""
        return of_logarithm(Normal(math.log(self.median), self.sd), value)

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().lognorm(self.sd, scale=self.median)


@final
@dataclass(frozen=True)
class Gamma(AbstractPositive):
    """Gamma with density proportional to x^(shape - 1) exp(-rate x): mean shape / rate; conjugate to rates of mass action."""

    shape: float
    rate: float

    def inside(self, value):
        """Of the gamma law."""
        return (
            (self.shape - 1) * jnp.log(value)
            - self.rate * value
            + self.shape * math.log(self.rate)
            - math.lgamma(self.shape)
        )

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().gamma(self.shape, scale=1 / self.rate)


@final
@dataclass(frozen=True)
class Exponential(AbstractPositive):
    """Exponential with a mean."""

    mean: float

    def inside(self, value):
        """Of the exponential law."""
        return -value / self.mean - math.log(self.mean)

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().expon(scale=self.mean)


@final
@dataclass(frozen=True)
class HalfNormal(AbstractPositive):
    """The absolute value of a normal number with mean 0: for standard deviations."""

    sd: float

    def inside(self, value):
        """Twice the normal density."""
        return -0.5 * (value / self.sd) ** 2 - math.log(self.sd) + 0.5 * math.log(2 / math.pi)

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().halfnorm(scale=self.sd)


@final
@dataclass(frozen=True)
class Uniform(AbstractPrior):
    """Uniform between two numbers."""

    low: float
    high: float

    def faults(self):
        """Bounds without room."""
        return [] if self.low < self.high else ["low must be below high"]

    @property
    def support(self):
        """Between the two."""
        return self.low, self.high

    def inside(self, value):
        """A constant."""
        return jnp.zeros_like(value) - math.log(self.high - self.low)

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().uniform(self.low, self.high - self.low)


@final
@dataclass(frozen=True)
class LogUniform(AbstractPrior):
    """The logarithm is uniform between those of two positive numbers: an order of magnitude that is not known.

    Examples:
        >>> print(f"{LogUniform(0.1, 10.0).log_density(2.0):.4f}")
        -2.2203
    """

    low: float
    high: float

    def faults(self):
        """Bounds that are not positive, or without room."""
        return [] if 0 < self.low < self.high else ["0 < low < high is needed"]

    @property
    def support(self):
        """Between the two."""
        return self.low, self.high

    def inside(self, value):
        """Of the value, so 1 / value."""
        return of_logarithm(Uniform(math.log(self.low), math.log(self.high)), value)

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().loguniform(self.low, self.high)


@final
@dataclass(frozen=True)
class Beta(AbstractPrior):
    """Beta with density proportional to x^(a - 1) (1 - x)^(b - 1): for probabilities, with bounds 0 and 1.

    Examples:
        >>> print(f"{Beta(2.0, 3.0).log_density(0.5):.4f}")
        0.4055
    """

    a: float
    b: float

    def faults(self):
        """Numbers that are not positive."""
        return positive(a=self.a, b=self.b)

    @property
    def support(self):
        """Between 0 and 1."""
        return 0.0, 1.0

    def inside(self, value):
        """Of the beta law."""
        constant = math.lgamma(self.a + self.b) - math.lgamma(self.a) - math.lgamma(self.b)
        return (self.a - 1) * jnp.log(value) + (self.b - 1) * jnp.log1p(-value) + constant

    @property
    def frozen(self):
        """Of SciPy."""
        return stats().beta(self.a, self.b)
