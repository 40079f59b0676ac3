"""Lattice weights: how much each neighbouring state counts for the derivative, along the path."""

import dataclasses
import functools
import operator
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base.errors import InputError, unknown_name
from jumpax._base.types import Count, Flag, Real
from jumpax.folds.carriers import Carriers
from jumpax.folds.derivatives import chosen, levels, parameter_derivatives
from jumpax.folds.fold import AbstractFold, Propensities, Size, Theta
from jumpax.folds.linear_flow import Rows, add, apply, longest_step, step
from jumpax.networks import PLAIN, Network


class LatticeState(NamedTuple):
    """Weights, one row per carrier and one number per parameter, and per doubtful reaction the time without a rule."""

    weights: Rows
    uncovered: tuple[Real, ...]


class Neighbourhood(NamedTuple):
    """What the rules need to know about the state of a path, before it jumps."""

    propensities: Propensities
    slopes: list[dict[str, Real]]
    """Of the propensities along the parameters."""
    source: Rows
    """Growth of the weights out of nothing."""
    into: tuple[Real, ...]
    """Per carrier, the total propensity of the reactions that jump along it."""
    changes: dict[tuple[int, int], Real]
    """By (carrier k, reaction q) the change a_q(x + eta_k) - a_q(x); 0 while the carrier k has and gets no weight."""


