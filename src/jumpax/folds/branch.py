"""Branches: what else could have happened at an event, had a parameter been a little larger."""

import functools
import operator
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base import random
from jumpax._base.errors import InputError, unknown_name
from jumpax._base.shares import cumulate
from jumpax._base.types import Count, Flag, Real, Word
from jumpax.folds.derivatives import chosen, levels, parameter_derivatives
from jumpax.folds.fold import Counts, Jump, Propensities
from jumpax.networks import Network

NONE = -1
"""Number of no reaction."""


class Branch(NamedTuple):
    """Candidates for the alternative at an event: neighbours of the reaction that fired, with their weights."""

    lower: Real
    upper: Real
    below: Count
    above: Count

    def draw(self, weight: Real, words: Sequence[Word], like: Real) -> tuple[Real, Flag, Count]:
        """Weight of all branches so far, whether this one replaces the one kept, and its reaction."""
        gain = self.lower + self.upper
        total = weight + gain
        coin = random.unit(words[0], low(like, words[1]), like.dtype) * total
        return total, coin <= gain, jnp.where(coin <= self.lower, self.below, self.above)


def check(network: Network, parameter: str) -> None:
    """Refuse what alternative paths cannot treat.

    Raises:
        InputError: when the parameter is not one of the network.
        UnsupportedError: when the network depends on time explicitly.
    """
    if parameter not in network.parameters:
        raise InputError(unknown_name("parameter", parameter, network.parameters))


def branch(propensities: Propensities, slopes: Sequence[Real], jump: Jump) -> Branch:
    """Neighbours of the reaction that fired, with their weights; all zero if none fired.

    Reactions are chosen by inverse CDF, F_c = (a_1 + ... + a_c) / a_0. When c fires, a change of the parameter would have
    given the nearest possible reaction below with weight max(0, dF_{c-1}) / (a_c/a_0), above with max(0, -dF_c) / (a_c/a_0).
    """
    zero, nothing = jnp.zeros_like(propensities[0]), jnp.full_like(jump.fired[0], NONE, jnp.int32)
    total, slope = (functools.reduce(operator.add, values) for values in (propensities, slopes))
    share = jnp.where(total > 0, slope / jnp.where(total > 0, total, jnp.ones_like(total)), zero)
    reached = [zero, *cumulate([d - a * share for a, d in zip(propensities, slopes, strict=True)])]
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


def slopes(network: Network, parameter: str, counts: Counts, theta, now: Real) -> list[Real]:
    """The derivatives d a_r / d parameter, one per reaction."""
    rows = parameter_derivatives(network, (parameter,), levels(counts, now), theta, now)
    return [row.get(parameter, jnp.zeros_like(now)) for row in rows]


def fire(network: Network, counts: Counts, reaction: Count) -> Counts:
    """Counts after a reaction given by its number; the same if there is none of that number."""
    out = []
    for count, row in zip(counts, network.stoichiometry, strict=True):
        for number in np.flatnonzero(row):
            count = count + jnp.where(reaction == np.int32(number), np.int32(row[number]), np.int32(0))
        out.append(count)
    return tuple(out)


def passed(sums: Sequence[Real] | Sequence[Count], point: Real | Count) -> Count:
    """Inverse CDF in reaction order: how many running sums do not exceed the point."""
    return functools.reduce(operator.add, [(point >= s).astype(jnp.int32) for s in sums])


def inverse(total: Real) -> Real | None:
    """What a choice needs of the total rate beside the rate itself."""
    return None if total.dtype == np.dtype(np.float64) else 1 / total


def low(like: Real, word: Word) -> Word | None:
    """The word with the low bits, where the precision has room for it."""
    return word if like.dtype == np.dtype(np.float64) else None


def _nearest(propensities: Propensities, nothing: Count, mirror: int = 0) -> list[Count]:
    """For each reaction the last one before it that can fire, or NONE; numbers counted from the end with `mirror`."""
    out, last = [], nothing
    for number, a in enumerate(propensities):
        out.append(last)
        last = jnp.where(a > 0, np.int32(mirror - 1 - number if mirror else number), last)
    return out
