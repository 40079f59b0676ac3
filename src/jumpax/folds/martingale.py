"""The martingale of the counts: what they did beyond their drift."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base.types import Count, Real
from jumpax.folds.derivatives import levels
from jumpax.folds.fold import AbstractFold, Size
from jumpax.folds.independent import independent_species
from jumpax.folds.lasting import share
from jumpax.networks import Network


class MartingaleState(NamedTuple):
    """Since the stop before: counts there, the drift, and the integral of the martingale; one entry per species."""

    counts: tuple[Count, ...]
    drift: tuple[Real, ...]
    area: tuple[Real, ...]


@dataclasses.dataclass(frozen=True)
class Martingale(AbstractFold):
    """Gathers M_d = change of x_d - integral of sum_r zeta_dr a_r dt since the stop before, or the start.

    The means of M and of its integral over time are zero, exactly, whatever the network: they measure chance alone.
    Species that never change, and those that follow from the others by a conservation law, are left out
    (`independent_species`). Where rates depend on time explicitly, the drift of each wait is read at one moment of it, drawn
    uniformly from the fold's own random words, as in `Score`: the means stay zero, the variance grows.

    Args:
        network: what reacts.
        edges: gives, from the times asked for, more stops that part the time into finer pieces; default: none.

    Record: `(martingale, area)`, each one number per independent species: M at the stop (molecules), and its integral over
    the time since the stop before (molecules times time). Exact up to rounding; unbiased where rates depend on time.

    Source: Kurtz 1972, doi:10.1063/1.1678692, for the decomposition.

    Examples:
        >>> from jumpax import networks
        >>> independent_species(networks.zoo.association().network)   # B and C follow from A
        (0,)
    """

    network: Network
    edges: Callable[[Sequence[float]], tuple[float, ...]] | None = None

    @property
    def samples(self) -> bool:  # type: ignore[override]
        return self.network.time_dependent

    @property
    def words(self) -> int:  # type: ignore[override]
        return int(self.samples)

    def size(self, network) -> Size:
        return Size(2 * len(network.species), 3 * len(network.species), 4 * network.links)

    def init(self, counts, theta, now) -> MartingaleState:
        own = tuple(counts[d] for d in independent_species(self.network))
        zeros = tuple(jnp.zeros_like(now) for _ in own)
        return MartingaleState(own, zeros, zeros)

    def stop(self, carry, counts, theta, index) -> tuple:
        own = tuple(counts[d] for d in independent_species(self.network))
        zeros = tuple(jnp.zeros_like(c) for c in carry.drift)
        return MartingaleState(own, zeros, zeros), (self._excess(carry, own), carry.area)

    def stops(self, times) -> tuple[float, ...]:
        return () if self.edges is None else self.edges(times)

    def advance(self, carry, counts, propensities, theta, now, dt) -> MartingaleState:
        if self.samples:
            return carry
        return self._lived(carry, counts, propensities, dt, dt.dtype.type(0.5))

    def sample(self, carry, counts, propensities, theta, now, dt, words) -> MartingaleState:
        part = share(words, dt)
        there = self.network.propensities(levels(counts, dt), theta, now + part * dt)
        return self._lived(carry, counts, there, dt, dt.dtype.type(1) - part)

    def _lived(self, carry: MartingaleState, counts, propensities, dt: Real, left: Real) -> MartingaleState:
        """Carry after `dt` with these propensities, of whose drift a part `left` of the time sees something, on the mean."""
        chosen = independent_species(self.network)
        excess = self._excess(carry, [counts[d] for d in chosen])
        rates = []
        for d in chosen:
            row = self.network.stoichiometry[d]
            rates.append(
                sum((propensities[r] * dt.dtype.type(row[r]) for r in np.flatnonzero(row)), jnp.zeros_like(dt))
            )
        seen = dt * left
        return MartingaleState(
            carry.counts,
            tuple(c + rate * dt for c, rate in zip(carry.drift, rates, strict=True)),
            tuple(c + (m - rate * seen) * dt for c, m, rate in zip(carry.area, excess, rates, strict=True)),
        )

    def _excess(self, carry: MartingaleState, own: Sequence[Count]) -> tuple[Real, ...]:
        changes = (now - then for now, then in zip(own, carry.counts, strict=True))
        return tuple(c.astype(drift.dtype) - drift for c, drift in zip(changes, carry.drift, strict=True))
