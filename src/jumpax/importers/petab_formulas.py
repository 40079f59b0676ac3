"""Formulas of PEtab as expressions, by its own syntax."""

import functools
import math
from collections.abc import Collection

from jumpax._base.errors import InputError
from jumpax.importers import guard
from jumpax.importers.infix import TIME, Dialect, parse
from jumpax.networks.expressions.expression import Expression, Name, call, reads_time

_BINARY = {
    "||": (1, "or"), "&&": (1, "and"), "==": (3, "eq"), "!=": (3, "ne"), "<": (3, "lt"), "<=": (3, "le"), ">": (3, "gt"),
    ">=": (3, "ge"), "+": (5, "add"), "-": (5, "subtract"), "*": (6, "multiply"), "/": (6, "divide"), "^": (8, "power"),
}  # fmt: skip
_CIRCULAR = ("sin", "cos", "tan", "cot", "sec", "csc")
_OF_ANGLES = tuple(name + more for more in ("", "h") for name in _CIRCULAR)
_SHORT = {f"a{name}": f"arc{name}" for name in _OF_ANGLES}
"""As earlier versions of the tools around PEtab write them."""
WORDS = {"inf": math.inf, "true": 1.0, "false": 0.0}


def _logarithm(value: Expression, base: Expression | None = None) -> Expression:
    """log(a, b) has the base b, as in PEtab and unlike in SBML."""
    natural = call("log", value)
    return natural if base is None else call("divide", natural, call("log", base))


def _piecewise(*arguments: Expression) -> Expression:
    """Value 1, condition 1, value 2, condition 2, ..., otherwise: the value of the first condition that is true."""
    if len(arguments) % 2 == 0:
        raise InputError("piecewise needs a value and a condition, perhaps more of them, and the value otherwise")
    *pieces, found = arguments
    for value, condition in reversed([*zip(pieces[::2], pieces[1::2], strict=True)]):
        found = call("if", condition, value, found)
    return found


def _least(first: Expression, *others: Expression) -> Expression:
    """As choices, which all levels of SBML have."""
    return functools.reduce(lambda a, b: call("if", call("le", a, b), a, b), others, first)


def _largest(first: Expression, *others: Expression) -> Expression:
    return functools.reduce(lambda a, b: call("if", call("ge", a, b), a, b), others, first)


_CALLS = {
    **{name: name for name in ("exp", "sqrt", "abs", "sign", "log2", "log10")},
    **{name: name for name in _OF_ANGLES}, **{f"arc{name}": f"arc{name}" for name in _OF_ANGLES}, **_SHORT,
    "pow": "power", "ln": "log", "log": _logarithm, "piecewise": _piecewise, "min": _least, "max": _largest,
}  # fmt: skip


def formula(text: str, known: Collection[str] = ()) -> Expression:
    """The expression of a formula of PEtab, with the names that stand in it.

    Args:
        text: for example `scale * (X + log(Y, 2))`.
        known: names of the model and the tables: these are names, even where PEtab has a word like them (inf, true, false).

    Raises:
        InputError: with the place that cannot be read; `time`, where it is a name as well.
        UnsupportedError: functions that PEtab does not have.

    Source: PEtab 2.0, "Math expressions syntax"; version 1 leaves the syntax open, and its tools read this one.

    Examples:
        >>> from jumpax.networks.expressions.expression import text
        >>> text(formula("2^3^2 * e * pi * log(X, 10)"))
        '512 * e * pi * (log(X) / 2.30258509299)'
    """
    guard.check_text(text.encode(), "it")
    words = {word: number for word, number in WORDS.items() if word not in known}
    made = parse(text, Name, Dialect(_BINARY, _CALLS, words, power_from_right=True))
    if TIME in known and reads_time(made):
        raise InputError(
            "it reads 'time', which is the time of the model and a name of the problem as well: give that another name"
        )
    return made


RESERVED = frozenset((TIME, "nan", *WORDS, *_CALLS)) - frozenset(_SHORT)
"""Words that names of version 2 must not be, in any case of letters."""
