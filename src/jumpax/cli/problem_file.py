"""A fitting problem written as TOML, with its data in text files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jumpax._base.errors import InputError, unknown_name
from jumpax.cli.condition_entries import MODEL, Collector, Condition, read_condition, read_source
from jumpax.cli.entries import Table, check_entries, part_of, toml_of
from jumpax.cli.models import AS_DECLARED, Amounts
from jumpax.inference import Conditions, Derived, MasterEquation
from jumpax.inference.abstract_problem import AbstractProblem

_CONDITION = ("model", "settle", "start", "parameters", "data", "loss", "simulation", "exact")
"""What a condition may have for itself, with `theta`, `x0` and `network`."""
_OWN = (*_CONDITION, "fit", "profile", "conditions", "compare")
_FIT = {"starts": int, "steps": int, "average": int, "final": int, "budget": int, "seed": int}
_MERGED = ("theta", "x0", "parameters", "data", "loss", "simulation", "exact")
"""Tables of a condition that add to those of the file."""


class ProblemFile(NamedTuple):
    """What a problem file asks for."""

    problem: AbstractProblem
    settings: dict[str, Any]
    """For `fit`, with `seed`."""
    profile: dict[str, Any] | None
    """Arguments of `profile`, with `source` for its likelihood."""
    compare: dict[str, Any] | None
    """Arguments of `compare`."""
    name: str
    notes: tuple[str, ...] = ()
    """What was assumed or changed in reading the model's file."""


def read_problem(file: Path, *, amounts: Amounts = AS_DECLARED) -> ProblemFile:
    """The problem in a TOML file.

    - `model`, the name of one in the zoo or a file beside the TOML (whatever `jumpax.read` reads, or TOML), with other numbers
      in `[theta]` and `[x0]` if wanted; or `[network]` with `[theta]` and `[x0]` as in a model file.
    - `[parameters]`: by name `{free = 1.0, lower = 0.0}`, `{box = [0.01, 100.0]}`, `{fixed = 2.0}`, `{product = ["a", "b"]}` or
      `{ratio = ["a", "b"]}`, each with a `unit` if wanted; those of the network that are left out are fixed. So are those
      of a law of observation, which are named here, too.
    - `[data]`: `file` (a table of text or its .gz, beside the TOML), and headings. For counts `species`, `count` and perhaps `time`; with a table
      `count` from species to heading, and no `species`, the joint law of several species of the same cells. For time
      series `time`, and tables `means` and `standard_errors` from species to heading (or number), of means of many
      independent paths at each time, and perhaps `paths`, how many; with `standard_deviations` and `deviation_errors`,
      tables alike, those as well. For reactions `time` and a table `counts` from reaction to heading. For a species there
      may be an observable of the model's file: an assignment rule or a group.
    - `[[data]]`, several times: several data sets of one condition, each with its own `loss = {kind = ...}` if wanted.
    - `[loss]`: `kind`, "log_likelihood" (default), "moments", "time_series" or "reactions", and its settings. These may be
      `capture` and `background`, names of parameters: each molecule is seen with a probability, then counts are added; for
      log_likelihood with `true_size`, and in [data] `size_factor`, a heading. For reactions `error` ("poisson",
      "negative_binomial" or "normal"), `spread` and `reported`, names of parameters.
    - `[conditions.NAME]`: what differs in a condition, of `model`, `theta`, `x0`, `settle`, `start`, `parameters`, `data`, `loss`,
      `simulation` and `exact`; tables add to those of the file. A free parameter is shared, but with `own = true` it has a
      value in each: `k[NAME]`. A ratio or product of such names is reported.
    - `[compare]`: which parameters differ between the conditions; `parameters`, `level` and `test` if wanted.
    - `settle` for data at steady state; `start`.
    - `[simulation]` (`paths`, `batches`, `max_events`, `exact`, whether the master equation may end the search, and `mean_field`,
      whether a search of boxes may begin where the rate equation explains the data) or `[exact]` (`limits`, `tolerance`);
      `[fit]` (`starts`, `steps`, `average`, `final`, `seed`; or `budget`, the paths of a search of boxes, and `seed`).
    - `[profile]`: `name`, `values`, and `limits` for a likelihood from the master equation.

    Args:
        file: the TOML.
        amounts: how amounts of model files become counts.

    Raises:
        InputError: no such file, no TOML, or everything that is wrong, at once; data with row numbers, counted from 1
            after the line of headings.
        UnsupportedError: the same, if something in the model's file is not read, or has events.
    """
    table = toml_of(file)
    collected = Collector()
    for key in table:
        if key in ("records", "posterior"):
            collected.faults.append(f"[{key}] is for jumpax infer; jumpax fit takes [data]")
        elif key not in (*MODEL, *_OWN):
            collected.faults.append(unknown_name("entry", key, (*_OWN, *MODEL)))
    found = _conditions(table, file, collected, amounts)
    settings = collected.take(lambda: _settings(part_of(table, "fit")))
    wanted = collected.take(lambda: _profile(table))
    compared = collected.take(lambda: _compare(table))
    problem = None if collected.faults else collected.take(lambda: _problem(table, found))
    collected.end(file, "fit")
    assert problem is not None
    assert settings is not None
    notes = dict.fromkeys(note for condition in found.values() for note in condition.notes)
    return ProblemFile(problem, settings, wanted, compared, file.stem, tuple(notes))


