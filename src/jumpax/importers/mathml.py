"""Syntax trees of libSBML as expressions."""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.annotated_draws import annotated_law
from jumpax.importers.functions import apply
from jumpax.importers.units import AVOGADRO
from jumpax.networks.draw import drawn
from jumpax.networks.expressions.expression import Expression, Number, Time, call

Lookup = Callable[[str], Expression]
_DEEPEST = 250

CALLS = {
    "PLUS": "add", "TIMES": "multiply", "DIVIDE": "divide", "POWER": "power", "FUNCTION_POWER": "power",
    "FUNCTION_EXP": "exp", "FUNCTION_LN": "log", "FUNCTION_ABS": "abs", "FUNCTION_FLOOR": "floor",
    "FUNCTION_CEILING": "ceil", "FUNCTION_MIN": "min", "FUNCTION_MAX": "max", "FUNCTION_SIN": "sin",
    "FUNCTION_COS": "cos", "FUNCTION_TAN": "tan", "FUNCTION_ARCTAN": "arctan", "FUNCTION_TANH": "tanh",
    "FUNCTION_ARCSIN": "arcsin", "FUNCTION_ARCCOS": "arccos", "FUNCTION_SINH": "sinh", "FUNCTION_COSH": "cosh",
    "FUNCTION_ARCSINH": "arcsinh", "FUNCTION_ARCCOSH": "arccosh", "FUNCTION_ARCTANH": "arctanh",
    "FUNCTION_SEC": "sec", "FUNCTION_CSC": "csc", "FUNCTION_COT": "cot", "FUNCTION_SECH": "sech", "FUNCTION_CSCH": "csch",
    "FUNCTION_COTH": "coth", "FUNCTION_ARCSEC": "arcsec", "FUNCTION_ARCCSC": "arccsc", "FUNCTION_ARCCOT": "arccot",
    "FUNCTION_ARCSECH": "arcsech", "FUNCTION_ARCCSCH": "arccsch", "FUNCTION_ARCCOTH": "arccoth",
    "FUNCTION_FACTORIAL": "factorial", "FUNCTION_QUOTIENT": "quotient", "FUNCTION_REM": "remainder",
    "LOGICAL_AND": "and", "LOGICAL_OR": "or", "LOGICAL_XOR": "xor", "LOGICAL_NOT": "not", "LOGICAL_IMPLIES": "implies",
}  # fmt: skip
"""Kinds of nodes and their operations or functions; of two kinds of one operation the last is written."""
ORDER = {"EQ": "eq", "NEQ": "ne", "LT": "lt", "LEQ": "le", "GT": "gt", "GEQ": "ge"}
"""The same for comparisons, without RELATIONAL_."""
_EMPTY = {"PLUS": 0.0, "TIMES": 1.0, "LOGICAL_AND": 1.0, "LOGICAL_OR": 0.0, "LOGICAL_XOR": 0.0}
_CONSTANTS = {"CONSTANT_E": np.e, "CONSTANT_PI": np.pi, "CONSTANT_TRUE": 1.0, "CONSTANT_FALSE": 0.0}


@functools.cache
def _kinds() -> dict[int, str]:
    """Names of the kinds of nodes."""
    import libsbml  # type: ignore[import-untyped]

    names = [name for name in vars(libsbml) if name.startswith("AST_")]
    return {getattr(libsbml, name): name[4:] for name in names if isinstance(getattr(libsbml, name), int)}


_DRAW = "DISTRIB_FUNCTION_"


def expression(node: Any, lookup: Lookup, functions: Callable[[str], Any], draws: bool = False) -> Expression:
    """The expression of a syntax tree.

    Args:
        node: `libsbml.ASTNode`.
        lookup: the expression behind a name.
        functions: from the name of a function to its definition, `libsbml.FunctionDefinition`, or None.
        draws: whether it may draw random numbers.

    Raises:
        InputError: names that are not defined, operations with the wrong number of arguments.
        UnsupportedError: operations that are not read.
    """
    return _Reader(lookup, functions, (), itertools.count(1) if draws else None).read(node)


def has_draws(node: Any, functions: Callable[[str], Any], inside: tuple[str, ...] = ()) -> bool:
    """Whether a syntax tree draws a random number, itself or by the functions of the file that it calls."""
    if node is None:
        return False
    kind, name = _kinds().get(node.getType(), ""), node.getName()
    if kind.startswith(_DRAW):
        return True
    body = functions(name) if kind == "FUNCTION" and name not in inside else None
    if body is not None and (annotated_law(body) or has_draws(body.getBody(), functions, (*inside, name))):
        return True
    return any(has_draws(node.getChild(place), functions, inside) for place in range(node.getNumChildren()))


