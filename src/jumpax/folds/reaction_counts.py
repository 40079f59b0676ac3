"""Reaction counts: how often reactions have fired."""

import dataclasses

import jax.numpy as jnp

from jumpax.folds.fold import AbstractFold, Size
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
        return tuple(range(len(self.network.reactions))) if self.chosen is None else self.chosen

    def size(self, network) -> Size:
        return Size(len(self._counted), len(self._counted), 2 * len(self._counted))

    def init(self, counts, theta, now) -> tuple:
        return tuple(jnp.zeros_like(counts[0]) for _ in self._counted)

    def stop(self, carry, counts, theta, index) -> tuple:
        return (tuple(jnp.zeros_like(n) for n in carry) if self.since_stop else carry), carry

    def event(self, carry, counts, propensities, theta, now, jump) -> tuple:
        fired = (jump.fired[r] for r in self._counted)
        return tuple(n + flag.astype(jnp.int32) for n, flag in zip(carry, fired, strict=True))
