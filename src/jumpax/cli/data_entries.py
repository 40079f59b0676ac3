"""The data of a problem file: what `[data]` and `[loss]` say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jumpax._base.columns import Columns
from jumpax._base.errors import InputError, unknown_name
from jumpax.cli import schema
from jumpax.cli.entries import faults_of, part_of, read
from jumpax.cli.schema import Data, Loss
from jumpax.inference import losses
from jumpax.inference.losses import AbstractLoss, AbstractObservation


def read_loss(table: Mapping[str, Any], folder: Path) -> AbstractLoss:
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


def _loss(part: Mapping[str, Any], data: Mapping[str, Any], folder: Path, where: str) -> AbstractLoss:
    """One loss with its data."""
    kind = part.get("kind", "log_likelihood")
    if not isinstance(kind, str) or kind not in schema.LOSSES:
        raise InputError(unknown_name("loss", kind, schema.LOSSES))
    settings, entries, why = *schema.LOSSES[kind], f", for the loss {kind}"
    if kind == "log_likelihood" and isinstance(data.get("count"), Mapping):
        settings, entries, why = *schema.JOINT, f"{why} with a table count, of several species"
    if faults := [*faults_of("loss", part, settings, why), *faults_of(where, data, entries, why)]:
        raise InputError("\n".join(faults))
    return _made(read("loss", part, settings), read(where, data, entries), folder, where)


def _made(part: Loss, data: Data, folder: Path, where: str) -> AbstractLoss:
    file = folder / data.file
    options = {name: value for name, value in part.given().items() if name != "kind"}
    steps = _observation(options)
    match data:
        case schema.JointCounts():
            columns = Columns.read(file).numbers(*data.count.values(), *_headings(data.time))
            counts = {species: columns[heading] for species, heading in data.count.items()}
            return losses.JointLogLikelihood(list(data.count), counts, columns.get(data.time or ""), **options)
        case schema.Means():
            return _behind(_series(data, file, where), steps)
        case schema.Firings():
            columns = Columns.read(file).numbers(data.time, *data.counts.values())
            counts = {reaction: columns[heading] for reaction, heading in data.counts.items()}
            return losses.ReactionSeries(columns[data.time].tolist(), counts, **options)
        case schema.SizedCounts():
            columns = Columns.read(file).numbers(data.count, *_headings(data.time, data.size_factor))
            times, sizes = columns.get(data.time or ""), columns.get(data.size_factor or "")
            return losses.LogLikelihood(
                data.species, columns[data.count], times, observation=steps, size_factors=sizes, **options
            )
        case schema.Counts():
            columns = Columns.read(file).numbers(data.count, *_headings(data.time))
            counts, times = columns[data.count], columns.get(data.time or "")
            return _behind(losses.MomentMatch(data.species, counts, times, **options), steps)
    raise AssertionError(data)


def _headings(*given: str | None) -> list[str]:
    return [heading for heading in given if heading is not None]


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


def _series(data: schema.Means, file: Path, where: str) -> AbstractLoss:
    """Means, and perhaps standard deviations, along time."""
    deviations, errors = data.standard_deviations or {}, data.deviation_errors or {}
    if lost := [name for name in deviations if name not in errors]:
        raise InputError(f"{where}: deviation_errors of {', '.join(lost)} missing, for its standard_deviations")
    given = (data.means, data.standard_errors, deviations, errors)
    columns = Columns.read(file).numbers(data.time, *(v for t in given for v in t.values() if isinstance(v, str)))
    found, wide, *more = (
        {name: columns[entry] if isinstance(entry, str) else entry for name, entry in table.items()} for table in given
    )
    times = columns[data.time].tolist()
    means = losses.TimeSeries(times, found, wide, paths=data.paths)
    if not deviations:
        return means
    about = found if all(name in found for name in deviations) else None
    return losses.Together(means, losses.Deviations(times, *more, means=about, paths=data.paths))
