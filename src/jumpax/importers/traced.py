"""Plain functions as expressions: what JAX sees when it traces them."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jumpax._base import given
from jumpax._base.errors import UnsupportedError
from jumpax.importers.functions import apply
from jumpax.networks.expressions.expression import Call, Expression, Name, Number, Time, call, flag
from jumpax.networks.laws.function import TIME

_SAME = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negate", "pow": "power", "max": "max",
    "min": "min", "sqrt": "sqrt", "exp": "exp", "log": "log", "abs": "abs", "floor": "floor", "ceil": "ceil", "sin": "sin",
    "cos": "cos", "tan": "tan", "atan": "arctan", "tanh": "tanh", "asin": "arcsin", "acos": "arccos", "sinh": "sinh",
    "cosh": "cosh", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "eq": "eq", "ne": "ne", "lt": "lt", "le": "le",
    "gt": "gt", "ge": "ge",
}  # fmt: skip
_LOGIC = {"and": "and", "or": "or", "xor": "xor", "not": "not"}
"""Of truth values; those of whole numbers go bit by bit."""
_INSIDE = ("jit", "pjit", "custom_jvp_call", "custom_vjp_call", "closed_call", "core_call", "remat")
_NOTHING = ("copy", "stop_gradient", "broadcast_in_dim", "reshape", "squeeze", "reduce_precision")


def traced(function: Callable[..., Any], names: tuple[str, ...], what: str) -> Expression:
    """The expression of a function of counts, parameters and the time `t`, called with these names.

    Args:
        function: elementwise, of JAX operations.
        names: of its arguments, in order.
        what: it, as the start of a sentence.

    Raises:
        UnsupportedError: it has an operation that expressions do not have, or arrays.
        InputError: JAX cannot trace it.

    Examples:
        >>> from jumpax.networks.expressions.expression import text
        >>> text(traced(lambda X, k: k * X * (X - 1) / 2, ("X", "k"), "a law"))
        'k * X * (X - 1) / 2'
    """
    try:
        with jax.enable_x64(True):
            places = [jax.ShapeDtypeStruct((), np.float64)] * len(names)
            made = jax.make_jaxpr(function)(*places)
    except Exception as fault:
        given.explain(fault, what)
        raise
    values: list[Expression] = [Time() if name == TIME else Name(name) for name in names]
    return _Jaxpr(what).run(made.jaxpr, made.consts, values)[0]


class _Jaxpr:
    """Turns one function that JAX has seen into expressions."""

    def __init__(self, what: str):
        self.what = what

    def _refuse(self, operation: str) -> UnsupportedError:
        return UnsupportedError(f"{self.what} has the operation {operation}, which formulas of files do not have")

    def run(self, jaxpr: Any, constants: Any, arguments: list[Expression]) -> list[Expression]:
        known: dict[Any, Expression] = dict(zip(jaxpr.invars, arguments))
        known |= dict(zip(jaxpr.constvars, map(self._number, constants)))

        def read(atom: Any) -> Expression:
            return self._number(atom.val) if hasattr(atom, "val") else known[atom]

        for equation in jaxpr.eqns:
            results = self._equation(equation, [*map(read, equation.invars)])
            known |= dict(zip(equation.outvars, results))
        return [*map(read, jaxpr.outvars)]

    def _number(self, value: Any) -> Expression:
        if np.ndim(value) or not math.isfinite(float(value)):
            raise self._refuse("an array, or a number that is not finite,")
        return Number(float(value))

    def _equation(self, equation: Any, values: list[Expression]) -> list[Expression]:
        name, given_ = equation.primitive.name, equation.params
        if any(variable.aval.shape for variable in equation.outvars):
            raise self._refuse(f"{name} on arrays")
        if name in _INSIDE:
            inner = given_.get("jaxpr") or given_.get("call_jaxpr")
            return self.run(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), values)
        return [self._operation(name, given_, equation, values)]

    def _operation(self, name: str, given_: Any, equation: Any, values: list[Expression]) -> Expression:
        if name in _NOTHING:
            return values[0]
        kind = equation.invars[0].aval.dtype.kind if equation.invars else "f"
        if name in _LOGIC and kind == "b":
            return call(_LOGIC[name], *values)
        if name == "convert_element_type":
            return self._converted(equation, values[0], kind)
        if name in _SAME and not (name == "div" and kind in "iu"):
            return call(_SAME[name], *values)
        if name in _MADE and not (name == "select_n" and kind != "b"):
            return _MADE[name](given_, *values)
        raise self._refuse(name)

    def _converted(self, equation: Any, value: Expression, kind: str) -> Expression:
        """A number of another type: whole numbers lose their fraction, towards 0."""
        into = equation.outvars[0].aval.dtype.kind
        if into == "b":
            return flag(value)
        if into in "iu" and kind == "f" and not (isinstance(value, Call) and value.operator in ("floor", "ceil")):
            return call("if", call("ge", value, Number(0.0)), call("floor", value), call("ceil", value))
        return value


def _select(_: Any, which: Expression, *cases: Expression) -> Expression:
    first, second = cases
    return call("if", which, second, first)


def _power(given_: Any, base: Expression) -> Expression:
    return call("power", base, Number(float(given_["y"])))


def _round(given_: Any, x: Expression) -> Expression:
    """The nearest whole number; of two the even one, or the one that is farther from 0."""
    if given_["rounding_method"] == jax.lax.RoundingMethod.TO_NEAREST_EVEN:
        down = call("floor", x)
        gap, half = call("subtract", x, down), Number(0.5)
        odd = call("ne", call("multiply", Number(2.0), call("floor", call("multiply", half, down))), down)
        up = call("or", call("gt", gap, half), call("and", call("eq", gap, half), odd))
        return call("add", down, call("if", up, _ONE, Number(0.0)))
    size = call("floor", call("add", call("abs", x), Number(0.5)))
    return call("if", call("lt", x, Number(0.0)), call("negate", size), size)


def _of(made: Callable[..., Expression]) -> Callable[..., Expression]:
    return lambda _, *arguments: made(*arguments)


_ONE = Number(1.0)
_MADE: dict[str, Callable[..., Expression]] = {
    "select_n": _select,
    "integer_pow": _power,
    "sign": _of(functools.partial(apply, "sign")),
    "rem": _of(functools.partial(apply, "remainder")),
    "round": _round,
    "square": _of(lambda x: call("multiply", x, x)),
    "exp2": _of(functools.partial(call, "power", Number(2.0))),
    "rsqrt": _of(lambda x: call("divide", _ONE, call("sqrt", x))),
    "log1p": _of(lambda x: call("log", call("add", _ONE, x))),
    "expm1": _of(lambda x: call("subtract", call("exp", x), _ONE)),
    "logistic": _of(lambda x: call("divide", _ONE, call("add", _ONE, call("exp", call("negate", x))))),
}
"""Operations that are made of others."""
