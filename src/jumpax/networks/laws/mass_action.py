"""Mass action in the stochastic convention."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import final

from jumpax._base.types import Real
from jumpax.networks.laws.law import AbstractLaw, Reactants
from jumpax.networks.laws.product import Product
from jumpax.networks.laws.rate import Rate, Values, as_rate, names, text, value


@final
@dataclass(frozen=True)
class MassAction(AbstractLaw):
    """Rate constant times the number of distinct sets of reactant molecules.

    The propensity of `n_1 S_1 + n_2 S_2 + ... -> ...` is `rate * prod_i x_i (x_i - 1) ... (x_i - n_i + 1) / n_i!`: the
    stochastic convention, with the factorial. So `A + A -> ...` has `k * A * (A - 1) / 2`, and a reaction without
    reactants has `k`. It is exactly 0 when there are fewer molecules than the reaction needs.
    Source: Gillespie (1977), https://doi.org/10.1021/j100540a008.

    Args:
        rate: name of a parameter or a number, >= 0, in 1/time (per set of molecules).

    Examples:
        >>> MassAction("k").formula((("A", 2), ("B", 1)))
        'k * A * (A - 1) / 2 * B'
    """

    rate: Rate

    def __post_init__(self):
        object.__setattr__(self, "rate", as_rate("MassAction", "rate", self.rate))

    def species(self, reactants: Reactants) -> tuple[str, ...]:
        """The reactants."""
        return tuple(name for name, _ in reactants)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The rate, if it is a name."""
        return names(self.rate)

    @property
    def nonnegative(self) -> tuple[str, ...]:
        """The rate, if it is a name."""
        return names(self.rate)

    @property
    def never_negative(self) -> bool:
        """Always."""
        return True

    @property
    def time_dependent(self) -> bool:
        """Never."""
        return False

    def resolve(self, species: Collection[str]) -> "MassAction":
        """Itself."""
        return self

    def propensity(self, counts: Values, theta: Values, time: Real, reactants: Reactants) -> Real:
        """`rate * prod x (x - 1) ... / n!`."""
        result = value(self.rate, theta)
        for name, order in reactants:
            sets = counts[name]
            for taken in range(1, order):
                sets = sets * (counts[name] - float(taken))
            result = result * (sets if order == 1 else sets * (1.0 / math.factorial(order)))
        return result  # type: ignore[return-value]

    def product(self, reactants: Reactants) -> Product:
        """`rate / n! * x (x - 1) ...`."""
        factor = 1.0
        for _, order in reactants:
            factor /= math.factorial(order)
        if isinstance(self.rate, str):
            return Product(factor, self.rate, reactants)
        return Product(factor * self.rate, None, reactants)

    def formula(self, reactants: Reactants) -> str:
        """For example `k * A * (A - 1) / 2`."""
        factors = [text(self.rate)]
        for name, order in reactants:
            sets = " * ".join([name, *(f"({name} - {taken})" for taken in range(1, order))])
            factors.append(sets if order == 1 else f"{sets} / {math.factorial(order)}")
        return " * ".join(factors)
