"""An expression as a rate law."""

import functools
from collections.abc import Collection
from dataclasses import dataclass
from typing import final

from jaxtyping import Array, Float

from jumpax.networks.expressions.expression import Expression, evaluate, names, reads_time, text
from jumpax.networks.expressions.hill import steady
from jumpax.networks.laws import AbstractLaw
from jumpax.networks.laws.law import Reactants
from jumpax.networks.laws.rate import Values


@final
@dataclass(frozen=True)
class Formula(AbstractLaw):
    """The propensity is the value of an expression, in reactions per time; Hill functions in it cannot overflow.

    Args:
        expression: of names and numbers.
        counts: those of its names that are species, as molecules; the others are parameters.

    Example:
        >>> from jumpax.networks.expressions.expression import Name, call
        >>> Formula(call("multiply", Name("k"), Name("X")), ("X",)).formula(())
        'k * X'
    """

    expression: Expression
    counts: tuple[str, ...]

    def species(self, reactants: Reactants) -> tuple[str, ...]:
        """Its names that are species."""
        return self.counts

    @functools.cached_property
    def parameters(self) -> tuple[str, ...]:
        """Its names that are not."""
        return tuple(name for name in names(self.expression) if name not in self.counts)

    @property
    def nonnegative(self) -> tuple[str, ...]:
        """None that is known."""
        return ()

    @property
    def time_dependent(self) -> bool:
        """Whether it reads the time."""
        return reads_time(self.expression)

    def resolve(self, species: Collection[str]) -> "Formula":
        """Itself."""
        return self

    def propensity(
        self, counts: Values, theta: Values, time: Float[Array, "..."], reactants: Reactants
    ) -> Float[Array, "..."]:
        """The value of the expression."""
        read = names(self.expression)
        values = {n: counts[n] if n in self.counts else theta[n] for n in read}
        return evaluate(steady(self.expression), values, time)

    def formula(self, reactants: Reactants) -> str:
        """The expression."""
        return text(self.expression)


def formula(expression: Expression, species: Collection[str]) -> Formula:
    """The law of an expression, some of whose names are species."""
    return Formula(expression, tuple(name for name in names(expression) if name in species))
