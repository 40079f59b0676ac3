"""What is believed of a parameter before data are seen."""

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError

_LOG_2PI = math.log(2 * math.pi)
_TRIES = 100
"""Most draws of a number that is rounded to a bound."""


class AbstractPrior(abc.ABC):
    """The law of a parameter. Final subclasses are frozen dataclasses, hashable; their fields are numbers."""

    def __post_init__(self):
        given = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        wrong = [f"{name} = {value!r}" for name, value in given.items() if not _finite(value)]
        if wrong or (faults := self.faults()):
            told = [f"{', '.join(wrong)} must be finite numbers"] if wrong else faults
            raise InputError(f"{type(self).__name__}: {'; '.join(told)}")

    @abc.abstractmethod
    def faults(self) -> list[str]:
        """What is wrong with its numbers, which are finite."""

    @property
    @abc.abstractmethod
    def support(self) -> tuple[float, float]:
        """The least and the largest value."""

    @abc.abstractmethod
    def inside(self, value: Float[Array, ""]) -> Float[Array, ""]:
        """Logarithm of the density at a value within the support, with JAX."""

    @property
    @abc.abstractmethod
    def frozen(self) -> Any:
        """The same law of `scipy.stats`."""

    def log_density(self, value: Any) -> Float[Array, ""]:
        """Logarithm of the density, -inf outside the support; its derivative is finite everywhere, 0 there."""
        low, high = self.support
        value = jnp.asarray(value, float)
        possible = (value > low) & (value < high)
        middle = (low + high) / 2 if math.isfinite(low + high) else (low + 1.0 if math.isfinite(low) else 0.0)
        return jnp.where(possible, self.inside(jnp.where(possible, value, middle)), -jnp.inf)

    def log_mass(self, low: float, high: float) -> float:
        """Logarithm of the probability between two bounds."""
        if not self._cut(low, high):
            return 0.0
        heights, _ = self._nearer(low)
        mass = abs(heights(high) - heights(low))
        return math.log(mass) if mass > 0 else -math.inf

    def sample(
        self, generator: np.random.Generator, low: float = -math.inf, high: float = math.inf, size: int | None = None
    ) -> Any:
        """Values between two bounds, on the host; never a bound itself.

        Raises:
            InputError: no number between the bounds is drawn, since their probability is too small for floating point.
        """
        low, high = max(low, self.support[0]), min(high, self.support[1])
        heights, inverse = self._nearer(low)
        first, last = heights(low), heights(high)
        drawn = np.full(1 if size is None else size, math.nan)
        for _ in range(_TRIES):
            outside = ~((drawn > low) & (drawn < high))
            if not outside.any():
                return drawn[0] if size is None else drawn
            drawn[outside] = inverse(first + generator.uniform(size=int(outside.sum())) * (last - first))
        raise InputError(
            f"{self!r} has no probability, to floating point, between {low:g} and {high:g}: widen the bounds"
        )

    def _nearer(self, low: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Probabilities of less, or of more where less rounds to 1, with the inverse."""
        law = self.frozen
        return (law.sf, law.isf) if law.cdf(low) > 0.5 else (law.cdf, law.ppf)

    def _cut(self, low: float, high: float) -> bool:
        return low > self.support[0] or high < self.support[1]


@final
@dataclass(frozen=True)
class Normal(AbstractPrior):
    """Normal, for a parameter without bounds.

    Examples:
        >>> print(f"{Normal(1.0, 2.0).log_density(3.0):.4f}")
        -2.1121
    """

    mean: float
    sd: float

    def faults(self):
        """A standard deviation that is not positive."""
        return _positive(sd=self.sd)

    @property
    def support(self):
        """All numbers."""
        return -math.inf, math.inf

    def inside(self, value):
        """Of the normal law."""
        return -0.5 * ((value - self.mean) / self.sd) ** 2 - math.log(self.sd) - 0.5 * _LOG_2PI

    @property
    def frozen(self):
        """Of SciPy."""
        return _stats().norm(self.mean, self.sd)


@final
@dataclass(frozen=True)
class LogNormal(AbstractPrior):
    """The logarithm is normal with mean ln `median` and standard deviation `sd`: a factor e^sd either way.

    Examples:
        >>> print(f"{LogNormal(2.0, 0.5).log_density(2.0):.4f}")
        -0.9189
    """

    median: float
    sd: float

    def faults(self):
        """Numbers that are not positive."""
        return _positive(median=self.median, sd=self.sd)

    @property
    def support(self):
        """Positive numbers."""
        return 0.0, math.inf

    def inside(self, value):
        """Of the value, so with the factor 1 / value."""
        z = (jnp.log(value) - math.log(self.median)) / self.sd
        return -0.5 * z**2 - jnp.log(value) - math.log(self.sd) - 0.5 * _LOG_2PI

    @property
    def frozen(self):
        """Of SciPy."""
        return _stats().lognorm(self.sd, scale=self.median)


@final
@dataclass(frozen=True)
class Gamma(AbstractPrior):
    """Gamma with density proportional to x^(shape - 1) exp(-rate x): mean shape / rate; conjugate to rates of mass action."""

    shape: float
    rate: float

    def faults(self):
        """Numbers that are not positive."""
        return _positive(shape=self.shape, rate=self.rate)

    @property
    def support(self):
        """Positive numbers."""
        return 0.0, math.inf

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
        return _stats().gamma(self.shape, scale=1 / self.rate)


@final
@dataclass(frozen=True)
class Exponential(AbstractPrior):
    """Exponential with a mean."""

    mean: float

    def faults(self):
        """A mean that is not positive."""
        return _positive(mean=self.mean)

    @property
    def support(self):
        """Positive numbers."""
        return 0.0, math.inf

    def inside(self, value):
        """Of the exponential law."""
        return -value / self.mean - math.log(self.mean)

    @property
    def frozen(self):
        """Of SciPy."""
        return _stats().expon(scale=self.mean)


@final
@dataclass(frozen=True)
class HalfNormal(AbstractPrior):
    """The absolute value of a normal number with mean 0: for standard deviations."""

    sd: float

    def faults(self):
        """A standard deviation that is not positive."""
        return _positive(sd=self.sd)

    @property
    def support(self):
        """Positive numbers."""
        return 0.0, math.inf

    def inside(self, value):
        """Twice the normal density."""
        return -0.5 * (value / self.sd) ** 2 - math.log(self.sd) + 0.5 * math.log(2 / math.pi)

    @property
    def frozen(self):
        """Of SciPy."""
        return _stats().halfnorm(scale=self.sd)


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
        return _stats().uniform(self.low, self.high - self.low)


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
        return -jnp.log(value) - math.log(math.log(self.high / self.low))

    @property
    def frozen(self):
        """Of SciPy."""
        return _stats().loguniform(self.low, self.high)


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
        return _positive(a=self.a, b=self.b)

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
        return _stats().beta(self.a, self.b)


def _positive(**numbers: float) -> list[str]:
    return [f"{name} = {value:g} must be positive" for name, value in numbers.items() if not value > 0]


def _finite(value: Any) -> bool:
    try:
        return not isinstance(value, bool | str) and math.isfinite(value)
    except TypeError:
        return False


def _stats() -> Any:
    import scipy.stats  # slow to import

    return scipy.stats
