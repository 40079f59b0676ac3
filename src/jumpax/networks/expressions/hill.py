"""Hill functions in formulas, however they are written, in a form that cannot overflow.

30000^9 is infinite in float32, and A^n / (K^n + A^n) then is inf / inf. `steady` finds such quotients and puts the operation
`hill` in their place, which is computed from the smaller of A / K and K / A.
"""

import math
from dataclasses import dataclass

from jumpax.networks.expressions.expression import Call, Expression, Number, call

Factors = tuple[list[Expression], list[Expression]]
"""A product: what is above the bar and what is below it."""


def steady(expression: Expression) -> Expression:
    """The expression with its Hill functions as operations of their own; the same number where both can be computed.

    Found are quotients whose denominator is the sum of two powers of one exponent, or of a number and a power, such as
    A^n / (K^n + A^n), K^n / (A^n + K^n), 1 / (1 + (K / A)^n), (A / K)^n / (1 + (A / K)^n), with other factors in any order
    and with sums such as b + (A / K)^n above.

    Examples:
        >>> from jumpax.networks.expressions.expression import Name, text
        >>> v, a, k, n = map(Name, "vAKn")
        >>> power = call("power", a, n)
        >>> text(steady(call("divide", call("multiply", v, power), call("add", call("power", k, n), power))))
        'v * hill(A, K, n)'
    """
    return _steady(expression) if _divides(expression) else expression


def _divides(expression: Expression) -> bool:
    """Whether there may be something below a bar."""
    if not isinstance(expression, Call):
        return False
    return expression.operator in ("divide", "power") or any(map(_divides, expression.arguments))


def _steady(expression: Expression) -> Expression:
    if not isinstance(expression, Call):
        return expression
    if expression.operator in ("multiply", "divide", "power") and (found := _fraction(expression)) is not None:
        return found
    return Call(expression.operator, tuple(map(_steady, expression.arguments)))


@dataclass(frozen=True)
class _Sum:
    """A denominator: first + second, of which second / first = (x / threshold)^n."""

    first: Expression
    second: Expression
    x: Expression
    threshold: Expression
    exponent: Expression

    def up(self) -> Expression:
        """The share of the second term."""
        return call("hill", self.x, self.threshold, self.exponent)

    def down(self) -> Expression:
        """The share of the first."""
        return call("hill", self.threshold, self.x, self.exponent)


def _fraction(expression: Expression) -> Expression | None:
    """A product with its Hill functions; None if it has none."""
    above, below = _factors(expression)
    found = False
    for factor in list(below):
        both = _sum(factor)
        rest = _without(below, factor)
        made = None if both is None else _over(above, rest, both)
        if made is not None:
            (above, below), found = made, True
    return _quotient([steady(f) for f in above], [steady(f) for f in below]) if found else None


def _quotient(above: list[Expression], below: list[Expression]) -> Expression:
    """The product of the factors; what is on both sides cancels, numbers become one, in float64."""
    for factor in list(above):
        if factor in below:
            above, below = _without(above, factor), _without(below, factor)
    number = math.prod(f.value for f in above if isinstance(f, Number))
    for factor in below:
        number = number / factor.value if isinstance(factor, Number) else number
    over, under = ([f for f in side if not isinstance(f, Number)] for side in (above, below))
    made = call("multiply", Number(number), *over)
    return call("divide", made, call("multiply", *under)) if under else made


def _factors(expression: Expression) -> Factors:
    """Products, quotients, signs and reciprocals, taken apart."""
    if not isinstance(expression, Call):
        return [expression], []
    parts = expression.arguments
    if expression.operator == "multiply":
        taken = [_factors(part) for part in parts]
        return [f for above, _ in taken for f in above], [f for _, below in taken for f in below]
    if expression.operator == "divide":
        (above, below), (other, bottom) = _factors(parts[0]), _factors(parts[1])
        return [*above, *bottom], [*below, *other]
    if expression.operator == "negate":
        above, below = _factors(parts[0])
        return [Number(-1.0), *above], below
    if expression.operator == "power" and parts[1] == Number(-1.0):
        above, below = _factors(parts[0])
        return below or [Number(1.0)], above
    return [expression], []


def _terms(expression: Expression) -> list[tuple[float, Expression]]:
    """Sums and differences, taken apart: signs and terms."""
    if not isinstance(expression, Call):
        return [(1.0, expression)]
    parts = expression.arguments
    if expression.operator == "add":
        return [term for part in parts for term in _terms(part)]
    if expression.operator == "subtract":
        return [*_terms(parts[0]), *((-sign, term) for sign, term in _terms(parts[1]))]
    return [(1.0, expression)]


