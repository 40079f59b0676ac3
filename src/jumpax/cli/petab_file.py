"""A PEtab problem on the command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from jumpax._base.errors import InputError
from jumpax.cli.models import Amounts
from jumpax.cli.problem_file import ProblemFile, read_problem
from jumpax.cli.record_file import RecordFile, read_record_file
from jumpax.cli.values import parse_limits
from jumpax.exact import StateSpace
from jumpax.importers import FileModel
from jumpax.inference import Conditions, MasterEquation, PetabProblem, Problem, read_petab

YAML = (".yaml", ".yml")
_MOST_STATES = 2_000


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
    if not is_petab(file):
        refuse_told(file, told)
        return read_problem(file, amounts=amounts)
    found = read_tables(file, amounts, told)
    return ProblemFile(found.problem, {"seed": 0}, None, None, file.stem, found.notes)


def read_believed(file: Path, amounts: Amounts, told: Told, limits: Sequence[str]) -> RecordFile:
    """What a posterior is asked of: records of single paths in TOML, or the YAML of PEtab, by the master equation.

    Raises:
        InputError, UnsupportedError: as `read_any`; limits, with TOML.
    """
    if not is_petab(file):
        refuse_told(file, told, *(["--limits"] if limits else []))
        return read_record_file(file, amounts=amounts)
    found, largest = read_tables(file, amounts, told), parse_limits(limits)
    if largest is None:
        _check_ends(found.model)
    if not isinstance(largest, Mapping):
        largest = {} if largest is None else dict.fromkeys(found.model.network.species, largest)
    problem = found.problem.drawing(lambda _: MasterEquation(largest))
    assert isinstance(problem, Problem | Conditions)
    return RecordFile(problem, {"seed": 0}, file.stem, found.notes)


def _check_ends(model: FileModel) -> None:
    """Whether counts have an end by themselves.

    Raises:
        InputError: they have none, or it is far.
    """
    try:
        StateSpace.reachable(model.without_events, model.x0, max_states=_MOST_STATES)
    except InputError:
        raise InputError(
            f"a posterior of PEtab is by the master equation, and there are more than {_MOST_STATES:,} states, or no end of them: "
            "give --limits, the largest counts that are followed, as --limits 200 or --limits A=50,B=200"
        ) from None


def is_petab(file: Path) -> bool:
    """Whether it is YAML, by its name."""
    return file.suffix.lower() in YAML


def refuse_told(file: Path, told: Told, *more: str) -> None:
    """Refuse options that are for PEtab.

    Raises:
        InputError: some were given.
    """
    if named := [*(f"--{name}" for name, value in vars(told).items() if value is not None), *more]:
        raise InputError(f"{', '.join(named)}: for PEtab problems (.yaml) only; {file} says so itself")


def read_tables(file: Path, amounts: Amounts, told: Told) -> PetabProblem:
    """A PEtab problem."""
    return read_petab(
        file, cells=told.cells, settle=told.settle, round_counts=amounts.round_counts, molecules_per_unit=amounts.molecules_per_unit
    )  # fmt: skip
