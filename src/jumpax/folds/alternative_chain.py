"""The alternative chain: a second path that took another reaction at one event, step by step with the first."""

import dataclasses
import functools
import operator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base.types import Count, Real
from jumpax.folds.branch import NONE, branch, check, cumulate, fire, passed, slopes
from jumpax.folds.derivatives import levels
from jumpax.folds.fold import AbstractFold, Counts
from jumpax.networks import Network


class ChainState(NamedTuple):
    """The alternative chain, its weight, and how many events there were."""

    counts: Counts
    weight: Real
    steps: Count


@dataclasses.dataclass(frozen=True)
class AlternativeChain(AbstractFold):
    """Stochastic derivative of the state after a number of events: one alternative chain per parameter, without a clock.

    Branches off like `Alternative`, one n^ kept, W the sum of the weights of all branches so far. At every event the
    alternative takes a reaction of its own, by inverse CDF from the uniform number of the primal path; where nothing can
    react it stays. With N a number of events,

        d E[f(n_N)] / dp = E[ W (f(n^_N) - f(n_N)) ]

    Once n^ = n both stay together for ever. With `reset` W is then set to 0: still unbiased, as all those branches are
    represented by one that contributes nothing, and the variance no longer grows with N.

    Args:
        network: without explicitly time-dependent rates.
        parameter: name of one parameter, in its natural coordinate; positive, as for `Alternative`.
        reset: forget the weight of branches that have come to nothing.

    Record: `(alternative counts, W, steps, open)` at the stop: steps is the number of events so far, less than N if the
    path had to end before; open whether the alternative could still go on.

    Raises:
        InputError: when the parameter is not one of the network.
        UnsupportedError: when the network depends on time explicitly.

    Source: Burger, Kofler, Heinrich & Gerland 2026, arXiv:2604.02121 (there without reset).

    >>> from jumpax import networks
    >>> fold = AlternativeChain(networks.zoo.birth_death().network, "death")
    """

    network: Network
    parameter: str
    reset: bool = True
    words = 2

    def __post_init__(self):
        check(self.network, self.parameter)

    def init(self, counts, theta, now) -> ChainState:
        return ChainState(tuple(counts), jnp.zeros_like(theta[self.parameter]), jnp.zeros_like(counts[0]))

    def stop(self, carry, counts, theta, index) -> tuple:
        exists = carry.weight > 0
        other = tuple(jnp.where(exists, y, x) for x, y in zip(counts, carry.counts, strict=True))
        like = theta[self.parameter]
        total = functools.reduce(operator.add, self.network.propensities(levels(other, like), theta, like))
        return carry, (other, carry.weight, carry.steps, exists & (total > 0))

    def event(self, carry, counts, propensities, theta, now, jump) -> ChainState:
        fired = functools.reduce(operator.or_, jump.fired)
        sums = cumulate(self.network.propensities(levels(carry.counts, now), theta, now))
        reaction = passed(sums, jump.uniform * sums[-1])
        followed = fire(self.network, carry.counts, jnp.where(fired & (sums[-1] > 0), reaction, np.int32(NONE)))
        found = branch(propensities, slopes(self.network, self.parameter, counts, theta, now), jump)
        weight, replace, choice = found.draw(carry.weight, jump.words, now)
        branched = fire(self.network, counts, choice)
        after = tuple(jnp.where(replace, y, x) for x, y in zip(followed, branched, strict=True))
        if self.reset:
            primal = functools.reduce(
                operator.add,
                [jnp.where(flag, np.int32(number), np.int32(0)) for number, flag in enumerate(jump.fired)],
            )
            moved = fire(self.network, counts, jnp.where(fired, primal, np.int32(NONE)))
            same = functools.reduce(operator.and_, [x == y for x, y in zip(after, moved, strict=True)])
            weight = jnp.where(same, jnp.zeros_like(weight), weight)
        return ChainState(after, weight, carry.steps + fired.astype(jnp.int32))
