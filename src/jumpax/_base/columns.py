"""Columns of a text file."""

import csv
import gzip
import os
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import InputError, first_of, unknown_name

MISSING = ("", "na", "nan", "null", "none", ".")
"""What stands for no number, in any case of letters."""
_MARKS = "\t;,"
"""What separates columns, the least usual in words first; else it is spaces."""


class Columns(NamedTuple):
    """A table of words under a head, of a file."""

    file: Path
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """As many words as the head has, each."""
    lines: tuple[int, ...]
    """Where in the file each row stands, from 1."""

    @classmethod
    def read(cls, file: str | os.PathLike) -> "Columns":
        """A text file in UTF-8, or its .gz: a head, then rows, separated by tab, semicolon, comma or spaces, whichever the head has.

        Lines that begin with # are comments, as are empty ones. Words with a separator in them stand in double quotes.

        Raises:
            InputError: a file that cannot be read, or has no row; rows that are longer or shorter than the head, with their lines.
        """
        file = Path(file)
        lines = [(number, line) for number, line in enumerate(_text(file).splitlines(), 1) if line.strip()]
        lines = [(number, line) for number, line in lines if not line.lstrip().startswith("#")]
        if len(lines) < 2:
            raise InputError(f"{file} needs a head with names of columns, and at least one row under it")
        split, found, faults = _splitter([line for _, line in lines]), [], list[str]()
        for number, line in lines:
            try:
                found.append(split(line))
            except csv.Error as fault:
                faults.append(f"line {number} cannot be split into columns: {fault}")
        if not faults:
            head, *rows = found
            faults += [
                f"line {number} has {len(row)} columns, the head has {len(head)}"
                for (number, _), row in zip(lines[1:], rows, strict=True)
                if len(row) != len(head)
            ]
        _refuse(file, faults)
        return cls(file, found[0], tuple(found[1:]), tuple(number for number, _ in lines[1:]))

    def words(self, *names: str) -> dict[str, list[str]]:
        """Columns by their names, as they stand.

        Raises:
            InputError: names that the head does not have, or has twice.
        """
        often = Counter(self.head)
        _refuse(self.file, [unknown_name("column", name, self.head) for name in names if name not in often])
        _refuse(self.file, [f"the head has column {name!r} {often[name]} times" for name in names if often[name] > 1])
        return {name: [row[self.head.index(name)] for row in self.rows] for name in names}

    def numbers(self, *names: str, needed: Sequence[str] = ()) -> dict[str, Float[np.ndarray, " rows"]]:
        """Columns of numbers by their names, NaN where a word of `MISSING` stands.

        Args:
            names: which columns.
            needed: those of them that miss none.

        Raises:
            InputError: as `words`; words that are no numbers, and numbers that miss, with line and column.
        """
        columns, faults = dict[str, np.ndarray](), list[str]()
        for name, words in self.words(*names).items():
            columns[name] = np.full(len(words), np.nan)
            for row, word in enumerate(words):
                try:
                    columns[name][row] = np.nan if word.lower() in MISSING else float(word)
                except ValueError:
                    faults.append(f"line {self.lines[row]}, column {name!r}: {word!r} is not a number")
                else:
                    if name in needed and np.isnan(columns[name][row]):
                        faults.append(f"line {self.lines[row]}, column {name!r}: the number is missing")
        _refuse(self.file, faults)
        return columns


def _refuse(file: Path, faults: list[str]) -> None:
    if faults:
        raise InputError(f"{file} cannot be used:\n" + "\n".join(f"- {fault}" for fault in first_of(faults)))


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
        return (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InputError(f"{file} is not text in UTF-8: {fault}") from fault
    except (OSError, EOFError, zlib.error) as fault:
        raise InputError(f"{file} cannot be read: {fault}") from fault


def _splitter(lines: list[str]) -> Callable[[str], tuple[str, ...]]:
    """What makes words of a line. One column may have spaces in its name: then no row has any."""
    bare = "".join(lines[0].split('"')[::2])
    mark = next((mark for mark in _MARKS if mark in bare), " ")
    if mark == " " and all(len(line.split()) == 1 for line in lines[1:]):
        return lambda line: (line.strip().strip('"'),)

    def split(line: str) -> tuple[str, ...]:
        told = " ".join(line.split()) if mark == " " else line
        (words,) = csv.reader([told], delimiter=mark, skipinitialspace=mark != "\t", strict=True)
        return tuple(word.strip() for word in words)

    return split
