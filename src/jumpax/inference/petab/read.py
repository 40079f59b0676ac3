"""`read_petab`: a problem from the tables of PEtab."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from jumpax._base.errors import InputError
from jumpax.importers import FileModel
from jumpax.importers.counts import Counting
from jumpax.importers.faults import Faults
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.conditions import Conditions
from jumpax.inference.parameters import Free, Parameter
from jumpax.inference.petab.condition import Meaning, problem
from jumpax.inference.petab.measured import check_measurements
from jumpax.inference.petab.model import Asked, read_model
from jumpax.inference.petab.parameters import read_parameters
from jumpax.inference.petab.table import Row, number
from jumpax.inference.petab.tables import Tables, read_tables
from jumpax.inference.problem import Problem
from jumpax.inference.sources import MasterEquation, Simulation


@final
@dataclass(frozen=True)
class PetabProblem:
    """What is in the tables of PEtab.

    Attributes:
        problem: a `Problem`, or `Conditions` of several.
        model: of the file, with the values that the tables begin with.
        notes: what was assumed, changed or left out in reading.
    """

    problem: AbstractProblem
    model: FileModel
    notes: tuple[str, ...]


def read_petab(
    file: str | os.PathLike[str],
    *,
    cells: float | None = None,
    settle: float | None = None,
    source: Simulation | MasterEquation | None = None,
    round_counts: bool = False,
    molecules_per_unit: float | None = None,
) -> PetabProblem:
    """A fitting problem from a PEtab problem (`problem.yaml`) of version 1 or 2, with a model in SBML.

    PEtab describes measurements of what a rate equation says. Here the model is a stochastic one, and what was measured must be
    said: numbers of samples of many cells together (`cells`), compared with the formula of the mean counts, with the noise that
    the tables state as the whole error. For formulas that are not linear that is the formula of the means. The
    loss is the negative log-likelihood of PEtab with these means in the place of the solution of the rate equation, all constants
    included; parameters in formulas and noise are found with the others.

    Args:
        file: the YAML file.
        cells: of how many cells a number is the mean; `math.inf` for very many. It is only told: the noise of the tables has the
            scatter of so many cells in it.
        settle: for measurements at steady state (time inf), and for preequilibration: how long to simulate until the start is
            forgotten.
        source: where expectations come from, `Simulation(...)` (default) or `MasterEquation(...)`.
        round_counts: as `jumpax.read`.
        molecules_per_unit: as `jumpax.read`.

    Returns:
        The problem, the model, and notes. `docs/petab.md` says what is read and what is refused.

    Raises:
        InputError: everything that is wrong, at once, with tables and lines.
        UnsupportedError: everything that is not read, and wrong, at once. Or PyYAML or libSBML is not installed.

    Source: Schmiester et al. 2021, PEtab, doi:10.1371/journal.pcbi.1008646.
    """
    file = Path(file)
    _check_cells(cells)
    if settle is not None and not (settle > 0 and math.isfinite(settle)):
        raise InputError(f"settle must be a time above 0; got {settle!r}")
    faults, notes = Faults(), list[str]()
    tables = read_tables(file, faults)
    parameters = read_parameters(tables.parameters, tables.version, faults, notes)
    check_measurements(tables, faults)
    noted = faults.count
    asked = read_model(tables, parameters, Counting(round_counts, molecules_per_unit, True), faults)
    if noted or asked is None:
        faults.tell(str(file))
    assert asked is not None
    found = _problems(tables, asked, parameters, faults, notes, settle, source, round_counts)
    faults.tell(str(file))
    made = next(iter(found.values())) if len(found) == 1 else Conditions(found)
    idle = [name for name, p in parameters.items() if isinstance(p, Free) and name not in made.free]
    if idle:
        notes.append(f"nothing that was measured depends on {', '.join(idle)}: left out of the fit")
    told = dict.fromkeys(note for note in (*asked.model.notes, *notes) if note)
    return PetabProblem(made, asked.model, tuple(told))


def _check_cells(cells: float | None) -> None:
    """Whether it was said what was measured.

    Raises:
        InputError: it was not.
    """
    if cells is None:
        raise InputError(
            "PEtab does not say of how many cells a number is: give cells=..., how many each measured number is the mean of, 1000 or "
            "so for a sample of a culture; the noise of the tables is then the error of that mean"
        )
    if isinstance(cells, bool) or not isinstance(cells, int | float) or not cells >= 1:
        raise InputError(f"cells must be a number from 2 on; got {cells!r}")
    if cells < 2:
        raise InputError(
            "cells=1 is one path that is followed, whose numbers do not scatter about the mean independently: give its numbers to "
            "jumpax.Records, with jumpax.read for the model, and both to a RecordProblem"
        )


def _problems(
    tables: Tables,
    asked: Asked,
    parameters: Mapping[str, Parameter],
    faults: Faults,
    notes: list[str],
    settle: float | None,
    source: Simulation | MasterEquation | None,
    rounded: bool,
) -> dict[str, Problem]:
    """By the name of the condition; rows at steady state are a condition of their own."""
    groups: dict[tuple[str, str, bool], list[Row]] = {}
    for row, (before, now) in zip(tables.measurements, tables.runs, strict=True):
        steady = number(row.get("time")) == math.inf
        groups.setdefault((before, now, steady), []).append(row)
    found: dict[str, Problem] = {}
    resting = [row for (before, _, steady), own in groups.items() if before or steady for row in own]
    if settle is None and resting:
        faults.wrong.append(
            f"{len(resting)} measurements are at steady state (time inf) or after a preequilibration, as {resting[0]}: give "
            "settle=... for the time after which the start is forgotten"
        )
    for (before, now, steady), rows in groups.items():
        if (before or steady) and settle is None:
            continue
        name = now + (f" after {before}" if before else "") + (" at steady state" if steady else "")
        own = Faults()
        with own.of(f"condition {name!r}" if name else "the problem"):
            first = tables.conditions[before] if before else {}
            then = tables.conditions.get(now, {})
            units = {
                n: u for n in (*first, *then) if n not in asked.model.network.species and (u := asked.molecules(n))
            }
            species = asked.model.molecules
            earlier = Meaning(parameters, first, asked.numbers, first, units, species)
            stays = {n: w for n, w in first.items() if tables.version == "2" or n in species}
            meaning = Meaning(parameters, {**stays, **then}, asked.numbers, then, units, species)
            made = problem(
                tables, rows, asked, meaning, earlier if before else None, own, notes,
                rounded=rounded, settle=settle, source=source,
            )  # fmt: skip
            if made is not None:
                found[name or "measurements"] = made
        faults.wrong += own.wrong
        faults.unread += own.unread
    return found
