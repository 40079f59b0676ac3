"""An expression as a rate law."""

import functools
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import final

from jaxtyping import Array, Float

from jumpax.networks.expressions.expression import (
    Call,
    Expression,
    Name,
    Number,
    call,
    evaluate,
    names,
    reads_time,
    text,
    with_names,
)
from jumpax.networks.expressions.hill import steady
from jumpax.networks.laws import AbstractLaw
from jumpax.networks.laws.law import Reactants
from jumpax.networks.laws.product import Product
from jumpax.networks.laws.rate import Values


@final
@dataclass(frozen=True)
class Formula(AbstractLaw):
    """The propensity is the value of an expression, in reactions per time; Hill functions in it cannot overflow.

    Args:
        expression: of names and numbers.
        counts: those of its names that are species, as molecules; the others are parameters.

    Examples:
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
        values = {name: counts[name] for name in self.counts} | {name: theta[name] for name in self.parameters}
        return evaluate(steady(self.expression), values, time)

    def product(self, reactants: Reactants) -> Product | None:
        """The expression as a rate constant times numbers of molecules, where it is a product of just these."""
        above, below, number = factors(self.expression)
        taken: dict[str, list[float]] = {name: [] for name in self.counts}
        constants = []
        for factor in above:
            molecule = _molecule(factor, taken)
            if molecule is not None:
                taken[molecule[0]].append(molecule[1])
            elif taken.keys() & names(factor) or reads_time(factor):
                return None
            else:
                constants.append(factor)
        inverse = [factor for factor in below if taken.keys() & names(factor) or reads_time(factor)]
        if inverse or any(sorted(before) != list(range(len(before))) for before in taken.values()):
            return None
        constant = _quotient(constants, below)
        return Product(number, constant, tuple((name, len(before)) for name, before in taken.items()))

    def signature(self, reactants: Reactants) -> Hashable:
        """The expression, with numbers for names."""
        numbers = {name: Name(str(number)) for number, name in enumerate((*self.counts, *self.parameters))}
        return with_names(self.expression, numbers)

    def formula(self, reactants: Reactants) -> str:
        """The expression."""
        return text(self.expression)


def formula(expression: Expression, species: Collection[str]) -> Formula:
    """The law of an expression, some of whose names are species."""
    return Formula(expression, tuple(name for name in names(expression) if name in species))


def factors(expression: Expression) -> tuple[list[Expression], list[Expression], float]:
    """An expression as a quotient of products: factors above and below that are not numbers, and the numbers' product."""
    above: list[Expression] = []
    below: list[Expression] = []
    number = _sorted_out(expression, above, below)
    return above, below, number


def _sorted_out(expression: Expression, above: list[Expression], below: list[Expression]) -> float:
    """Add the factors of an expression to those above and below; the product of its numbers."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Call) and expression.operator == "multiply":
        number = 1.0
        for argument in expression.arguments:
            number = number * _sorted_out(argument, above, below)
        return number
    if isinstance(expression, Call) and expression.operator == "divide":
        over, under, divisor = factors(expression.arguments[1])
        if divisor:
            number = _sorted_out(expression.arguments[0], above, below)
            above += under
            below += over
            return number / divisor
    above.append(expression)
    return 1.0


def _molecule(factor: Expression, counts: Collection[str]) -> tuple[str, float] | None:
    """The species whose molecules a factor counts, and how many are left out: A, A - 1, ..."""
    if isinstance(factor, Name):
        return (factor.name, 0.0) if factor.name in counts else None
    if isinstance(factor, Call) and factor.operator == "subtract":
        first, second = factor.arguments
        if isinstance(first, Name) and first.name in counts and isinstance(second, Number):
            return first.name, second.value
    return None


def _quotient(above: list[Expression], below: list[Expression]) -> Expression | str | None:
    """The product of what parameters bring: a name where it is one, None where there is nothing."""
    if not below and not above:
        return None
    if not below and len(above) == 1 and isinstance(above[0], Name):
        return above[0].name
    top = call("multiply", *above) if above else Number(1.0)
    return call("divide", top, call("multiply", *below)) if below else top
