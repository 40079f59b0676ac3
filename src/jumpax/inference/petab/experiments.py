"""What is done in which order to what is measured: conditions of PEtab 1, and experiments of PEtab 2."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from jumpax._base.errors import unknown_name
from jumpax.importers.faults import Faults
from jumpax.inference.petab.table import Row, by_name, rows

Files = Callable[[str], list[Path]]
"""From an entry of the YAML file to files."""
_BEFORE = -math.inf


class Runs(NamedTuple):
    """What is set, and when.

    Attributes:
        conditions: by name: what it sets, as words.
        of: for each measurement the condition before time 0, empty for none, and that from then on.
    """

    conditions: dict[str, dict[str, str]]
    of: list[tuple[str, str]]


def of_conditions(files: Files, measured: Sequence[Row], faults: Faults) -> Runs:
    """Of version 1."""
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
    return Runs(conditions, runs)


def of_experiments(files: Files, measured: Sequence[Row], faults: Faults) -> Runs:
    """Of version 2: an experiment is made a condition, with one before it."""
    changes = _changes(files, faults)
    periods: dict[str, list[Row]] = {}
    for row in rows(files("experiment_files"), ("experimentId", "time", "conditionId"), (), faults):
        if _full(row, ("experimentId", "time"), faults):
            periods.setdefault(row.get("experimentId"), []).append(row)
    conditions, experiments = {"": {}}, {"": ("", "")}
    for name, parts in periods.items():
        by_time = _by_time(name, parts, changes, faults)
        conditions[name] = by_time.get(0.0, {})
        experiments[name] = ("", name)
        if _BEFORE in by_time:
            before = f"{name} before"
            conditions[before], experiments[name] = by_time[_BEFORE], (before, name)
    for row in measured:
        if (name := row.get("experimentId")) not in experiments:
            faults.wrong.append(f"{row}: {unknown_name('experiment', name, periods)}")
    return Runs(conditions, [experiments.get(row.get("experimentId"), ("", "")) for row in measured])


def _changes(files: Files, faults: Faults) -> dict[str, dict[str, str]]:
    """By condition: what it sets, as words; one without a name sets nothing."""
    columns, changes = ("conditionId", "targetId", "targetValue"), {"": dict[str, str]()}
    for row in rows(files("condition_files"), columns, (), faults):
        if _full(row, columns, faults):
            name, target, value = map(row.get, columns)
            _set(row, f"condition {name!r}", changes.setdefault(name, {}), {target: value}, faults)
    return changes


def _by_time(
    name: str, parts: Sequence[Row], changes: dict[str, dict[str, str]], faults: Faults
) -> dict[float, dict[str, str]]:
    """What an experiment sets at each of its times."""
    found: dict[float, dict[str, str]] = {}
    for row in parts:
        when, condition = row.number("time", faults), row.get("conditionId")
        if condition not in changes:
            faults.wrong.append(f"{row}: {unknown_name('condition', condition, filter(None, changes))}")
        if when is not None:
            _set(row, f"experiment {name!r}", found.setdefault(when, {}), changes.get(condition, {}), faults)
    if found and sorted(found) not in ([0.0], [_BEFORE], [_BEFORE, 0.0]):
        faults.unread.append(
            f"{parts[0]}: experiment {name!r} has periods from {', '.join(f'{t:g}' for t in sorted(found))} on; one from 0 on is "
            "read, with one from -inf before it or not"
        )
    return found


def _set(row: Row, what: str, found: dict[str, str], more: dict[str, str], faults: Faults) -> None:
    """Add to what is set."""
    faults.wrong += [f"{row}: {what} sets {target!r} twice at once" for target in more if target in found]
    found |= more


def _full(row: Row, columns: Sequence[str], faults: Faults) -> bool:
    """Whether there is something in all of some columns; where there is nothing is noted."""
    empty = [column for column in columns if not row.get(column)]
    faults.wrong += [f"{row}: {column} is missing" for column in empty]
    return not empty
