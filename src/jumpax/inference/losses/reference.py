"""Laws that stand in where no simulated path has been."""

import abc
import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from jumpax._base.count_laws import log_negative_binomial
from jumpax._base.types import ParameterValues, Real

_LEAST_EXCESS = 1e-3
"""Of variance over the Poisson one, in squared means: the gamma functions cancel in float32 beyond that."""


class AbstractReference(abc.ABC):
    """A law for the counts that simulated paths did not reach. Final subclasses are frozen dataclasses."""

    name: str

    @abc.abstractmethod
    def __call__(self, law: Float[Array, "times size"], values: ParameterValues) -> Float[Array, "times size"]:
        """Probabilities of the counts 0 .. size - 2, and in the last place of everything above.

        Args:
            law: the simulated probabilities.
            values: every named parameter.
        """


@dataclasses.dataclass(frozen=True)
class NegativeBinomial(AbstractReference):
    """The negative binomial with the mean and the variance of the simulated law (Poisson if that is narrower).

    Differentiable: its parameters move with the simulated moments.
    """

    name = "negative binomial of the simulated mean and variance"

    def __call__(self, law: Float[Array, "times size"], values: ParameterValues) -> Float[Array, "times size"]:
        """Its probabilities."""
        counts = jnp.arange(law.shape[1], dtype=law.dtype)
        mean = jnp.maximum(law @ counts, 1e-6)[:, None]
        variance = (law @ counts**2)[:, None] - mean**2
        return closed(jnp.exp(log_by_moments(counts[None], mean, variance)))


def log_by_moments(n: Real, mean: Real, variance: Real) -> Real:
    """Logarithm of the negative binomial with this mean and variance; of one next to Poisson if that is narrower."""
    return log_negative_binomial(n, mean, mean**2 / jnp.maximum(variance - mean, _LEAST_EXCESS * mean**2))


def closed(p: Float[Array, "times size"]) -> Float[Array, "times size"]:
    """The same with all that is missing to 1 in the last place."""
    return p.at[:, -1].set(jnp.maximum(1 - p[:, :-1].sum(1), 0.0))
