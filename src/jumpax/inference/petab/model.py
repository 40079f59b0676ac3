"""The model of a PEtab problem, with the formulas of its observables in counts."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

from jumpax.importers import FileModel
from jumpax.importers.counts import Counting
from jumpax.importers.faults import Faults
from jumpax.importers.sbml_asked import read_sbml_asked
from jumpax.inference.parameters import Fixed, Free, Parameter
from jumpax.inference.petab.tables import Tables
from jumpax.networks.expressions.expression import Expression, evaluate, evaluate_host, names

_FORMULA, _NOISE, _UNIT = "formula_of_", "noise_of_", "symbol_of_"


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
    formulas: dict[str, str] = {}
    noises = " ".join(one.noise for one in tables.observables.values())
    for name, one in tables.observables.items():
        formulas |= {_FORMULA + name: one.formula, _NOISE + name: one.noise}
        if re.search(rf"\b{re.escape(name)}\b", noises):
            formulas[name] = one.formula
    written = {n for text in formulas.values() for n in re.findall(r"[A-Za-z_]\w*", text)}
    values = {p: 1.0 for one in tables.observables.values() for part in one.placeholders for p in part}
    values |= {n: p.value for n, p in parameters.items() if isinstance(p, Free | Fixed) and n not in targets}
    formulas |= {_UNIT + name: name for name in targets}
    before = faults.count
    with faults.of(tables.model.name):
        model = read_sbml_asked(tables.model, counting, formulas, values, targets, faults)
        if model is None:
            return None
        for name in tables.observables:
            for part, what in ((_FORMULA, "observableFormula"), (_NOISE, "noiseFormula")):
                if part + name not in model.observables:
                    faults.unread.append(
                        f"observable {name!r}: its {what} reads the time, or what events change; neither is read"
                    )
        if faults.count > before:
            return None
        rules = (*model.observables.values(), *model.starts.values())
        numbers = {n: v for rule in rules for n, v in rule.constants} | model.theta
        return Asked(model, {n: v for n, v in numbers.items() if math.isfinite(v) or n in written})
    return None


@final
@dataclass(frozen=True)
class Formula:
    """An expression as a function of the values of its names, in order."""

    expression: Expression

    def __call__(self, *values: Any) -> Any:
        """The value."""
        return evaluate(self.expression, dict(zip(names(self.expression), values, strict=True)), 0.0)


def _targets(tables: Tables, used: Iterable[str]) -> dict[str, float | None]:
    """What conditions set: an example of its value, None where some do not set it."""
    every = dict.fromkeys(t for name in used for t in tables.conditions[name])
    found: dict[str, float | None] = {}
    for target in every:
        words = [tables.conditions[name].get(target) for name in used]
        found[target] = None if None in words else next((n for w in words if (n := number(w)) is not None), 1.0)
    return found


def number(word: str | None) -> float | None:
    """The number that a word is; None for a name."""
    try:
        return None if word is None else float(word)
    except ValueError:
        return None
