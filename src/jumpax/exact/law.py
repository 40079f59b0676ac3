"""A probability law on a state space, or several at different times."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base import given
from jumpax._base.errors import InputError
from jumpax.exact.state_space import StateSpace

Observable = Callable[[Mapping[str, Array]], Array]


@final
@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Law:
    """Probabilities of all states of a space, and what they leave out. A PyTree, differentiable in theta.

    Every probability is a lower bound of the true one, up to 1e-12 in total, and all of them together fall short by
    `leak`: a mean of f over the law is wrong by at most `leak` times the largest |f| outside (for a start inside the
    space). The probabilities are not normalised, so that the shortfall stays visible.

    Attributes:
        probabilities: (..., states); a leading axis for times or numbers of steps, none for a stationary law.
        leak: (...): the probability of having left the space by then. For a stationary law, whose transitions out of
            the space are
            left out: the share of all events that would leave it. An indicator of the truncation error, not a bound.
        space: the states.
    """

    probabilities: Float[Array, "... states"]
    leak: Float[Array, "..."]
    space: StateSpace = dataclasses.field(metadata={"static": True})

    def expectation(self, observable: Observable) -> Float[Array, "..."]:
        """Mean of a function of the counts.

        Args:
            observable: takes a mapping from species to counts (states,) and returns (states,), elementwise.

        Returns:
            (...), in the unit of the observable.

        Raises:
            InputError: the observable reads an unknown species, or does not return one number for each state.

        Examples:
            >>> from jumpax.exact import StateSpace, distribution
            >>> from jumpax.networks import MassAction, Network, Reaction
            >>> network = Network([Reaction("A -> ∅", MassAction("k"))])
            >>> law = distribution(StateSpace.reachable(network, {"A": 1}), {"k": 1.0}, [1.0])
            >>> print(law.expectation(lambda x: x["A"] == 0).round(4))
            [0.6321]
        """
        counts = {name: jnp.asarray(x, float) for name, x in zip(self.space.network.species, self.space.states.T)}
        given.check_function(observable, "the observable", "As in law.expectation(lambda counts: counts['A'])")
        made = jnp.asarray(given.observe(observable, counts), float)
        if made.shape not in ((), (self.space.size,)):
            raise InputError(
                f"the observable returns shape {made.shape} for {self.space.size} states; it must return one number for each "
                "state (law.moment gives moments, law.marginal distributions)"
            )
        return self.probabilities @ jnp.broadcast_to(made, (self.space.size,))

    def mean(self) -> Float[Array, "... species"]:
        """Mean counts, (..., species), molecules."""
        return self.probabilities @ jnp.asarray(self.space.states, float)

    def covariance(self) -> Float[Array, "... species species"]:
        """Covariances of the counts, (..., species, species), molecules squared."""
        mean = self.mean()[..., None, :]
        counts = jnp.asarray(self.space.states, float).reshape((1,) * (mean.ndim - 2) + self.space.states.shape)
        centred = counts - mean
        return jnp.einsum("...n,...ni,...nj->...ij", self.probabilities, centred, centred)

    def moment(self, powers: Mapping[str, int]) -> Float[Array, "..."]:
        """Mean of a product of powers of counts, for example `{"A": 2, "B": 1}` for E[A^2 B]; (...)."""
        product = np.ones(self.space.size)
        for name, power in powers.items():
            product = product * self.space.states[:, self.space.column(name)].astype(float) ** power
        return self.probabilities @ jnp.asarray(product, float)

    def marginal(self, *species: str) -> Float[Array, "..."]:
        """Joint law of the counts of some species.

        Returns:
            One axis per species after the leading ones: entry n is the probability of n molecules, from 0 to the
            largest count of the space.

        Raises:
            InputError: no species, or an unknown one.
        """
        if not species:
            raise InputError("marginal needs at least one species")
        columns = [self.space.states[:, self.space.column(name)] for name in species]
        shape = tuple(int(column.max()) + 1 for column in columns)
        place = np.ravel_multi_index(columns, shape)
        empty = jnp.zeros((*self.leak.shape, int(np.prod(shape))), self.probabilities.dtype)
        return empty.at[..., place].add(self.probabilities).reshape(*self.leak.shape, *shape)
