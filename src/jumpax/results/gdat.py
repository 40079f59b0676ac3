"""Time courses as BioNetGen writes them."""

from pathlib import Path

import numpy as np

from jumpax._base.errors import InputError
from jumpax._base.labelled import Labelled
from jumpax.results.dataset import Result, labelled_of


def write_gdat(result: Result, file: Path) -> None:
    """A line `# time ...` with the names, then a row of numbers for each time.

    Raises:
        InputError: it is no time course of one path.
    """
    found = labelled_of(result)
    check_course(found)
    rows = found.table()
    names = ["time", *observed(found)]
    if spaced := [name for name in names if any(mark.isspace() for mark in name)]:
        raise InputError(
            f".gdat separates columns by spaces, and these names have some: {', '.join(map(repr, spaced))}"
        )
    columns = [np.asarray(rows[name].values, float) for name in names]
    head = "#" + " ".join(f"{name:>20}" for name in names)
    lines = [" " + " ".join(f"{value:>20.12e}" for value in row) for row in zip(*columns, strict=True)]
    file.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


def observed(found: Labelled) -> list[str]:
    """Columns of a time course: groups and rules first, then species, then parameters that change."""
    table = list(found.table())
    observables = [name for variable, name in found.columns.items() if variable.startswith("observable_")]
    return observables + [name for name in table if name not in (*found.rows, *observables, "status")]


def check_course(found: Labelled) -> None:
    """Whether these are paths at times, and one of them.

    Raises:
        InputError: they are not, with what to do.
    """
    if found.kind != "paths" or "time" not in found.rows:
        raise InputError(
            "a .gdat file holds a time course: Paths at times, not at numbers of events, and no other result"
        )
    many = len(found.coordinates["path"].values)
    if many != 1:
        raise InputError(
            f"a .gdat file holds the time course of one path, and there are {many:,}: write paths.take(0), "
            "each to a file of its own, or all of them as .csv, .parquet or .nc"
        )
