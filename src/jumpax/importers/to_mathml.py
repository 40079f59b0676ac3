"""Expressions as syntax trees of libSBML."""

from collections.abc import Callable
from typing import Any

from jumpax._base.errors import UnsupportedError
from jumpax.importers.mathml import CALLS, ORDER
from jumpax.networks.expressions.expression import Call, Draw, Expression, Name, Number, Time, call, text

_KINDS = {
    **{operator: kind for kind, operator in CALLS.items()},
    **{operator: f"RELATIONAL_{kind}" for kind, operator in ORDER.items()},
    **{"subtract": "MINUS", "negate": "MINUS", "sqrt": "FUNCTION_ROOT"},
}
_WHOLE = 2**31
_ONE, _ZERO = Number(1.0), Number(0.0)


def tree(expression: Expression, named: Callable[[str], str]) -> Any:
    """The syntax tree of an expression; `named` has the names of the file.

    Raises:
        UnsupportedError: a plain function.
    """
    import libsbml

    if isinstance(expression, Number):
        node = libsbml.ASTNode(libsbml.AST_REAL)
        whole = abs(expression.value) < _WHOLE and expression.value == int(expression.value)
        node.setValue(int(expression.value) if whole else expression.value)
        return node
    if isinstance(expression, Name):
        node = libsbml.ASTNode(libsbml.AST_NAME)
        node.setName(named(expression.name))
        return node
    if isinstance(expression, Time):
        node = libsbml.ASTNode(libsbml.AST_NAME_TIME)
        node.setName("time")
        return node
    if isinstance(expression, Draw):
        raise UnsupportedError(f"{text(expression)} is a random number, which is read but not written")
    if not isinstance(expression, Call):
        raise UnsupportedError(f"{expression.what} is a plain function")
    return _call(expression, named)


def _call(expression: Call, named: Callable[[str], str]) -> Any:
    import libsbml

    operator, arguments = expression.operator, expression.arguments
    if operator == "number":  # a truth value as 0 or 1
        return _node(libsbml.AST_FUNCTION_PIECEWISE, (_ONE, arguments[0], _ZERO), named)
    if operator == "flag":
        return _node(libsbml.AST_RELATIONAL_NEQ, (arguments[0], _ZERO), named)
    if operator == "if":
        condition, yes, no = arguments
        return _node(libsbml.AST_FUNCTION_PIECEWISE, (yes, condition, no), named)
    if operator == "hill":
        x, threshold, exponent = arguments
        up, half = call("power", x, exponent), call("power", threshold, exponent)
        return tree(call("divide", up, call("add", half, up)), named)
    node = _node(getattr(libsbml, f"AST_{_KINDS[operator]}"), arguments, named)
    if operator == "sqrt":
        degree = libsbml.ASTNode(libsbml.AST_INTEGER)
        degree.setValue(2)
        node.prependChild(degree)
    return node


def _node(kind: int, arguments: tuple[Expression, ...], named: Callable[[str], str]) -> Any:
    import libsbml

    node = libsbml.ASTNode(kind)
    for argument in arguments:
        node.addChild(tree(argument, named))
    return node
