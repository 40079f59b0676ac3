"""One condition of a PEtab problem: rows of measurements, parameters, start."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from jumpax._base.errors import InputError
from jumpax.importers.faults import Faults
from jumpax.inference.parameters import Derived, Fixed, Parameter
from jumpax.inference.petab.before import changed_at_zero
from jumpax.inference.petab.measured import filled
from jumpax.inference.petab.measurements import Measured, Measurements, Signal
from jumpax.inference.petab.model import Asked, Formula
from jumpax.inference.petab.observables import Observable
from jumpax.inference.petab.starts import starts
from jumpax.inference.petab.table import Row, given
from jumpax.inference.petab.tables import Tables
from jumpax.inference.problem import Problem
from jumpax.networks.expressions.expression import Expression, Name, Number, call, names, replaced, with_names


@final
@dataclass(frozen=True)
class Meaning:
    """What names of parameters mean in one condition.

    Attributes:
        table: the parameter table.
        overrides: what the condition sets, as words, and the one before it, if there is one.
        numbers: values in the file of the model.
        anew: what the condition itself sets.
        units: molecules in a unit of species that nothing changes, which are parameters here.
        species: of the file, whose numbers are counts here.
    """

    table: Mapping[str, Parameter]
    overrides: Mapping[str, str]
    numbers: Mapping[str, float]
    anew: Mapping[str, str]
    units: Mapping[str, float]
    species: Collection[str]

    def __call__(self, name: str) -> Parameter:
        """`Free`, `Fixed`, or `Derived` where the condition sets it to another one.

        Raises:
            InputError: nothing gives it a value.
        """
        word = self.overrides.get(name)
        if word is not None:
            value, unit = given(word), self.units.get(name, 1.0)
            if value is not None:
                return Fixed(value * unit)
            other = self._other(word)
            if isinstance(other, Fixed):
                return Fixed(other.value * unit)
            return other if word == name else Derived(Formula(call("multiply", Name(word), Number(unit))), (word,))
        if name in self.table:
            return self.table[name]
        if name in self.numbers:
            return Fixed(self.numbers[name])
        raise InputError(f"nothing gives {name!r} a value: neither the parameter table nor the model")

    def _other(self, word: str) -> Parameter:
        """A parameter to which another is set: of the table, or of the model."""
        if word in self.table:
            return self.table[word]
        if word in self.numbers and word not in self.overrides and word not in self.species:
            return Fixed(self.numbers[word])
        raise InputError(f"{word!r}, to which it is set, is not in the parameter table, nor a number of the model")


def problem(
    tables: Tables,
    rows: Sequence[Row],
    asked: Asked,
    meaning: Meaning,
    before: Meaning | None,
    faults: Faults,
    notes: list[str],
    *,
    rounded: bool,
    settle: float | None,
    source: Any,
) -> Problem | None:
    """The problem of some rows, all of one condition; None, and more faults, if it cannot be set up.

    Args:
        tables: of the whole problem.
        rows: measurements.
        asked: the model.
        meaning: of names in the condition.
        before: of names before time 0, where paths are to come to rest first; None: they begin at 0.
        faults: takes what is wrong.
        notes: takes what must be said.
        rounded: whether numbers at the start that are not whole are rounded.
        settle: how long paths take to come to rest.
        source: where expectations come from; None as problems have it.
    """
    noted = faults.count
    parts = [
        part
        for name in dict.fromkeys(row.get("observableId") for row in rows)
        for part in measured(
            tables.observables[name], name, [r for r in rows if r.get("observableId") == name], asked, meaning, faults
        )
    ]
    first, network = before or meaning, asked.model.network
    if before is not None:
        with faults.of("preequilibration"):
            network = changed_at_zero(asked, before.overrides, meaning.anew, before, meaning, rounded)
    counts, needed = starts(asked, first.overrides, first, rounded, faults, notes)
    needed = dict(needed)
    for name in dict.fromkeys(n for part in parts for n in part.signal.names if n not in network.species):
        with faults.of(f"parameter {name!r}"):
            needed[name] = meaning(name)
    for name in network.parameters:
        with faults.of(f"parameter {name!r}"):
            needed[name] = first(name)
    for one in [*needed.values()]:
        if isinstance(one, Derived):
            needed |= {name: first(name) for name in one.names if name not in needed}
    if faults.count > noted:
        return None
    loss = Measurements(parts, network.species)
    rest = 0.0 if before is None or settle is None else settle
    more: dict[str, Any] = {} if source is None else {"source": source}
    if loss.times is None and settle is not None:
        more["settle"] = rest + settle
    return Problem(network, counts, loss, needed, start=-rest, **more)


def measured(
    observable: Observable, name: str, rows: Sequence[Row], asked: Asked, meaning: Meaning, faults: Faults
) -> list[Measured]:
    """Rows of one observable, by what fills its placeholders."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[Row, dict[str, float]]]] = {}
    for row in rows:
        named, numbers = filled(observable, row)
        groups.setdefault(tuple(named.items()), []).append((row, numbers))
    return [
        part for named, own in groups.items() if (part := _part(observable, name, dict(named), own, asked, meaning, faults))
    ]  # fmt: skip


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
    if counted := [word for word in named.values() if word in asked.model.molecules]:
        faults.wrong.append(
            f"{rows[0][0]}: {counted[0]!r} is a species, where parameters and numbers fill placeholders"
        )
        return None
    fixed, others = dict[str, float](), dict[str, Expression]()
    for read in dict.fromkeys(n for part in found for n in names(part)):
        if read in columns or read in asked.model.network.species:
            continue
        with faults.of(f"observable {name!r}"):
            own = meaning(read)
            if isinstance(own, Fixed):
                fixed[read] = own.value
            elif isinstance(own, Derived) and isinstance(own.formula, Formula):
                others[read] = own.formula.expression
    formula, noise = (replaced(with_names(part, others), fixed) for part in found)
    read = {*names(formula), *names(noise)}
    signal = Signal(name, formula, noise, observable.scale, observable.law, tuple(n for n in columns if n in read))
    before = faults.count
    if isinstance(noise, Number) and not noise.value > 0:
        faults.wrong.append(f"{observable.row}: the noise of {name!r} is {noise.value:g}, and must be above 0")
    if isinstance(noise, Name) and noise.name in columns:
        faults.wrong += [
            f"{row}: the noise {numbers[noise.name]:g} must be above 0"
            for row, numbers in rows
            if not numbers[noise.name] > 0
        ]
    if faults.count > before:
        return None
    values, times = (np.array([float(row.get(c)) for row, _ in rows]) for c in ("measurement", "time"))
    return Measured(signal, times, values, {n: columns[n] for n in signal.columns})
