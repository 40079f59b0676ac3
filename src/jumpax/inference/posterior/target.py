"""What Markov chains on noisy likelihoods ask of a problem."""

import abc
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt32

Points = Float[np.ndarray, "chains free"]


class Noisy(NamedTuple):
    """Estimates at some points."""

    log_likelihood: Float[np.ndarray, " chains"]
    """Its exponential is unbiased; -inf where it is zero."""
    slopes: Float[np.ndarray, "chains free"] | None
    """Of the logarithm, roughly; None if not asked for. They may be biased."""


class AbstractTarget(abc.ABC):
    """A prior, and unbiased estimates of a likelihood, on an unconstrained scale of the free parameters."""

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """How many free parameters."""

    @abc.abstractmethod
    def draw(self, generator: np.random.Generator, many: int) -> Points:
        """Points drawn from the prior."""

    @abc.abstractmethod
    def log_prior(self, points: Points) -> tuple[Float[np.ndarray, " chains"], Points]:
        """Logarithm of its density on the unconstrained scale, and the slopes of that; -inf and 0 where there is none."""

    @abc.abstractmethod
    def estimate(
        self, points: Points, keys: UInt32[np.ndarray, "chains 2"], slopes: bool, coldness: float = 1.0
    ) -> Noisy:
        """Likelihoods at points, each from random numbers of its own key alone.

        Args:
            points: where.
            keys: of each.
            slopes: whether they are wanted.
            coldness: with less than 1, something between no data and all: whatever is easy to estimate, and grows to be the likelihood.
        """

    def with_noise(self, factor: float) -> "AbstractTarget":
        """The same with about so many times the variance of the logarithm of the likelihood, for a price as much lower."""
        return self
