"""The contract of a rate: what paths gain per time by their events."""

import abc
import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax.networks import Network
from jumpax.observables import mean_rates
from jumpax.observables.mean_rates import Term


class AbstractPathRate(abc.ABC):
    """A quantity of which a path gains w_r(x, theta) when reaction r fires in state x, per time.

    Its mean, E[sum_r a_r(x, theta) w_r(x, theta)], is found in four ways, which agree:

    - path-wise: `PathSums` adds up w_r over the events of a path;
    - propensity-wise: `PathSums` integrates sum_r a_r w_r over time, for the same mean and another variance;
    - differentiably: a rate is an observable, for `expectation` and `steady_state`. It returns functions of the counts
      alone, and `rate(means, theta)` makes the mean rate of their means: an ordinary JAX function, whose derivative has
      both parts, that of the law of the counts and that of w_r and a_r at fixed counts. For rates a_r = c_r h_r(x) (see
      `Factors`). `Rates` makes one observable of several;
    - exactly: `local(counts, theta)` is sum_r a_r w_r of a state, for `Law.expectation`.

    Final subclasses are frozen dataclasses with value equality.
    """

    network: Network

    @property
    def weights(self) -> tuple[float, ...] | None:
        """w_r where these are numbers; None where they depend on the state or on parameters."""
        return None

    @abc.abstractmethod
    def gains(
        self,
        counts: Sequence[Float[Array, "..."]],
        theta: Mapping[str, Float[Array, "..."]],
        time: Float[Array, "..."],
    ) -> tuple[Float[Array, "..."] | float, ...]:
        """w_r for each reaction; elementwise; anything where the reaction cannot fire. Counts in species order, floating."""

    @property
    @abc.abstractmethod
    def terms(self) -> Sequence[Term]:
        """The mean rate as a sum of coefficients times means of functions of the counts.

        Raises:
            UnsupportedError: for rates that are not one parameter times a function of the counts.
        """

    def __call__(self, counts: Mapping[str, Float[Array, "..."]]) -> Float[Array, "*batch functions"]:
        """The functions of the counts of whose means the rate is made."""
        return mean_rates.functions((self,), counts)

    def rate(self, means: Float[Array, "*batch functions"], theta: Mapping[str, Any]) -> Float[Array, "*batch"]:
        """The mean rate, 1/time times the unit of w, from the means of the functions of the counts."""
        return mean_rates.values((self,), means, theta)[0]

    def local(
        self, counts: Mapping[str, Float[Array, "..."]], theta: Mapping[str, Any], time: float | None = None
    ) -> Float[Array, "..."]:
        """The sum over reactions of a_r w_r in a state, or in many: elementwise.

        Args:
            counts: by species.
            theta: a value per parameter.
            time: when; needed where rates depend on time explicitly, and only there.

        Raises:
            InputError: rates that depend on time, and no time.
        """
        if time is None and self.network.time_dependent:
            raise InputError("rates depend on time explicitly, so say when: local(counts, theta, time=...)")
        columns = tuple(counts[name] for name in self.network.species)
        values = {name: jnp.asarray(theta[name], columns[0].dtype) for name in self.network.parameters}
        return self.local_at(columns, values, columns[0] * 0 + (time or 0.0))

    def local_at(
        self,
        counts: Sequence[Float[Array, "..."]],
        theta: Mapping[str, Float[Array, "..."]],
        time: Float[Array, "..."],
    ) -> Float[Array, "..."]:
        """As `local`, with counts in species order and arguments of one floating type."""
        return flow(self.network.propensities(tuple(counts), theta, time), self.gains(counts, theta, time))


def flow(propensities: Sequence[Float[Array, "..."]], gains: Sequence[Any]) -> Float[Array, "..."]:
    """The sum of a_r w_r over the reactions that can fire."""
    terms = [a * jnp.where(a > 0, w, jnp.zeros_like(a)) for a, w in zip(propensities, gains, strict=True)]
    return functools.reduce(operator.add, terms)
