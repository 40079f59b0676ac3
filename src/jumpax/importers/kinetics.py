"""Kinetic laws of files as rate laws: mass action where it is, and net laws of reversible reactions in two halves."""

import math
from collections import Counter
from collections.abc import Collection, Mapping

from jumpax._base.errors import UnsupportedError
from jumpax.importers.formula import Formula, factors, formula
from jumpax.networks.expressions.expression import Call, Expression, Name, Number, call, names, with_names
from jumpax.networks.laws import AbstractLaw, MassAction

Side = tuple[tuple[str, int], ...]

_MOST_TERMS = 100
_RANGE = 1e30
"""Factors that units bring stay below it, and above its inverse: float32 ends at 3e38 and 1e-38."""


def law(expression: Expression, reactants: Side, species: Collection[str]) -> AbstractLaw:
    """`MassAction` where the expression is just that, also after volumes cancel, else a `Formula`."""
    above, below, number = _product(expression)
    if below:
        both = above & below
        volumes = Counter[Expression]({f: both[f] for f in both if isinstance(f, Name) and f.name not in species})
        above, below = above - volumes, below - volumes
    rates = [f.name for f in above if isinstance(f, Name) and f.name not in species]
    wanted: Counter[Expression] = Counter()
    for name, order in reactants:
        wanted.update([Name(name), *(call("subtract", Name(name), Number(float(n))) for n in range(1, order))])
    orders = math.prod(math.factorial(order) for _, order in reactants)
    alike = len(rates) == 1 and not below and above == wanted + Counter([Name(rates[0])])
    if alike and math.isclose(number * orders, 1.0, rel_tol=1e-12):
        return MassAction(rates[0])
    return formula(expression, species)


def renamed(law: AbstractLaw, names: Mapping[str, Name]) -> AbstractLaw:
    """A law made by `law` with other names; itself if it has none of these."""
    if isinstance(law, MassAction):
        other = names.get(str(law.rate))
        return law if other is None else MassAction(other.name)
    if isinstance(law, Formula):
        counts = tuple(names[name].name if name in names else name for name in law.counts)
        return Formula(with_names(law.expression, names), counts)
    return law


def _product(expression: Expression) -> tuple[Counter[Expression], Counter[Expression], float]:
    """Factors of an expression above and below that are not numbers, and how often each comes; and the numbers' product."""
    above, below, number = factors(expression)
    return Counter(above), Counter(below), number


def scaled(expression: Expression, factor: float) -> Expression:
    """The expression times a number, which is drawn together with the other numbers of its products.

    So `6e23 * (k * (A / 6e23) * (B / 6e23))` is written `1.7e-24 * k * A * B`: the product of two amounts in moles would
    be zero in float32.

    Raises:
        UnsupportedError: the number is beyond what float32 can hold.
    """
    if factor == 1.0:
        return expression
    if isinstance(expression, Call):
        first, *rest = expression.arguments
        if expression.operator in ("add", "subtract", "negate", "min", "max"):
            return call(expression.operator, *(scaled(argument, factor) for argument in expression.arguments))
        if expression.operator == "if":
            return call("if", first, *(scaled(argument, factor) for argument in rest))
        if expression.operator == "divide" and not isinstance(rest[0], Number) and not isinstance(first, Name):
            return call("divide", scaled(first, factor), rest[0])
    factors, number = _factors(expression)
    total = factor * number
    if math.isclose(total, 1.0, rel_tol=1e-12):
        return call("multiply", *factors)
    if total and not 1.0 / _RANGE < abs(total) < _RANGE:
        raise UnsupportedError(
            f"its unit of substance brings a factor of {total:.3g}; write the model in items, or give molecules_per_unit"
        )
    return call("multiply", Number(total), *factors)


