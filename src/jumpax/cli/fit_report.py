"""The report of `jumpax fit`: one page that can be handed on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jumpax._base.errors import JumpaxError
from jumpax.cli.origin import origin
from jumpax.cli.problem_file import ProblemFile
from jumpax.inference import Comparison, FitResult, Predicted, predictive
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.losses.compared import Series

if TYPE_CHECKING:
    from jumpax.results import Section


def write_fit(
    file: Path, problem: Path, asked: ProblemFile, found: FitResult, compared: Comparison | None, seed: int
) -> Path:
    """Data and fit, estimates, goodness of fit, profile, comparison, the search, the model, and where all this comes from."""
    from jumpax.results import Section, write_report

    sections = [
        *_pictures(asked.problem, found),
        Section("Parameters", _parameters(found), found.table()),
        *_judged(found),
        *_profiled(found),
        *_compared(compared),
        Section("Search", _searched(found), figures=_steps(found)),
        Section("Model", "\n\n".join(asked.notes), verbatim=networks_in_words(asked.problem)),
    ]
    provenance = {**origin(problem), "seed": seed, **found.provenance}
    return write_report(file, f"Fit of {asked.name}", sections, provenance=provenance)


def _pictures(problem: AbstractProblem, found: FitResult) -> list["Section"]:
    """All data beside the fit, with bands where they can be made; nothing if the data have no picture."""
    from jumpax import plots
    from jumpax.results import Section

    drawn = [one for sets in problem.compared(found.expected).values() for one in sets]
    if not drawn:
        return []
    bands = _bands(problem, found, drawn)
    units = {n: u for part, _ in problem.split(np.zeros(len(found.free))) for n, u in part.network.units.items()}
    wide, narrow = (plots.fitted(problem, found, bands, units=units, columns=many) for many in (2, 1))
    said = (
        "Bars are standard errors of the data."
        if any(isinstance(one, Series) for one in drawn)
        else "Lines are fitted laws."
    )
    if bands is not None:
        said += " Bands: where 95 % of single paths and of their mean are predicted to lie, the parameters being as uncertain as they are."
    return [Section("Data and fit", figures={said: (wide, narrow)})]


def _bands(problem: AbstractProblem, found: FitResult, drawn: Sequence[Any]) -> Predicted | dict[str, Predicted] | None:
    """Predicted bands for means of species along time; None where there are none, or parameters are not determined."""
    means = any(isinstance(one, Series) and one.species for one in drawn)
    if found.interrupted or found.undetermined or found.unresolved or not means:
        return None
    try:
        return predictive(problem, found)
    except JumpaxError:  # a picture is not worth the report
        return None


def _parameters(found: FitResult) -> str:
    """What the columns are, and all doubts."""
    told = [
        "Estimates by maximum likelihood, or the least of the loss that was asked for. The standard error is what other data of the same kind would change, the "
        "interval is made from it or from a profile, and the column “simulation” is what other random paths would change."
    ]
    return "\n\n".join([*told, *(f"Warning: {doubt}" for doubt in found.doubts.values())])


def _judged(found: FitResult) -> list["Section"]:
    """Chi-square of all data and of each set."""
    from jumpax.results import Section

    if not found.goodness:
        return []
    table = {
        "data": [one.data for one in found.goodness],
        "chi-square": [one.value if one.degrees else None for one in found.goodness],
        "degrees of freedom": [one.degrees or None for one in found.goodness],
        "p": [f"{one.p_value:.2g}" if one.degrees and np.isfinite(one.p_value) else "" for one in found.goodness],
        "remark": [one.remark for one in found.goodness],
    }
    told = "p is the probability of as large a misfit or a larger one if the model is true: small numbers, such as 0.001, speak against the model."
    return [Section("Goodness of fit", told, table)]


def _profiled(found: FitResult) -> list["Section"]:
    """The profiles that were asked for: their bounds are the intervals in the table."""
    from jumpax.results import Section

    if not found.profiles:
        return []
    told = "The other parameters are fitted anew at each value. Where the curve is above the line, the value belongs to the interval."
    return [Section("Profiles", told, figures={f"{one}.": one.plot() for one in found.profiles.values()})]


def _compared(compared: Comparison | None) -> list["Section"]:
    """Which parameters differ between conditions."""
    from jumpax.results import Section

    return [] if compared is None else [Section("Differences", compared.summary(), compared.table())]


def _searched(found: FitResult) -> str:
    """How the fit ended, and what was noted on the data."""
    return "\n\n".join(line for line in found.summary() if not line.startswith(("goodness", "warning")))


def _steps(found: FitResult) -> dict[str, Any]:
    """Loss and parameters."""
    from jumpax import plots

    history = found.history
    values = {name: history.values[:, i] for i, name in enumerate(found.free)}
    upper, _ = plots.convergence(history.loss, values, units=dict(found.units), loss_name="loss")
    return {"Loss and parameters step by step.": upper.figure}


def networks_in_words(problem: AbstractProblem) -> str:
    """The networks, each once."""
    parts = problem.split(np.zeros(len(problem.free)))
    return "\n\n".join(dict.fromkeys(part.network.describe() for part, _ in parts))
