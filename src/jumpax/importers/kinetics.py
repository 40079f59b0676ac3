"""Kinetic laws of files as rate laws: mass action where it is, and net laws of reversible reactions in two halves."""

import math
from collections import Counter
from collections.abc import Collection

from jumpax.importers.expression import Call, Expression, Name, Number, call, names
from jumpax.importers.formula import formula
from jumpax.networks.laws import AbstractLaw, MassAction

Side = tuple[tuple[str, int], ...]


def law(expression: Expression, reactants: Side, species: Collection[str]) -> AbstractLaw:
    """`MassAction` where the expression is just that, else a `Formula`."""
    factors, number = _factors(expression)
    rates = [f.name for f in factors if isinstance(f, Name) and f.name not in species]
    wanted: Counter[Expression] = Counter()
    for name, order in reactants:
        wanted.update([Name(name), *(call("subtract", Name(name), Number(float(n))) for n in range(1, order))])
    orders = math.prod(math.factorial(order) for _, order in reactants)
    if len(rates) == 1 and number == 1.0 / orders and Counter(factors) == wanted + Counter([Name(rates[0])]):
        return MassAction(rates[0])
    return formula(expression, species)


def _factors(expression: Expression) -> tuple[list[Expression], float]:
    """An expression as a product: factors that are not numbers, and the product of the numbers."""
    if isinstance(expression, Number):
        return [], expression.value
    if not isinstance(expression, Call):
        return [expression], 1.0
    if expression.operator == "multiply":
        parts = [_factors(argument) for argument in expression.arguments]
        return [f for factors, _ in parts for f in factors], math.prod(number for _, number in parts)
    if expression.operator == "divide" and isinstance(expression.arguments[1], Number):
        factors, number = _factors(expression.arguments[0])
        return factors, number / expression.arguments[1].value if expression.arguments[1].value else math.nan
    return [expression], 1.0


def halves(
    net: Expression, reactants: Collection[str], products: Collection[str]
) -> tuple[Expression, Expression] | None:
    """The rates forward and backward of a net rate, `f - b`, also under a common factor or denominator.

    It is split only where every term with a minus reads a product that is no reactant, and every other one a reactant
    that is no product; where there is none, the term must not read the other side. So `k P (P - 1)` and the logistic
    `k A (K - A)` of A -> 2 A stay whole; None then.
    """
    used, made = set(reactants) - set(products), set(products) - set(reactants)
    if not used and not made:
        return None
    terms = _terms(net)
    ways = {sign: [term for s, term in terms if s == sign] for sign in (1, -1)}
    if not ways[1] or not ways[-1]:
        return None
    for sign, side, other in ((1, used, made), (-1, made, used)):
        for term in ways[sign]:
            if (side and not side & {*names(term)}) or (not side and other & {*names(term)}):
                return None
    forward, backward = (call("add", *way) if len(way) > 1 else way[0] for way in (ways[1], ways[-1]))
    return forward, backward


def _terms(expression: Expression) -> list[tuple[int, Expression]]:
    """The expression as a sum of terms with signs; products and quotients of one sum are multiplied out."""
    if not isinstance(expression, Call):
        return [(1, expression)]
    arguments = expression.arguments
    if expression.operator == "add":
        return [term for argument in arguments for term in _terms(argument)]
    if expression.operator == "subtract":
        return [*_terms(arguments[0]), *((-sign, term) for sign, term in _terms(arguments[1]))]
    if expression.operator == "negate":
        return [(-sign, term) for sign, term in _terms(arguments[0])]
    if expression.operator == "divide":
        return [(sign, call("divide", term, arguments[1])) for sign, term in _terms(arguments[0])]
    if expression.operator == "multiply":
        sums = [place for place, argument in enumerate(arguments) if len(_terms(argument)) > 1]
        if len(sums) == 1:
            before, after = arguments[: sums[0]], arguments[sums[0] + 1 :]
            return [(sign, call("multiply", *before, term, *after)) for sign, term in _terms(arguments[sums[0]])]
    return [(1, expression)]
