"""A fitting problem written as TOML, with its data in a CSV file."""

import csv
import dataclasses
import gzip
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax.cli.models import find_file
from jumpax.cli.rule_loss import RuleLoss, with_rules
from jumpax.gradients import ScoreFunction
from jumpax.importers import FileModel
from jumpax.inference import Derived, Fixed, Free, MasterEquation, Problem, Simulation, losses
from jumpax.inference.losses import AbstractLoss
from jumpax.inference.observed import SHOWN
from jumpax.inference.parameters import Parameter
from jumpax.networks import check_counts
from jumpax.networks.toml_model import read_model
from jumpax.networks.zoo import Model

Table = Mapping[str, Any]

_MODEL = ("network", "theta", "x0", "units", "reference")
_OWN = ("model", "settle", "start", "parameters", "data", "loss", "simulation", "exact", "fit", "profile")
_FIT = {"starts": int, "steps": int, "average": int, "final": int, "seed": int}
_LOSS = {
    "log_likelihood": (("smoothing", "size"), ("file", "species", "count", "time")),
    "moments": (("order",), ("file", "species", "count", "time")),
    "time_series": ((), ("file", "time", "means", "standard_errors", "paths")),
}
"""Loss by name: its settings, and the entries of [data] that it knows."""
_OPTIONAL = ("time", "paths")
"""Entries of [data] that may be left out; but a time series needs its times."""


class ProblemFile(NamedTuple):
    """What a problem file asks for."""

    problem: Problem
    settings: dict[str, Any]
    """For `fit`, with `seed`."""
    profile: dict[str, Any] | None
    """Arguments of `profile`, with `source` for its likelihood."""
    name: str
    notes: tuple[str, ...] = ()
    """What was assumed or changed in reading the model's file."""