def _power(term: Expression) -> tuple[Expression, Expression] | None:
    """Base and exponent of a power, or of a quotient of powers of one exponent; of (A / K)^-n those of (K / A)^n."""
    if not isinstance(term, Call):
        return None
    if term.operator == "power":
        base, exponent = term.arguments
        if isinstance(exponent, Call) and exponent.operator == "negate":
            exponent, base = exponent.arguments[0], call("divide", Number(1.0), base)
            if isinstance(term.arguments[0], Call) and term.arguments[0].operator == "divide":
                base = call("divide", *reversed(term.arguments[0].arguments))
        return base, exponent
    if term.operator == "divide":
        above, below = map(_power, term.arguments)
        exponent = above[1] if above else below[1] if below else None
        first, second = (_root(part, exponent) for part in term.arguments)
        if exponent is not None and first is not None and second is not None:
            return call("divide", first, second), exponent
    return None


def _root(term: Expression, exponent: Expression | None) -> Expression | None:
    """What has this power; of a number if the exponent is one, too."""
    power = _power(term)
    if power is not None and power[1] == exponent:
        return power[0]
    if isinstance(term, Number) and isinstance(exponent, Number) and term.value > 0 and exponent.value:
        return Number(term.value ** (1 / exponent.value))
    return None


def _sum(denominator: Expression) -> _Sum | None:
    """The denominator as a sum of two powers of one exponent, or of a positive number and a power."""
    terms = _terms(denominator)
    if len(terms) != 2 or any(sign < 0 for sign, _ in terms):
        return None
    for first, second in (terms, terms[::-1]):
        one, two = _power(first[1]), _power(second[1])
        if two is None:
            continue
        x, exponent = two
        if one is not None and one[1] == exponent:
            return _Sum(first[1], second[1], x, one[0], exponent)
        if isinstance(first[1], Number) and first[1].value > 0:
            scale = first[1]
            threshold = scale if scale.value == 1.0 else call("power", scale, call("divide", Number(1.0), exponent))
            if isinstance(x, Call) and x.operator == "divide":  # K / A may be infinite
                x, threshold = x.arguments[0], call("multiply", threshold, x.arguments[1])
            return _Sum(scale, second[1], x, threshold, exponent)
    return None


def _over(above: list[Expression], below: list[Expression], both: _Sum, plain: bool = True) -> Factors | None:
    """The product `above` / `below`, divided by the sum; None if it does not become a Hill function.

    Args:
        above: factors.
        below: factors, without the sum.
        both: the sum.
        plain: whether 1 / (1 + ...) will do.
    """
    for place, factor in enumerate(above):
        others = [*above[:place], *above[place + 1 :]]
        if _same(factor, both.second):
            return [*others, both.up()], below
        if not isinstance(both.first, Number) and _same(factor, both.first):
            return [*others, both.down()], below
        if isinstance(both.first, Number) and _same(factor, call("power", both.x, both.exponent)):
            # A^n / (1 + (A / K)^n), mostly with K^n below, which cancels
            scale = call("power", both.threshold, both.exponent)
            return [*others, scale, Number(1 / both.first.value), both.up()], below
        if len(terms := _terms(factor)) > 1 and (made := _spread(terms, both)) is not None:
            return [*others, made], below
    if plain and isinstance(both.first, Number):
        return [*above, Number(1.0 / both.first.value), both.down()], below
    return None


def _same(factor: Expression, term: Expression) -> bool:
    """Whether both are the same power."""
    one, two = _power(factor), _power(term)
    if one is None or two is None:
        return _alike(factor, term)
    return _alike(one[0], two[0]) and _alike(one[1], two[1])


def _alike(one: Expression, two: Expression) -> bool:
    """Equal, but for rounding of numbers."""
    if isinstance(one, Number) and isinstance(two, Number):
        return math.isclose(one.value, two.value, rel_tol=1e-13)
    if isinstance(one, Call) and isinstance(two, Call):
        same = one.operator == two.operator and len(one.arguments) == len(two.arguments)
        return same and all(map(_alike, one.arguments, two.arguments))
    return one == two


def _spread(terms: list[tuple[float, Expression]], both: _Sum) -> Expression | None:
    """A sum of terms, each divided by the denominator, if one of them at least has a part of it; else None."""
    made, several = [], False
    for sign, term in terms:
        above, below = _factors(term)
        own = _over(above, below, both, plain=False)
        several |= own is not None
        own = own or _over(above, below, both)
        if own is None:
            return None
        made.append(_quotient([*([Number(-1.0)] if sign < 0 else []), *own[0]], own[1]))
    return call("add", *made) if several else None


def _without(factors: list[Expression], factor: Expression) -> list[Expression]:
    place = factors.index(factor)
    return [*factors[:place], *factors[place + 1 :]]
