"""Formulas in plain text as expressions: a parser of its own, so that nothing is ever run."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.functions import applied, apply
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


@final
@dataclass(frozen=True)
class Dialect:
    """What a format means by its formulas.

    Attributes:
        binary: how strongly each sign binds, and its operation.
        calls: functions, as the name of one for `apply` or as what makes an expression of the arguments.
        numbers: words that are numbers.
        power_from_right: whether a^b^c is a^(b^c); None if it has two readings.
        names_are_called: whether a name may have empty parentheses behind it, as functions of BioNetGen have.
    """

    binary: Mapping[str, tuple[int, str]]
    calls: Mapping[str, str | Callable[..., Expression]]
    numbers: Mapping[str, float]
    power_from_right: bool | None = None
    names_are_called: bool = False


BIONETGEN = Dialect(BINARY, CALLS, NUMBERS, names_are_called=True)


def parse(text: str, lookup: Callable[[str], Expression], dialect: Dialect = BIONETGEN) -> Expression:
    """The expression of a formula in plain text.

    Args:
        text: for example `kcat * E / (Km + S)`.
        lookup: the expression behind a name.
        dialect: operators and functions, by default those of BioNetGen.

    Raises:
        InputError: with the place that cannot be read.
        UnsupportedError: functions that are not read.

    Examples:
        >>> from jumpax.networks.expressions.expression import Name, text
        >>> text(parse("2*k^2/(K + 1e3)", Name))
        '2 * k^2 / (K + 1000)'
    """
    return _Parser(text, lookup, dialect).whole()


class _Parser:
    """Operator precedence."""

    def __init__(self, text: str, lookup: Callable[[str], Expression], dialect: Dialect):
        self.text, self.lookup, self.dialect, self.depth, self.at = text, lookup, dialect, 0, 0
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
        binary, from_right = self.dialect.binary, self.dialect.power_from_right
        while (kind := self.tokens[self.at])[0] == "sign" and kind[1] in binary and binary[kind[1]][0] > least:
            level, operator = binary[kind[1]]
            self.at += 1
            terms = [left, self._level(level - 1 if operator == "power" and from_right else level)]
            while operator == "add" and self._take("+"):  # a long sum is one operation
                terms.append(self._level(level))
            left = call(operator, *terms)
            if operator == "power" and from_right is None and self.tokens[self.at][:2] == ("sign", "^"):
                raise self._fault(self.tokens[self.at][2], "a^b^c has two readings; put parentheses")
            if level == _COMPARISON and binary.get(self.tokens[self.at][1], (0,))[0] == _COMPARISON:
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
        numbers = self.dialect.numbers
        return Number(numbers[name]) if name in numbers else self.lookup(name)

    def _call(self, name: str) -> Expression:
        arguments = []
        while not self._take(")"):
            if arguments:
                self._need(",")
            arguments.append(self._level(0))
        made = self.dialect.calls.get(name)
        if isinstance(made, str):
            return apply(made, *arguments)
        if made is not None:
            return applied(name, made, *arguments)
        if arguments or not self.dialect.names_are_called:
            hint = ", since it has two readings; write ln or log10" if name == "log" else ""
            raise UnsupportedError(f"the function {name} is not read{hint}")
        return self._name(name)
