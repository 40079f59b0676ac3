"""One kind of table of a PEtab problem, from one file or several."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from jumpax._base.columns import Columns
from jumpax._base.errors import InputError, unknown_name
from jumpax.importers.faults import Faults
from jumpax.importers.names import is_identifier

_MISSING = frozenset(("", "NA", "<NA>", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "None"))
"""What stands for nothing, as the tools around PEtab read it; in other letters (Na, none) it may be a name."""
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_INFINITE = re.compile(r"([-+]?)inf(?:inity)?", re.IGNORECASE)


def number(word: str) -> float | None:
    """The number that a word is, with all spellings of infinity; None for what is none.

    >>> number("-1.5e3"), number("-INF"), number("1_000")
    (-1500.0, -inf, None)
    """
    if _NUMBER.fullmatch(word):
        return float(word)
    infinite = _INFINITE.fullmatch(word)
    return None if infinite is None else -math.inf if infinite[1] == "-" else math.inf


def given(word: str) -> float | None:
    """The number that a word is where a name may stand as well; None for what may be a name, as inf may."""
    return None if is_identifier(word) else number(word)


@final
@dataclass(frozen=True)
class Row:
    """One line of a table."""

    file: Path
    line: int
    words: dict[str, str]
    """By column; none where nothing stands."""

    def get(self, column: str, otherwise: str = "") -> str:
        """What stands in a column."""
        return self.words.get(column, otherwise)

    def __str__(self) -> str:
        return f"{self.file.name}, line {self.line}"

    def number(self, column: str, faults: Faults) -> float | None:
        """The number in a column; None where nothing stands, or what is noted."""
        word = self.get(column)
        found = number(word)
        if word and found is None:
            faults.wrong.append(f"{self}, column {column!r}: {word!r} is not a number")
        return found


def rows(files: Sequence[Path], needed: Sequence[str], known: Sequence[str], faults: Faults) -> list[Row]:
    """The rows of files that are one table.

    Args:
        files: of tab-separated text, each with a head.
        needed: columns that each file must have.
        known: columns whose meaning is known, or that mean nothing for a fit; others are noted.
        faults: takes what is wrong.
    """
    found: list[Row] = []
    for file in files:
        with faults.of(file.name):
            found += _of_file(file, needed, known, faults)
    return found


def _of_file(file: Path, needed: Sequence[str], known: Sequence[str], faults: Faults) -> Iterator[Row]:
    columns = Columns.read(file)
    if twice := [name for name in dict.fromkeys(columns.head) if columns.head.count(name) > 1]:
        raise InputError(f"the head has column {twice[0]!r} twice")
    faults.wrong += [f"{file.name}: {unknown_name('column', n, columns.head)}" for n in needed if n not in columns.head]
    if known and not {*needed} - {*columns.head}:
        faults.unread += [
            f"{file.name}: the column {n!r} is not known, so that it is not read"
            for n in columns.head
            if n and n not in known
        ]
    for line, words in zip(columns.lines, columns.rows, strict=True):
        said = {name: word for name, word in zip(columns.head, words, strict=True) if word not in _MISSING}
        yield Row(file, line, said)


def by_name(table: Sequence[Row], column: str, faults: Faults) -> dict[str, Row]:
    """Rows by the name in a column, each of which stands once."""
    found: dict[str, Row] = {}
    for row in table:
        name = row.get(column)
        if not name:
            faults.wrong.append(f"{row}: {column} is missing")
        elif not is_identifier(name):
            faults.wrong.append(
                f"{row}: {column} {name!r} must be made of letters, digits and _, and not begin with a digit"
            )
        elif name in found:
            faults.wrong.append(f"{row}: {column} {name!r} stands in line {found[name].line} already")
        else:
            found[name] = row
    return found
