"""The time average of counts, as an observable."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, first_few, unknown_name
from jumpax.folds import AbstractFold, TimeAverages
from jumpax.networks import Network
from jumpax.observables.path_observable import AbstractPathObservable


@dataclasses.dataclass(frozen=True, init=False)
class TimeAverage(AbstractPathObservable):
    """(1/h) integral of x dt for each species named, over the time h since the stop before (or the start): shape (species,).

    Exact along each path up to rounding; at the start it is the count. Its mean is E[x] averaged over time, its variance is smaller
    than that of the count by the ratio of the memory to h.

    Args:
        species: names; none for all.

    Raises:
        InputError: when the expectation is made, for a species that is not in the network.

    Examples:
        >>> import jax, jumpax
        >>> decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
        >>> mean = jumpax.expectation(jumpax.TimeAverage("A"), decay, {"A": 100}, [1.0], paths=20_000)
        >>> got = mean.estimate({"k": 1.0}, jax.random.key(0))
        >>> bool(abs(got.value[0, 0] - 63.2) < 0.3), bool(abs(got.gradient["k"][0, 0] + 26.4) < 1.5)   # 100 (1 - 1/e), 100 (2/e - 1)
        (True, True)
    """

    species: tuple[str, ...]

    def __init__(self, *species: str):
        object.__setattr__(self, "species", species)

    def fold(self, network: Network) -> AbstractFold:
        """Time averages of the species."""
        if wrong := [name for name in self.species if name not in network.numbers]:
            told = first_few(wrong, lambda name: unknown_name("species", name, network.species))
            raise InputError("TimeAverage: " + "; ".join(told))
        chosen = tuple(network.species.index(name) for name in self.species) or tuple(range(len(network.species)))
        return TimeAverages(network, chosen)

    def value(self, record, stop) -> Float[Array, " species"]:
        """As they are."""
        return jnp.stack(record)
