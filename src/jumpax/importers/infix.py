"""Formulas in plain text as expressions: a parser of its own, so that nothing is ever run."""

import math
import re
from collections.abc import Callable

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.functions import apply
from jumpax.networks.expressions.expression import Expression, Number, Time, call

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)|([A-Za-z_]\w*)|(&&|\|\||[<>=!~]=|[-+*/^()<>,!]))"
)
BINARY = {
    "||": (1, "or"), "&&": (2, "and"), "==": (3, "eq"), "!=": (3, "ne"), "~=": (3, "ne"), "<": (3, "lt"), "<=": (3, "le"),
    ">": (3, "gt"), ">=": (3, "ge"), "+": (5, "add"), "-": (5, "subtract"), "*": (6, "multiply"), "/": (6, "divide"),
    "^": (8, "power"),
}  # fmt: skip
"""How strongly a sign binds, and its operation; of two signs of one operation the first is written."""
_COMPARISON, _SIGN = 3, 7
CALLS = {
    "exp": "exp", "ln": "log", "sqrt": "sqrt", "abs": "abs", "min": "min", "max": "max", "sin": "sin",
    "cos": "cos", "tan": "tan", "atan": "arctan", "tanh": "tanh", "floor": "floor", "ceil": "ceil", "if": "if",
    "sum": "add", "avg": "average", "asin": "arcsin", "acos": "arccos", "sinh": "sinh", "cosh": "cosh", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "log10": "log10", "log2": "log2", "rint": "rint", "sign": "sign",
}  # fmt: skip
"""Functions and their operations."""
TIME = "time"
NUMBERS = {"_pi": math.pi, "_e": math.e}
_DEEPEST = 150


def parse(text: str, lookup: Callable[[str], Expression]) -> Expression:
    """The expression of a formula with the operators and functions of BioNetGen.

    Args:
        text: for example `kcat * E / (Km + S)`.
        lookup: the expression behind a name.

    Raises:
        InputError: with the place that cannot be read.
        UnsupportedError: functions that are not read.

    Examples:
        >>> from jumpax.networks.expressions.expression import Name, text
        >>> text(parse("2*k^2/(K + 1e3)", Name))
        '2 * k^2 / (K + 1000)'
    """
    return _Parser(text, lookup).whole()


class _Parser:
    """Operator precedence."""

    def __init__(self, text: str, lookup: Callable[[str], Expression]):
        self.text, self.lookup, self.depth, self.at = text, lookup, 0, 0
        self.tokens: list[tuple[str, str, int]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._fault(place, "this cannot be read")
            kind = ("number", "name", "sign")[found.lastindex - 1]  # type: ignore[operator]
            self.tokens.append((kind, found.group(found.lastindex), found.start(found.lastindex)))  # type: ignore[arg-type]
            place = found.end()
        self.tokens.append(("end", "", end))

    def _fault(self, place: int, what: str) -> InputError:
        return InputError(f"{what}\n    {self.text}\n    {' ' * place}^")

    def whole(self) -> Expression:
        """The formula, to its end."""
        made = self._level(0)
        if self.tokens[self.at][0] != "end":
            raise self._fault(self.tokens[self.at][2], "an operator is missing here")
        return made

    def _take(self, sign: str) -> bool:
        if self.tokens[self.at][:2] == ("sign", sign):
            self.at += 1
            return True
        return False

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise self._fault(self.tokens[self.at][2], f"a {sign} is missing here")

    def _level(self, least: int) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise UnsupportedError(f"a formula nested more than {_DEEPEST} deep")
        left = self._first()
        while (kind := self.tokens[self.at])[0] == "sign" and kind[1] in BINARY and BINARY[kind[1]][0] > least:
            level, operator = BINARY[kind[1]]
            self.at += 1
            left = call(operator, left, self._level(level))
            if operator == "power" and self.tokens[self.at][:2] == ("sign", "^"):
                raise self._fault(self.tokens[self.at][2], "a^b^c has two readings; put parentheses")
            if level == _COMPARISON and BINARY.get(self.tokens[self.at][1], (0,))[0] == _COMPARISON:
                raise self._fault(self.tokens[self.at][2], "a < b < c has two readings; put parentheses")
        self.depth -= 1
        return left

    def _first(self) -> Expression:
        kind, token, place = self.tokens[self.at]
        if self._take("-"):
            return call("negate", self._level(_SIGN - 1))
        if self._take("+"):
            return self._level(_SIGN - 1)
        if self._take("!"):
            return call("not", self._level(_SIGN - 1))
        if self._take("("):
            inner = self._level(0)
            self._need(")")
            return inner
        if kind not in ("number", "name"):
            raise self._fault(place, "a number or a name is missing here")
        self.at += 1
        if kind == "number":
            return Number(float(token))
        return self._call(token) if self._take("(") else self._name(token)

    def _name(self, name: str) -> Expression:
        if name == TIME:
            return Time()
        return Number(NUMBERS[name]) if name in NUMBERS else self.lookup(name)

    def _call(self, name: str) -> Expression:
        arguments = []
        while not self._take(")"):
            if arguments:
                self._need(",")
            arguments.append(self._level(0))
        if name in CALLS:
            return apply(CALLS[name], *arguments)
        if arguments:
            hint = ", since it has two readings; write ln or log10" if name == "log" else ""
            raise UnsupportedError(f"the function {name} is not read{hint}")
        return self._name(name)
