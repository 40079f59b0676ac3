"""Expressions of model files: small trees of numbers, names, the time, and operations of an allow-list."""

import functools
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

import numpy as np

from jumpax._base import given
from jumpax._base.errors import InputError, UnsupportedError
from jumpax._base.source import expression as expression_of
from jumpax.networks.expressions.operators import OPERATORS
from jumpax.networks.laws.function import TIME

LARGEST, DEEPEST = 20_000, 400
"""Nodes and levels of an expression, with all that it refers to written out; more is refused."""


@final
@dataclass(frozen=True)
class Number:
    """A number."""

    value: float
    size, depth = 1, 1


@final
@dataclass(frozen=True)
class Name:
    """The value of a species or of a parameter."""

    name: str
    size, depth = 1, 1


@final
@dataclass(frozen=True)
class Time:
    """The time."""

    size, depth = 1, 1


class AbstractNode:
    """An expression that is made of others."""

    arguments: tuple["Expression", ...]

    @functools.cached_property
    def size(self) -> int:
        """Nodes of the tree."""
        return 1 + sum(argument.size for argument in self.arguments)

    @functools.cached_property
    def depth(self) -> int:
        """Levels of the tree."""
        return 1 + max(argument.depth for argument in self.arguments)


@final
@dataclass(frozen=True)
class Call(AbstractNode):
    """An operation on expressions; made by `call`, which checks it."""

    operator: str
    arguments: tuple["Expression", ...]


