"""Reaction counts: how often each reaction has fired."""

import dataclasses

import jax.numpy as jnp

from jumpax.folds.fold import AbstractFold, Size
from jumpax.networks import ALL, Network


@dataclasses.dataclass(frozen=True)
class ReactionCounts(AbstractFold):
    """Counts the firings of every reaction since the start; record: a tuple of int32, one per reaction. Exact."""

    network: Network
    treats = ALL

    def size(self, network) -> Size:
        return Size(len(network.reactions), len(network.reactions), 2 * len(network.reactions))

    def init(self, counts, theta, now) -> tuple:
        return tuple(jnp.zeros_like(counts[0]) for _ in self.network.reactions)

    def stop(self, carry, counts, theta, index) -> tuple:
        return carry, carry

    def event(self, carry, counts, propensities, theta, now, jump) -> tuple:
        return tuple(n + flag.astype(jnp.int32) for n, flag in zip(carry, jump.fired, strict=True))
