"""The alternative chain: a second path that took another reaction at one event, step by step with the first."""

import dataclasses
import functools
import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import shares
from jumpax._base.types import Count, Flag, Real
from jumpax.folds.branch import NONE, branch, check, fire, inverse, passed, slopes
from jumpax.folds.derivatives import chosen, levels
from jumpax.folds.fold import AbstractFold, Counts, Size
from jumpax.networks import PLAIN, Network


class ChainState(NamedTuple):
    """The alternative chain, its weight, how many events it has seen, and how many it has to see before the next stop."""

    counts: Counts
    weight: Real
    events: Count
    goal: Count


@dataclasses.dataclass(frozen=True)
class AlternativeChain(AbstractFold):
    """Stochastic derivative of the state after a number of events: one alternative chain per parameter, without a clock.

    Branches off like `Alternative`, one n^ kept, W the sum of the weights of all branches so far. At every event the
    alternative takes a reaction of its own, by inverse CDF from the random numbers of the primal path; where nothing can
    react it stays. Where the primal path has ended before a stop, the alternative goes on to it alone, with words of the
    fold. With N a number of events,

        d E[f(n_N)] / dp = E[ W (f(n^_N) - f(n_N)) ]

    Once n^ = n both stay together for ever. With `reset` W is then set to 0: still unbiased, as all those branches are
    represented by one that contributes nothing, and the variance no longer grows with N.

    Args:
        network: without explicitly time-dependent rates.
        parameter: name of one parameter, in its natural coordinate; positive, as for `Alternative`.
        reset: forget the weight of branches that have come to nothing.
        steps: all stops of the run, numbers of events; without them the alternative ends where the primal path does, which
            is right for networks that can always react.

    Record: `(alternative counts, W)` at the stop; int32 per species, and a real number in 1/p.

    Raises:
        InputError: when the parameter is not one of the network.
        UnsupportedError: when the network depends on time explicitly.

    Source: Burger, Kofler, Heinrich & Gerland 2026, arXiv:2604.02121 (there without reset).

    Examples:
        >>> from jumpax import networks
        >>> fold = AlternativeChain(networks.zoo.birth_death().network, "death", steps=(10, 100))
    """

    network: Network
    parameter: str
    reset: bool = True
    steps: tuple[int, ...] = ()
    words = 2
    direct = True
    treats = PLAIN

    def __post_init__(self):
        check(self.network, self.parameter)

    @property
    def waits(self) -> bool:  # type: ignore[override]
        return bool(self.steps)

    def size(self, network) -> Size:
        return Size(len(network.species), len(network.species) + 3, 300 + 9 * network.links)

    def init(self, counts, theta, now) -> ChainState:
        none = jnp.zeros_like(counts[0])
        goal = jnp.full_like(none, self.steps[0] if self.steps else 0)
        return ChainState(tuple(counts), jnp.zeros_like(theta[self.parameter]), none, goal)

    def stop(self, carry, counts, theta, index) -> tuple:
        exists = carry.weight > 0
        other = tuple(jnp.where(exists, y, x) for x, y in zip(counts, carry.counts, strict=True))
        later = [jnp.full_like(carry.goal, step) for step in self.steps[1:]]
        goal = chosen([index == np.int32(i) for i in range(len(later))], later, carry.goal)
        return carry._replace(goal=goal), (other, carry.weight)

    def ready(self, carry) -> Flag:
        return (carry.weight == 0) | (carry.events >= carry.goal)

    def event(self, carry, counts, propensities, theta, now, jump) -> ChainState:
        fired = functools.reduce(operator.or_, jump.fired)
        rates = self.network.propensities(levels(carry.counts, now), theta, now)
        total = functools.reduce(operator.add, rates)
        going = total > 0
        alone = shares.chance(jump.words[0], jump.words[1], now.dtype)
        chance = jax.tree.map(functools.partial(jnp.where, fired), jump.chance, alone)
        reaction = passed(*shares.thresholds(rates, total, inverse(total), chance))
        followed = fire(self.network, carry.counts, jnp.where(going, reaction, np.int32(NONE)))
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
        events = carry.events + np.int32(1)
        return ChainState(after, weight, jnp.where(fired | going, events, jnp.maximum(events, carry.goal)), carry.goal)
