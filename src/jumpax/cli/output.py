"""Answers for programs (JSON) and for people (tables)."""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rich.console import Console


_BETWEEN = 3
"""Columns of the terminal between two columns of a table."""


@dataclass(frozen=True)
class Output:
    """How the answer is given.

    Attributes:
        json: Print one JSON document instead of tables.
        debug: Show the traceback of a failure.
    """

    json: bool = False
    debug: bool = False


def print_json(document: Mapping[str, Any]) -> None:
    """One document on standard output, in strict JSON: what is not finite becomes null."""
    print(json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False), flush=True)


def plain(value: Any) -> Any:
    """Mappings, sequences, NumPy and JAX values as what JSON knows."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__array__"):
        return plain(np.asarray(value).tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def people() -> "Console":
    """Where tables for people are printed."""
    from rich.console import Console

    return Console(file=sys.stdout, markup=False, highlight=False)


def print_notes(notes: Iterable[str]) -> None:
    """What was assumed or changed in reading a file, for people."""
    for note in notes:
        people().print(f"note: {note}", soft_wrap=True)


def print_table(title: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """A table with a heading; numbers stand on the right. Nothing in it is read as markup.

    Words are never broken: where a table is too narrow even if lines end between all words, its rows stand one below the other.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = {name: [_cell(value) for value in values] for name, values in columns.items()}
    least = [max(len(word) for text in (name, *column, "-") for word in text.split()) for name, column in cells.items()]
    if sum(least) + _BETWEEN * len(least) > people().width:
        return _print_rows(title, cells)
    table = Table(title=Text(title, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for (name, values), width in zip(columns.items(), least, strict=True):
        number = all(isinstance(v, int | float | np.number) for v in values)
        table.add_column(Text(name), justify="right" if number else "left", overflow="fold", min_width=width)
    for row in zip(*cells.values(), strict=True):
        table.add_row(*map(Text, row))
    people().print(table)
    return None


def _print_rows(title: str, cells: Mapping[str, Sequence[str]]) -> None:
    """Each row as a heading, its first cell, with a line for each other cell."""
    from rich.text import Text

    names, width = list(cells)[1:], max(map(len, cells))
    people().print(Text(title, style="bold"), soft_wrap=True)
    for first, *row in zip(*cells.values(), strict=True):
        people().print(f"\n {first}", soft_wrap=True)
        for name, cell in zip(names, row, strict=True):
            if cell:
                people().print(f"   {name.ljust(width)}  {cell}", soft_wrap=True)
    people().print()


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return f"{float(value):.5g}"
    return f"{value:,}" if isinstance(value, int | np.integer) and not isinstance(value, bool) else str(value)
