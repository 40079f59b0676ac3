"""How often reactions fire, as an observable."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Int

from jumpax._base.errors import InputError
from jumpax.folds import AbstractFold, ReactionCounts
from jumpax.networks import Network
from jumpax.observables.path_observable import AbstractPathObservable
from jumpax.observables.reversal import numbers


@dataclasses.dataclass(frozen=True, init=False)
class ReactionCount(AbstractPathObservable):
    """How often each of the named reactions has fired: shape (reactions,). Exact.

    Over the time it is a rate; that of a reaction less that of its reverse, a current.

    Args:
        reactions: names, as in `network.reactions`.
        since_stop: count from the stop before, or the start, instead of from the start.

    Raises:
        InputError: no reaction; when the expectation is made, for one that is not in the network.

    Examples:
        >>> import jax, jumpax
        >>> birth = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
        >>> mean = jumpax.expectation(
        ...     jumpax.ReactionCount("0 -> N", since_stop=True), birth, {"N": 0}, [1.0, 3.0], paths=4000
        ... )
        >>> [f"{n:.0f}" for n in mean({"k": 5.0}, jax.random.key(0))[:, 0]]
        ['5', '10']
    """

    reactions: tuple[str, ...]
    since_stop: bool

    def __init__(self, *reactions: str, since_stop: bool = False):
        if not reactions:
            raise InputError("ReactionCount needs the name of a reaction, as in ReactionCount('A -> B')")
        object.__setattr__(self, "reactions", reactions)
        object.__setattr__(self, "since_stop", since_stop)

    def fold(self, network: Network) -> AbstractFold:
        """Counts of the reactions."""
        return ReactionCounts(network, tuple(numbers(network, self.reactions)), self.since_stop)

    def value(self, record, stop) -> Int[Array, " reactions"]:
        """As they are."""
        return jnp.stack(record)
