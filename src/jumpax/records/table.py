"""Records by cell and time from a text file."""

import os
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jumpax._base.columns import Columns
from jumpax._base.errors import InputError


def table_of(
    file: str | os.PathLike, time: str, cell: str | None, columns: Sequence[str] | None
) -> tuple[Float[np.ndarray, " times"], dict[str, Float[np.ndarray, "cells times"]], tuple[str, ...]]:
    """Times, columns by cell and time, and names of the cells.

    Raises:
        InputError: columns that are not there, words that are no numbers, a cell measured twice at one time; with line numbers.
    """
    found = Columns.read(file)
    labels = ["0"] * len(found.rows) if cell is None else found.words(cell)[cell]
    wanted = tuple(columns) if columns else tuple(name for name in found.head if name not in (time, cell))
    numbers = found.numbers(time, *wanted, needed=[time])
    cells = tuple(dict.fromkeys(labels))
    times, which = np.unique(numbers[time], return_inverse=True)
    where = np.array([cells.index(label) for label in labels]), which.reshape(-1)
    twice = np.zeros((len(cells), len(times)), int)
    np.add.at(twice, where, 1)
    if (twice > 1).any():
        c, t = np.argwhere(twice > 1)[0]
        lines = ", ".join(str(found.lines[row]) for row in np.flatnonzero((where[0] == c) & (where[1] == t)))
        hint = "" if cell else "; if rows are of several cells, say by cell=... which column names them"
        raise InputError(f"{file}: cell {cells[c]} has {twice[c, t]} rows of time {times[t]:g}, lines {lines}{hint}")
    tables = {name: np.full((len(cells), len(times)), np.nan) for name in wanted}
    for name, table in tables.items():
        table[where] = numbers[name]
    return times, tables, cells
