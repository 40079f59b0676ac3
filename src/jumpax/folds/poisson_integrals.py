"""Integrals along a long path from which the sensitivities of its steady state follow."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jumpax._base.types import Real
from jumpax.folds.control_integrals import ControlIntegrals, Features, drifts, most_features
from jumpax.folds.derivatives import levels
from jumpax.folds.fold import AbstractFold, Size
from jumpax.folds.score import Score
from jumpax.networks import PLAIN, Network


class PoissonRecord(NamedTuple):
    """Integrals over the time since the stop before, or the start; g are the entries of f, then L psi of each feature.

    In the carry the score is that since the stop before in the units of the fold `Score`; in the record in 1/theta_p.
    """

    score: tuple[Real, ...]
    """S, what the score gained."""
    first: tuple[Real, ...]
    """Integral of g_i dt."""
    second: tuple[Real, ...]
    """Integral of g_i g_j dt for the pairs of `PoissonIntegrals.pairs`."""
    score_area: tuple[Real, ...]
    """Integral of S_p dt."""
    cross: tuple[Real, ...]
    """Integral of g_i S_p dt, p running fastest."""
    slope: dict[tuple[int, int], Real]
    """By (feature, parameter): integral of sum_r (d a_r / d theta_p) Delta_r psi dt; others are zero."""


@dataclasses.dataclass(frozen=True)
class PoissonIntegrals(AbstractFold):
    """Gathers integrals of an observable f, of L psi for features psi of the counts, of products, and with the score.

    L psi = sum_r a_r Delta_r psi, the mean of the change of psi per time, has mean zero in the steady state.

    Args:
        network: without explicitly time-dependent rates.
        wrt: names of the parameters, in their natural coordinates.
        observe: f, from the counts of all species as floating scalars to scalars; hashable.
        entries: how many scalars f has.
        order: 1 for the counts as features, 2 for their products too.

    Record: `PoissonRecord`. Exact up to rounding.

    Raises:
        UnsupportedError: when the network depends on time explicitly.
    """

    network: Network
    wrt: tuple[str, ...]
    observe: Callable[[Sequence[Real]], Sequence[Real]]
    entries: int
    order: int = 2
    treats = PLAIN

    @functools.cached_property
    def features(self) -> Features:
        """The functions psi."""
        return Features(self.network, self.order)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs (i, j) of which products are gathered: of any g_i and an L psi_j not before it."""
        several = self.entries + len(self.features)
        pairs = itertools.combinations_with_replacement(range(several), 2)
        return tuple((i, j) for i, j in pairs if j >= self.entries)

    def size(self, network) -> Size:
        several = self.entries + most_features(network, self.order)
        drifts = 13.0 * network.links * (1 if self.order == 1 else len(network.species))
        numbers = 0.5 * several * (several + 3) + len(self.wrt) * (several + 2.0)
        return Size(numbers, numbers, 3 * numbers + drifts)

    def init(self, counts, theta, now) -> PoissonRecord:
        zero, several = jnp.zeros_like(now), self.entries + len(self.features)
        touched = ControlIntegrals(self.network, self.wrt, self.order).touched
        return PoissonRecord(
            Score(self.network, self.wrt).init(counts, theta, now), (zero,) * several, (zero,) * len(self.pairs),
            (zero,) * len(self.wrt), (zero,) * (several * len(self.wrt)), dict.fromkeys(touched, zero),
        )  # fmt: skip

    def stop(self, carry, counts, theta, index) -> tuple:
        score = Score(self.network, self.wrt).stop(carry.score, counts, theta, index)[1]
        return jax.tree.map(jnp.zeros_like, carry), carry._replace(score=score)

    def advance(self, carry, counts, propensities, theta, now, dt) -> PoissonRecord:
        real, half, score = levels(counts, dt), dt * dt.dtype.type(0.5), Score(self.network, self.wrt)
        flows, slopes = drifts(self.features, self.wrt, real, propensities, theta, now)
        g = [*self.observe(real), *flows]
        moved = score.advance(carry.score, counts, propensities, theta, now, dt)
        ends = [score.stop(s, counts, theta, jnp.int32(0))[1] for s in (carry.score, moved)]
        areas = [(s + t) * half for s, t in zip(*ends, strict=True)]
        products = itertools.product(g, areas)
        return PoissonRecord(
            moved,
            tuple(v + x * dt for v, x in zip(carry.first, g, strict=True)),
            tuple(v + g[i] * g[j] * dt for v, (i, j) in zip(carry.second, self.pairs, strict=True)),
            tuple(v + area for v, area in zip(carry.score_area, areas, strict=True)),
            tuple(v + x * area for v, (x, area) in zip(carry.cross, products, strict=True)),
            {at: v + slopes[at] * dt for at, v in carry.slope.items()},
        )

    def event(self, carry, counts, propensities, theta, now, jump) -> PoissonRecord:
        score = Score(self.network, self.wrt).event(carry.score, counts, propensities, theta, now, jump)
        return carry._replace(score=score)