def read_problem(file: Path, *, round_counts: bool = False) -> ProblemFile:
    """The problem in a TOML file.

    - `model`, the name of one in the zoo or a file beside the TOML (whatever `jumpax.read` reads, or TOML), with other numbers
      in `[theta]` and `[x0]` if wanted; or `[network]` with `[theta]` and `[x0]` as in a model file.
    - `[parameters]`: by name `{free = 1.0, lower = 0.0}`, `{fixed = 2.0}`, `{product = ["a", "b"]}` or
      `{ratio = ["a", "b"]}`, each with a `unit` if wanted; those of the network that are left out are fixed.
    - `[data]`: `file` (CSV, beside the TOML), and headings: `species`, `count` and perhaps `time`; for time series
      `time`, and tables `means` and `standard_errors` from species to heading (or number), of means of many independent
      paths at each time, and perhaps `paths`, how many. For a species there may be an observable of the model's file: an
      assignment rule or a group.
    - `[loss]`: `kind`, "log_likelihood" (default), "moments" or "time_series", and its settings.
    - `settle` for data at steady state; `start`.
    - `[simulation]` (`paths`, `batches`, and `exact`, whether the master equation may end the search) or `[exact]`
      (`limits`); `[fit]` (`starts`, `steps`, `average`, `seed`).
    - `[profile]`: `name`, `values`, and `limits` for a likelihood from the master equation.

    Args:
        file: the TOML.
        round_counts: round initial counts that are not whole instead of refusing them.

    Raises:
        InputError: no such file, no TOML, or everything that is wrong, at once; data with row numbers, counted from 1
            after the line of headings.
        UnsupportedError: the same, if something in the model's file is not read, or has events.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise InputError(f"the problem {file} cannot be read: {fault.strerror or fault}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise InputError(f"{file} is not TOML: {fault}") from fault
    collected = _Collector()
    for key in table:
        if key not in (*_MODEL, *_OWN):
            collected.faults.append(unknown_name("entry", key, (*_OWN, *_MODEL)))
    model, opened = collected.take(lambda: _model(table, file, round_counts)) or (None, None)
    parameters = collected.take(lambda: _parameters(_part(table, "parameters"), model)) if model else None
    loss = collected.take(lambda: _loss(_part(table, "loss"), _part(table, "data"), file.parent))
    source = collected.take(lambda: _source(table))
    settings = collected.take(lambda: _settings(_part(table, "fit")))
    wanted = collected.take(lambda: _profile(table))
    if model is not None and parameters is not None and loss is not None and source is not None:
        problem = collected.take(lambda: _problem(table, model, opened, loss, parameters, source))
    if collected.faults:
        told = "\n".join("- " + fault.replace("\n", "\n  ") for fault in collected.faults)
        raise (UnsupportedError if collected.unread else InputError)(f"{file} cannot be used:\n{told}")
    assert problem is not None
    assert settings is not None
    return ProblemFile(problem, settings, wanted, file.stem, () if opened is None else opened.notes)


class _Collector:
    """Faults of several steps, told together."""

    def __init__(self):
        self.faults: list[str] = []
        self.unread = False

    def take(self, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except (InputError, UnsupportedError) as fault:
            self.faults.append(str(fault))
            self.unread |= isinstance(fault, UnsupportedError)
        except (TypeError, ValueError) as fault:
            self.faults.append(f"a value has the wrong kind: {fault}")
        return None


def _part(table: Table, key: str) -> Table:
    part = table.get(key, {})
    if not isinstance(part, Mapping):
        raise InputError(f"{key} must be a table, [{key}], not {part!r}")
    return part


def _known(where: str, part: Table, known: tuple[str, ...]) -> None:
    if wrong := [unknown_name("entry", key, known) for key in part if key not in known]:
        raise InputError("\n".join(f"{where}: {fault}" for fault in wrong))


def _model(table: Table, file: Path, round_counts: bool) -> tuple[Model, FileModel | None]:
    """A model of the zoo or of another file, with other numbers if given, or the one in this file."""
    if ("model" in table) == ("network" in table):
        raise InputError(
            "give either model = '<name in the zoo, or a file>' or a table [network], with [x0] and [theta]"
        )
    if "network" in table:
        own = {k: v for k, v in table.items() if k in _MODEL}
        return read_model(own, name=file.stem, origin=str(file), round_counts=round_counts), None
    named = str(table["model"])
    made, opened = find_file(str(file.parent / named) if Path(named).suffix else named, round_counts=round_counts)
    own, theta = _part(table, "x0"), _part(table, "theta")
    _known("x0", own, made.network.species)
    _known("theta", theta, made.network.parameters)
    start = check_counts(made.network, {**made.x0, **own}, round_counts=round_counts).tolist()
    x0 = dict(zip(made.network.species, start, strict=True))
    return Model(made.network, {**made.theta, **theta}, x0, made.times, made.reference), opened


def _problem(
    table: Table,
    model: Model,
    opened: FileModel | None,
    loss: AbstractLoss,
    parameters: dict[str, Parameter],
    source: Simulation | MasterEquation,
) -> Problem:
    """All of it together."""
    options = {key: table[key] for key in ("settle", "start") if key in table}
    judged = with_rules(loss, model.network, {} if opened is None else opened.observables, parameters)
    if isinstance(judged, RuleLoss) and isinstance(source, Simulation) and isinstance(loss, losses.LogLikelihood):
        source = dataclasses.replace(source, gradient=ScoreFunction())  # as for the histogram of a species
    return Problem(model.network, model.x0, judged, parameters, source=source, **options)


def _parameters(part: Table, model: Model) -> dict[str, Parameter]:
    """Parameters of the file; those of the network that it does not name are fixed at the model's values."""
    found: dict[str, Parameter] = {n: Fixed(v) for n, v in model.theta.items() if n not in part}
    faults = []
    for name, entry in part.items():
        try:
            found[name] = _parameter(name, entry)
        except InputError as fault:
            faults.append(str(fault))
    if faults:
        raise InputError("\n".join(faults))
    return found


def _parameter(name: str, entry: Any) -> Parameter:
    """`{free = 1.0, lower = 0.0, upper = 9.0}`, `{fixed = 1.0}`, `{product = [..]}` or `{ratio = [.., ..]}`."""
    kinds = ("free", "fixed", "product", "ratio")
    given = [kind for kind in kinds if isinstance(entry, Mapping) and kind in entry]
    if len(given) != 1:
        raise InputError(f"parameter {name!r} must be a table with one of {', '.join(kinds)}, not {entry!r}")
    kind = given[0]
    _known(f"parameter {name!r}", entry, (kind, "unit", *(("lower", "upper") if kind == "free" else ())))
    value, unit = entry[kind], str(entry.get("unit", ""))
    if kind in ("product", "ratio"):
        names = isinstance(value, list) and all(isinstance(v, str) for v in value)
        if not names or (kind == "ratio" and len(value) != 2):
            raise InputError(f"parameter {name!r}: {kind} needs a list of {'two ' * (kind == 'ratio')}names")
        return Derived.product(*value, unit=unit) if kind == "product" else Derived.ratio(*value, unit=unit)
    bounds = {key: entry[key] for key in ("lower", "upper") if key in entry}
    if wrong := [v for v in (value, *bounds.values()) if isinstance(v, bool) or not isinstance(v, int | float)]:
        raise InputError(f"parameter {name!r}: {wrong[0]!r} is not a number")
    if kind == "fixed":
        return Fixed(float(value), unit)
    try:
        return Free(float(value), unit=unit, **{key: float(bound) for key, bound in bounds.items()})
    except InputError as fault:
        raise InputError(f"parameter {name!r}: {fault}") from None


