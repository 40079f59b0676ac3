"""The data of a problem file: what `[data]` and `[loss]` say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jumpax._base.columns import Columns
from jumpax._base.errors import InputError, unknown_name
from jumpax.cli.entries import Table, check_entries, part_of
from jumpax.inference import losses
from jumpax.inference.losses import AbstractLoss, AbstractObservation

_OBSERVATION = ("capture", "background")
_COUNTS = ("file", "species", "count", "time")
_LOSS = {
    "log_likelihood": (("smoothing", "size", "true_size", *_OBSERVATION), (*_COUNTS, "size_factor")),
    "moments": (("order", *_OBSERVATION), _COUNTS),
    "time_series": (
        _OBSERVATION, ("file", "time", "means", "standard_errors", "standard_deviations", "deviation_errors", "paths"),
    ),
    "reactions": (("error", "spread", "reported"), ("file", "time", "counts")),
}  # fmt: skip
"""Loss by name: its settings, and the entries of [data] that it knows."""
_OPTIONAL = ("paths", "size_factor", "standard_deviations", "deviation_errors")
"""Entries of [data] that may be left out; `time` may be, too, for counts."""


def read_loss(table: Table, folder: Path) -> AbstractLoss:
    """The loss of one data set, `[data]`, or of several together, `[[data]]`, each with a `loss` of its own if wanted.

    Raises:
        InputError: everything that is wrong, with the number of the data set.
    """
    entries, usual = table.get("data", {}), part_of(table, "loss")
    if not isinstance(entries, list):
        return _loss(usual, part_of(table, "data"), folder, "data")
    found, faults = [], []
    for number, entry in enumerate(entries, 1):
        where = f"data[{number}]"
        try:
            if not isinstance(entry, Mapping):
                raise InputError(f"{where} must be a table, [[data]], not {entry!r}")
            own = {key: value for key, value in entry.items() if key != "loss"}
            found.append(_loss(part_of(entry, "loss") or usual, own, folder, where))
        except (InputError, TypeError, ValueError) as fault:
            told = str(fault)
            faults.append(told if told.startswith(where) else f"{where}: {told}")
    if faults:
        raise InputError("\n".join(faults))
    if not found:
        raise InputError("data: there is no data set")
    return losses.Together(*found) if len(found) > 1 else found[0]


def _loss(part: Table, data: Table, folder: Path, where: str) -> AbstractLoss:
    """One loss with its data."""
    kind = part.get("kind", "log_likelihood")
    if kind not in _LOSS:
        raise InputError(unknown_name("loss", kind, _LOSS))
    settings, entries = _LOSS[kind]
    check_entries("loss", part, ("kind", *settings))
    check_entries(where, data, entries)
    joint = kind == "log_likelihood" and isinstance(data.get("count"), Mapping)
    optional = (*_OPTIONAL, *(("time",) if "count" in entries else ()), *(("species",) if joint else ()))
    if needed := [entry for entry in entries if entry not in data and entry not in optional]:
        raise InputError(f"{where}: {', '.join(needed)} missing, for the loss {kind}")
    options = {key: part[key] for key in settings if key in part}
    file = folder / str(data["file"])
    if joint:
        return _joint(data, options, file, where)
    steps = _observation(options)
    if kind == "time_series":
        return _behind(_series(data, file, where), steps)
    if kind == "reactions":
        named = part_of(data, "counts")
        columns = Columns.read(file).numbers(data["time"], *named.values())
        counts = {reaction: columns[heading] for reaction, heading in named.items()}
        return losses.ReactionSeries(columns[data["time"]].tolist(), counts, **options)
    columns = Columns.read(file).numbers(*(data[key] for key in ("count", "time", "size_factor") if key in data))
    counts, times = columns[data["count"]], columns.get(data.get("time", ""))
    if kind == "moments":
        return _behind(losses.MomentMatch(data["species"], counts, times, **options), steps)
    sizes = columns.get(data.get("size_factor", ""))
    return losses.LogLikelihood(data["species"], counts, times, observation=steps, size_factors=sizes, **options)


def _observation(options: dict[str, Any]) -> list[AbstractObservation]:
    """Capture, then background, taken out of the settings."""
    steps: list[AbstractObservation] = []
    if "capture" in options:
        steps.append(losses.Capture(str(options.pop("capture"))))
    if "background" in options:
        steps.append(losses.Background(str(options.pop("background"))))
    return steps


def _behind(loss: AbstractLoss, steps: list[AbstractObservation]) -> AbstractLoss:
    """A loss of moments behind a law of observation, if there is one."""
    if not steps:
        return loss
    if isinstance(loss, losses.Together):
        return losses.Together(*(_behind(part, steps) for part in loss.losses))
    return losses.ObservedMoments(loss, steps)


def _joint(data: Table, options: Table, file: Path, where: str) -> AbstractLoss:
    """Several species of the same cells."""
    if "species" in data or "size_factor" in data or set(options) - {"smoothing"}:
        raise InputError(
            f'{where}: a table count = {{M = "m", P = "p"}} is for the joint law of several species: with file, time and '
            "the setting smoothing only"
        )
    named = data["count"]
    columns = Columns.read(file).numbers(*named.values(), *([data["time"]] if "time" in data else []))
    counts = {species: columns[heading] for species, heading in named.items()}
    return losses.JointLogLikelihood(list(named), counts, columns.get(data.get("time", "")), **options)


def _series(data: Table, file: Path, where: str) -> AbstractLoss:
    """Means, and perhaps standard deviations, along time."""
    tables = {
        key: part_of(data, key) for key in ("means", "standard_errors", "standard_deviations", "deviation_errors")
    }
    if lost := [name for name in tables["standard_deviations"] if name not in tables["deviation_errors"]]:
        raise InputError(f"{where}: deviation_errors of {', '.join(lost)} missing, for its standard_deviations")
    headings = [entry for table in tables.values() for entry in table.values() if isinstance(entry, str)]
    columns = Columns.read(file).numbers(data["time"], *headings)

    def filled(key: str) -> dict[str, Any]:
        return {name: columns[entry] if isinstance(entry, str) else entry for name, entry in tables[key].items()}

    times = columns[data["time"]].tolist()
    found, deviations = filled("means"), filled("standard_deviations")
    means = losses.TimeSeries(times, found, filled("standard_errors"), paths=data.get("paths"))
    if not deviations:
        return means
    about = found if all(name in found for name in deviations) else None
    errors, paths = filled("deviation_errors"), data.get("paths")
    return losses.Together(means, losses.Deviations(times, deviations, errors, means=about, paths=paths))
