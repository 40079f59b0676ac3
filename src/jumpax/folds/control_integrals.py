"""What a martingale control of the score is made of: features of the counts beyond their drift, and the drift's slopes."""

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base.types import Count, Real
from jumpax.folds.derivatives import levels, parameter_derivatives
from jumpax.folds.fold import AbstractFold, Size
from jumpax.folds.independent import embedding, independent_species
from jumpax.networks import PLAIN, Network


@dataclasses.dataclass(frozen=True)
class Features:
    """Functions psi of the counts: those of species that move independently and, with `order` 2, their products.

    Species that conservation laws tie to the others are left out: their martingales are linear in those of the rest.
    """

    network: Network
    order: int = 1

    @functools.cached_property
    def species(self) -> tuple[int, ...]:
        """Numbers of the species that move independently."""
        return independent_species(self.network)

    @functools.cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Places in `species` of the two factors of each product."""
        return tuple(itertools.combinations_with_replacement(range(len(self.species)), 2)) if self.order > 1 else ()

    @property
    def embedding(self) -> np.ndarray:
        """(all species, independent species): how all counts move when the independent ones do."""
        return embedding(self.network)

    def __len__(self) -> int:
        return len(self.species) + len(self.pairs)

    def values(self, counts: Sequence[Real]) -> tuple[Real, ...]:
        """All psi_j(x), from the counts of all species."""
        own = [counts[d] for d in self.species]
        return (*own, *(own[a] * own[b] for a, b in self.pairs))

    def moved(self, reaction: int) -> tuple[int, ...]:
        """Numbers of the features that a reaction changes."""
        zeta = self.network.stoichiometry[list(self.species), reaction]
        products = [j for j, pair in enumerate(self.pairs, len(zeta)) if zeta[list(pair)].any()]
        return (*(int(j) for j in np.flatnonzero(zeta)), *products)

    def change(self, feature: int, reaction: int, counts: Sequence[Real]) -> Real:
        """psi_j(x + zeta_r) - psi_j(x)."""
        zeta, like = self.network.stoichiometry[list(self.species), reaction], counts[0]
        if feature < len(zeta):
            return jnp.full_like(like, zeta[feature])
        a, b = self.pairs[feature - len(zeta)]
        terms = [counts[self.species[d]] * like.dtype.type(z) for d, z in ((a, zeta[b]), (b, zeta[a])) if z]
        return functools.reduce(jnp.add, terms, jnp.full_like(like, zeta[a] * zeta[b]))


def most_features(network: Network, order: int) -> int:
    """No fewer than there are `Features`, told without looking at which species move independently."""
    species = len(network.species)
    return species if order == 1 else species * (species + 3) // 2


def drifts(
    features: Features, wrt: Sequence[str], counts: Sequence[Real], propensities: Sequence[Real], theta, now: Real
) -> tuple[list[Real], dict[tuple[int, int], Real]]:
    """sum_r a_r Delta_r psi_j, and sum_r (d a_r / d theta_p) Delta_r psi_j by (j, p); pairs that share no reaction are left out."""
    rows = parameter_derivatives(features.network, wrt, counts, theta, now)
    flows, slopes = [jnp.zeros_like(now)] * len(features), {}
    for r, (rate, row) in enumerate(zip(propensities, rows, strict=True)):
        for j in features.moved(r):
            change = features.change(j, r, counts)
            flows[j] = flows[j] + rate * change
            for name, value in row.items():
                at = (j, wrt.index(name))
                slopes[at] = slopes[at] + value * change if at in slopes else value * change
    return flows, slopes


class ControlRecord(NamedTuple):
    """Integrals over the time since the stop before, or the start."""

    counts: tuple[Count, ...]
    """Of all species, at the stop."""
    martingale: tuple[Real, ...]
    """One number per feature: its change less the integral of its drift."""
    area: tuple[Real, ...]
    """Integral of the martingale over time."""
    slope: dict[tuple[int, int], Real]
    """By (feature, parameter): integral of sum_r (d a_r / d theta_p) Delta_r psi dt; others are zero."""
    slope_area: dict[tuple[int, int], Real]
    """Integral of the slope so far, over time."""


@dataclasses.dataclass(frozen=True)
class ControlIntegrals(AbstractFold):
    """Gathers, between one stop and the next, the martingales of features psi_j of the counts and what moves with them.

    m_j = psi_j(x(t)) - psi_j(x(t_1)) - integral of sum_r a_r Delta_r psi_j dt has mean zero, whatever happened before t_1, and
    with S_p the score up to t or later, E[m_j S_p] = E[integral of sum_r (d a_r / d theta_p) Delta_r psi_j dt]. With the
    integrals of both over time, weights that are linear in time between stops can be applied afterwards.

    Args:
        network: without explicitly time-dependent rates.
        wrt: names of the parameters, in their natural coordinates.
        order: 1 for the counts of species, 2 for their products too.
        edges: stops that the fold wants beside those asked for.

    Record: `ControlRecord`; martingales in molecules, or their squares. Exact up to rounding.

    Raises:
        UnsupportedError: when the network depends on time explicitly.

    Examples:
        >>> from jumpax import networks
        >>> fold = ControlIntegrals(networks.zoo.birth_death().network, ("birth", "death"), edges=(0.4, 0.8))
    """

    network: Network
    wrt: tuple[str, ...]
    order: int = 1
    edges: tuple[float, ...] = ()
    treats = PLAIN

    @functools.cached_property
    def features(self) -> Features:
        """The functions whose martingales are gathered."""
        return Features(self.network, self.order)

    @functools.cached_property
    def touched(self) -> tuple[tuple[int, int], ...]:
        """Pairs (feature, parameter) that share a reaction."""
        laws = [set(reaction.law.parameters) for reaction in self.network.reactions]
        found = {(j, p) for r, law in enumerate(laws) for j in self.features.moved(r)
                 for p, name in enumerate(self.wrt) if name in law}  # fmt: skip
        return tuple(sorted(found))

    def stops(self, times) -> tuple[float, ...]:
        return self.edges

    def size(self, network) -> Size:
        features, species = most_features(network, self.order), len(network.species)
        moves = network.links * (1 if self.order == 1 else species)
        numbers = species + 2.0 * features + 2.0 * min(features * len(self.wrt), moves)
        return Size(numbers, numbers, 13.0 * moves)

    def init(self, counts, theta, now) -> ControlRecord:
        zero = jnp.zeros_like(now)
        integrals, slopes = (zero,) * len(self.features), dict.fromkeys(self.touched, zero)
        # carried: the counts at the stop before, the drift in place of the martingale
        return ControlRecord(tuple(counts), integrals, integrals, slopes, slopes)

    def stop(self, carry, counts, theta, index) -> tuple:
        like = carry.area[0]
        record = carry._replace(counts=tuple(counts), martingale=self._excess(carry, levels(counts, like)))
        return self.init(counts, theta, like), record

    def advance(self, carry, counts, propensities, theta, now, dt) -> ControlRecord:
        real, half = levels(counts, dt), dt * dt.dtype.type(0.5)
        flows, slopes = drifts(self.features, self.wrt, real, propensities, theta, now)
        excess = self._excess(carry, real)
        return ControlRecord(
            carry.counts,
            tuple(d + flow * dt for d, flow in zip(carry.martingale, flows, strict=True)),
            tuple(v + (m - flow * half) * dt for v, m, flow in zip(carry.area, excess, flows, strict=True)),
            {at: v + slopes[at] * dt for at, v in carry.slope.items()},
            {at: v + (carry.slope[at] + slopes[at] * half) * dt for at, v in carry.slope_area.items()},
        )

    def _excess(self, carry: ControlRecord, real: Sequence[Real]) -> tuple[Real, ...]:
        """The martingales so far."""
        then = self.features.values(levels(carry.counts, real[0]))
        both = zip(self.features.values(real), then, carry.martingale, strict=True)
        return tuple(psi - before - drift for psi, before, drift in both)