def _loss(part: Table, data: Table, folder: Path) -> AbstractLoss:
    """The loss with its data."""
    kind = part.get("kind", "log_likelihood")
    if kind not in _LOSS:
        raise InputError(unknown_name("loss", kind, _LOSS))
    settings, entries = _LOSS[kind]
    _known("loss", part, ("kind", *settings))
    _known("data", data, entries)
    optional = _OPTIONAL[kind == "time_series" :]
    needed = [entry for entry in entries if entry not in data and entry not in optional]
    if needed:
        raise InputError(f"data: {', '.join(needed)} missing, for the loss {kind}")
    options = {key: part[key] for key in settings if key in part}
    file = folder / str(data["file"])
    if kind == "time_series":
        means, errors = _part(data, "means"), _part(data, "standard_errors")
        named = [e for e in errors.values() if isinstance(e, str)]
        columns = read_columns(file, [data["time"], *means.values(), *named])
        return losses.TimeSeries(
            columns[data["time"]].tolist(), {s: columns[c] for s, c in means.items()},
            {s: columns[e] if isinstance(e, str) else e for s, e in errors.items()}, paths=data.get("paths"),
        )  # fmt: skip
    columns = read_columns(file, [data["count"], *([data["time"]] if "time" in data else [])])
    build = losses.LogLikelihood if kind == "log_likelihood" else losses.MomentMatch
    return build(data["species"], columns[data["count"]], columns.get(data.get("time", "")), **options)


def read_columns(file: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Columns of a CSV file (or .csv.gz) by their heading; empty cells are NaN.

    Raises:
        InputError: no such file or column, or cells that are no numbers, with row numbers.
    """
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError) as fault:
        raise InputError(f"the data {file} cannot be read: {fault}") from fault
    except UnicodeDecodeError as fault:
        raise InputError(f"the data {file} are not text in UTF-8: {fault}") from fault
    reader = csv.DictReader(text.splitlines())
    headings = list(reader.fieldnames or ())
    if missing := [name for name in names if name not in headings]:
        raise InputError("\n".join(f"{file}: {unknown_name('column', name, headings)}" for name in missing))
    rows = list(reader)
    if not rows:
        raise InputError(f"{file} has no rows")
    columns, faults = {}, []
    for name in dict.fromkeys(names):
        columns[name], wrong = _numbers([row[name] for row in rows])
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        if wrong:
            faults.append(f"{file}: column {name!r} is not a number: {', '.join(wrong[:SHOWN])}{more}")
    if faults:
        raise InputError("\n".join(faults))
    return columns


def _numbers(cells: list[str | None]) -> tuple[np.ndarray, list[str]]:
    values, wrong = np.full(len(cells), np.nan), []
    for row, cell in enumerate(cells):
        if cell is None or not cell.strip():
            continue
        try:
            values[row] = float(cell)
        except ValueError:
            wrong.append(f"row {row + 1} ({cell})")
    return values, wrong


def _source(table: Table) -> Simulation | MasterEquation:
    if "exact" in table and "simulation" in table:
        raise InputError("give either [simulation] or [exact], not both")
    if "exact" in table:
        part = _part(table, "exact")
        _known("exact", part, ("limits", "tolerance"))
        return MasterEquation(**part)
    part = _part(table, "simulation")
    _known("simulation", part, ("paths", "batches", "max_events", "exact"))
    return Simulation(**part)


def _settings(part: Table) -> dict[str, Any]:
    _known("fit", part, tuple(_FIT))
    if wrong := [k for k, v in part.items() if isinstance(v, bool) or not isinstance(v, _FIT[k])]:
        raise InputError(f"fit: {', '.join(wrong)} must be whole numbers")
    return {"seed": 0, **part}


def _profile(table: Table) -> dict[str, Any] | None:
    if "profile" not in table:
        return None
    part = _part(table, "profile")
    _known("profile", part, ("name", "values", "limits"))
    if not isinstance(part.get("name"), str) or not isinstance(part.get("values"), list):
        raise InputError("profile: name must be a parameter, values a list of at least three numbers")
    source = MasterEquation(_part(part, "limits")) if "limits" in part else _source(table)
    return {"name": part["name"], "values": [float(v) for v in part["values"]], "source": source}
