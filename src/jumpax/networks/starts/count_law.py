"""The contract of a law of one count at the start."""

import abc
import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jumpax._base.types import Numeric, ParameterValues, Real
from jumpax.networks.starts.amount import Amount, as_amount, names_of, value_of


class AbstractCountLaw(abc.ABC):
    """The law of the count of one species at the start. Frozen and hashable; its numbers are amounts, in molecules or pure."""

    scored: ClassVar[bool] = True
    """Whether its probabilities have a derivative with respect to its numbers: a score."""

    def __post_init__(self):
        for role, amount in self.amounts.items():
            object.__setattr__(self, role, as_amount(type(self).__name__, role, amount))

    @property
    def amounts(self) -> dict[str, Amount]:
        """The numbers of the law by role, as they were given."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names that it reads."""
        return tuple(dict.fromkeys(name for amount in self.amounts.values() for name in names_of(amount)))

    def numbers(self, theta: ParameterValues) -> tuple[Numeric, ...]:
        """The numbers behind the amounts."""
        return tuple(value_of(amount, theta) for amount in self.amounts.values())

    @abc.abstractmethod
    def faults(self, *numbers: Float[np.ndarray, "..."]) -> Iterator[tuple[str, Bool[np.ndarray, "..."] | np.bool]]:
        """What is wrong with numbers, each one or one per path: sentences, and where."""

    @abc.abstractmethod
    def expected(self, *numbers: Numeric) -> Numeric:
        """The mean count, of numbers that JAX may trace."""

    @abc.abstractmethod
    def draw(
        self, uniform: Float[np.ndarray, " paths"], numbers: Sequence[Float[np.ndarray, "..."]]
    ) -> Int[np.ndarray, " paths"]:
        """Counts from uniform numbers in (0, 1), on the host; sensible numbers only. -1 where there is none."""

    @abc.abstractmethod
    def log_probability(self, count: Float[Array, ""], *numbers: Numeric) -> Float[Array, ""]:
        """Of a count that was drawn, with JAX; its derivatives with respect to the numbers are the score, NaN where there is none."""

    @abc.abstractmethod
    def masses(self, count: Float[Array, " states"], *numbers: Numeric) -> Float[Array, " states"]:
        """Probability of each of some counts, with JAX, differentiable in the numbers."""


def no_score_at_zero(number: Numeric) -> Real:
    """0 for a positive number; for 0 it is not a number, nor is its derivative.

    Where a law is certain, other counts than the one it gives have derivatives of their probabilities, which no draw shows.
    """
    return 0.0 * jnp.log(number)


def refused(
    what: str, bad: Bool[np.ndarray, "..."] | np.bool
) -> Iterator[tuple[str, Bool[np.ndarray, "..."] | np.bool]]:
    """The sentence, if anything is bad."""
    if np.any(bad):
        yield what, bad
