"""The model of a PEtab problem, with the formulas of its observables in counts."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

from jumpax.importers import FileModel
from jumpax.importers.counts import Counting
from jumpax.importers.faults import Faults
from jumpax.importers.sbml_asked import Asking, read_sbml_asked
from jumpax.inference.parameters import Fixed, Free, Parameter
from jumpax.inference.petab.measured import COLUMNS, filling
from jumpax.inference.petab.table import given
from jumpax.inference.petab.tables import Tables
from jumpax.networks.expressions.expression import Expression, evaluate, evaluate_host, names

_FORMULA, _NOISE, _UNIT, _VALUE = "formula_of_", "noise_of_", "symbol_of_", "value_of_"


@final
@dataclass(frozen=True)
class Asked:
    """A model, and what tables say in its names.

    Attributes:
        model: with its events.
        numbers: values of parameters of the file, by name.
    """

    model: FileModel
    numbers: Mapping[str, float]

    def formula(self, observable: str) -> Expression:
        """Of an observable, of counts and parameters."""
        return self.model.observables[_FORMULA + observable].expression

    def noise(self, observable: str) -> Expression:
        """Of its noise."""
        return self.model.observables[_NOISE + observable].expression

    def molecules(self, species: str) -> float | None:
        """In a unit of the symbol of a species, amount or concentration; None for a name that is no species."""
        rule = self.model.observables.get(_UNIT + species)
        if rule is None or species not in self.model.molecules:
            return None
        return 1 / evaluate_host(rule.expression, {**dict(rule.constants), species: 1.0})


def read_model(tables: Tables, parameters: Mapping[str, Parameter], counting: Counting, faults: Faults) -> Asked | None:
    """The model; None, and more faults, if it cannot be read."""
    used = {name for run in tables.runs for name in run if name in tables.conditions}
    targets = _targets(tables, used)
    faults.wrong += [
        f"{name!r} is set by conditions, and stands in the parameter table: it has two values, leave one out"
        for name in parameters
        if name in targets
    ]
    formulas: dict[str, str] = {}
    readable = {name: one for name, one in tables.observables.items() if one.formula}
    for name, one in readable.items():
        formulas |= {_FORMULA + name: one.formula, _NOISE + name: one.noise}
        if name in one.read[1]:
            formulas = {name: one.formula, **formulas}  # rules come before what reads them
    asking = Asking(
        formulas | {_UNIT + name: name for name in targets},
        {n: p.value for n, p in parameters.items() if isinstance(p, Free | Fixed) and n not in targets},
        targets,
        tables.placeholders,
        tables.version == "1",
        frozenset((*targets, *(n for n, p in parameters.items() if isinstance(p, Free)))),
        frozenset(n for n, p in parameters.items() if isinstance(p, Fixed)) - _words(tables),
        {
            _VALUE + word: word
            for name in used
            for word in tables.conditions[name].values()
            if given(word) is None and word not in parameters
        },
    )
    before = faults.count
    with faults.of(tables.model.name):
        model = read_sbml_asked(tables.model, counting, asking, faults)
        if model is None:
            return None
        for name in readable:
            for part, what in ((_FORMULA, "observableFormula"), (_NOISE, "noiseFormula")):
                if part + name not in model.observables:
                    faults.unread.append(
                        f"observable {name!r}: its {what} reads the time, or what events change; neither is read"
                    )
        if faults.count > before:
            return None
        rules = (*model.observables.values(), *model.starts.values())
        numbers = {n: v for rule in rules for n, v in rule.constants} | model.theta
        return Asked(model, {n: v for n, v in numbers.items() if math.isfinite(v) and n not in tables.placeholders})
    return None


@final
@dataclass(frozen=True)
class Formula:
    """An expression as a function of the values of its names, in order."""

    expression: Expression

    def __call__(self, *values: Any) -> Any:
        """The value."""
        return evaluate(self.expression, dict(zip(names(self.expression), values, strict=True)), 0.0)


def _words(tables: Tables) -> set[str]:
    """Names that tables read."""
    found = {n for one in tables.observables.values() for part in one.read for n in part}
    found |= {word for condition in tables.conditions.values() for word in condition.values()}
    return found.union(*(filling(row, column) for row in tables.measurements for column in COLUMNS))


def _targets(tables: Tables, used: Iterable[str]) -> dict[str, float | None]:
    """What conditions set: an example of its value, None where some do not set it."""
    every = dict.fromkeys(t for name in used for t in tables.conditions[name])
    found: dict[str, float | None] = {}
    for target in every:
        words = [tables.conditions[name].get(target, "") for name in used]
        found[target] = None if "" in words else next((n for w in words if (n := given(w)) is not None), 1.0)
    return found