def _factors(expression: Expression) -> tuple[list[Expression], float]:
    """An expression as a product: factors that are not numbers, and the product of the numbers."""
    if isinstance(expression, Number):
        return [], expression.value
    if not isinstance(expression, Call):
        return [expression], 1.0
    first, *rest = expression.arguments
    if expression.operator == "multiply":
        parts = [_factors(argument) for argument in expression.arguments]
        return [f for factors, _ in parts for f in factors], math.prod(number for _, number in parts)
    if expression.operator == "negate":
        factors, number = _factors(first)
        return factors, -number
    if expression.operator == "divide" and isinstance(rest[0], Number):
        factors, number = _factors(first)
        return factors, number / rest[0].value if rest[0].value else math.nan
    if expression.operator == "power" and rest[0] in (Number(2.0), Number(3.0)):
        factors, number = _factors(first)
        power = int(rest[0].value)  # type: ignore[union-attr]
        return factors * power, number**power
    return [expression], 1.0


def has_minus(expression: Expression) -> bool:
    """Whether there is a minus in it, without which it is no difference of rates."""
    if isinstance(expression, Call):
        return expression.operator in ("subtract", "negate") or any(map(has_minus, expression.arguments))
    return isinstance(expression, Number) and expression.value < 0


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
    terms = [(sign, term) for sign, term in _terms(net) if term != Number(0.0)]
    ways = {sign: [term for s, term in terms if s == sign] for sign in (1, -1)}
    if not ways[1] or not ways[-1]:
        return None
    for sign, side, other in ((1, used, made), (-1, made, used)):
        for term in ways[sign]:
            if (side and not side & {*names(term)}) or (not side and other & {*names(term)}):
                return None
    forward, backward = (call("add", *map(_cancelled, ways[sign])) for sign in (1, -1))
    return forward, backward


def _cancelled(term: Expression) -> Expression:
    """The term without names that are both above and below: `k B / K` for the backward rate `k A (B / A) / K`, also at A = 0."""
    above, below, number = _product(term)
    both = above & below
    if not any(isinstance(factor, Name) for factor in both):
        return term
    top = call("multiply", Number(number), *(above - both).elements())
    return call("divide", top, call("multiply", *(below - both).elements())) if below - both else top


def reads_backward(net: Expression, reactants: Collection[str], products: Collection[str]) -> bool:
    """Whether a term with a minus is driven by a product alone, as a backward rate is: `kf A - kr B`, not `k A (1 - B / K)`.

    Where there is no reactant, it may as well be a growth that is limited, `k (K - B)`.
    """
    used, made = set(reactants) - set(products), set(products) - set(reactants)
    for sign, term in _terms(net):
        driving = {factor.name for factor in _product(term)[0] if isinstance(factor, Name)}
        if used and sign < 0 and driving & made and not driving & used:
            return True
    return False


def _terms(expression: Expression) -> list[tuple[int, Expression]]:
    """The expression as a sum of terms with signs in front.

    Signs are drawn out of factors and divisors. A product is multiplied out over its one sum, or over differences beside
    other sums.
    """
    if isinstance(expression, Number):
        return [(-1, Number(-expression.value))] if expression.value < 0 else [(1, expression)]
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
        below = _terms(arguments[1])
        turned, divisor = below[0] if len(below) == 1 else (1, arguments[1])
        return [(sign * turned, call("divide", term, divisor)) for sign, term in _terms(arguments[0])]
    if expression.operator == "multiply":
        return _product_terms(arguments)
    return [(1, expression)]


def _product_terms(arguments: tuple[Expression, ...]) -> list[tuple[int, Expression]]:
    """The terms of a product; itself if they are too many."""
    parts = [_terms(argument) for argument in arguments]
    mixed = [len({sign for sign, _ in part}) > 1 for part in parts]
    lone = sum(len(part) > 1 for part in parts) == 1
    terms: list[tuple[int, list[Expression]]] = [(1, [])]
    for part, differs in zip(parts, mixed, strict=True):
        if not (lone or differs):  # its one sign moves to the front
            part = [(part[0][0], call("add", *(term for _, term in part)))]
        terms = [(sign * s, [*factors, term]) for sign, factors in terms for s, term in part]
        if len(terms) > _MOST_TERMS:
            return [(1, call("multiply", *arguments))]
    return [(sign, call("multiply", *factors)) for sign, factors in terms]
