"""Time averages of the counts between stops."""

import dataclasses

import jax.numpy as jnp

from jumpax.folds.fold import AbstractFold, Size
from jumpax.networks import ALL, Network


@dataclasses.dataclass(frozen=True)
class TimeAverages(AbstractFold):
    """Averages the counts of every species over the time since the stop before (or the start).

    Record: a tuple of one floating number per species, (1/h) integral of x_d dt over a window of length h; the count itself
    when h = 0. Exact up to rounding.
    """

    network: Network
    treats = ALL

    def size(self, network) -> Size:
        return Size(len(network.species), len(network.species) + 1, 8 * len(network.species))

    def init(self, counts, theta, now) -> tuple:
        like = next(iter(theta.values()))
        return tuple(jnp.zeros_like(like) for _ in range(len(counts) + 1))

    def stop(self, carry, counts, theta, index) -> tuple:
        *integrals, elapsed = carry
        some = elapsed > 0
        length = jnp.where(some, elapsed, jnp.ones_like(elapsed))
        record = tuple(
            jnp.where(some, i / length, c.astype(elapsed.dtype)) for i, c in zip(integrals, counts, strict=True)
        )
        return tuple(jnp.zeros_like(c) for c in carry), record

    def advance(self, carry, counts, propensities, theta, now, dt) -> tuple:
        *integrals, elapsed = carry
        return (*(i + c.astype(dt.dtype) * dt for i, c in zip(integrals, counts, strict=True)), elapsed + dt)
