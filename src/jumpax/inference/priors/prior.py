"""What is believed of a parameter before data are seen."""

import abc
import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError

_TRIES = 100
"""Most draws of a number that is rounded to a bound."""


class AbstractPrior(abc.ABC):
    """The law of a parameter. Final subclasses are frozen dataclasses, hashable; their fields are numbers."""

    def __post_init__(self):
        wrong = [f"{name} = {value!r}" for name, value in _numbers(self) if not _finite(value)]
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


class AbstractReal(AbstractPrior):
    """A law of all numbers. Its first field says where it lies; the others are positive."""

    def faults(self):
        """A width that is not positive."""
        _, *widths = _numbers(self)
        return positive(**dict(widths))

    @property
    def support(self):
        """All numbers."""
        return -math.inf, math.inf


class AbstractPositive(AbstractPrior):
    """A law of positive numbers. All its fields are positive."""

    def faults(self):
        """Numbers that are not positive."""
        return positive(**dict(_numbers(self)))

    @property
    def support(self):
        """Positive numbers."""
        return 0.0, math.inf


def of_logarithm(law: AbstractPrior, value: Float[Array, ""]) -> Float[Array, ""]:
    """Logarithm of the density at a positive value whose logarithm has a law: with the factor 1 / value."""
    logarithm = jnp.log(value)
    return law.inside(logarithm) - logarithm


def positive(**numbers: float) -> list[str]:
    """What is not."""
    return [f"{name} = {value:g} must be positive" for name, value in numbers.items() if not value > 0]


def _numbers(law: Any) -> list[tuple[str, float]]:
    """By the names of its fields."""
    return [(field.name, getattr(law, field.name)) for field in fields(law)]


def _finite(value: Any) -> bool:
    try:
        return not isinstance(value, bool | str) and math.isfinite(value)
    except TypeError:
        return False


def stats() -> Any:
    """`scipy.stats`."""
    import scipy.stats  # slow to import

    return scipy.stats