def _conditions(table: Table, file: Path, collected: Collector, amounts: Amounts) -> dict[str, Condition]:
    """By name; one without a name for a file without [conditions]."""
    common = {key: value for key, value in table.items() if key not in ("conditions", "compare", "fit", "profile")}
    several = {n: p for n, p in common.get("parameters", {}).items() if _of_several(p)} if "conditions" in table else {}
    if several:
        common["parameters"] = {n: p for n, p in common["parameters"].items() if n not in several}
    if "conditions" not in table:
        if own := _own([common.get("parameters")]):
            collected.faults.append(
                f"own = true of {', '.join(own)} is for a value in each condition, and there are no [conditions.NAME]"
            )
        only = read_condition(common, file, collected, amounts=amounts)
        return {} if only is None else {"": only}
    own = collected.take(lambda: part_of(table, "conditions")) or {}
    found, faults = {}, {}
    for name in own:
        mine = Collector()
        merged = mine.take(lambda name=name: _merged(common, part_of(own, name)))
        made = None if merged is None else read_condition(merged, file, mine, amounts=amounts)
        found |= {} if made is None else {name: made}
        faults[name] = mine.faults
        collected.unread |= mine.unread
    for name, told in faults.items():  # what is wrong with all of them is told once
        collected.faults += [
            fault if all(fault in others for others in faults.values()) else f"conditions.{name}: {fault}"
            for fault in told
        ]
    return found


def _merged(common: Table, own: Table) -> dict[str, Any]:
    """The entries of the file with those of a condition in their place."""
    check_entries("entry", own, (*_CONDITION, "theta", "x0", "network"))
    instead = {"exact": "simulation", "simulation": "exact", "model": "network", "network": "model"}
    left = {key: value for key, value in common.items() if instead.get(key) not in own}
    merged = {
        key: {**left[key], **value}
        if key in _MERGED and isinstance(value, Mapping) and isinstance(left.get(key), Mapping)
        else value
        for key, value in own.items()
    }
    return {**left, **merged}


def _of_several(entry: Any) -> bool:
    """Whether a derived parameter reads those of named conditions."""
    reads = entry.get("ratio", entry.get("product", ())) if isinstance(entry, Mapping) else ()
    return isinstance(reads, list) and any("[" in str(name) for name in reads)


def _problem(table: Table, found: Mapping[str, Condition]) -> AbstractProblem:
    """One problem, or all conditions as one."""
    if "conditions" not in table:
        return found[""].problem
    shared = part_of(table, "parameters")
    each = [shared, *(part_of(entry, "parameters") for entry in part_of(table, "conditions").values())]
    derived = {}
    for name, entry in shared.items():
        if _of_several(entry):
            check_entries(f"parameter {name!r}", entry, ("ratio", "product", "unit"))
            made = Derived.product if "product" in entry else Derived.ratio
            derived[name] = made(*entry.get("product", entry.get("ratio")), unit=str(entry.get("unit", "")))
    return Conditions({name: condition.problem for name, condition in found.items()}, _own(each), derived)


def _own(parts: Sequence[Any]) -> tuple[str, ...]:
    """Parameters with a value in each condition."""
    tables = [part for part in parts if isinstance(part, Mapping)]
    return tuple(
        dict.fromkeys(n for part in tables for n, p in part.items() if isinstance(p, Mapping) and p.get("own"))
    )


def _compare(table: Table) -> dict[str, Any] | None:
    """Arguments of `compare`."""
    if "compare" not in table:
        return None
    part = part_of(table, "compare")
    check_entries("compare", part, ("parameters", "level", "test"))
    if "conditions" not in table:
        raise InputError("compare: there is nothing to compare without [conditions.NAME]")
    return dict(part)


def _settings(part: Table) -> dict[str, Any]:
    check_entries("fit", part, tuple(_FIT))
    if wrong := [k for k, v in part.items() if isinstance(v, bool) or not isinstance(v, _FIT[k])]:
        raise InputError(f"fit: {', '.join(wrong)} must be whole numbers")
    return {"seed": 0, **part}


def _profile(table: Table) -> dict[str, Any] | None:
    if "profile" not in table:
        return None
    part = part_of(table, "profile")
    check_entries("profile", part, ("name", "values", "limits"))
    if not isinstance(part.get("name"), str) or not isinstance(part.get("values"), list):
        raise InputError("profile: name must be a parameter, values a list of at least three numbers")
    source = MasterEquation(part_of(part, "limits")) if "limits" in part else read_source(table)
    return {"name": part["name"], "values": [float(v) for v in part["values"]], "source": source}
