"""What `jumpax check` says of a PEtab problem."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jumpax._base.errors import InputError
from jumpax.cli.models import Amounts
from jumpax.cli.output import print_notes, print_table
from jumpax.cli.petab_file import Told, read_tables
from jumpax.importers import FileModel
from jumpax.inference import Free
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.networks.zoo import Model


def read_checked(
    file: Path, amounts: Amounts, told: Told, changed: Sequence[str]
) -> tuple[Model, FileModel, dict[str, Any]]:
    """The model without its events, and what there is to be found, from what data.

    Raises:
        InputError: other numbers are given, which stand in the tables; or as `read_petab`.
        UnsupportedError: as `read_petab`.
    """
    if changed:
        raise InputError(f"--theta and --x0 are not for PEtab problems: the tables of {file} have the numbers")
    found = read_tables(file, amounts, dataclasses.replace(told, cells=math.inf if told.cells is None else told.cells))
    network = found.model.without_events
    numbers = {name: found.model.theta[name] for name in network.parameters}
    model = Model(network, numbers, found.model.x0, found.model.times, found.model.reference)
    return model, found.model, {**_asked(found.problem), "notes": found.notes}


def _asked(problem: AbstractProblem) -> dict[str, Any]:
    """Free parameters, and what was measured in each condition."""
    free = {name: problem.parameters[name] for name in problem.free}
    return {
        "parameters": {
            name: {
                "start": p.value,
                "lower": p.lower,
                "upper": p.upper,
                "scale": p.scale,
                "prior": str(p.believed or ""),
            }
            for name, p in free.items()
            if isinstance(p, Free)
        },
        "conditions": {name: part.loss.notes(None, math.inf)["data"] for name, part in problem.parts.items()},
    }


def show_problem(asked: dict[str, Any]) -> None:
    """For people."""
    rows = asked["parameters"]
    columns = ("start", "lower", "upper", "scale", "prior")
    print_table("to be found", {"parameter": list(rows), **{c: [row[c] for row in rows.values()] for c in columns}})
    data = asked["conditions"]
    print_table("data", {"condition": [name or "all" for name in data], "what": list(data.values())})
    print_notes(asked["notes"])
