"""Laws of what is counted, given what is there."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base import count_laws
from jumpax._base.errors import InputError
from jumpax._base.types import ParameterValues, Real


class AbstractObservation(abc.ABC):
    """A law of the observed count given the true one. Final subclasses are frozen dataclasses, hashable."""

    @property
    @abc.abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """Names of those it reads."""

    @property
    @abc.abstractmethod
    def loses(self) -> bool:
        """Whether fewer may be observed than are there."""

    @abc.abstractmethod
    def matrix(
        self, values: ParameterValues, factors: Float[np.ndarray, " groups"], size: int
    ) -> Float[Array, "groups size size"]:
        """Probability of the observed count (second axis) by the true one (third), for counts below `size`.

        Args:
            values: every named parameter.
            factors: size factor of each group of cells.
            size: how many counts.
        """

    @abc.abstractmethod
    def moments(self, moments: tuple[Real, ...], values: ParameterValues) -> tuple[Real, ...]:
        """The first, or the first two, raw moments of the observed counts, from as many of the true ones."""

    def wrong(self, values: Mapping[str, float], factors: Float[np.ndarray, " groups"]) -> list[str]:
        """Sentences about values that no law has."""
        return []


@final
@dataclasses.dataclass(frozen=True)
class Capture(AbstractObservation):
    """Each molecule is seen with a probability, by itself: binomial thinning.

    P(c | n) = binomial(c; n, p s), p the parameter and s the size factor of the cell (1 if there are none). A Poisson law of
    mean m is seen as one of mean p m. The same law holds for cases that are reported with a probability.

    Args:
        probability: name of the parameter; give it an upper bound of 1 over the largest size factor.

    Examples:
        >>> thinned = Capture("p").matrix({"p": 0.25}, np.ones(1), 3)[0]
        >>> thinned[:, 2].tolist()   # of two molecules 0, 1 or 2 are seen
        [0.5625, 0.375, 0.0625]
    """

    probability: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """The probability."""
        return (self.probability,)

    @property
    def loses(self) -> bool:
        """It does."""
        return True

    def matrix(
        self, values: ParameterValues, factors: Float[np.ndarray, " groups"], size: int
    ) -> Float[Array, "groups size size"]:
        """Binomial probabilities; not a number where p s lies outside 0 to 1."""
        seen, there = np.arange(float(size))[None, :, None], np.arange(float(size))[None, None, :]
        p = (jnp.asarray(values[self.probability]) * factors)[:, None, None]
        return jnp.where((p >= 0) & (p <= 1), count_laws.binomial(seen, there, p), jnp.nan)

    def moments(self, moments: tuple[Real, ...], values: ParameterValues) -> tuple[Real, ...]:
        """P E[n], and p^2 E[n^2] + p (1 - p) E[n]."""
        p = jnp.asarray(values[self.probability])
        first = (p * moments[0],)
        return first if len(moments) == 1 else (*first, p**2 * moments[1] + p * (1 - p) * moments[0])

    def wrong(self, values: Mapping[str, float], factors: Float[np.ndarray, " groups"]) -> list[str]:
        """A probability outside 0 to 1."""
        p = values[self.probability] * np.array([factors.min(), factors.max()])
        if p[0] >= 0 and p[1] <= 1:
            return []
        limit = f"{1 / factors.max():.4g}"
        return [
            f"the capture probability {self.probability} = {values[self.probability]:g}, times size factors up to "
            f"{factors.max():g}, is no probability: give the parameter the bounds lower=0, upper={limit}"
        ]


@final
@dataclasses.dataclass(frozen=True)
class Background(AbstractObservation):
    """Counts that are not of the cell are added: a Poisson law of its own.

    P(c | n) = Poisson(c - n; b), the same in all cells.

    Args:
        mean: name of the parameter b, in counts.

    Examples:
        >>> added = Background("b").matrix({"b": 0.5}, np.ones(1), 3)[0]
        >>> [f"{p:.3f}" for p in added[:, 1]]
        ['0.000', '0.607', '0.303']
    """

    mean: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """The mean."""
        return (self.mean,)

    @property
    def loses(self) -> bool:
        """It does not."""
        return False

    def matrix(
        self, values: ParameterValues, factors: Float[np.ndarray, " groups"], size: int
    ) -> Float[Array, "groups size size"]:
        """Poisson probabilities; not a number for a negative mean."""
        more = np.arange(float(size))[None, :, None] - np.arange(float(size))[None, None, :]
        mean = jnp.asarray(values[self.mean])
        found = jnp.where(mean >= 0, count_laws.poisson(more, mean), jnp.nan)
        return jnp.broadcast_to(found, (len(factors), size, size))

    def moments(self, moments: tuple[Real, ...], values: ParameterValues) -> tuple[Real, ...]:
        """E[n] + b, and E[n^2] + 2 b E[n] + b + b^2."""
        b = jnp.asarray(values[self.mean])
        first = (moments[0] + b,)
        return first if len(moments) == 1 else (*first, moments[1] + 2 * b * moments[0] + b + b**2)

    def wrong(self, values: Mapping[str, float], factors: Float[np.ndarray, " groups"]) -> list[str]:
        """A negative mean."""
        if values[self.mean] >= 0:
            return []
        return [
            f"the mean of the background {self.mean} = {values[self.mean]:g} is negative: give the parameter lower=0"
        ]


def observed(
    law: Float[Array, "batches groups there"],
    steps: Sequence[AbstractObservation],
    values: ParameterValues,
    factors: Float[np.ndarray, " groups"],
    size: int,
) -> Float[Array, "batches groups size"]:
    """The law of the observed counts 0 to size - 2, and in the last place of all others.

    Whatever lies in the last place of the law of the true counts stays in the last place: then no probability of a datum
    comes from counts that have no place, and those of all data are lower bounds.

    Args:
        law: of the true counts; in the last place of all beyond.
        steps: what happens to a count, in order.
        values: every named parameter.
        factors: size factor of each group of cells; one for all, if they are alike.
        size: places of the observed counts.
    """
    wide = max(law.shape[-1], size)
    p = jnp.zeros((*law.shape[:-1], wide), law.dtype).at[..., : law.shape[-1] - 1].set(law[..., :-1])
    for step in steps:
        matrix = step.matrix(values, factors, wide).astype(law.dtype)
        p = p @ matrix[0].T if len(factors) == 1 else jnp.einsum("bgn,gcn->bgc", p, matrix)
    p = p[..., : size - 1]
    return jnp.concatenate([p, 1 - p.sum(-1, keepdims=True)], -1)


def check_observations(steps: AbstractObservation | Sequence[AbstractObservation]) -> tuple[AbstractObservation, ...]:
    """The laws as a tuple.

    Raises:
        InputError: something else than laws of observation.
    """
    given = (steps,) if isinstance(steps, AbstractObservation) else tuple(steps)
    if wrong := [step for step in given if not isinstance(step, AbstractObservation)]:
        raise InputError(f"observation takes Capture(...), Background(...) or a list of them, not {wrong[0]!r}")
    return given
