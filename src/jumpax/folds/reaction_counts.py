"""Reaction counts: how often reactions have fired."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from jumpax.folds.fold import AbstractFold, Size
from jumpax.folds.taken import taken
from jumpax.networks import ALL, Network


@dataclasses.dataclass(frozen=True)
class ReactionCounts(AbstractFold):
    """Counts the firings of every reaction since the start; record: a tuple of int32, one per reaction. Exact.

    Args:
        network: what reacts.
        chosen: numbers of the reactions that are counted; None for all.
        since_stop: count from the stop before, or the start, instead of from the start.
    """

    network: Network
    chosen: tuple[int, ...] | None = None
    since_stop: bool = False
    treats = ALL

    @property
    def _counted(self) -> tuple[int, ...]:
        return tuple(range(self.network.reaction_count)) if self.chosen is None else self.chosen

    def size(self, network) -> Size:
        return Size(len(self._counted), len(self._counted), 2 * len(self._counted))

    def init(self, counts: Any, theta, now) -> PyTree:
        if not isinstance(counts, tuple):
            return jnp.zeros((len(self._counted), *counts.shape[1:]), jnp.int32)
        return tuple(jnp.zeros_like(counts[0]) for _ in range(len(self._counted)))

    def stop(self, carry, counts, theta, index) -> tuple:
        return (jax.tree.map(jnp.zeros_like, carry) if self.since_stop else carry), carry

    def event(self, carry, counts, propensities, theta, now, jump) -> PyTree:
        return jax.tree.map(lambda n, flag: n + flag.astype(jnp.int32), carry, taken(jump.fired, self.chosen))
