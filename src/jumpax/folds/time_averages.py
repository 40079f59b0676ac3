"""Time averages of the counts between stops."""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import jax.numpy as jnp

from jumpax.folds.fold import AbstractFold, Size
from jumpax.networks import ALL, Network

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class TimeAverages(AbstractFold):
    """Averages the counts of every species over the time since the stop before (or the start).

    Record: a tuple of one floating number per species, (1/h) integral of x_d dt over a window of length h; the count itself
    when h = 0. Exact up to rounding.

    Args:
        network: what reacts.
        chosen: numbers of species; None for all.
    """

    network: Network
    chosen: tuple[int, ...] | None = None
    treats = ALL

    def size(self, network) -> Size:
        many = len(self._own(network.species))
        return Size(many, many + 1, 8 * many)

    def _own(self, of_species: Sequence[T]) -> tuple[T, ...]:
        return tuple(of_species) if self.chosen is None else tuple(of_species[d] for d in self.chosen)

    def init(self, counts, theta, now) -> tuple:
        return tuple(jnp.zeros_like(now) for _ in range(len(self._own(counts)) + 1))

    def stop(self, carry, counts, theta, index) -> tuple:
        *integrals, elapsed = carry
        some = elapsed > 0
        length = jnp.where(some, elapsed, jnp.ones_like(elapsed))
        record = tuple(
            jnp.where(some, i / length, c.astype(elapsed.dtype))
            for i, c in zip(integrals, self._own(counts), strict=True)
        )
        return tuple(jnp.zeros_like(c) for c in carry), record

    def advance(self, carry, counts, propensities, theta, now, dt) -> tuple:
        *integrals, elapsed = carry
        own = self._own(counts)
        return (*(i + c.astype(dt.dtype) * dt for i, c in zip(integrals, own, strict=True)), elapsed + dt)
