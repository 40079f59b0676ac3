"""Actions of BioNetGen as data: calls with numbers, texts, lists and tables. Nothing is run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, final

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.faults import Faults

Value: TypeAlias = "str | tuple[Value, ...] | dict[str, Value]"
"""A text, which may be a formula; a list; a table."""

_BLOCKS = (
    "parameters", "compartments", "molecule types", "molecules", "seed species", "species", "observables", "functions",
    "reaction rules", "reactions", "energy patterns", "population types", "population maps", "actions", "protocol",
)  # fmt: skip
_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*;?\s*")
_PARAMETER = re.compile(r"\s*par(am|ameter)?\s", re.IGNORECASE)
_KEY = re.compile(r"""\s*(?:(\w+)|"(\w+)"|'(\w+)')\s*(?:=>|,)""")
_QUOTED = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)')\s*""")
_SUM = re.compile(r"[\d.eE+\-*/()\s]+")
_OPEN, _CLOSE = {"{": "}", "[": "]"}, "}]"


@final
@dataclass(frozen=True)
class Action:
    """One call: `simulate({method=>"ssa",t_end=>10})`.

    Attributes:
        line: its number in the file.
        name: what is called.
        arguments: in their order.
    """

    line: int
    name: str
    arguments: tuple[Value, ...]


def placed(text: str, origin: str) -> Iterator[tuple[int, str, str]]:
    """Lines of a file of rules with their numbers and the block that they are in, `""` outside of all.

    Raises:
        UnsupportedError: an unknown block.
        InputError: a block has no end.
    """
    inside = ""
    for number, line in _lines(text):
        words = " ".join(line.split())
        if words in ("begin model", "end model"):
            continue
        if words.startswith("begin ") and not inside:
            inside = words.removeprefix("begin ")
            if inside not in _BLOCKS:
                raise UnsupportedError(f"{origin}, line {number}: the block {inside!r}")
        yield number, inside, line
        if inside and words == f"end {inside}":
            inside = ""
    if inside:
        raise InputError(f"{origin}: the block {inside!r} has no end")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, joined where a backslash says so; with the number of the last one."""
    joined = ""
    for number, line in enumerate(text.splitlines(), 1):
        joined += line.split("#", 1)[0].rstrip()
        if joined.endswith("\\"):
            joined = joined[:-1]
        else:
            yield number, joined
            joined = ""
    yield 0, joined


def actions_in(text: str, origin: str, faults: Faults) -> Iterator[Action]:
    """The actions of a file in their order; what cannot be read of them is noted.

    Examples:
        >>> [*actions_in('simulate({method=>"ssa",t_end=>6*10})', "m.bngl", Faults())]
        [Action(line=1, name='simulate', arguments=({'method': 'ssa', 't_end': '6*10'},))]
    """
    for number, block, line in placed(text, origin):
        words = " ".join(line.split())
        if block not in ("", "actions") or words in ("", "begin actions", "end actions") or _PARAMETER.match(line):
            continue
        with faults.of(f"line {number}"):
            call = _CALL.fullmatch(line)
            if call is None:
                raise UnsupportedError(f"{words!r}, which is not one action")
            yield Action(number, call.group(1), _Arguments(call.group(2)).whole())


class _Arguments:
    """Reads what stands between the parentheses of an action."""

    def __init__(self, text: str):
        self.text, self.at = text, 0

    def whole(self) -> tuple[Value, ...]:
        """All arguments."""
        return self._list("")

    def _list(self, end: str) -> tuple[Value, ...]:
        values: list[Value] = []
        while not self._ends(end):
            values.append(self._value())
            self._comma(end)
        return tuple(values)

    def _table(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        while not self._ends("}"):
            key = _KEY.match(self.text, self.at)
            if key is None:
                raise self._fault("a name and => are missing")
            self.at = key.end()
            name = next(filter(None, key.groups()))
            if name in values:
                raise InputError(f"{name!r} is given twice")
            values[name] = self._value()
            self._comma("}")
        return values

    def _value(self) -> Value:
        if (opened := self._next()) in _OPEN and opened:
            self.at += 1
            return self._table() if opened == "{" else self._list("]")
        if (quoted := _QUOTED.match(self.text, self.at)) is not None:
            self.at = quoted.end()
            return quoted.group(1) if quoted.group(1) is not None else quoted.group(2)
        begin, depth = self.at, 0
        while self.at < len(self.text) and not (depth == 0 and self.text[self.at] in f",{_CLOSE}"):
            depth += (self.text[self.at] == "(") - (self.text[self.at] == ")")
            self.at += 1
        made = self.text[begin : self.at].strip()
        if not _SUM.fullmatch(made):
            raise UnsupportedError(f"{made!r}, where a number, a text in quotation marks, [...] or {{...}} is read")
        return made

    def _next(self) -> str:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def _ends(self, end: str) -> bool:
        if self._next() != end:
            return False
        self.at += len(end)
        return True

    def _comma(self, end: str) -> None:
        if self._next() == ",":
            self.at += 1
        elif self._next() != end:
            raise self._fault("a comma is missing")

    def _fault(self, what: str) -> InputError:
        return InputError(f"{what} before {self.text[self.at : self.at + 20]!r}")
