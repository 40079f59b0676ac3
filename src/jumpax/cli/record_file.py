"""Records of single paths, and what is asked of them, written as TOML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jumpax import records
from jumpax._base.errors import InputError
from jumpax.cli import schema
from jumpax.cli.built import built
from jumpax.cli.condition_entries import Collector, read_model_of, read_parameters
from jumpax.cli.entries import part_of, read, toml_of
from jumpax.cli.models import AS_DECLARED, Amounts
from jumpax.inference import Conditions, Problem, RecordProblem
from jumpax.records import AbstractMeasurement, Firings, Records, Total
from jumpax.records.signal import AbstractSignal

LAWS: dict[str, type[AbstractMeasurement]] = {
    law.__name__: law
    for law in (
        records.Normal,
        records.LogNormal,
        records.Poisson,
        records.NegativeBinomial,
        records.Binomial,
        records.Exact,
    )
}


class RecordFile(NamedTuple):
    """What a posterior is asked of."""

    problem: RecordProblem | Problem | Conditions
    settings: dict[str, Any]
    """For `posterior`, with `seed`."""
    name: str
    notes: tuple[str, ...]
    """What was assumed or changed in reading the model's file."""


def read_record_file(file: Path, *, amounts: Amounts = AS_DECLARED) -> RecordFile:
    """The problem in a TOML file.

    `jumpax.cli.schema` and docs/formats/problem.md say what may stand there.

    Args:
        file: the TOML.
        amounts: how amounts of model files become counts.

    Raises:
        InputError: no such file, no TOML, or everything that is wrong, at once.
        UnsupportedError: the same, if something in the model's file is not read.
    """
    table, collected = toml_of(file), Collector()
    if "data" in table:
        collected.faults.append("[data] is for jumpax fit; jumpax infer takes [records] of single paths")
    collected.take(lambda: read("", {key: value for key, value in table.items() if key != "data"}, schema.RecordFile))
    model: Any
    model, opened = collected.take(lambda: read_model_of(table, file, amounts)) or (None, None)
    parameters: Any = (
        collected.take(lambda: read_parameters(part_of(table, "parameters"), model, "prior")) if model else None
    )
    found = collected.take(lambda: _records(part_of(table, "records"), file.parent))
    settings = collected.take(lambda: read("posterior", part_of(table, "posterior"), schema.Posterior))

    def together() -> RecordProblem:
        exact = read("exact", part_of(table, "exact"), schema.ExactRecords).given()
        return RecordProblem(model.network, model.x0, found, parameters, start=table.get("start", 0.0), **exact)

    problem = None if collected.faults else collected.take(together)
    collected.end(file, "infer")
    assert problem is not None
    assert settings is not None
    return RecordFile(problem, settings.given(), file.stem, () if opened is None else opened.notes)


def _records(part: Mapping[str, Any], folder: Path) -> Records:
    asked = read("records", part, schema.Records)
    if not asked.columns:
        raise InputError("records.columns: there is no [records.columns.NAME], with the law of a measured column")
    laws, of = {}, {}
    for name, entry in asked.columns.items():
        where = f"records.columns.{name}"
        laws[name] = built(where, entry, LAWS, ("of", "firings"))
        of[name] = _signal(where, name, entry)
    return Records.read(folder / asked.file, laws, time=asked.time, cell=asked.cell, of=of)


def _signal(where: str, name: str, entry: Mapping[str, Any]) -> AbstractSignal:
    asked = read(where, {key: entry[key] for key in ("law", "of", "firings") if key in entry}, schema.Measured)
    if asked.of is not None and asked.firings is not None:
        raise InputError(f"{where}: give either of = ..., species, or firings = ..., reactions")
    given = next(one for one in (asked.firings, asked.of, name) if one is not None)
    names = [given] if isinstance(given, str) else given
    return Total(*names) if asked.firings is None else Firings(*names)
