"""Two copies of a network that fire together whenever they can: the split coupling."""

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, final

import jax.numpy as jnp

from jumpax._base.errors import JumpaxWarning
from jumpax._base.types import Real
from jumpax.networks.kinds import check_network
from jumpax.networks.laws import AbstractLaw
from jumpax.networks.laws.law import Reactants
from jumpax.networks.laws.rate import Values
from jumpax.networks.needs import Need
from jumpax.networks.network import Network
from jumpax.networks.reaction import Reaction

LOW, HIGH = "low_", "high_"
"""What the names of species and parameters of the two copies begin with."""


@final
@dataclass(frozen=True)
class SplitPropensity(AbstractLaw):
    """One of the three propensities into which those of two copies of a reaction, a and b, are split.

    `both`: min(a, b), at which the two fire together; `low`: max(a - b, 0) and `high`: max(b - a, 0), what is left for
    each alone. A propensity that is not a number or is negative shows in `both`.

    Args:
        law: of the reaction, inside its own network.
        reactants: of the reaction.
        part: which of the three.
    """

    law: AbstractLaw
    reactants: Reactants
    part: Literal["both", "low", "high"]

    def species(self, reactants: Reactants) -> tuple[str, ...]:
        """What the law reads, of both copies."""
        return _copies(self.law.species(self.reactants))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the law, of both copies."""
        return _copies(self.law.parameters)

    @property
    def nonnegative(self) -> tuple[str, ...]:
        """Those of the law, of both copies."""
        return _copies(self.law.nonnegative)

    @property
    def time_dependent(self) -> bool:
        """Whether the law is."""
        return self.law.time_dependent

    def resolve(self, species: Collection[str]) -> "SplitPropensity":
        """Itself: the law knows its network already."""
        return self

    def propensity(self, counts: Values, theta: Values, time: Real, reactants: Reactants) -> Real:
        """The part of the two propensities."""
        low, high = (self._copy(prefix, counts, theta, time) for prefix in (LOW, HIGH))
        if self.part == "both":
            return jnp.minimum(low, high)
        if self.part == "high":
            low, high = high, low
        # a select, not the maximum with 0: a compiler may round a - b as one product and sum, then a - a is not 0
        return jnp.where(low > high, low - high, jnp.zeros_like(low))

    def formula(self, reactants: Reactants) -> str:
        """For example `min(low, high) of k * A`."""
        parts = {"both": "min(low, high)", "low": "max(low - high, 0)", "high": "max(high - low, 0)"}
        return f"{parts[self.part]} of {self.law.formula(self.reactants)}"

    def _copy(self, prefix: str, counts: Values, theta: Values, time: Real) -> Real:
        """The propensity of one of the two copies."""
        own = {name: counts[prefix + name] for name in self.law.species(self.reactants)}
        values = {name: theta[prefix + name] for name in self.law.parameters}
        return self.law.propensity(own, values, time, self.reactants)


def couple(network: Network) -> Network:
    """Two copies of a network in one, each with parameters of its own, that share as many events as their laws allow.

    Every reaction with propensities a and b in the two copies becomes three: both copies fire at rate min(a, b), the low
    one alone at max(a - b, 0), the high one alone at max(b - a, 0). Each copy by itself is then exactly the original
    chain at its own parameters, and with equal parameters the two never part. Differences of the copies vary much less
    than those of independent paths.

    Args:
        network: any network; explicitly time-dependent laws stay so.

    Returns:
        A network of species `low_A`, ..., `high_A`, ... (low ones first, in the order of the original), parameters
        `low_k`, `high_k`, ..., and the three reactions of each reaction in turn. Names cannot collide.

    Source: Anderson 2012, doi:10.1137/110849079.

    Examples:
        >>> from jumpax.networks import MassAction
        >>> pair = couple(Network([Reaction("A -> B", MassAction("k"))]))
        >>> pair.species
        ('low_A', 'low_B', 'high_A', 'high_B')
        >>> [reaction.equation for reaction in pair.reactions]
        ['low_A + high_A -> low_B + high_B', 'low_A -> low_B', 'high_A -> high_B']
    """
    check_network(network, {Need.TIME}, "couple")
    reactions = [one for reaction in network.reactions for one in _split(reaction)]
    with warnings.catch_warnings():
        # laws that do not vanish at zero counts were named when the network itself was made
        warnings.simplefilter("ignore", JumpaxWarning)
        return Network(reactions, _copies(network.species), name=f"{network.name} twice" if network.name else "")


def _copies(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(prefix + name for prefix in (LOW, HIGH) for name in names)


def _split(reaction: Reaction) -> list[Reaction]:
    """The three reactions that one becomes."""
    parts: dict[Literal["both", "low", "high"], tuple[str, ...]] = {"both": (LOW, HIGH), "low": (LOW,), "high": (HIGH,)}
    out = []
    for part, prefixes in parts.items():
        left, right = (
            tuple((prefix + name, count) for prefix in prefixes for name, count in side)
            for side in (reaction.reactants, reaction.products)
        )
        law = SplitPropensity(reaction.law, reaction.reactants, part)
        out.append(Reaction.of(left, right, law, name=f"{reaction.name}, {part}"))
    return out
