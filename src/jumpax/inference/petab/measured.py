"""The measurement table of a PEtab problem, row by row, before the model is read."""

import math

from jumpax._base.errors import unknown_name
from jumpax.importers.faults import Faults
from jumpax.importers.names import is_identifier
from jumpax.inference.petab.observables import Observable
from jumpax.inference.petab.table import Row, given
from jumpax.inference.petab.tables import Tables

COLUMNS = ("observableParameters", "noiseParameters")
"""What fills placeholders of the formula, and of the noise."""


def check_measurements(tables: Tables, faults: Faults) -> None:
    """Note all rows that cannot be used."""
    if not tables.measurements:
        faults.wrong.append("there are no measurements")
    for row in tables.measurements:
        name = row.get("observableId")
        observable = tables.observables.get(name)
        if observable is None:
            faults.wrong.append(f"{row}: {unknown_name('observable', name, tables.observables)}")
        _check(row, observable, faults)


def _check(row: Row, observable: Observable | None, faults: Faults) -> None:
    for column in ("measurement", "time"):
        if not row.get(column):
            faults.wrong.append(f"{row}: {column} is missing")
    value, when = row.number("measurement", faults), row.number("time", faults)
    if value is not None and not math.isfinite(value):
        faults.wrong.append(f"{row}: the measurement {value:g} is not finite")
    if when is not None and not when >= 0:
        faults.wrong.append(f"{row}: the time {when:g}; times begin at 0")
    if observable is None:
        return
    if value is not None and observable.scale != "lin" and value <= 0:
        faults.wrong.append(
            f"{row}: the measurement {value:g} has no logarithm, on which {row.get('observableId')!r} scatters"
        )
    for places, column in zip(observable.placeholders, COLUMNS, strict=True):
        if len(words := filling(row, column)) != len(places):
            faults.wrong.append(
                f"{row}: {column} has {len(words)} values, the formulas of {row.get('observableId')!r} ask for {len(places)}"
                + (f", for {', '.join(places)}" if places else "")
            )
            continue
        for place, word in zip(places, words, strict=True):
            value = given(word)
            if not is_identifier(word) and (value is None or not math.isfinite(value)):
                what = f"{word!r}, which is no number and no name" if word else "nothing"
                faults.wrong.append(f"{row}: {column} has {what} for {place}")


def filling(row: Row, column: str) -> list[str]:
    """What fills placeholders."""
    return [word.strip() for word in row.get(column).split(";")] if row.get(column) else []


def filled(observable: Observable, row: Row) -> tuple[dict[str, str], dict[str, float]]:
    """What fills the placeholders of a row that is right: names, and numbers."""
    named: dict[str, str] = {}
    numbers: dict[str, float] = {}
    for places, column in zip(observable.placeholders, COLUMNS, strict=True):
        for place, word in zip(places, filling(row, column), strict=True):
            value = given(word)
            if value is None:
                named[place] = word
            else:
                numbers[place] = value
    return named, numbers
