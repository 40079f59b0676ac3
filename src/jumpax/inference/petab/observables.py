"""The observable table of a PEtab problem."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from jumpax._base.errors import InputError
from jumpax.importers.faults import Faults
from jumpax.importers.names import is_identifier
from jumpax.importers.petab_formulas import formula
from jumpax.inference.petab.table import Row
from jumpax.networks.expressions.expression import names

NEEDED = ("observableId", "observableFormula", "noiseFormula")
COLUMNS = {
    "1": (*NEEDED, "observableName", "observableTransformation", "noiseDistribution"),
    "2": (*NEEDED, "observableName", "observablePlaceholders", "noisePlaceholders", "noiseDistribution"),
}
"""By version."""
_DISTRIBUTIONS = {
    "normal": ("lin", "normal"), "laplace": ("lin", "laplace"), "log-normal": ("log", "normal"), "log-laplace": ("log", "laplace"),
}  # fmt: skip
_SCALES = ("lin", "log", "log10")
_KINDS = ("observable", "noise")


@final
@dataclass(frozen=True)
class Observable:
    """What is measured, and how it scatters.

    Attributes:
        row: where it stands.
        formula: of species and parameters; empty if it cannot be read, which is told.
        noise: formula of the standard deviation, on the scale of `scale`.
        read: names in the formula, and in that of the noise.
        scale: on which it scatters evenly: "lin", "log" or "log10".
        law: "normal" or "laplace".
        placeholders: names in its formulas that rows of measurements fill: of the formula, and of the noise.
    """

    row: Row
    formula: str
    noise: str
    read: tuple[tuple[str, ...], tuple[str, ...]]
    scale: str
    law: str
    placeholders: tuple[tuple[str, ...], tuple[str, ...]]


def observables(
    table: Mapping[str, Row], version: str, parameters: Sequence[str], faults: Faults
) -> dict[str, Observable]:
    """By name.

    Args:
        table: rows by name.
        version: of PEtab, "1" or "2".
        parameters: names of the parameter table: in formulas they come before words of PEtab, and none is a placeholder.
        faults: takes what is wrong.
    """
    found = {name: _observable(name, row, version, parameters, faults) for name, row in table.items()}
    places = dict.fromkeys(p for one in found.values() for part in one.placeholders for p in part)
    faults.wrong += [
        f"{p!r} is a placeholder of an observable, and stands in the parameter table" for p in parameters if p in places
    ]
    return found


def _observable(name: str, row: Row, version: str, parameters: Sequence[str], faults: Faults) -> Observable:
    scale, law = (_scatter_1 if version == "1" else _scatter_2)(row, faults)
    before = faults.count
    texts, read = [row.get(column) for column in NEEDED[1:]], list[tuple[str, ...]]()
    for column, text in zip(NEEDED[1:], texts, strict=True):
        read.append(())
        with faults.of(f"{row}: the {column} of {name!r}"):
            read[-1] = _names(text, parameters)
    if version == "1":
        places = tuple(_numbered(name, kind, (*read[0], *read[1]), row, faults) for kind in _KINDS)
    else:
        places = tuple(_declared(f"{kind}Placeholders", row, faults) for kind in _KINDS)
    text, noise = ("", "") if faults.count > before else texts
    return Observable(row, text, noise, (read[0], read[1]), scale, law, (places[0], places[1]))


def _names(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """The names in a formula."""
    if not text:
        raise InputError("it is missing")
    try:
        return names(formula(text, known))
    except InputError as fault:
        raise InputError(f"{text} cannot be read: {fault}") from None


def _scatter_1(row: Row, faults: Faults) -> tuple[str, str]:
    """Scale and law, in version 1."""
    scale, law = row.get("observableTransformation", "lin"), row.get("noiseDistribution", "normal")
    if scale not in _SCALES:
        faults.wrong.append(f"{row}: observableTransformation {scale!r}; it must be lin, log or log10")
    if law not in ("normal", "laplace"):
        faults.unread.append(f"{row}: noiseDistribution {law!r}; normal and laplace are read")
    return scale, law


def _scatter_2(row: Row, faults: Faults) -> tuple[str, str]:
    """Scale and law, in version 2."""
    law = row.get("noiseDistribution", "normal")
    if law not in _DISTRIBUTIONS:
        faults.unread.append(f"{row}: noiseDistribution {law!r}; {', '.join(_DISTRIBUTIONS)} are read")
    return _DISTRIBUTIONS.get(law, ("lin", "normal"))


def _numbered(name: str, kind: str, read: Sequence[str], row: Row, faults: Faults) -> tuple[str, ...]:
    """Placeholders of version 1, which formulas number from 1 on."""
    own = re.compile(rf"{kind}Parameter(\d+)_{re.escape(name)}")
    numbers = sorted({int(match[1]) for one in read if (match := own.fullmatch(one))})
    made = tuple(f"{kind}Parameter{i + 1}_{name}" for i in range(len(numbers)))
    if not {*made} <= {*read}:
        given = ", ".join(one for one in dict.fromkeys(read) if own.fullmatch(one))
        faults.wrong.append(f"{row}: placeholders are numbered 1, 2, ... without gaps; got {given}")
    return made


def _declared(column: str, row: Row, faults: Faults) -> tuple[str, ...]:
    """Placeholders of version 2, which have a column."""
    found = tuple(map(str.strip, row.get(column).split(";"))) if row.get(column) else ()
    if wrong := [one for one in found if not is_identifier(one) or found.count(one) > 1]:
        faults.wrong.append(f"{row}: {column} has {wrong[0]!r}, where a name that stands once is needed")
    return found
