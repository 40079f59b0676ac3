"""The tables of a PEtab problem, of version 1 or 2, as one form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax._base.extras import need
from jumpax.importers.faults import Faults
from jumpax.importers.petab_formulas import RESERVED
from jumpax.inference.petab.experiments import of_conditions, of_experiments
from jumpax.inference.petab.observables import COLUMNS, NEEDED, Observable, observables
from jumpax.inference.petab.table import Row, by_name, rows

_PARAMETERS = {
    "1": ("parameterScale", "initializationPriorType", "initializationPriorParameters", "objectivePriorType", "objectivePriorParameters"),
    "2": ("priorDistribution", "priorParameters"),
}  # fmt: skip
"""Columns that only one version has."""
_RUNS = {"1": ("simulationConditionId", "preequilibrationConditionId"), "2": ("experimentId",)}
"""The same of measurements; the first must be there."""
_LISTS = ("condition_files", "measurement_files", "observable_files")
_SHOWN = ("visualization_files",)
_NAMED = ("format_version", "parameter_file", "parameter_files", "extensions", "id", "name", "version")
_ENTRIES = {
    "1": (*_LISTS, *_SHOWN, *_NAMED, "problems", "sbml_files", "model_files", "mapping_files"),
    "2": (*_LISTS, *_SHOWN, *_NAMED, "model_files", "experiment_files", "mapping_files"),
}


@final
@dataclass(frozen=True)
class Tables:
    """A problem as it stands in its files.

    Attributes:
        version: of PEtab, "1" or "2".
        model: the file of the model.
        conditions: by name: what it sets, as words.
        observables: by name.
        measurements: each with what stands in its row.
        runs: for each measurement the condition before time 0, empty for none, and that from then on.
        parameters: by name.
    """

    version: str
    model: Path
    conditions: dict[str, dict[str, str]]
    observables: dict[str, Observable]
    measurements: list[Row]
    runs: list[tuple[str, str]]
    parameters: dict[str, Row]

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Of all observables."""
        return tuple(dict.fromkeys(p for one in self.observables.values() for part in one.placeholders for p in part))


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

    def files(*keys: str) -> list[Path]:
        return [file.parent / name for key in keys for name in _list(key, part.get(key, told.get(key)))]

    of_parameters = rows(files("parameter_file", "parameter_files"), ("parameterId", "estimate"), (), faults)
    parameters = by_name(of_parameters, "parameterId", faults)
    used = dict.fromkeys(c for row in of_parameters for c in row.words)
    known = _PARAMETERS[version]
    faults.unread += [
        f"the parameter table: the column {c!r} is not one of version {version}, so that it is not read"
        for c in used
        if c not in known and "prior" in c.lower()
    ]
    observed = by_name(rows(files("observable_files"), NEEDED, COLUMNS[version], faults), "observableId", faults)
    _check_words((*parameters, *observed), version, faults)
    needed = ("observableId", _RUNS[version][0], "measurement", "time")
    measured = rows(files("measurement_files"), needed, (), faults)
    model, number = _model(part, version)
    _check_columns(measured, version, number, faults)
    runs = (of_conditions if version == "1" else of_experiments)(files, measured, faults)
    return Tables(
        version, file.parent / model, runs.conditions, observables(observed, version, [*parameters], faults), measured, runs.of,
        parameters,
    )  # fmt: skip


def _check_words(names: Sequence[str], version: str, faults: Faults) -> None:
    """Names that mean something else in formulas."""
    reserved = RESERVED if version == "2" else ("time",)
    faults.wrong += [
        f"{name!r} is a word of PEtab, so that nothing can be called so: give it another name"
        for name in names
        if (name.lower() if version == "2" else name) in reserved
    ]


def _check_columns(measured: Sequence[Row], version: str, model: str, faults: Faults) -> None:
    """What only the other version would understand; and other models."""
    other = _RUNS["2" if version == "1" else "1"]
    used = dict.fromkeys(c for row in measured for c in row.words)
    faults.wrong += [
        f"the measurement table: the column {c!r} is not one of version {version}; that has {' and '.join(_RUNS[version])}"
        for c in used
        if c in other
    ]
    if version == "2":
        faults.wrong += [
            f"{row}: {unknown_name('model', row.get('modelId'), [model])}"
            for row in measured
            if row.get("modelId", model) != model
        ]


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
    known = _ENTRIES[version]
    faults.wrong += [unknown_name("entry", key, known) for key in {**told, **part} if key not in known]
    if told.get("extensions"):
        faults.unread.append(f"extensions: {', '.join(map(str, told['extensions']))}")
    if part.get("mapping_files"):
        faults.unread.append("mapping_files: names of a model that the tables rename")
    return part


def _list(key: str, given: Any) -> list[str]:
    """Names of files.

    Raises:
        InputError: they are none.
    """
    found = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InputError(f"{key}: {given!r}, where names of files are needed")
    return found


def _model(part: Mapping[str, Any], version: str) -> tuple[str, str]:
    """The file of the model, and its name.

    Raises:
        InputError: it is not said as PEtab does.
        UnsupportedError: there are several, or it is no SBML.
    """
    if version == "1" and (files := _list("sbml_files", part.get("sbml_files"))):
        models = {file: {"location": file} for file in files}
    else:
        models = part.get("model_files") or {}
        if not isinstance(models, dict) or not all(
            isinstance(one, dict) and isinstance(one.get("location"), str) for one in models.values()
        ):
            raise InputError(
                f"model_files: {models!r}, where models by name are needed, each with location and language"
            )
    if other := [m for m in models.values() if m.get("language", "sbml") != "sbml"]:
        raise UnsupportedError(f"a model in the language {other[0].get('language')}; SBML is read")
    if len(models) != 1:
        raise UnsupportedError(f"it has {len(models)} models; problems with one are read")
    ((name, model),) = models.items()
    return model["location"], name
