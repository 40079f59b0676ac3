"""First passage: when a condition on the counts first holds."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp

from jumpax._base import given
from jumpax._base.types import Count, Flag
from jumpax.folds.fold import AbstractFold, Size
from jumpax.networks import FLOWING, Network


@dataclasses.dataclass(frozen=True)
class FirstPassage(AbstractFold):
    """Time at which `condition` first holds, and the end of the path there.

    Args:
        network: whose counts the condition reads.
        condition: function of a dict name -> count (elementwise JAX) to a truth value; also looked at in the start state.

    Record: `(reached, time)`; the time is NaN until the condition has held, that of the start if it holds there, and the counts are held from then on. Exact.

    Examples:
        >>> from jumpax import networks
        >>> model = networks.zoo.birth_death()
        >>> fold = FirstPassage(model.network, lambda counts: counts["X"] >= 20)
    """

    network: Network
    condition: Callable[[dict[str, Count]], Flag]
    ends = True
    lands = True
    treats = FLOWING

    def size(self, network) -> Size:
        return Size(2, 2, 20 + 2 * network.links)

    def holds(self, counts: tuple[Count, ...]) -> Flag:
        """Whether the condition holds."""
        return jnp.asarray(
            given.observe(self.condition, dict(zip(self.network.species, counts, strict=True)), "condition"), bool
        )

    def init(self, counts, theta, now) -> tuple:
        reached = self.holds(counts)
        return reached, jnp.where(reached, now, jnp.full_like(now, jnp.nan))

    def stop(self, carry, counts, theta, index) -> tuple:
        return carry, carry

    def event(self, carry, counts, propensities, theta, now, jump) -> tuple:
        return self._seen(carry, jump.counts, now)

    def changed(self, carry, counts, theta, now, change) -> tuple:
        return self._seen(carry, counts, now)

    def _seen(self, carry, counts, now) -> tuple:
        reached, when = carry
        holds = self.holds(counts)
        return reached | holds, jnp.where(holds & ~reached, now, when)

    def done(self, carry) -> Flag:
        return carry[0]
