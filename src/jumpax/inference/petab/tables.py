"""The tables of a PEtab problem, of version 1 or 2, as one form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax._base.extras import need
from jumpax.importers.faults import Faults
from jumpax.inference.petab.table import Row, by_name, rows

_PLACEHOLDER = re.compile(r"\b(observable|noise)Parameter(\d+)_\w+")
_OBSERVABLES = (
    "observableId", "observableName", "observableFormula", "noiseFormula", "observableTransformation", "noiseDistribution",
    "observablePlaceholders", "noisePlaceholders",
)  # fmt: skip
_PARAMETERS = (
    "parameterId", "parameterName", "parameterScale", "lowerBound", "upperBound", "nominalValue", "estimate",
    "initializationPriorType", "initializationPriorParameters", "objectivePriorType", "objectivePriorParameters",
    "priorDistribution", "priorParameters",
)  # fmt: skip
_LISTS = ("condition_files", "measurement_files", "observable_files")
_SHOWN = ("visualization_files",)
_NAMED = ("format_version", "parameter_file", "parameter_files", "problems", "extensions", "id", "name", "version")
_DISTRIBUTIONS = {
    "": ("lin", "normal"), "normal": ("lin", "normal"), "laplace": ("lin", "laplace"),
    "log-normal": ("log", "normal"), "log-laplace": ("log", "laplace"),
}  # fmt: skip


@final
@dataclass(frozen=True)
class Observable:
    """What is measured, and how it scatters.

    Attributes:
        row: where it stands.
        formula: of species and parameters.
        noise: formula of the standard deviation, on the scale of `scale`.
        scale: on which it scatters evenly: "lin", "log" or "log10".
        law: "normal" or "laplace".
        placeholders: names in its formulas that rows of measurements fill: of the formula, and of the noise.
    """

    row: Row
    formula: str
    noise: str
    scale: str
    law: str
    placeholders: tuple[tuple[str, ...], tuple[str, ...]]


@final
@dataclass(frozen=True)
class Tables:
    """A problem as it stands in its files.

    Attributes:
        model: the file of the model.
        conditions: by name: what it sets, as words.
        observables: by name.
        measurements: each with what stands in its row.
        runs: for each measurement the condition before time 0, empty for none, and that from then on.
        parameters: by name.
    """

    model: Path
    conditions: dict[str, dict[str, str]]
    observables: dict[str, Observable]
    measurements: list[Row]
    runs: list[tuple[str, str]]
    parameters: dict[str, Row]


def read_tables(file: Path, faults: Faults) -> Tables:
    """The tables that a YAML file names.

    Raises:
        InputError, UnsupportedError: the file says nothing that can be followed; other faults are noted.
    """
    told = _yaml(file)
    version = str(told.get("format_version", "")).split(".")[0]
    if version not in ("1", "2"):
        raise UnsupportedError(f"format_version {told.get('format_version')!r}; versions 1 and 2 of PEtab are read")
    part = _part(told, version, faults)
    folder = file.parent

    def files(*keys: str) -> list[Path]:
        named = [name for key in keys for name in _list(part.get(key, told.get(key)))]
        return [folder / name for name in named]

    parameters = rows(files("parameter_file", "parameter_files"), ("parameterId", "estimate"), (), faults)
    columns = dict.fromkeys(c for row in parameters for c in row.words if c and c not in _PARAMETERS)
    faults.unread += [
        f"the parameter table: the column {c!r} is not known, so that it is not read"
        for c in columns
        if "prior" in c.lower()
    ]
    observed = by_name(
        rows(files("observable_files"), ("observableId", "observableFormula", "noiseFormula"), _OBSERVABLES, faults),
        "observableId", faults,
    )  # fmt: skip
    measured = rows(files("measurement_files"), ("observableId", "measurement", "time"), (), faults)
    conditions, runs = (_old if version == "1" else _new)(files, measured, faults)
    return Tables(
        folder / _model(part, version), conditions,
        {name: _observable(name, row, version, faults) for name, row in observed.items()},
        measured, runs, by_name(parameters, "parameterId", faults),
    )  # fmt: skip


def _yaml(file: Path) -> dict[str, Any]:
    need("petab", "reading PEtab")
    import yaml

    try:
        told = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{file} cannot be read: {fault}") from fault
    except yaml.YAMLError as fault:
        raise InputError(f"{file} is not YAML: {' '.join(str(fault).split())}") from fault
    if not isinstance(told, dict) or "format_version" not in told:
        raise InputError(f"{file} is not a problem of PEtab: there is no format_version in it")
    return told


def _part(told: Mapping[str, Any], version: str, faults: Faults) -> Mapping[str, Any]:
    """Where the files are named."""
    part = told
    if version == "1":
        problems = told.get("problems")
        if not isinstance(problems, list) or len(problems) != 1 or not isinstance(problems[0], dict):
            many = len(problems) if isinstance(problems, list) else 0
            raise UnsupportedError(f"it has {many} problems; files with one are read: write a file for each")
        part = problems[0]
    known = (*_LISTS, *_SHOWN, *_NAMED, "sbml_files", "model_files", "experiment_files", "mapping_files")
    faults.wrong += [unknown_name("entry", key, known) for key in {**told, **part} if key not in known]
    if told.get("extensions"):
        faults.unread.append(f"extensions: {', '.join(map(str, told['extensions']))}")
    if part.get("mapping_files"):
        faults.unread.append("mapping_files: names of a model that the tables rename")
    return part


def _list(given: Any) -> list[str]:
    return [] if given is None else [given] if isinstance(given, str) else list(given)


def _model(part: Mapping[str, Any], version: str) -> str:
    """The file of the model.

    Raises:
        UnsupportedError: there are several, or it is no SBML.
    """
    named = part.get("sbml_files") if version == "1" else None
    if named is None:
        models = list((part.get("model_files") or {}).values())
        if other := [m for m in models if m.get("language", "sbml") != "sbml"]:
            raise UnsupportedError(f"a model in the language {other[0].get('language')}; SBML is read")
        named = [model.get("location", "") for model in models]
    files = _list(named)
    if len(files) != 1:
        raise UnsupportedError(f"it has {len(files)} models; problems with one are read")
    return files[0]


def _old(files: Any, measured: list[Row], faults: Faults) -> tuple[dict[str, dict[str, str]], list[tuple[str, str]]]:
    """Conditions and runs of version 1."""
    table = by_name(rows(files("condition_files"), ("conditionId",), (), faults), "conditionId", faults)
    aside = ("conditionId", "conditionName")
    conditions = {name: {c: w for c, w in row.words.items() if c not in aside} for name, row in table.items()}
    runs = []
    for row in measured:
        before, now = row.get("preequilibrationConditionId"), row.get("simulationConditionId")
        faults.wrong += [
            f"{row}: {unknown_name('condition', name, conditions)}" for name in {before, now} - {""} - {*conditions}
        ]
        if not now:
            faults.wrong.append(f"{row}: simulationConditionId is missing")
        runs.append((before, now))
    return conditions, runs


def _new(files: Any, measured: list[Row], faults: Faults) -> tuple[dict[str, dict[str, str]], list[tuple[str, str]]]:
    """Conditions and runs of version 2: experiments are made conditions."""
    wanted = ("conditionId", "targetId", "targetValue")
    changes: dict[str, dict[str, str]] = {"": {}}
    for row in rows(files("condition_files"), wanted, (), faults):
        changes.setdefault(row.get("conditionId"), {})[row.get("targetId")] = row.get("targetValue")
    periods: dict[str, list[Row]] = {}
    for row in rows(files("experiment_files"), ("experimentId", "time", "conditionId"), (), faults):
        periods.setdefault(row.get("experimentId"), []).append(row)
    conditions, experiments = {"": {}}, {"": ("", "")}
    for name, parts in periods.items():
        by_time: dict[float, dict[str, str]] = {}
        for row in parts:
            when, condition = row.number("time", faults), row.get("conditionId")
            if condition not in changes:
                faults.wrong.append(f"{row}: {unknown_name('condition', condition, changes)}")
            by_time.setdefault(0.0 if when is None else when, {}).update(changes.get(condition, {}))
        times = sorted(by_time)
        if times not in ([0.0], [float("-inf")], [float("-inf"), 0.0]):
            faults.unread.append(
                f"{parts[0]}: experiment {name!r} has periods from {', '.join(f'{t:g}' for t in times)} on; one from 0 on "
                "is read, with one from -inf before it or not"
            )
        before = by_time.get(float("-inf"))
        conditions[name] = by_time.get(0.0, {})
        experiments[name] = ("", name)
        if before is not None:
            conditions[f"{name} before"] = before
            experiments[name] = (f"{name} before", name)
    runs = []
    for row in measured:
        name = row.get("experimentId")
        if name not in experiments:
            faults.wrong.append(f"{row}: {unknown_name('experiment', name, experiments)}")
        runs.append(experiments.get(name, ("", "")))
    return conditions, runs


def _observable(name: str, row: Row, version: str, faults: Faults) -> Observable:
    law, scale = row.get("noiseDistribution", "normal"), row.get("observableTransformation", "lin")
    if version == "2":
        scale, law = _DISTRIBUTIONS.get(law, ("lin", law))
    if scale not in ("lin", "log", "log10"):
        faults.wrong.append(f"{row}: observableTransformation {scale!r}; it must be lin, log or log10")
    if law not in ("normal", "laplace"):
        faults.unread.append(f"{row}: noiseDistribution {law!r}; normal and laplace are read")
    formula, noise = row.get("observableFormula"), row.get("noiseFormula")
    faults.wrong += [f"{row}: {what} is missing" for what in ("observableFormula", "noiseFormula") if not row.get(what)]
    if version == "2":
        texts = row.get("observablePlaceholders"), row.get("noisePlaceholders")
        first, second = (tuple(filter(None, map(str.strip, text.split(";")))) for text in texts)
    else:
        found = [(m[1], int(m[2])) for m in _PLACEHOLDER.finditer(f"{formula} {noise}")]
        first, second = (
            tuple(f"{kind}Parameter{i + 1}_{name}" for i in range(max([n for k, n in found if k == kind], default=0)))
            for kind in ("observable", "noise")
        )
    return Observable(row, formula, noise, scale, law, (first, second))
