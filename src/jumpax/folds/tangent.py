"""The trapezoidal tangent: how the counts move with the parameters, in physical time."""

import dataclasses
import functools
import operator
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jumpax._base.errors import InputError, unknown_name
from jumpax._base.types import Real
from jumpax.folds.derivatives import chosen, count_derivatives, levels, parameter_derivatives
from jumpax.folds.fold import AbstractFold, Propensities, Size
from jumpax.folds.independent import embedding, independent_species
from jumpax.folds.linear_flow import Rows, longest_step, step
from jumpax.networks import PLAIN, Network


@dataclasses.dataclass(frozen=True)
class Tangent(AbstractFold):
    """Carries v = d x / d theta along the path, such that E[grad f(x(t)) . v(t)] is about d E[f(x(t))] / d theta.

    With adot_r = d a_r / d theta + grad a_r . v, reactions with a_r > 0 contribute half through time and half through
    their events, reactions with a_r = 0 wholly through time:

        dv = sum_r zeta_r adot_r (dt / 2 + dN_r / (2 a_r))    where a_r > 0
        dv = sum_r zeta_r adot_r dt                           where a_r = 0

    Between events v' = A v + b is followed by one 4th-order Taylor step per advance, no longer than reach / nu, with nu
    close to the fastest rate of A (`linear_flow.longest_step`): an error of reach^5 / 5! of v, 2e-5 for the default. v
    lies in the span of the stoichiometry, so only the rows of species that move independently are carried.

    Bias: none for linear f on first-order networks; otherwise of second order in the change of a propensity by one
    molecule (17 % when a propensity is saturated by ten molecules). For quadratic f also wherever a_r = 0 but
    grad a_r != 0 for long, as with promoters. f has to be differentiable. Low variance is no sign of low bias here.

    Args:
        network: the laws need a smooth extension to real counts.
        wrt: names of the parameters, in their natural coordinates.
        reach: longest step in units of 1 / nu.

    Record: `(counts, v)`, one int32 per species, and one row per species with one number per name of `wrt` (1/theta_p).

    Raises:
        InputError: when a name is not a parameter of the network, or reach is not a positive number.
        UnsupportedError: when the network depends on time explicitly.

    Examples:
        >>> from jumpax import networks
        >>> fold = Tangent(networks.zoo.birth_death().network, ("birth", "death"))
    """

    network: Network
    wrt: tuple[str, ...]
    reach: float = 0.3
    caps = True
    treats = PLAIN

    def __post_init__(self):
        known = self.network.parameters
        faults = [unknown_name("parameter", name, known) for name in self.wrt if name not in known]
        if not self.reach > 0:
            faults.append(f"reach must be a positive number; got {self.reach!r}")
        if faults:
            raise InputError(" ".join(faults))

    @property
    def _changes(self) -> np.ndarray:
        """Stoichiometry of the independent species."""
        return self.network.stoichiometry[list(independent_species(self.network))]

    def size(self, network) -> Size:
        species = len(network.species)
        moved = species * len(self.wrt)
        return Size(moved + species, moved, 10 * network.links * (1 + len(self.wrt)))

    def init(self, counts, theta, now) -> Rows:
        return tuple(tuple(jnp.zeros_like(theta[name]) for name in self.wrt) for _ in independent_species(self.network))

    def stop(self, carry, counts, theta, index) -> tuple:
        follow = embedding(self.network)
        rows = [
            tuple(
                _combine(row, [carry[i][p] for i in range(len(carry))], theta[name]) for p, name in enumerate(self.wrt)
            )
            for row in follow
        ]
        return carry, (counts, tuple(rows))

    def cap(self, carry, counts, propensities, theta) -> Real:
        matrix = self._matrix(counts, propensities, theta, jnp.zeros_like(propensities[0]))
        return longest_step(matrix, self.reach, propensities[0])

    def advance(self, carry, counts, propensities, theta, now, dt) -> Rows:
        matrix, source = self._matrix(counts, propensities, theta, now), self._source(counts, propensities, theta, now)
        return step(matrix, source, carry, dt)

    def event(self, carry, counts, propensities, theta, now, jump) -> Rows:
        by_parameter = parameter_derivatives(self.network, self.wrt, levels(counts, now), theta, now)
        by_count = self._slopes(counts, theta, now)
        fired = functools.reduce(operator.or_, jump.fired)
        rate = chosen(jump.fired, propensities, now)
        half = jnp.where(fired, 0.5 / jnp.where(fired, rate, jnp.ones_like(rate)), jnp.zeros_like(rate))
        slopes = {d: chosen(jump.fired, [row.get(d) for row in by_count], now)
                  for d in sorted({d for row in by_count for d in row})}  # fmt: skip
        changes = [
            chosen(jump.fired, [jnp.asarray(z, now.dtype) if z else None for z in row], now) for row in self._changes
        ]
        weights = []
        for p, name in enumerate(self.wrt):
            moved = chosen(jump.fired, [row.get(name) for row in by_parameter], now)
            weights.append(half * sum((slope * carry[d][p] for d, slope in slopes.items()), moved))
        return tuple(
            tuple(v + change * weight for v, weight in zip(row, weights, strict=True))
            for row, change in zip(carry, changes, strict=True)
        )

    def _shares(self, propensities: Propensities) -> list[Real]:
        """The part of each reaction that acts through time: all of it while the reaction cannot fire."""
        return [jnp.where(a > 0, jnp.full_like(a, 0.5), jnp.ones_like(a)) for a in propensities]

    def _matrix(self, counts, propensities, theta, now) -> dict[tuple[int, int], Real]:
        """The entries of A = sum_r share_r zeta_r (grad a_r)^T that can differ from zero."""
        return self._drift(self._slopes(counts, theta, now), self._shares(propensities))

    def _slopes(self, counts, theta, now) -> list[dict[int, Real]]:
        """Derivatives of the propensities along the independent species, by their place."""
        follow, out = embedding(self.network), []
        for row in count_derivatives(self.network, levels(counts, now), theta, now):
            touched = np.flatnonzero(np.any(follow[sorted(row)] != 0, 0)) if row else []
            out.append({int(i): _combine([follow[d, i] for d in row], list(row.values()), now) for i in touched})
        return out

    def _source(self, counts, propensities, theta, now) -> Rows:
        """The terms b = sum_r share_r zeta_r d a_r / d theta."""
        rows = parameter_derivatives(self.network, self.wrt, levels(counts, now), theta, now)
        entries = self._drift(rows, self._shares(propensities))
        zero = jnp.zeros_like(now)
        return tuple(tuple(entries.get((d, name), zero) for name in self.wrt) for d in range(len(self._changes)))

    def _drift(self, rows, shares) -> dict:
        """Sum over r of share_r zeta_dr row_r[key], by (d, key)."""
        entries = {}
        for r, (row, share) in enumerate(zip(rows, shares, strict=True)):
            for key, value in row.items():
                for d in np.flatnonzero(self._changes[:, r]):
                    part = share * value * value.dtype.type(self._changes[d, r])
                    at = (int(d), key)
                    entries[at] = entries[at] + part if at in entries else part
        return entries


def _combine(factors: Sequence[float] | np.ndarray, values: Sequence[Real], like: Real) -> Real:
    """Sum of factor times value."""
    total = None
    for factor, value in zip(factors, values, strict=True):
        if factor != 0:
            part = value if factor == 1 else value * like.dtype.type(factor)
            total = part if total is None else total + part
    return jnp.zeros_like(like) if total is None else total
