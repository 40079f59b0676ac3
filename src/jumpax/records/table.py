"""Columns of a text file."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import InputError, unknown_name

MISSING = ("", "na", "nan", "null", "none", ".")
"""What stands for no number, in any case of letters."""
_SHOWN = 8


def table_of(
    file: str | os.PathLike, time: str, cell: str | None, columns: Sequence[str] | None
) -> tuple[Float[np.ndarray, " times"], dict[str, Float[np.ndarray, "cells times"]], tuple[str, ...]]:
    """Times, columns by cell and time, and names of the cells.

    Raises:
        InputError: columns that are not there, numbers that are none, a cell measured twice at one time; with line numbers.
    """
    head, rows = _rows(Path(file))
    wanted = tuple(columns) if columns else tuple(name for name in head if name not in (time, cell))
    needed = (time, *wanted) if cell is None else (time, *wanted, cell)
    if unknown := [name for name in needed if name not in head]:
        raise InputError(f"{file}: " + "; ".join(unknown_name("column", name, head) for name in unknown))
    faults = list[str]()
    place = {name: head.index(name) for name in needed}
    for line, row in rows:
        if len(row) != len(head):
            faults.append(f"line {line} has {len(row)} fields, the head has {len(head)}")
    if not faults:
        numbers = {
            name: _numbers(name, [(line, row[place[name]]) for line, row in rows], faults) for name in (time, *wanted)
        }
        faults += [f"line {rows[i][0]}: no time" for i in np.flatnonzero(np.isnan(numbers[time]))]
    if faults:
        more = f"\n- and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise InputError(f"{file} cannot be used:\n" + "\n".join(f"- {fault}" for fault in faults[:_SHOWN]) + more)
    labels = ["0"] * len(rows) if cell is None else [row[place[cell]] for _, row in rows]
    cells = tuple(dict.fromkeys(labels))
    times, which = np.unique(numbers[time], return_inverse=True)
    where = np.array([cells.index(label) for label in labels]), which.reshape(-1)
    twice = np.zeros((len(cells), len(times)), int)
    np.add.at(twice, where, 1)
    if (twice > 1).any():
        c, t = np.argwhere(twice > 1)[0]
        hint = "" if cell else "; if rows are of several cells, say by cell=... which column names them"
        raise InputError(f"{file}: cell {cells[c]} has {twice[c, t]} rows of time {times[t]:g}{hint}")
    tables = {name: np.full((len(cells), len(times)), np.nan) for name in wanted}
    for name, table in tables.items():
        table[where] = numbers[name]
    return times, tables, cells


def _rows(file: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The head, and the other rows with their line numbers; lines that begin with # are comments."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    lines = [(i + 1, line) for i, line in enumerate(text.splitlines()) if line.strip() and not line.startswith("#")]
    if len(lines) < 2:
        raise InputError(f"{file} needs a head with names of columns, and rows of numbers")
    mark = next((mark for mark in (",", ";", "\t") if mark in lines[0][1]), None)
    fields = [next(csv.reader([line], delimiter=mark)) if mark else line.split() for _, line in lines]
    fields = [[field.strip() for field in row] for row in fields]
    return fields[0], [(line, row) for (line, _), row in zip(lines[1:], fields[1:], strict=True)]


def _numbers(name: str, fields: list[tuple[int, str]], faults: list[str]) -> Float[np.ndarray, " rows"]:
    """A column of numbers, NaN where there is none."""
    numbers = np.full(len(fields), np.nan)
    for i, (line, field) in enumerate(fields):
        if field.lower() not in MISSING:
            try:
                numbers[i] = float(field)
            except ValueError:
                faults.append(f"line {line}: {field!r} in column {name!r} is not a number")
    return numbers
