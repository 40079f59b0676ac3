"""A law on a clock of another speed."""

import warnings
from dataclasses import dataclass
from typing import final

from jaxtyping import Array, Float

from jumpax._base.errors import JumpaxWarning
from jumpax.networks import Network, Reaction
from jumpax.networks.equation import write
from jumpax.networks.laws import AbstractLaw
from jumpax.networks.laws.law import Reactants
from jumpax.networks.laws.rate import Values

SPAN = "(span)"
"""The parameter that all propensities are multiplied by; no file can have this name."""


@final
@dataclass(frozen=True)
class Scaled(AbstractLaw):
    """The propensity of another law, times a parameter.

    Args:
        law: the other.
        beside: more parameters that the network shall have, for its folds.
    """

    law: AbstractLaw
    beside: tuple[str, ...] = ()

    def species(self, reactants: Reactants) -> tuple[str, ...]:
        """Those of the law."""
        return self.law.species(reactants)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the law, the factor, and those beside."""
        return (*self.law.parameters, SPAN, *self.beside)

    @property
    def nonnegative(self) -> tuple[str, ...]:
        """Those of the law, and the factor."""
        return (*self.law.nonnegative, SPAN)

    @property
    def time_dependent(self) -> bool:
        """As the law."""
        return self.law.time_dependent

    def resolve(self, species: tuple[str, ...]) -> "Scaled":
        """With the law inside a network."""
        return Scaled(self.law.resolve(species), self.beside)

    def propensity(
        self, counts: Values, theta: Values, time: Float[Array, "..."], reactants: Reactants
    ) -> Float[Array, "..."]:
        """The product."""
        return theta[SPAN] * self.law.propensity(counts, theta, time, reactants)

    def formula(self, reactants: Reactants) -> str:
        """The product."""
        return f"{SPAN} * ({self.law.formula(reactants)})"


def scaled(network: Network, beside: tuple[str, ...] = ()) -> Network:
    """The network with all propensities multiplied by one more parameter, `SPAN`, and parameters `beside` for folds.

    With rates that do not depend on time, what happens within one unit of time in it happens within `SPAN` units in the
    network, in the same law.
    """
    laws = [Scaled(r.law, () if place else beside) for place, r in enumerate(network.reactions)]
    reactions = [
        Reaction(write(r.reactants, r.products), law, name=r.name)
        for r, law in zip(network.reactions, laws, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JumpaxWarning)  # the doubts about the network have been told
        return Network(reactions, species=network.species, name=network.name)
