"""Records of single paths, and what is asked of them, written as TOML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jumpax import records
from jumpax._base.errors import InputError, unknown_name
from jumpax.cli.built import built
from jumpax.cli.condition_entries import MODEL, Collector, read_model_of, read_parameters
from jumpax.cli.entries import Table, check_entries, part_of, toml_of
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
_ENTRIES = ("model", "start", "parameters", "records", "exact", "posterior")
_POSTERIOR = {
    "method": str, "chains": int, "draws": int, "warm_up": int, "particles": int, "lag": int, "max_events": int, "seed": int,
}  # fmt: skip


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

    - `model`, `[network]`, `[theta]`, `[x0]`, `start` and `[parameters]` as for `jumpax fit`; a free parameter has a `prior`,
      `{law = "LogNormal", median = 1.0, sd = 0.5}` with the names of `jumpax.priors` and their settings; a `box` is log-uniform.
    - `[records]`: `file` (a table with headings, beside the TOML), `time` (a heading, default "time") and perhaps `cell` (a heading).
    - `[records.columns.NAME]`, by heading: `of`, a species or a list of them to be added (default the heading), or `firings`, a reaction or a
      list of them; and `law`, with the names of `jumpax.records` and their settings, which are numbers or names of parameters.
    - `[exact]`: `limits`, `max_states`, `firings`, `tolerance` of the master equation.
    - `[posterior]`: `method`, `chains`, `draws`, `warm_up`, `particles`, `lag`, `max_events`, `seed`.

    Args:
        file: the TOML.
        amounts: how amounts of model files become counts.

    Raises:
        InputError: no such file, no TOML, or everything that is wrong, at once.
        UnsupportedError: the same, if something in the model's file is not read.
    """
    table, collected = toml_of(file), Collector()
    collected.faults += [
        unknown_name("entry", key, (*_ENTRIES, *MODEL)) for key in table if key not in (*_ENTRIES, *MODEL, "data")
    ]
    if "data" in table:
        collected.faults.append("[data] is for jumpax fit; jumpax infer takes [records] of single paths")
    model: Any
    model, opened = collected.take(lambda: read_model_of(table, file, amounts)) or (None, None)
    parameters: Any = (
        collected.take(lambda: read_parameters(part_of(table, "parameters"), model, "prior")) if model else None
    )
    found = collected.take(lambda: _records(part_of(table, "records"), file.parent))
    settings = collected.take(lambda: _settings(part_of(table, "posterior")))

    def together() -> RecordProblem:
        exact = part_of(table, "exact")
        check_entries("exact", exact, ("limits", "max_states", "firings", "tolerance"))
        return RecordProblem(model.network, model.x0, found, parameters, start=table.get("start", 0.0), **exact)

    problem = None if collected.faults else collected.take(together)
    collected.end(file, "infer")
    assert problem is not None
    assert settings is not None
    return RecordFile(problem, settings, file.stem, () if opened is None else opened.notes)


def _records(part: Table, folder: Path) -> Records:
    check_entries("records", part, ("file", "time", "cell", "columns"))
    columns = part_of(part, "columns")
    if not isinstance(part.get("file"), str) or not columns:
        raise InputError("[records] needs file = ..., and a table [records.columns.NAME] for each column")
    laws, of = {}, {}
    for name, entry in columns.items():
        where = f"records.columns.{name}"
        laws[name] = built(where, entry, LAWS, ("of", "firings"))
        of[name] = _signal(where, name, entry)
    return Records.read(folder / part["file"], laws, time=part.get("time", "time"), cell=part.get("cell"), of=of)


def _signal(where: str, name: str, entry: Mapping[str, Any]) -> AbstractSignal:
    if "of" in entry and "firings" in entry:
        raise InputError(f"{where}: give either of = ..., species, or firings = ..., reactions")
    given = entry.get("firings", entry.get("of", name))
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise InputError(f"{where}: of and firings are a name or a list of names, not {given!r}")
    return Firings(*names) if "firings" in entry else Total(*names)


def _settings(part: Table) -> dict[str, Any]:
    check_entries("posterior", part, tuple(_POSTERIOR))
    wrong = [k for k, v in part.items() if isinstance(v, bool) or not isinstance(v, _POSTERIOR[k])]
    if wrong:
        raise InputError(
            f"posterior: {', '.join(wrong)} must be {'a name' if wrong == ['method'] else 'whole numbers'}"
        )
    return {"seed": 0, **part}
