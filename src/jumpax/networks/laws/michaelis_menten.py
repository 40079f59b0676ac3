"""Michaelis-Menten kinetics."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import final

from jumpax._base.errors import InputError
from jumpax._base.types import Real
from jumpax.networks.laws.law import AbstractLaw, Reactants
from jumpax.networks.laws.rate import Rate, Values, as_name, as_rate, names, quotient, text, value


@final
@dataclass(frozen=True)
class MichaelisMenten(AbstractLaw):
    """Conversion by a saturated enzyme: `maximum * S / (constant + S)`, times the count of the enzyme if one is named.

    Source: Rao and Arkin (2003) on its use for counts, https://doi.org/10.1063/1.1545446.

    Args:
        substrate: the species S.
        maximum: largest propensity, 1/time (per enzyme molecule if an enzyme is named).
        constant: Michaelis constant in molecules, > 0.
        enzyme: a species whose count multiplies the propensity.

    Examples:
        >>> MichaelisMenten("S", maximum="v", constant="K").formula((("S", 1),))
        'v * S / (K + S)'
    """

    substrate: str
    maximum: Rate
    constant: Rate
    enzyme: str | None = None

    def __post_init__(self):
        as_name("MichaelisMenten", "substrate", self.substrate)
        for role in ("maximum", "constant"):
            object.__setattr__(self, role, as_rate("MichaelisMenten", role, getattr(self, role)))
        if self.constant == 0.0:
            raise InputError("MichaelisMenten: constant must be above 0")
        if self.enzyme is not None:
            as_name("MichaelisMenten", "enzyme", self.enzyme)

    def species(self, reactants: Reactants) -> tuple[str, ...]:
        """Substrate and enzyme."""
        return tuple(dict.fromkeys(name for name in (self.substrate, self.enzyme) if name is not None))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of maximum and constant that are names."""
        return names(self.maximum, self.constant)

    @property
    def nonnegative(self) -> tuple[str, ...]:
        """All of them."""
        return self.parameters

    @property
    def never_negative(self) -> bool:
        """Always."""
        return True

    @property
    def time_dependent(self) -> bool:
        """Never."""
        return False

    def resolve(self, species: Collection[str]) -> "MichaelisMenten":
        """Itself."""
        return self

    def propensity(self, counts: Values, theta: Values, time: Real, reactants: Reactants) -> Real:
        """`maximum * S / (constant + S)`, times the enzyme."""
        x = counts[self.substrate]
        result = value(self.maximum, theta) * quotient(x, value(self.constant, theta) + x)
        return result if self.enzyme is None else result * counts[self.enzyme]

    def formula(self, reactants: Reactants) -> str:
        """For example `v * S / (K + S)`."""
        enzyme = "" if self.enzyme is None else f" * {self.enzyme}"
        return f"{text(self.maximum)}{enzyme} * {self.substrate} / ({text(self.constant)} + {self.substrate})"
