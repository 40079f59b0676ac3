"""A fold along one of the two paths of a coupled network."""

import dataclasses
import functools
import operator
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from jumpax._base.types import Flag, Real
from jumpax.folds.around import AbstractAround
from jumpax.folds.fold import AbstractFold, Size
from jumpax.networks import Network
from jumpax.networks.couple import LOW


@dataclasses.dataclass(frozen=True)
class OneCopy(AbstractAround):
    """Runs a fold along one copy of `couple(network)`, as if that were the path; record: that of the fold.

    Of each reaction of the network three are left: of both copies, of the low one and of the high one alone. A copy sees the first of
    them and its own; its propensity is the sum of these two.

    Args:
        network: of which there are two copies.
        fold: for paths of the network.
        copy: `low_` or `high_`.
    """

    network: Network
    fold: AbstractFold
    copy: Literal["low_", "high_"]

    def size(self, network) -> Size:
        return self.fold.size(self.network)

    def init(self, counts, theta, now) -> PyTree:
        return self.fold.init(self._counts(counts), self._theta(theta), now)

    def stop(self, carry, counts, theta, index) -> tuple[PyTree, PyTree]:
        return self.fold.stop(carry, self._counts(counts), self._theta(theta), index)

    def advance(self, carry, counts, propensities, theta, now, dt) -> PyTree:
        rates = self._propensities(propensities)
        return self._held(carry, self.fold.advance(carry, self._counts(counts), rates, self._theta(theta), now, dt))

    def sample(self, carry, counts, propensities, theta, now, dt, words) -> PyTree:
        rates = self._propensities(propensities)
        after = self.fold.sample(carry, self._counts(counts), rates, self._theta(theta), now, dt, words)
        return self._held(carry, after)

    def event(self, carry, counts, propensities, theta, now, jump) -> PyTree:
        fired = tuple(both | own for both, own in self._pairs(jump.fired))
        rates, own = self._propensities(propensities), jump._replace(fired=fired)
        if self.lands:
            own = own._replace(counts=self._counts(jump.counts))
        after = self.fold.event(carry, self._counts(counts), rates, self._theta(theta), now, own)
        if not self.waits:  # an event of the other copy alone is none of this one
            after = jax.tree.map(functools.partial(jnp.where, functools.reduce(operator.or_, fired)), after, carry)
        return self._held(carry, after)

    def cap(self, carry, counts, propensities, theta) -> Real:
        return self.fold.cap(carry, self._counts(counts), self._propensities(propensities), self._theta(theta))

    def ready(self, carry) -> Flag:
        return self.fold.ready(carry)

    def done(self, carry) -> Flag:
        return self.fold.done(carry)

    def _held(self, carry: PyTree, after: Any) -> PyTree:
        """What was gathered when this copy was done, however long the other one goes on."""
        if not self.ends:
            return after
        return jax.tree.map(functools.partial(jnp.where, self.done(carry)), carry, after)

    def _counts(self, counts) -> tuple:
        half = len(self.network.species)
        return tuple(counts[:half]) if self.copy == LOW else tuple(counts[half:])

    def _theta(self, theta) -> dict[str, Real]:
        return {name: theta[self.copy + name] for name in self.network.parameters}

    def _propensities(self, propensities) -> tuple[Real, ...]:
        return tuple(both + own for both, own in self._pairs(propensities))

    def _pairs(self, of_reactions) -> list[tuple[Any, Any]]:
        """Of each reaction, that of both copies and that of this one alone."""
        place = 1 if self.copy == LOW else 2
        return [(of_reactions[3 * r], of_reactions[3 * r + place]) for r in range(len(self.network.reactions))]
