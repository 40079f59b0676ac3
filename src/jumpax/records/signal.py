"""What a measurement is of."""

import abc
from dataclasses import dataclass
from typing import final

from jumpax._base.errors import InputError, unknown_name
from jumpax.networks import Network


class AbstractSignal(abc.ABC):
    """A whole number that a path has at a time. Final subclasses are frozen dataclasses."""

    @abc.abstractmethod
    def faults(self, network: Network) -> list[str]:
        """Names that the network does not have."""


@final
@dataclass(frozen=True, init=False)
class Total(AbstractSignal):
    """The count of a species, or the sum of several.

    Examples:
        >>> Total("I", "R").species
        ('I', 'R')
    """

    species: tuple[str, ...]

    def __init__(self, *species: str):
        if not species or not all(isinstance(name, str) for name in species):
            raise InputError("Total needs names of species, as in Total('I', 'R')")
        object.__setattr__(self, "species", species)

    def faults(self, network: Network) -> list[str]:
        """Unknown species."""
        return [unknown_name("species", s, network.species) for s in self.species if s not in network.species]


@final
@dataclass(frozen=True, init=False)
class Firings(AbstractSignal):
    """How often reactions fired since the last record of this column (of the same cell), or since the start: incidence.

    Where a record is missing, its firings are part of the next one.

    Args:
        reactions: names, as in `network.reactions`.

    Examples:
        >>> Firings("S + I -> 2 I").reactions
        ('S + I -> 2 I',)
    """

    reactions: tuple[str, ...]

    def __init__(self, *reactions: str):
        if not reactions or not all(isinstance(name, str) for name in reactions):
            raise InputError("Firings needs names of reactions, as in Firings('S + I -> 2 I')")
        object.__setattr__(self, "reactions", reactions)

    def faults(self, network: Network) -> list[str]:
        """Unknown reactions."""
        known = [reaction.name or "" for reaction in network.reactions]
        return [unknown_name("reaction", name, known) for name in self.reactions if name not in known]
