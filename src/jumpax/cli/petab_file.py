"""A PEtab problem on the command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from jumpax._base.errors import InputError
from jumpax.cli.models import Amounts
from jumpax.cli.problem_file import ProblemFile, read_problem
from jumpax.inference import read_petab

YAML = (".yaml", ".yml")


@dataclass(frozen=True)
class Told:
    """What the tables of PEtab leave open.

    Attributes:
        cells: PEtab: of how many cells each measured number is the mean.
        settle: PEtab: how long to simulate where steady state is meant (time inf, preequilibration).
    """

    cells: float | None = None
    settle: float | None = None


TableOptions: TypeAlias = Annotated[Told, Parameter(name="*")]
AS_TOLD = Told()


def read_any(file: Path, amounts: Amounts, told: Told) -> ProblemFile:
    """The problem in a file, TOML or the YAML of PEtab.

    Raises:
        InputError: what is wrong with it; options that are for PEtab, with TOML.
        UnsupportedError: the same, and what is not read.
    """
    if file.suffix.lower() not in YAML:
        if named := [f"--{name}" for name, value in vars(told).items() if value is not None]:
            raise InputError(f"{', '.join(named)}: for PEtab problems (.yaml) only; {file} says so itself")
        return read_problem(file, amounts=amounts)
    found = read_petab(
        file, cells=told.cells, settle=told.settle, round_counts=amounts.round_counts,
        molecules_per_unit=amounts.molecules_per_unit,
    )  # fmt: skip
    return ProblemFile(found.problem, {"seed": 0}, None, None, file.stem, found.notes)
