"""The contract of rate laws."""

import abc
import dataclasses
from collections.abc import Collection, Hashable, Mapping
from typing import TypeAlias

from jumpax._base.types import Real
from jumpax.networks.laws.product import Product
from jumpax.networks.laws.rate import Values

Reactants: TypeAlias = tuple[tuple[str, int], ...]


class AbstractLaw(abc.ABC):
    """A propensity as a function of named counts, named parameters and, if it says so, time.

    Laws are frozen, hashable dataclasses with value equality. They are elementwise and branch-free, so the same law
    serves one path, an array with one lane per path, and a traced program. Reactants are pairs (species, multiplicity).
    """

    @abc.abstractmethod
    def species(self, reactants: Reactants) -> tuple[str, ...]:
        """Names of the counts that the propensity depends on."""

    @property
    @abc.abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that the propensity depends on."""

    @property
    @abc.abstractmethod
    def nonnegative(self) -> tuple[str, ...]:
        """Those of the parameters that must not be negative."""

    @property
    def never_negative(self) -> bool:
        """Whether no count makes the propensity negative, as long as `nonnegative` parameters are not: engines need not look."""
        return False

    @property
    @abc.abstractmethod
    def time_dependent(self) -> bool:
        """Whether the propensity depends on time between two events."""

    @abc.abstractmethod
    def resolve(self, species: Collection[str]) -> "AbstractLaw":
        """This law inside a network with these species (itself, unless its names were open until now)."""

    @abc.abstractmethod
    def propensity(self, counts: Values, theta: Values, time: Real, reactants: Reactants) -> Real:
        """The propensity, 1/time, in the floating type of the counts (which are molecules, as floats)."""

    def product(self, reactants: Reactants) -> Product | None:
        """The propensity as a rate constant times numbers of molecules; None if it is something else, or nobody knows."""
        return None

    def signature(self, reactants: Reactants) -> Hashable:
        """Equal for laws that are the same function of their species and parameters, in order; None where nobody knows.

        By default what it is made of, with numbers for names.
        """
        if not dataclasses.is_dataclass(self):
            return None
        numbers = {name: number for number, name in enumerate((*self.species(reactants), *self.parameters))}
        fields = tuple(_numbered(getattr(self, field.name), numbers) for field in dataclasses.fields(self))
        return fields, tuple((numbers.get(name), order) for name, order in reactants)

    @abc.abstractmethod
    def formula(self, reactants: Reactants) -> str:
        """The propensity as people write it."""


def _numbered(value: Hashable, numbers: Mapping[str, int]) -> Hashable:
    """A value with numbers, in brackets, for names."""
    if isinstance(value, tuple):
        return tuple(_numbered(part, numbers) for part in value)
    return (numbers[value],) if isinstance(value, str) and value in numbers else value
