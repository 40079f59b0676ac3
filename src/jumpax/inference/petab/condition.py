"""One condition of a PEtab problem: rows of measurements, parameters, start."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from jumpax._base.errors import InputError
from jumpax.importers.faults import Faults
from jumpax.inference.parameters import Derived, Fixed, Free, Parameter
from jumpax.inference.petab.measurements import Measured, Measurements, Signal
from jumpax.inference.petab.model import Asked, number
from jumpax.inference.petab.starts import starts
from jumpax.inference.petab.table import Row
from jumpax.inference.petab.tables import Observable, Tables
from jumpax.inference.problem import Problem
from jumpax.networks.expressions.expression import Name, Number, names, replaced, with_names


@final
@dataclass(frozen=True)
class Meaning:
    """What names of parameters mean in one condition.

    Attributes:
        table: the parameter table.
        overrides: what the condition sets, as words.
        numbers: values in the file of the model.
    """

    table: Mapping[str, Parameter]
    overrides: Mapping[str, str]
    numbers: Mapping[str, float]

    def __call__(self, name: str) -> Parameter:
        """`Free`, `Fixed`, or `Derived` where the condition sets it to another one.

        Raises:
            InputError: nothing gives it a value.
        """
        word = self.overrides.get(name)
        if word is not None:
            value = number(word)
            if value is not None:
                return Fixed(value)
            other = self.table.get(word)
            if other is None:
                raise InputError(f"{word!r}, to which it is set, is not in the parameter table")
            return Derived.product(word) if isinstance(other, Free) and word != name else other
        if name in self.table:
            return self.table[name]
        if name in self.numbers:
            return Fixed(self.numbers[name])
        raise InputError(f"nothing gives {name!r} a value: neither the parameter table nor the model")


def problem(
    tables: Tables,
    rows: Sequence[Row],
    asked: Asked,
    meaning: Meaning,
    faults: Faults,
    notes: list[str],
    *,
    rounded: bool,
    settle: float | None,
    source: Any,
) -> Problem | None:
    """The problem of some rows, all of one condition; None, and more faults, if it cannot be set up."""
    before = faults.count
    parts = [
        part
        for name in dict.fromkeys(row.get("observableId") for row in rows)
        for part in measured(tables.observables[name], name, [r for r in rows if r.get("observableId") == name], asked, meaning, faults)
    ]  # fmt: skip
    network = asked.model.network
    counts, needed = starts(asked, meaning.overrides, meaning, rounded, faults, notes)
    needed = dict(needed)
    read = (*network.parameters, *(n for part in parts for n in part.signal.names if n not in network.species))
    for name in dict.fromkeys(read):
        with faults.of(f"parameter {name!r}"):
            needed[name] = meaning(name)
    for one in [*needed.values()]:
        if isinstance(one, Derived):
            needed |= {name: meaning.table[name] for name in one.names if name not in needed and name in meaning.table}
    if faults.count > before:
        return None
    loss = Measurements(parts, network.species)
    return Problem(
        network, counts, loss, needed, settle=settle if loss.times is None else None, **({} if source is None else {"source": source})
    )  # fmt: skip


def measured(
    observable: Observable, name: str, rows: Sequence[Row], asked: Asked, meaning: Meaning, faults: Faults
) -> list[Measured]:
    """Rows of one observable, by what fills its placeholders."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[Row, dict[str, float]]]] = {}
    for row in rows:
        named, numbers = _filled(observable, row, faults)
        groups.setdefault(tuple(named.items()), []).append((row, numbers))
    return [
        part for named, own in groups.items() if (part := _part(observable, name, dict(named), own, asked, meaning, faults))
    ]  # fmt: skip


def _filled(observable: Observable, row: Row, faults: Faults) -> tuple[dict[str, str], dict[str, float]]:
    """What fills the placeholders of a row: names, and numbers."""
    named: dict[str, str] = {}
    numbers: dict[str, float] = {}
    for places, column in zip(observable.placeholders, ("observableParameters", "noiseParameters"), strict=True):
        words = [word.strip() for word in row.get(column).split(";")] if row.get(column) else []
        if len(words) != len(places):
            faults.wrong.append(
                f"{row}: {column} has {len(words)} values, the formulas of {row.get('observableId')!r} ask for {len(places)}"
            )
            continue
        for place, word in zip(places, words, strict=True):
            if (value := number(word)) is None:
                named[place] = word
            else:
                numbers[place] = value
    return named, numbers


def _part(
    observable: Observable,
    name: str,
    named: Mapping[str, str],
    rows: Sequence[tuple[Row, dict[str, float]]],
    asked: Asked,
    meaning: Meaning,
    faults: Faults,
) -> Measured | None:
    """Rows whose placeholders have the same names."""
    mapping = {place: Name(word) for place, word in named.items()}
    columns = {place: np.array([numbers[place] for _, numbers in rows]) for place in rows[0][1]}
    found = [with_names(part, mapping) for part in (asked.formula(name), asked.noise(name))]
    fixed = {}
    for read in dict.fromkeys(n for part in found for n in names(part)):
        if read in columns or read in asked.model.network.species:
            continue
        with faults.of(f"observable {name!r}"):
            if isinstance(own := meaning(read), Fixed):
                fixed[read] = own.value
    formula, noise = (replaced(part, fixed) for part in found)
    read = {*names(formula), *names(noise)}
    signal = Signal(name, formula, noise, observable.scale, observable.law, tuple(n for n in columns if n in read))
    before = faults.count
    numbers = [_numbers(row, signal, own, faults) for row, own in rows]
    if isinstance(noise, Number) and not noise.value > 0:
        faults.wrong.append(f"{observable.row}: the noise of {name!r} is {noise.value:g}, and must be above 0")
    if faults.count > before:
        return None
    values, times = np.array(numbers, float).T
    return Measured(signal, times, values, {n: columns[n] for n in signal.columns})


def _numbers(row: Row, signal: Signal, own: Mapping[str, float], faults: Faults) -> tuple[float, float]:
    """Measurement and time of a row; what is wrong with them is noted."""
    before = faults.count
    value, when = row.number("measurement", faults), row.number("time", faults)
    if faults.count == before:
        faults.wrong += [f"{row}: {what} is missing" for what in ("measurement", "time") if not row.get(what)]
    if value is not None and not math.isfinite(value):
        faults.wrong.append(f"{row}: the measurement {value:g} is not finite")
    if value is not None and signal.scale != "lin" and value <= 0:
        faults.wrong.append(
            f"{row}: the measurement {value:g} has no logarithm, and {signal.name!r} scatters on that scale"
        )
    if when is not None and not when >= 0:
        faults.wrong.append(f"{row}: the time {when:g}; times begin at 0")
    if isinstance(signal.noise, Name) and not own.get(signal.noise.name, 1.0) > 0:
        faults.wrong.append(f"{row}: the noise {own[signal.noise.name]:g} must be above 0")
    return value or 0.0, when or 0.0
