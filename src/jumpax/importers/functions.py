"""Functions of model files that are made of the operations there are."""

import math
from collections.abc import Callable

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.networks.expressions.expression import Expression, Number, call

_ONE, _ZERO = Number(1.0), Number(0.0)


def _inverse(x: Expression) -> Expression:
    return call("divide", _ONE, x)


def _of(outer: str) -> Callable[..., Expression]:
    """1 / outer(x)."""
    return lambda x: _inverse(call(outer, x))


def _at_inverse(outer: str) -> Callable[..., Expression]:
    """outer(1 / x)."""
    return lambda x: call(outer, _inverse(x))


def _logarithm(base: float) -> Callable[..., Expression]:
    return lambda x: call("divide", call("log", x), Number(math.log(base)))


def _quotient(a: Expression, b: Expression) -> Expression:
    """The quotient without its fraction."""
    ratio = call("divide", a, b)
    return call("if", call("ge", ratio, _ZERO), call("floor", ratio), call("ceil", ratio))


def _remainder(a: Expression, b: Expression) -> Expression:
    return call("subtract", a, call("multiply", b, _quotient(a, b)))


def _factorial(x: Expression) -> Expression:
    if not isinstance(x, Number):
        raise UnsupportedError("the factorial of what is not a constant is not read")
    if not 0.0 <= x.value <= 170.0 or x.value != int(x.value):
        raise InputError(f"the factorial of {x.value:g}, which is no whole number from 0 to 170")
    return Number(float(math.factorial(int(x.value))))


def _sign(x: Expression) -> Expression:
    return call("if", call("gt", x, _ZERO), _ONE, call("if", call("lt", x, _ZERO), Number(-1.0), _ZERO))


FUNCTIONS: dict[str, Callable[..., Expression]] = {
    "sec": _of("cos"),
    "csc": _of("sin"),
    "cot": _of("tan"),
    "sech": _of("cosh"),
    "csch": _of("sinh"),
    "coth": _of("tanh"),
    "arcsec": _at_inverse("arccos"),
    "arccsc": _at_inverse("arcsin"),
    "arccot": _at_inverse("arctan"),
    "arcsech": _at_inverse("arccosh"),
    "arccsch": _at_inverse("arcsinh"),
    "arccoth": _at_inverse("arctanh"),
    "log10": _logarithm(10.0),
    "log2": _logarithm(2.0),
    "quotient": _quotient,
    "remainder": _remainder,
    "factorial": _factorial,
    "implies": lambda a, b: call("or", call("not", a), b),
    "rint": lambda x: call("floor", call("add", x, Number(0.5))),
    "sign": _sign,
    "average": lambda *x: call("divide", call("add", *x), Number(float(len(x)))),
}
"""By name; each takes expressions."""


def apply(name: str, *arguments: Expression) -> Expression:
    """A function of this list, or an operation, of some arguments.

    Raises:
        InputError: wrong number of arguments.
        UnsupportedError: the factorial of what is not a constant.

    Examples:
        >>> apply("quotient", Number(7.0), Number(2.0)), apply("factorial", Number(5.0))
        (Number(value=3.0), Number(value=120.0))
    """
    return call(name, *arguments) if name not in FUNCTIONS else applied(name, FUNCTIONS[name], *arguments)


def applied(name: str, function: Callable[..., Expression], *arguments: Expression) -> Expression:
    """A function of some arguments.

    Raises:
        InputError: wrong number of arguments.
    """
    try:
        return function(*arguments)
    except TypeError:
        raise InputError(f"{name} does not take {len(arguments)} arguments") from None
