"""The alternative path: a second path that took another reaction at one event."""

import dataclasses
import functools
import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import random, shares
from jumpax._base.types import Count, Flag, Real
from jumpax.folds.branch import NONE as IDLE
from jumpax.folds.branch import branch, check, fire, inverse, low, passed, slopes
from jumpax.folds.derivatives import levels
from jumpax.folds.fold import AbstractFold, Counts, Jump, Size
from jumpax.networks import PLAIN, Network


class AlternativeState(NamedTuple):
    """The alternative path, its weight, and the score of the waits of the primal path."""

    counts: Counts
    reaction: Count
    """The reaction that fires next, or IDLE."""
    ahead: Real
    """Time of its next event minus the time of the primal; while IDLE: of its last event, so not above zero."""
    weight: Real
    score: Real


@dataclasses.dataclass(frozen=True)
class Alternative(AbstractFold):
    """Stochastic derivative with pruning: one alternative path per parameter, on a clock of its own.

    Reactions are chosen by inverse CDF, F_c = (a_1 + ... + a_c) / a_0. When c fires, a change of the parameter p would
    have given the nearest possible reaction below with weight max(0, dF_{c-1}/dp) / (a_c/a_0), the nearest above with
    max(0, -dF_c/dp) / (a_c/a_0). One alternative n^ is kept; W is the sum of all weights w so far, and a new candidate
    replaces n^ with probability w / W. The waits contribute their score,
    S = sum over events of d ln a_0/dp - integral of d a_0/dp dt, the last interval included.

        d E[f(n(t))] / dp = E[ W (f(n^(t)) - f(n(t))) + (f(n(t)) - b) S ]      unbiased for every constant b

    The alternative draws its own waits and reactions from the unit exponential and the chance of the primal's events:
    it takes those of event k if it had used up its numbers by the time of event k - 1 (deciding later, when the
    exponential is known, would be biased), and passes events by while its own next one is still to come. At a stop it
    is first brought to the time of the stop: with the numbers of the primal's pending event if it waits for those, then
    with words of the fold. Both then go on as they are, so any number of stops may be recorded.

    Args:
        network: without explicitly time-dependent rates.
        parameter: name of one parameter, in its natural coordinate. A reaction of zero propensity is passed over, which
            is right when its derivative is zero too: so the parameter itself has to be positive.

    Record: `(counts, alternative counts, W, S)` at the stop; int32 per species, twice, and two real numbers in 1/p. The
    stops have to be times: for stops after a number of events the two clocks play no part.

    Raises:
        InputError: when the parameter is not one of the network.
        UnsupportedError: when the network depends on time explicitly.

    Source: Burger, Kofler, Heinrich & Gerland 2026, arXiv:2604.02121; Arya et al. 2022, arXiv:2210.08572. There the
    alternative uses every event's numbers; here it may pass some by, so it never runs ahead of a stop.

    Examples:
        >>> from jumpax import networks
        >>> fold = Alternative(networks.zoo.birth_death().network, "death")
    """

    network: Network
    parameter: str
    words = 4
    waits = True
    direct = True
    treats = PLAIN

    def __post_init__(self):
        check(self.network, self.parameter)

    def size(self, network) -> Size:
        return Size(len(network.species), len(network.species) + 4, 300 + 9 * network.links)

    def init(self, counts, theta, now) -> AlternativeState:
        zero = jnp.zeros_like(theta[self.parameter])
        return AlternativeState(tuple(counts), jnp.full_like(counts[0], IDLE), zero, zero, zero)

    def stop(self, carry, counts, theta, index) -> tuple:
        exists = carry.weight > 0
        other = tuple(jnp.where(exists, y, x) for x, y in zip(counts, carry.counts, strict=True))
        return carry, (counts, other, carry.weight, carry.score)

    def ready(self, carry) -> Flag:
        return (carry.weight == 0) | ((carry.reaction != np.int32(IDLE)) & (carry.ahead > 0))

    def advance(self, carry, counts, propensities, theta, now, dt) -> AlternativeState:
        slope = sum(slopes(self.network, self.parameter, counts, theta, now), jnp.zeros_like(now))
        return carry._replace(ahead=carry.ahead - dt, score=carry.score - slope * dt)

    def event(self, carry, counts, propensities, theta, now, jump) -> AlternativeState:
        fired = functools.reduce(operator.or_, jump.fired)
        carry = self._step(carry, theta, now, jump, fired)
        slope_of = slopes(self.network, self.parameter, counts, theta, now)
        total, slope = (functools.reduce(operator.add, values) for values in (propensities, slope_of))
        found = branch(propensities, slope_of, jump)
        weight, replace, choice = found.draw(carry.weight, jump.words[:2], now)
        other = fire(self.network, counts, choice)
        return AlternativeState(
            counts=tuple(jnp.where(replace, y, x) for x, y in zip(carry.counts, other, strict=True)),
            reaction=jnp.where(replace, np.int32(IDLE), carry.reaction),
            ahead=jnp.where(replace, jnp.zeros_like(now), carry.ahead),
            weight=weight,
            score=carry.score
            + jnp.where(fired, slope / jnp.where(fired, total, jnp.ones_like(total)), jnp.zeros_like(now)),
        )

    def _step(self, carry: AlternativeState, theta, now: Real, jump: Jump, fired: Flag) -> AlternativeState:
        """The alternative at an event of the primal; or, where the primal is parked, one event nearer to the stop."""
        late = ~fired & ~self.ready(carry)
        idle = carry.reaction == np.int32(IDLE)
        overdue = late & ~idle
        counts = fire(self.network, carry.counts, jnp.where(overdue, carry.reaction, np.int32(IDLE)))
        fresh = random.exponential(jump.words[0], low(now, jump.words[1]), now.dtype)
        own = shares.chance(jump.words[2], jump.words[3], now.dtype)
        rates = self.network.propensities(levels(counts, now), theta, now)
        total = functools.reduce(operator.add, rates)
        alive = total > 0
        wait = jnp.where(overdue, fresh, jump.exponential) / jnp.where(alive, total, jnp.ones_like(now))
        chance = jax.tree.map(functools.partial(jnp.where, overdue), own, jump.chance)
        sums, point = shares.thresholds(rates, total, inverse(total), chance)
        draws = overdue | (idle & (fired | late))
        ahead = carry.ahead + jnp.where(
            draws, jnp.where(alive, wait, jnp.full_like(wait, jnp.inf)), jnp.zeros_like(wait)
        )
        reaction = jnp.where(draws, passed(sums, point), carry.reaction)
        due = fired & (ahead <= 0)
        counts = fire(self.network, counts, jnp.where(due, reaction, np.int32(IDLE)))
        return carry._replace(counts=counts, reaction=jnp.where(due, np.int32(IDLE), reaction), ahead=ahead)
