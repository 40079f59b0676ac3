"""The operations that an expression of a model file may use: an allow-list, each with its two meanings."""

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import jax.numpy as jnp
import numpy as np

from jumpax._base import math, whole


@final
@dataclass(frozen=True)
class Operator:
    """One operation.

    Attributes:
        takes: kind of each argument, `n` for a number and `f` for a flag (a truth value); a trailing `*` repeats the
            kind before it, once or more.
        gives: kind of the result.
        device: on scalars or arrays of a JAX program.
        host: on Python floats and bools, in float64.
        infix: how it is written between its arguments, and how strongly it binds; None for a call.
    """

    takes: str
    gives: str
    device: Callable[..., Any]
    host: Callable[..., Any]
    infix: tuple[str, int] | None = None

    def fits(self, count: int) -> bool:
        """Whether it takes so many arguments."""
        return count >= 1 if self.takes.endswith("*") else count == len(self.takes)

    def kind(self, place: int) -> str:
        """Kind of one argument."""
        return self.takes[0] if self.takes.endswith("*") else self.takes[place]


def _over(pair: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *values: functools.reduce(pair, values)


def _power(base: Any, exponent: Any) -> Any:
    """Products for whole exponents that are written as numbers, which also serve negative bases."""
    if isinstance(exponent, float) and exponent == int(exponent) and 0 < abs(exponent) <= 64:
        if isinstance(base, float):
            return base**exponent
        return jnp.asarray(base) ** int(exponent)
    return math.power(base, exponent)


def _hill(x: Any, threshold: Any, exponent: Any) -> Any:
    """x^n / (threshold^n + x^n), from the smaller of the two over the larger: it neither overflows nor cancels."""
    below = jnp.asarray(x) < threshold
    flipped, size = below, exponent
    if isinstance(exponent, float):
        flipped, size = ~below if exponent < 0 else below, abs(exponent)
    else:
        flipped, size = below ^ (exponent < 0), jnp.where(exponent < 0, -exponent, exponent)
    # selects, not minimum and maximum: those halve the derivatives where both are equal
    ratio = jnp.where(below, x, threshold) / jnp.where(below, threshold, x)
    if isinstance(size, float) and (size >= 1 or size == 0):
        small = _power(ratio, size)
    else:  # the slope of ratio^n is infinite at 0 for n < 1, and infinity times a zero tangent is not a number
        steep = (ratio == 0.0) & (jnp.asarray(size) < 1.0) & (jnp.asarray(size) > 0.0)
        small = jnp.where(steep, 0.0, _power(jnp.where(steep, 1.0, ratio), size))
    return jnp.where(flipped, small, 1.0) / (1.0 + small)


def _device(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: function(*(jnp.asarray(v, float) if isinstance(v, float) else v for v in values))


def _truth(function: Callable[..., Any]) -> Callable[..., Any]:
    return _over(lambda a, b: function(jnp.asarray(a, bool), jnp.asarray(b, bool)))


OPERATORS: dict[str, Operator] = {
    "add": Operator("n*", "n", _over(operator.add), _over(operator.add), ("+", 4)),
    "subtract": Operator("nn", "n", operator.sub, operator.sub, ("-", 4)),
    "multiply": Operator("n*", "n", _over(operator.mul), _over(operator.mul), ("*", 5)),
    "divide": Operator("nn", "n", operator.truediv, np.divide, ("/", 5)),
    "negate": Operator("n", "n", operator.neg, operator.neg),
    "power": Operator("nn", "n", _power, np.power, ("^", 7)),
    "hill": Operator("nnn", "n", _hill, lambda x, k, n: 1.0 / (1.0 + np.power(np.divide(k, x), n))),
    "sqrt": Operator("n", "n", jnp.sqrt, np.sqrt),
    "exp": Operator("n", "n", math.exp, np.exp),
    "log": Operator("n", "n", math.log, np.log),
    "abs": Operator("n", "n", jnp.abs, np.abs),
    "floor": Operator("n", "n", whole.floor, np.floor),
    "ceil": Operator("n", "n", whole.ceil, np.ceil),
    "min": Operator("n*", "n", _over(_device(jnp.minimum)), _over(np.minimum)),
    "max": Operator("n*", "n", _over(_device(jnp.maximum)), _over(np.maximum)),
    "sin": Operator("n", "n", _device(jnp.sin), np.sin),
    "cos": Operator("n", "n", _device(jnp.cos), np.cos),
    "tan": Operator("n", "n", _device(jnp.tan), np.tan),
    "arctan": Operator("n", "n", _device(jnp.arctan), np.arctan),
    "tanh": Operator("n", "n", lambda x: 1.0 - 2.0 / (math.exp(2.0 * x) + 1.0), np.tanh),
    "arcsin": Operator("n", "n", _device(jnp.arcsin), np.arcsin),
    "arccos": Operator("n", "n", _device(jnp.arccos), np.arccos),
    "sinh": Operator("n", "n", _device(jnp.sinh), np.sinh),
    "cosh": Operator("n", "n", _device(jnp.cosh), np.cosh),
    "arcsinh": Operator("n", "n", _device(jnp.arcsinh), np.arcsinh),
    "arccosh": Operator("n", "n", _device(jnp.arccosh), np.arccosh),
    "arctanh": Operator("n", "n", _device(jnp.arctanh), np.arctanh),
    "eq": Operator("nn", "f", operator.eq, operator.eq, ("==", 3)),
    "ne": Operator("nn", "f", operator.ne, operator.ne, ("!=", 3)),
    "lt": Operator("nn", "f", operator.lt, operator.lt, ("<", 3)),
    "le": Operator("nn", "f", operator.le, operator.le, ("<=", 3)),
    "gt": Operator("nn", "f", operator.gt, operator.gt, (">", 3)),
    "ge": Operator("nn", "f", operator.ge, operator.ge, (">=", 3)),
    "and": Operator("f*", "f", _truth(jnp.logical_and), lambda *flags: all(flags), ("and", 2)),
    "or": Operator("f*", "f", _truth(jnp.logical_or), lambda *flags: any(flags), ("or", 1)),
    "xor": Operator("f*", "f", _truth(jnp.logical_xor), lambda *flags: sum(map(bool, flags)) % 2 == 1),
    "not": Operator("f", "f", lambda flag: ~jnp.asarray(flag, bool), operator.not_),
    "number": Operator("f", "n", lambda flag: jnp.where(flag, 1.0, 0.0), float),
    "flag": Operator("n", "f", lambda x: x != 0.0, lambda x: x != 0.0),
    "if": Operator("fnn", "n", jnp.where, lambda flag, yes, no: yes if flag else no),
}
"""Every operation by name. What is not here is refused."""
