"""The alternative path: a second path that took another reaction at one event."""

import dataclasses
import functools
import operator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base import random
from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax._base.types import Count, Flag, Real
from jumpax.folds.derivatives import chosen, levels, parameter_derivatives
from jumpax.folds.fold import AbstractFold, Counts, Jump
from jumpax.networks import Network

IDLE = -1
"""Reaction of an alternative that has no numbers for its next event yet."""


class AlternativeState(NamedTuple):
    """The alternative path, its weight, and the score of the waits of the primal path."""

    counts: Counts
    reaction: Count
    """The reaction that fires next, or IDLE."""
    ahead: Real
    """Time of its next event minus the time of the primal; while IDLE: of its last event, so not above zero."""
    weight: Real
    score: Real


class Branch(NamedTuple):
    """Candidates for the alternative at an event: neighbours of the reaction that fired, with their weights."""

    lower: Real
    upper: Real
    below: Count
    above: Count


@dataclasses.dataclass(frozen=True)
class Alternative(AbstractFold):
    """Stochastic derivative with pruning: one alternative path per parameter, on a clock of its own.

    Reactions are chosen by inverse CDF, F_c = (a_1 + ... + a_c) / a_0. When c fires, a change of the parameter p would
    have given the nearest possible reaction below with weight max(0, dF_{c-1}/dp) / (a_c/a_0), the nearest above with
    max(0, -dF_c/dp) / (a_c/a_0). One alternative n^ is kept; W is the sum of all weights w so far, and a new candidate
    replaces n^ with probability w / W. The waits contribute their score,
    S = sum over events of d ln a_0/dp - integral of d a_0/dp dt, the last interval included.

        d E[f(n(t))] / dp = E[ W (f(n^(t)) - f(n(t))) + (f(n(t)) - b) S ]      unbiased for every constant b

    The alternative draws its own waits and reactions from the unit exponential and the uniform of the primal's events:
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

    >>> from jumpax import networks
    >>> fold = Alternative(networks.zoo.birth_death().network, "death")
    """

    network: Network
    parameter: str
    words = 4
    waits = True

    def __post_init__(self):
        if self.parameter not in self.network.parameters:
            raise InputError(unknown_name("parameter", self.parameter, self.network.parameters))
        if self.network.time_dependent:
            raise UnsupportedError("alternative paths need rates that do not depend on time explicitly")

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
        slope = sum(self._slopes(counts, theta, now), jnp.zeros_like(now))
        return carry._replace(ahead=carry.ahead - dt, score=carry.score - slope * dt)

    def event(self, carry, counts, propensities, theta, now, jump) -> AlternativeState:
        fired = functools.reduce(operator.or_, jump.fired)
        carry = self._step(carry, theta, now, jump, fired)
        slopes = self._slopes(counts, theta, now)
        branch = self._branch(propensities, slopes, jump)
        total, slope = (functools.reduce(operator.add, values) for values in (propensities, slopes))
        gain = branch.lower + branch.upper
        weight = carry.weight + gain
        coin = random.uniform(jump.words[0], _low(now, jump.words[1]), now.dtype) * weight
        replace = coin < gain
        choice = jnp.where(coin < branch.lower, branch.below, branch.above)
        other = self._fire(counts, choice)
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
        counts = self._fire(carry.counts, jnp.where(overdue, carry.reaction, np.int32(IDLE)))
        fresh = random.exponential(jump.words[0], _low(now, jump.words[1]), now.dtype)
        level = random.uniform(jump.words[2], _low(now, jump.words[3]), now.dtype)
        rates = self.network.propensities(levels(counts, now), theta, now)
        sums = _cumulate(rates)
        alive = sums[-1] > 0
        wait = jnp.where(overdue, fresh, jump.exponential) / jnp.where(alive, sums[-1], jnp.ones_like(now))
        point = jnp.where(overdue, level, jump.uniform) * sums[-1]
        passed = functools.reduce(operator.add, [(point >= s).astype(jnp.int32) for s in sums])
        draws = overdue | (idle & (fired | late))
        ahead = carry.ahead + jnp.where(
            draws, jnp.where(alive, wait, jnp.full_like(wait, jnp.inf)), jnp.zeros_like(wait)
        )
        reaction = jnp.where(draws, passed, carry.reaction)
        due = fired & (ahead <= 0)
        counts = self._fire(counts, jnp.where(due, reaction, np.int32(IDLE)))
        return carry._replace(counts=counts, reaction=jnp.where(due, np.int32(IDLE), reaction), ahead=ahead)

    def _branch(self, propensities: tuple[Real, ...], slopes: list[Real], jump: Jump) -> Branch:
        """Neighbours of the reaction that fired, with their weights; all zero if none fired."""
        zero, nothing = jnp.zeros_like(propensities[0]), jnp.full_like(jump.fired[0], IDLE, jnp.int32)
        total, slope = (functools.reduce(operator.add, values) for values in (propensities, slopes))
        share = jnp.where(total > 0, slope / jnp.where(total > 0, total, jnp.ones_like(total)), zero)
        reached = [zero, *_cumulate([d - a * share for a, d in zip(propensities, slopes, strict=True)])]
        below = _nearest(propensities, nothing)
        above = _nearest(propensities[::-1], nothing, len(propensities))[::-1]
        lower = [jnp.maximum(f, zero) for f in reached[:-1]]
        upper = [jnp.maximum(-f, zero) for f in reached[1:]]
        fired = functools.reduce(operator.or_, jump.fired)
        rate = jnp.where(fired, chosen(jump.fired, propensities, zero), jnp.ones_like(zero))
        lower = [jnp.where(q >= 0, w, zero) for q, w in zip(below, lower, strict=True)]
        upper = [jnp.where(q >= 0, w, zero) for q, w in zip(above, upper, strict=True)]
        return Branch(
            lower=chosen(jump.fired, lower, zero) / rate,
            upper=chosen(jump.fired, upper, zero) / rate,
            below=chosen(jump.fired, below, nothing),
            above=chosen(jump.fired, above, nothing),
        )

    def _slopes(self, counts: Counts, theta, now: Real) -> list[Real]:
        """The derivatives d a_r / dp, one per reaction."""
        rows = parameter_derivatives(self.network, (self.parameter,), levels(counts, now), theta, now)
        return [row.get(self.parameter, jnp.zeros_like(now)) for row in rows]

    def _fire(self, counts: Counts, reaction: Count) -> Counts:
        """Counts after a reaction given by its number; the same if there is none of that number."""
        out = []
        for count, row in zip(counts, self.network.stoichiometry, strict=True):
            for number in np.flatnonzero(row):
                count = count + jnp.where(reaction == np.int32(number), np.int32(row[number]), np.int32(0))
            out.append(count)
        return tuple(out)


def _low(like: Real, word):
    """The word with the low bits, where the precision has room for it."""
    return word if like.dtype == np.dtype(np.float64) else None


def _cumulate(values) -> list[Real]:
    """Running sums."""
    sums = [values[0]]
    for value in values[1:]:
        sums.append(sums[-1] + value)
    return sums


def _nearest(propensities, nothing: Count, mirror: int = 0) -> list[Count]:
    """For each reaction the last one before it that can fire, or IDLE; numbers counted from the end with `mirror`."""
    out, last = [], nothing
    for number, a in enumerate(propensities):
        out.append(last)
        last = jnp.where(a > 0, np.int32(mirror - 1 - number if mirror else number), last)
    return out