def _arguments(node: Any, kind: str) -> list[Any]:
    """The children; of a sum or product that libSBML has cut into pairs from the left, all its terms."""
    children = [node.getChild(place) for place in range(node.getNumChildren())]
    if kind not in ("PLUS", "TIMES"):
        return children
    last = children[1:]
    while children and children[0].getType() == node.getType():
        first = children[0]
        children = [first.getChild(place) for place in range(first.getNumChildren())]
        last = children[1:] + last if len(children) > 1 else last
    return [*children[:1], *last]


class _Reader:
    """Turns nodes into expressions; knows the functions that it is inside of."""

    def __init__(
        self, lookup: Lookup, functions: Callable[[str], Any], inside: tuple[str, ...], places: Iterator[int] | None
    ):
        self.lookup, self.functions, self.inside, self.places = lookup, functions, inside, places
        self.depth = 0

    def read(self, node: Any) -> Expression:
        """The expression of a node."""
        self.depth += 1
        try:
            if self.depth > _DEEPEST:
                raise UnsupportedError(f"a formula of more than {_DEEPEST} levels")
            return self._read(node)
        finally:
            self.depth -= 1

    def _read(self, node: Any) -> Expression:
        if node is None:
            raise InputError("a formula is missing")
        kind = "NUMBER" if node.isNumber() else _kinds().get(node.getType(), "UNKNOWN")
        if kind == "NUMBER":
            return Number(float(node.getValue()))
        if kind == "NAME":
            return self.lookup(node.getName())
        if kind == "NAME_TIME":
            return Time()
        if kind == "NAME_AVOGADRO":
            return Number(AVOGADRO)
        if kind in _CONSTANTS:
            return Number(float(_CONSTANTS[kind]))
        if kind == "FUNCTION":
            return self._function(node)
        if kind == "FUNCTION_DELAY":
            raise UnsupportedError("delay(...), a value from the past, is not read")
        arguments = [self.read(child) for child in _arguments(node, kind)]
        if kind.startswith(_DRAW):
            return self._draw(kind.removeprefix(_DRAW).lower(), arguments)
        return self._operation(kind, node, arguments)

    def _draw(self, law: str, arguments: list[Expression]) -> Expression:
        if self.places is None:
            raise UnsupportedError(f"{law}(...), a random number, is read in assignments of events only")
        return drawn(law, *arguments, place=next(self.places))

    def _operation(self, kind: str, node: Any, arguments: list[Expression]) -> Expression:
        if kind in _EMPTY and not arguments:
            return Number(_EMPTY[kind])
        if kind in CALLS:
            return apply(CALLS[kind], *arguments)
        if kind == "MINUS":
            return call("negate", *arguments) if len(arguments) == 1 else call("subtract", *arguments)
        if kind == "FUNCTION_ROOT":
            degree, base = arguments if len(arguments) == 2 else (Number(2.0), *arguments)
            if degree == Number(2.0):
                return call("sqrt", base)
            return call("power", base, call("divide", Number(1.0), degree))
        if kind == "FUNCTION_LOG":
            base, value = arguments if len(arguments) == 2 else (Number(10.0), *arguments)
            return call("divide", call("log", value), call("log", base))
        if kind.removeprefix("RELATIONAL_") in ORDER and len(arguments) >= 2:
            pairs = [call(ORDER[kind.removeprefix("RELATIONAL_")], *pair) for pair in itertools.pairwise(arguments)]
            return pairs[0] if len(pairs) == 1 else call("and", *pairs)
        if kind == "FUNCTION_PIECEWISE":
            pieces = list(zip(arguments[0::2], arguments[1::2]))
            result = arguments[-1] if len(arguments) % 2 else Number(np.nan)
            for value, condition in reversed(pieces):
                result = call("if", condition, value, result)
            return result
        name = node.getName() or node.getOperatorName() or kind
        raise UnsupportedError(f"the operation {name} is not read")

    def _function(self, node: Any) -> Expression:
        """A call of a function that the file defines: its body, with the arguments put in."""
        name = node.getName()
        definition = self.functions(name)
        if definition is not None and (law := annotated_law(definition)):
            return self._draw(law, [self.read(node.getChild(place)) for place in range(node.getNumChildren())])
        if definition is None or definition.getBody() is None:
            raise InputError(f"the function {name!r} is not defined")
        if name in self.inside:
            raise InputError(f"the function {name!r} is defined by itself")
        parameters = [definition.getArgument(place).getName() for place in range(definition.getNumArguments())]
        if len(parameters) != node.getNumChildren():
            raise InputError(f"the function {name!r} takes {len(parameters)} arguments, not {node.getNumChildren()}")
        given = {p: self.read(node.getChild(place)) for place, p in enumerate(parameters)}

        def lookup(inner: str) -> Expression:
            if inner not in given:
                raise InputError(f"the function {name!r} reads {inner!r}, which is not one of its arguments")
            return given[inner]

        return _Reader(lookup, self.functions, (*self.inside, name), self.places).read(definition.getBody())