@final
@dataclass(frozen=True)
class Given:
    """A plain function of counts, parameters and the time `t`, by the names of its arguments."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    what: str
    """It, as the start of a sentence."""
    size, depth = 1, 1


@final
@dataclass(frozen=True)
class Draw(AbstractNode):
    """A random number of a law, drawn anew wherever it stands; made by `jumpax.draw`, which checks it."""

    law: str
    arguments: tuple["Expression", ...]
    """Numbers of the law, then the bounds that it is truncated to."""
    place: int = 0
    """Equal draws of one place, other than 0, in one right side are one number: formulas of files read it several times."""


Expression: TypeAlias = Number | Name | Time | Call | Given | Draw


def call(operator: str, *arguments: Expression) -> Expression:
    """An operation on expressions; one on numbers alone is carried out, and factors of 1 are left out.

    Numbers are worked out in float64; a choice by a condition on numbers alone is made. Numbers stand for truth values
    where those are needed (0 is false), and truth values for 0 and 1.

    Raises:
        InputError: wrong number of arguments.
        UnsupportedError: the expression would be too large or too deep.

    Examples:
        >>> text(call("multiply", Name("k"), call("add", Name("X"), call("add", Number(1.0), Number(2.0)))))
        'k * (X + 3)'
    """
    chosen = OPERATORS[operator]
    if operator == "multiply":
        arguments = tuple(argument for argument in arguments if argument != Number(1.0)) or (Number(1.0),)
    if arguments and (
        (operator in ("add", "multiply") and len(arguments) == 1)
        or (operator == "divide" and arguments[1:] == (Number(1.0),))
    ):
        return _as("n", arguments[0])
    if not chosen.fits(len(arguments)):
        raise InputError(f"{operator} does not take {len(arguments)} arguments")
    made = Call(operator, tuple(_as(chosen.kind(place), argument) for place, argument in enumerate(arguments)))
    if made.size > LARGEST or made.depth > DEEPEST:
        raise UnsupportedError(
            f"an expression of {made.size:,} operations in {made.depth} levels, with all that it refers to; at most "
            f"{LARGEST:,} in {DEEPEST} levels are read"
        )
    if operator == "if" and all(isinstance(leaf, Number) for leaf in leaves(made.arguments[0])):
        return made.arguments[1 if evaluate_host(made.arguments[0], {}) else 2]
    if chosen.gives == "n" and all(isinstance(argument, Number) for argument in made.arguments):
        value = evaluate_host(made, {})
        if math.isfinite(value):
            return Number(value)
    return made


def _kind(expression: Expression) -> str:
    return OPERATORS[expression.operator].gives if isinstance(expression, Call) else "n"


def _as(kind: str, expression: Expression) -> Expression:
    if kind == _kind(expression):
        return expression
    return Call("flag" if kind == "f" else "number", (expression,))


def flag(expression: Expression) -> Expression:
    """The expression as a truth value."""
    return _as("f", expression)


def replaced(expression: Expression, values: Mapping[str, float]) -> Expression:
    """The expression with numbers in the place of some names."""
    if isinstance(expression, Name):
        return Number(values[expression.name]) if expression.name in values else expression
    if isinstance(expression, Draw):
        return replace(expression, arguments=tuple(replaced(argument, values) for argument in expression.arguments))
    if not isinstance(expression, Call):
        return expression
    return call(expression.operator, *(replaced(argument, values) for argument in expression.arguments))


def with_names(expression: Expression, names: Mapping[str, Expression]) -> Expression:
    """The expression with other names, or expressions, in the place of some; parts without them are shared, not copied."""
    if isinstance(expression, Name):
        return names.get(expression.name, expression)
    if not isinstance(expression, AbstractNode):
        return expression
    arguments = tuple([with_names(argument, names) for argument in expression.arguments])
    unchanged = all(map(operator.is_, arguments, expression.arguments))
    return expression if unchanged else replace(expression, arguments=arguments)


def has_draws(expression: Expression) -> bool:
    """Whether there is a random number in it."""
    return any(isinstance(leaf, Draw) for leaf in leaves(expression))


def names(expression: Expression) -> tuple[str, ...]:
    """The names that it reads, each once, in order."""
    return tuple(dict.fromkeys(leaf.name for leaf in leaves(expression) if isinstance(leaf, Name)))


def reads_time(expression: Expression) -> bool:
    """Whether it reads the time."""
    return any(isinstance(leaf, Time) for leaf in leaves(expression))


def leaves(expression: Expression) -> Iterator[Number | Name | Time | Draw]:
    """Numbers, names, times and draws, from left to right; those that a draw reads come after it."""
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Call):
            waiting += reversed(node.arguments)
        elif isinstance(node, Given):
            yield from (Time() if name == TIME else Name(name) for name in node.names)
        elif isinstance(node, Draw):
            yield node
            waiting += reversed(node.arguments)
        else:
            yield node


def evaluate(expression: Expression, values: Mapping[str, Any], time: Any) -> Any:
    """The value in a JAX program: branch-free, elementwise, in the floating type of the values."""
    return _evaluate(expression, values, time, "device")


def evaluate_host(expression: Expression, values: Mapping[str, Any], time: float = 0.0) -> Any:
    """The value as a Python number or bool, in float64; nan or inf where it has none."""
    with np.errstate(all="ignore"):
        value = _evaluate(expression, values, time, "host")
    return value if _kind(expression) == "f" else float(value)


def _evaluate(node: Expression, values: Mapping[str, Any], time: Any, side: str) -> Any:
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Name):
        return values[node.name]
    if isinstance(node, Time):
        return time
    if isinstance(node, Given):
        return given.call(node.function, tuple(time if n == TIME else values[n] for n in node.names), node.what)
    if isinstance(node, Draw):
        raise UnsupportedError(f"{text(node)} is a random number: those are drawn by new values of events only")
    arguments = [_evaluate(argument, values, time, side) for argument in node.arguments]
    if side == "host":
        arguments = [np.float64(a) if isinstance(a, float | int) and not isinstance(a, bool) else a for a in arguments]
    return getattr(OPERATORS[node.operator], side)(*arguments)


def text(expression: Expression) -> str:
    """The expression as people write it, with no more parentheses than needed."""
    return _text(expression, 0)


def _text(node: Expression, around: int) -> str:
    if isinstance(node, Number):
        written = f"{node.value:.12g}"
        return f"({written})" if node.value < 0 and around > 4 else written
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Time):
        return "time"
    if isinstance(node, Given):
        return expression_of(node.function, node.names) or f"function({', '.join(node.names)})"
    if isinstance(node, Draw):
        endless = node.arguments[-2:] == (Number(-math.inf), Number(math.inf))
        told = node.arguments[:-2] if endless else node.arguments
        return f"{node.law}({', '.join(_text(argument, 0) for argument in told)})"
    if node.operator == "negate":
        written = f"-{_text(node.arguments[0], 6)}"
        return f"({written})" if around > 4 else written
    infix = OPERATORS[node.operator].infix
    if infix is None or len(node.arguments) < 2:
        return f"{node.operator}({', '.join(_text(argument, 0) for argument in node.arguments)})"
    sign, level = infix
    between = f" {sign} " if sign != "^" else "^"
    first, *rest = node.arguments
    left = _text(first, level + (sign == "^"))
    written = between.join([left, *(_text(argument, level + 1) for argument in rest)])
    return f"({written})" if level < around else written
