"""Time averages of the counts between stops."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jumpax.folds.fold import AbstractFold, Size
from jumpax.folds.taken import along, taken
from jumpax.networks import ALL, Network


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
        many = len(network.species) if self.chosen is None else len(self.chosen)
        return Size(many, many + 1, 8 * many)

    def init(self, counts, theta, now) -> tuple:
        nothing = jnp.zeros_like(now)
        return jax.tree.map(lambda c: jnp.zeros(jnp.shape(c), nothing.dtype), taken(counts, self.chosen)), nothing

    def stop(self, carry, counts, theta, index) -> tuple:
        integrals, elapsed = carry
        some = elapsed > 0
        length = jnp.where(some, elapsed, jnp.ones_like(elapsed))

        def average(integral: Any, count: Any) -> Any:
            return jnp.where(along(some, count), integral / along(length, count), count.astype(elapsed.dtype))

        return jax.tree.map(jnp.zeros_like, carry), jax.tree.map(average, integrals, taken(counts, self.chosen))

    def advance(self, carry, counts, propensities, theta, now, dt) -> tuple:
        integrals, elapsed = carry

        def lived(integral: Any, count: Any) -> Any:
            return integral + count.astype(dt.dtype) * along(dt, count)

        return jax.tree.map(lived, integrals, taken(counts, self.chosen)), elapsed + dt
