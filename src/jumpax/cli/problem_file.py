"""A fitting problem written as TOML, with its data in text files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jumpax._base.errors import InputError
from jumpax.cli import schema
from jumpax.cli.condition_entries import Collector, Condition, read_condition, read_source
from jumpax.cli.entries import part_of, read, toml_of
from jumpax.cli.models import AS_DECLARED, Amounts
from jumpax.inference import Conditions, Derived, MasterEquation
from jumpax.inference.abstract_problem import AbstractProblem

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

    `jumpax.cli.schema` and docs/formats/problem.md say what may stand there.

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
    if strange := [key for key in ("records", "posterior") if key in table]:
        collected.faults += [f"[{key}] is for jumpax infer; jumpax fit takes [data]" for key in strange]
    collected.take(lambda: read("", {key: value for key, value in table.items() if key not in strange}, schema.FitFile))
    found = _conditions(table, file, collected, amounts)
    settings = collected.take(lambda: read("fit", part_of(table, "fit"), schema.Fit))
    wanted = collected.take(lambda: _profile(table))
    compared = collected.take(lambda: _compare(table))
    problem = None if collected.faults else collected.take(lambda: _problem(table, found))
    collected.end(file, "fit")
    assert problem is not None
    assert settings is not None
    notes = dict.fromkeys(note for condition in found.values() for note in condition.notes)
    return ProblemFile(problem, settings.given(), wanted, compared, file.stem, tuple(notes))


def _conditions(table: Mapping[str, Any], file: Path, collected: Collector, amounts: Amounts) -> dict[str, Condition]:
    """By name; one without a name for a file without [conditions]."""
    common = {key: value for key, value in table.items() if key not in ("conditions", "compare", "fit", "profile")}
    shared = common.get("parameters") if "conditions" in table else None
    several = {n: p for n, p in shared.items() if _of_several(p)} if isinstance(shared, Mapping) else {}
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


def _merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of the file with those of a condition in their place."""
    read("", own, schema.Condition)
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


def _problem(table: Mapping[str, Any], found: Mapping[str, Condition]) -> AbstractProblem:
    """One problem, or all conditions as one."""
    if "conditions" not in table:
        return found[""].problem
    shared = part_of(table, "parameters")
    each = [shared, *(part_of(entry, "parameters") for entry in part_of(table, "conditions").values())]
    derived = {}
    for name, entry in shared.items():
        if _of_several(entry):
            asked = read(f"parameters.{name}", entry, schema.Product if "product" in entry else schema.Ratio)
            made, names = (
                (Derived.product, asked.product) if isinstance(asked, schema.Product) else (Derived.ratio, asked.ratio)
            )
            derived[name] = made(*names, unit=asked.unit)
    return Conditions({name: condition.problem for name, condition in found.items()}, _own(each), derived)


def _own(parts: Sequence[Any]) -> tuple[str, ...]:
    """Parameters with a value in each condition."""
    tables = [part for part in parts if isinstance(part, Mapping)]
    return tuple(
        dict.fromkeys(n for part in tables for n, p in part.items() if isinstance(p, Mapping) and p.get("own"))
    )


def _compare(table: Mapping[str, Any]) -> dict[str, Any] | None:
    """Arguments of `compare`."""
    if "compare" not in table:
        return None
    part = read("compare", table["compare"], schema.Compare)
    if "conditions" not in table:
        raise InputError("compare: there is nothing to compare without [conditions.NAME]")
    return part.given()


def _profile(table: Mapping[str, Any]) -> dict[str, Any] | None:
    if "profile" not in table:
        return None
    part = read("profile", table["profile"], schema.Profile)
    source = read_source(table) if part.limits is None else MasterEquation(part.limits)
    return {"name": part.name, "values": part.values, "source": source}
