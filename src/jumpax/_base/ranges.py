"""Interval arithmetic on traced functions: between which numbers a result lies when inputs lie between two numbers.

A traced function is walked through, operation by operation. What no range enters is computed as it stands. Of a range
both ends are computed, by the operations of the function itself: most of them rise or fall with what they are given, so that the ends
of the result are the results of the ends. What is rounded is widened by a few units in the last place, so that
the function computed in the same precision, with additions contracted or not, stays within. Ends may be infinite; an end that is not a
number is taken as infinite. Truth values have ranges, too: (certainly, possibly).

The ends are numbers that may be traced, and the arithmetic is elementwise and has no branches: it runs where the function runs.

Source: Moore, Kearfott & Cloud 2009, doi:10.1137/1.9780898717716.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import Array, Num, Shaped

from jumpax._base import math
from jumpax._base.types import Numbers

UNITS = 4
"""By how many units in the last place a rounded end is moved outward."""


class Range(NamedTuple):
    """All numbers from one to another."""

    low: Shaped[Numbers, "..."]
    high: Shaped[Numbers, "..."]


Known: TypeAlias = Range | Shaped[Numbers, "..."]
"""A plain number, or between what it lies."""
Run: TypeAlias = Callable[..., Array]
"""The operation itself, on plain numbers."""
Rule: TypeAlias = Callable[..., Range]
"""(run, range of each input) -> range of the result."""


class Borders:
    """Collects what one range of the inputs is compared with: where a function may change its formula."""

    def __init__(self, of: Range):
        self.of = of
        self.found: dict[int, Array] = {}

    def look(self, first: "Known", second: "Known") -> None:
        """Note the other side of a comparison, if that is one number."""
        for one, other in ((first, second), (second, first)):
            if one is self.of and not isinstance(other, Range):
                self.found[id(other)] = other

    def beyond(self) -> list[Array]:
        """Numbers a little above them: on each side of one, every comparison has one outcome, but close to it."""
        room = [2 * UNITS * jnp.finfo(x.dtype).eps * jnp.abs(x) + jnp.finfo(x.dtype).tiny for x in self.found.values()]
        return [x + more.astype(x.dtype) for x, more in zip(self.found.values(), room, strict=True)]


class NoRule(Exception):
    """An operation of which no range is known; its name is the argument."""


def ranges(
    closed: core.ClosedJaxpr, values: Sequence[Known], named: Mapping[str, Rule], borders: Borders | None = None
) -> list[Known]:
    """The results of a traced function, each a plain number, or a `Range` where a range enters it.

    Args:
        closed: the function.
        values: what it takes: numbers and ranges.
        named: rules for functions within it that are compiled under a name of their own.
        borders: is told of comparisons.

    Raises:
        NoRule: a range enters an operation of which none is known.

    Examples:
        >>> import jax
        >>> wave = jax.make_jaxpr(lambda t: 2.0 + jnp.exp(-t) * jnp.sin(t))(0.0)
        >>> found = ranges(wave, [Range(jnp.float32(0.0), jnp.float32(jnp.inf))], {})[0]
        >>> round(float(found.low), 5), round(float(found.high), 5)
        (1.0, 3.0)
    """
    known: dict[core.Var, Known] = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    known |= dict(zip(closed.jaxpr.invars, values, strict=True))
    exact = {*closed.jaxpr.constvars, *closed.jaxpr.invars}

    def value(atom: core.Var | core.Literal) -> Known:
        if not isinstance(atom, core.Literal):
            return known[atom]
        literal: Any = np.asarray(atom.val, _kind(atom))
        return literal

    for equation in closed.jaxpr.eqns:
        given = [value(atom) for atom in equation.invars]
        if any(isinstance(one, Range) for one in given):
            if borders is not None and equation.primitive.name in ("lt", "le", "gt", "ge"):
                borders.look(*given)
            sure = [isinstance(atom, core.Literal) or atom in exact for atom in equation.invars]
            given = [one if known else rounded(one) for one, known in zip(given, sure, strict=True)]
            results = _ranged(equation, given, named, borders)
        else:
            results = _run(equation, given)
        known.update(zip(equation.outvars, results, strict=True))
    return [value(atom) for atom in closed.jaxpr.outvars]


def _kind(atom: Any) -> np.dtype:
    return np.dtype(atom.aval.dtype)


def _run(equation: Any, values: Sequence[Any]) -> list[Array]:
    params = equation.primitive.get_bind_params(equation.params)
    inner, params = params if isinstance(params, tuple) else ((), params)  # earlier versions of JAX give a pair
    made = equation.primitive.bind(*inner, *values, **params)
    return list(made) if equation.primitive.multiple_results else [made]


def _ranged(equation: Any, values: Sequence[Known], named: Mapping[str, Rule], borders: Borders | None) -> list[Known]:
    """The results of one operation that a range enters."""
    name, inner = equation.primitive.name, equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
    rule = _OPERATIONS.get(name)
    if name == "integer_pow":
        rule = functools.partial(_whole_power, equation.params["y"])
    if inner is not None:
        closed = inner if hasattr(inner, "consts") else core.ClosedJaxpr(inner, ())
        if name not in _CALLS:
            raise NoRule(name)
        rule = named.get(equation.params.get("name")) or _ours(closed)
        if rule is None:
            return ranges(closed, values, named, borders)
    before, after = _kind(equation.invars[0]).kind, _kind(equation.outvars[0]).kind
    bits = name in ("and", "or", "not", "xor") and after != "b"
    cut = name == "convert_element_type" and before == "f" and after != "f"
    if rule is None or bits or cut or len(equation.outvars) > 1:
        raise NoRule(name)
    whole = [one if isinstance(one, Range) else Range(one, one) for one in values]
    found = rule(lambda *numbers: _run(equation, numbers)[0], *whole)
    return [found if name in _EXACT or after != "f" else _outward(found)]


def _ours(closed: core.ClosedJaxpr) -> Rule | None:
    """The rule of a function of `_base.math`."""
    made = closed.jaxpr.debug_info
    return (
        _FUNCTIONS.get(made.func_name)
        if made.func_src_info.startswith(f"{made.func_name} at {math.__file__}:")
        else None
    )


def rounded(value: Known) -> Known:
    """A range stays; a plain real number that was computed becomes the range of what else it may have been rounded to."""
    if isinstance(value, Range) or not jnp.issubdtype(value.dtype, jnp.floating):
        return value
    return _outward(Range(value, value))


def _outward(found: Range) -> Range:
    """What is rounded, with room for that; what is not a number is taken as infinite."""
    unit = np.asarray(UNITS * jnp.finfo(found.low.dtype).eps, found.low.dtype)
    low, high = found.low - jnp.abs(found.low) * unit, found.high + jnp.abs(found.high) * unit
    return Range(
        jnp.where(low == low, low, jnp.full_like(low, -np.inf)),
        jnp.where(high == high, high, jnp.full_like(high, np.inf)),
    )


def _rising(run: Run, *x: Range) -> Range:
    return Range(run(*(one.low for one in x)), run(*(one.high for one in x)))


def _falling(run: Run, x: Range) -> Range:
    return Range(run(x.high), run(x.low))


def _difference(run: Run, x: Range, y: Range) -> Range:
    return Range(run(x.low, y.high), run(x.high, y.low))


def _span(values: Sequence[Array]) -> Range:
    """From the least to the largest."""
    low = high = values[0]
    for value in values[1:]:
        low, high = jnp.minimum(low, value), jnp.maximum(high, value)
    return Range(low, high)


def _corners(run: Run, x: Range, y: Range) -> Range:
    """Of a function that rises or falls with each of two numbers while the other one stays."""
    pairs = {(id(first), id(second)): (first, second) for first in x for second in y}
    return _span([run(*pair) for pair in pairs.values()])


def _product(run: Run, x: Range, y: Range) -> Range:
    """A factor of zero makes the product zero, as infinity is never reached; a number times itself is not negative."""
    if x is y:
        return _even(lambda size: run(size, size), x)

    def times(first: Num[Numbers, "..."], second: Num[Numbers, "..."]) -> Num[Numbers, "..."]:
        product = run(first, second)
        return jnp.where((first == 0) | (second == 0), jnp.zeros_like(product), product)

    return _corners(times, x, y)


def _quotient(run: Run, x: Range, y: Range) -> Range:
    """By the reciprocal, of which one end is infinite where the denominator may be zero, or both are."""
    one, far = jnp.ones_like(y.low), jnp.full_like(y.low, np.inf)
    zero = (y.low <= 0) & (y.high >= 0)
    above = (y.low == 0) & (y.high > 0)
    inverse = Range(jnp.where(zero & ~above, -far, run(one, y.high)), jnp.where(zero, far, run(one, y.low)))
    return _product(lambda first, second: first * second, x, inverse)


def _size(x: Range) -> Range:
    """Of the absolute value."""
    ends = _span([jnp.abs(x.low), jnp.abs(x.high)])
    return Range(jnp.where((x.low <= 0) & (x.high >= 0), jnp.zeros_like(ends.low), ends.low), ends.high)


def _even(run: Run, x: Range) -> Range:
    """Of a function of the absolute value that rises with it."""
    return _rising(run, _size(x))


def _whole_power(exponent: int, run: Run, x: Range) -> Range:
    """Of x^n; with n below zero, (1 / x)^-n."""
    if exponent < 0:
        one, outer = jnp.ones_like(x.low), run
        x, run = _quotient(lambda over, under: over / under, Range(one, one), x), lambda inverse: outer(1 / inverse)
    return _rising(run, x) if exponent % 2 else _even(run, x)


def _power(run: Run, x: Range, y: Range) -> Range:
    """Of x^y; anything when x may be negative."""
    found = _corners(run, x, y)
    far = jnp.full_like(found.low, np.inf)
    return Range(jnp.where(x.low < 0, -far, found.low), jnp.where(x.low < 0, far, found.high))


def _remainder(run: Run, x: Range, y: Range) -> Range:
    """Of what division leaves: it has the sign of x, and is smaller than y and not larger than x."""
    zero, most = jnp.zeros_like(x.low), _size(y).high
    return Range(jnp.maximum(jnp.minimum(x.low, zero), -most), jnp.minimum(jnp.maximum(x.high, zero), most))


def _wave(run: Run, x: Range) -> Range:
    return Range(-jnp.ones_like(x.low), jnp.ones_like(x.low))


def _below(run: Run, x: Range, y: Range) -> Range:
    """Of x < y or x <= y."""
    return Range(run(x.high, y.low), run(x.low, y.high))


def _above(run: Run, x: Range, y: Range) -> Range:
    return Range(run(x.low, y.high), run(x.high, y.low))


def _equal(run: Run, x: Range, y: Range) -> Range:
    certain = (x.low == x.high) & (y.low == y.high) & (x.low == y.low)
    return Range(certain, (x.low <= y.high) & (y.low <= x.high))


def _unequal(run: Run, x: Range, y: Range) -> Range:
    certain, possible = _equal(run, x, y)
    return Range(~possible, ~certain)


def _either(run: Run, x: Range, y: Range) -> Range:
    """Of the exclusive or."""
    return Range((x.low & ~y.high) | (y.low & ~x.high), (x.high & ~y.low) | (y.high & ~x.low))


def _select(run: Run, flag: Range, *cases: Range) -> Range:
    """The case chosen, or both where the flag may be either."""
    if len(cases) != 2 or np.dtype(flag.low.dtype) != np.dtype(bool):
        raise NoRule("select_n")
    no, yes = cases
    if no.low.dtype == bool:
        lower, higher = jnp.logical_and, jnp.logical_or
    else:
        lower, higher = jnp.minimum, jnp.maximum
    low = jnp.where(flag.high, lower(no.low, yes.low), no.low)
    high = jnp.where(flag.high, higher(no.high, yes.high), no.high)
    return Range(jnp.where(flag.low, yes.low, low), jnp.where(flag.low, yes.high, high))


_MOVED = (
    "copy", "copy_p", "broadcast_in_dim", "reshape", "squeeze", "stop_gradient", "concatenate", "stack", "slice",
)  # fmt: skip
_SELECTED = ("max", "min", "clamp", "reduce_max", "reduce_min", "floor", "ceil", "round", "sign")
_COMPUTED = (
    "add", "add_any", "reduce_sum", "and", "or", "exp", "exp2", "expm1", "log", "log1p", "sqrt", "cbrt", "logistic", "tanh",
    "sinh", "asinh", "atan", "erf", "convert_element_type", "reduce_precision",
)  # fmt: skip
_OPERATIONS: dict[str, Rule] = {
    **dict.fromkeys((*_MOVED, *_SELECTED, *_COMPUTED), _rising),
    **dict.fromkeys(("neg", "not", "erfc", "rsqrt"), _falling),
    **dict.fromkeys(("sin", "cos"), _wave),
    **dict.fromkeys(("abs", "square", "cosh"), _even),
    **dict.fromkeys(("lt", "le"), _below),
    **dict.fromkeys(("gt", "ge"), _above),
    "sub": _difference, "mul": _product, "div": _quotient, "pow": _power, "rem": _remainder,
    "eq": _equal, "ne": _unequal, "xor": _either, "select_n": _select,
}  # fmt: skip
_CALLS = ("jit", "pjit", "custom_jvp_call", "custom_vjp_call", "closed_call", "remat2", "checkpoint")
"""Functions within functions that are looked into."""
_FUNCTIONS: dict[str, Rule] = {"_exp": _rising, "_log": _rising, "_log_unit": _rising, "_power": _power}
"""Those of `_base.math`, by name."""
_EXACT = frozenset((*_MOVED, *_SELECTED, "neg", "abs", "select_n", "rem"))
"""What is not rounded."""