@dataclasses.dataclass(frozen=True)
class LatticeWeights(AbstractFold):
    """Carries weights w_k such that d E[f(x(t))] / d theta = E sum_k w_k(t) [f(x(t) + eta_k) - f(x(t))], exactly.

    The carriers eta_k are the jumps of the reactions, one for a reaction and its reverse. Only propensities at neighbouring
    states enter, no derivative in x. With c = a_q(x + eta_k) - a_q(x), s_q = 1 or -1 the sign of the jump zeta_q along its
    carrier l, and everything on the right before the jump:

        dw_l += d a_q / d theta dt                                 s_q = 1
        dw_l -= d ln a_q / d theta dN_q                            s_q = -1
        dw_k -= w_k c dt                                           zeta_q = -eta_k
        dw_k += w_k c / a_q dN_q                                   zeta_q = eta_k, a_q > 0
        dw_k += w_k c (dN_q / a_q - dt), and                       other q, a_q > 0
            dw_l += w_k c dt (s_q = 1), or dw_l -= w_k c / a_q dN_q (s_q = -1)
        w_l += w_k c / b when a reaction with the jump eta_k fires, b the total propensity of these    a_q = 0 < c, s_q = 1

    Between events the terms with dt are followed by Taylor steps of order 4, no longer than reach / nu, nu about the fastest
    rate (`linear_flow.longest_step`): an error of reach^5 / 5! of the weights, 2e-5 for the default. A weight becomes exactly zero before its neighbour becomes impossible.

    Exact unless a visited state has w_k != 0 and a_q(x) = 0 < a_q(x + eta_k) while no reaction can make the jump eta_k, or
    while s_q = -1. The time spent so is recorded. Where s_q = -1 a carrier of its own (`split`) for q is the remedy; where
    s_q = 1, as when a population dies out, there is none.

    Args:
        network: any rate laws, smooth or not.
        wrt: names of the parameters, in their natural coordinates.
        reach: longest step in units of 1 / nu.
        split: names of reactions that shall not share the carrier of their reverse; only for those that are uncovered, more
            carriers mean more variance.

    Record: `(weights, uncovered)`: one row per carrier of one number per name of `wrt` (1/theta_p), and one time for each
    reaction of `doubtful`.

    Raises:
        InputError: when a name is not in the network, or reach is not a positive number.
        UnsupportedError: when the network depends on time explicitly.

    Source: in one dimension the birth-death intertwining of Chafai & Joulin, arXiv:1011.2331.

    Examples:
        >>> from jumpax import networks
        >>> LatticeWeights(networks.zoo.telegraph().network, ("k_on",)).carriers.directions
        ((-1, 1, 0), (0, 0, 1))
    """

    network: Network
    wrt: tuple[str, ...]
    reach: float = 0.3
    split: tuple[str, ...] = ()
    caps = True
    treats = PLAIN

    def __post_init__(self):
        known = self.network.parameters
        faults = [unknown_name("parameter", name, known) for name in self.wrt if name not in known]
        reactions = [str(reaction.name) for reaction in self.network.reactions]
        faults += [unknown_name("reaction", name, reactions) for name in self.split if name not in reactions]
        if not self.reach > 0:
            faults.append(f"reach must be a positive number; got {self.reach!r}")
        if faults:
            raise InputError(" ".join(faults))

    @functools.cached_property
    def carriers(self) -> Carriers:
        """The neighbours that are weighed."""
        return Carriers(self.network, self.split)

    @functools.cached_property
    def doubtful(self) -> tuple[int, ...]:
        """Numbers of the reactions whose rule may be missing in some state."""
        return tuple(sorted({q for (_, q), along in self.carriers.along.items() if along >= 0}))

    def size(self, network) -> Size:
        weights = len(network.species) * len(self.wrt) + len(network.reactions)
        return Size(weights, weights, network.links * (30 + 10 * len(self.wrt)))

    def init(self, counts, theta, now) -> LatticeState:
        zero = jnp.zeros_like(now)
        return LatticeState(
            tuple(tuple(zero for _ in self.wrt) for _ in self.carriers.directions), tuple(zero for _ in self.doubtful)
        )

    def stop(self, carry, counts, theta, index) -> tuple:
        return carry, tuple(carry)

    def cap(self, carry, counts, propensities, theta) -> Real:
        near = self._look(carry.weights, counts, propensities, theta, jnp.zeros_like(propensities[0]))
        return longest_step(self._flow(near), self.reach, propensities[0])

    def advance(self, carry, counts, propensities, theta, now, dt) -> LatticeState:
        near = self._look(carry.weights, counts, propensities, theta, now)
        weights = step(self._flow(near), near.source, carry.weights, dt)
        zero = jnp.zeros_like(dt)
        lacking = self._lacking(near, weights)
        times = [u + jnp.where(flag, dt, zero) for u, flag in zip(carry.uncovered, lacking, strict=True)]
        return LatticeState(weights, tuple(times))

    def event(self, carry, counts, propensities, theta, now, jump) -> LatticeState:
        near = self._look(carry.weights, counts, propensities, theta, now)
        matrix, kicks = self._leap(near, jump.fired)
        moved = apply(matrix, carry.weights, jnp.ones_like(now))
        return carry._replace(weights=add(carry.weights, add(moved, kicks)))

    def _look(self, weights: Rows, counts: Sequence[Count], propensities, theta: Theta, now: Real) -> Neighbourhood:
        """Propensities here and at the neighbours, and their slopes."""
        slopes = parameter_derivatives(self.network, self.wrt, levels(counts, now), theta, now)
        zero = jnp.zeros_like(now)
        source, into, changes = [], [], {}
        for k, eta in enumerate(self.carriers.directions):
            own = self.carriers.forward(k)
            into.append(sum((propensities[q] for q in own), zero))
            source.append(tuple(sum((slopes[q][p] for q in own if p in slopes[q]), zero) for p in self.wrt))
            # a neighbour that has no weight, and gets none, may be no state of the network: what comes of it is dropped
            live = _any([into[k] > 0, *(w != 0 for w in (*weights[k], *source[k]))])
            there = self._neighbour(counts, eta, now)
            for q in [q for carrier, q in self.carriers.along if carrier == k]:
                reaction = self.network.reactions[q]
                rate = jnp.asarray(reaction.propensity(there, theta, now), now.dtype)
                changes[k, q] = jnp.where(live, rate - propensities[q], zero)
        return Neighbourhood(propensities, slopes, tuple(source), tuple(into), changes)

    def _neighbour(self, counts: Sequence[Count], eta: tuple[int, ...], now: Real) -> dict[str, Real]:
        """Counts at x + eta by species; those at x if the neighbour has a negative one."""
        moved = [c + np.int32(e) if e else c for c, e in zip(counts, eta, strict=True)]
        if negative := [m < 0 for m, e in zip(moved, eta, strict=True) if e < 0]:
            outside = _any(negative)
            moved = [jnp.where(outside, c, m) for c, m in zip(counts, moved, strict=True)]
        return dict(zip(self.network.species, levels(moved, now), strict=True))

    def _flow(self, near: Neighbourhood) -> dict[tuple[int, int], Real]:
        """The matrix of the terms with dt."""
        out = {}
        for (k, q), along in self.carriers.along.items():
            change = near.changes[k, q]
            if along == 0:
                change = jnp.where(near.propensities[q] > 0, change, jnp.zeros_like(change))
                if self.carriers.sign[q] > 0:
                    _accumulate(out, (self.carriers.of[q], k), change)
            if along <= 0:
                _accumulate(out, (k, k), -change)
        return out

    def _leap(self, near: Neighbourhood, fired: Sequence[Flag]) -> tuple[dict[tuple[int, int], Real], Rows]:
        """The matrix of the terms with dN, and those that come out of nothing; both zero if nothing fires."""
        zero = jnp.zeros_like(near.propensities[0])
        happens = _any(fired)
        rate = jnp.where(happens, chosen(fired, near.propensities, zero), jnp.ones_like(zero))
        matrix, kicks = {}, []

        def put(row: int, k: int, reactions: list[int], sign: int) -> None:
            """Entry sign c / a of those reactions; a quotient, so that it is -1 exactly where a neighbour cannot follow."""
            if reactions:
                part = chosen([fired[q] for q in reactions], [near.changes[k, q] for q in reactions], zero) / rate
                _accumulate(matrix, (row, k), part if sign > 0 else -part)

        for k in range(len(self.carriers.directions)):
            pairs = {q: along for (carrier, q), along in self.carriers.along.items() if carrier == k}
            put(k, k, [q for q, along in pairs.items() if along >= 0], 1)
            for row in range(len(self.carriers.directions)):
                put(row, k, [q for q in self.carriers.backward(row) if pairs.get(q) == 0], -1)
            self._hand_over(near, _any([fired[q] for q in self.carriers.forward(k)]), k, matrix)
            back = self.carriers.backward(k)
            moved = [chosen([fired[q] for q in back], [near.slopes[q].get(p) for q in back], zero) for p in self.wrt]
            kicks.append(tuple(-value / rate for value in moved))
        return matrix, tuple(kicks)

    def _hand_over(self, near: Neighbourhood, leads: Flag, k: int, matrix: dict) -> None:
        """Entries for the reactions that cannot fire here but at x + eta_k, when a jump leads there."""
        zero = jnp.zeros_like(near.propensities[0])
        possible = near.into[k] > 0
        inverse = jnp.where(leads & possible, 1 / jnp.where(possible, near.into[k], zero + 1), zero)
        for (carrier, q), along in self.carriers.along.items():
            if carrier == k and along >= 0 and self.carriers.sign[q] > 0:
                dark = jnp.where(near.propensities[q] > 0, zero, near.changes[k, q])
                _accumulate(matrix, (self.carriers.of[q], k), dark * inverse)

    def _lacking(self, near: Neighbourhood, weights: Rows) -> list[Flag]:
        """Per doubtful reaction, whether a weight would have to act on it here and no rule says how."""
        out = []
        for q in self.doubtful:
            flags = []
            for k, row in enumerate(weights):
                if self.carriers.along.get((k, q), -1) >= 0:
                    flag = (near.changes[k, q] > 0) & _any([w != 0 for w in row])
                    flags.append(flag & (near.into[k] == 0) if self.carriers.sign[q] > 0 else flag)
            out.append(_any(flags) & (near.propensities[q] == 0))
        return out


def _any(flags: Sequence[Flag]) -> Flag:
    """Whether one of the flags is set."""
    return functools.reduce(operator.or_, flags)


def _accumulate(matrix: dict[tuple[int, int], Real], at: tuple[int, int], value: Real) -> None:
    """Add to an entry."""
    matrix[at] = matrix[at] + value if at in matrix else value
