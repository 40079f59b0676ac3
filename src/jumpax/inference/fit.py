"""`fit`: from a problem to estimates and their uncertainties."""

import dataclasses
import importlib.metadata
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from jumpax._base import random
from jumpax._base.errors import InputError, JumpaxWarning, SimulationError
from jumpax._base.progress import Told, telling
from jumpax.engines.provenance import provenance
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.budget import check_budget, check_settings
from jumpax.inference.conclude import Conclusion, conclude
from jumpax.inference.deciding import Deciding
from jumpax.inference.doubts import doubts, outcome
from jumpax.inference.goodness import goodness, misfit
from jumpax.inference.information import mean
from jumpax.inference.optimiser import natural_gradient
from jumpax.inference.problem import check_problem
from jumpax.inference.result import FitResult, Run
from jumpax.inference.resuming import resuming
from jumpax.inference.search import (
    INTERRUPTED,
    End,
    Settings,
    descend,
    named_values,
    pooled_error,
    pooled_loss,
    starting_points,
)
from jumpax.inference.searched import searched
from jumpax.inference.stopping import AbstractStopping, SignalToNoise, SmallSteps
from jumpax.inference.uncertainty import uncertainty

if TYPE_CHECKING:
    import optax  # a tenth of a second, and not needed to simulate

STEPS, AVERAGE, LEAST = 200, 20, 8
"""Most steps of a start, how many of the last are averaged, and evaluations at the estimate, at least."""
USUAL: dict[str, Any] = {"starts": 1, "steps": STEPS, "average": AVERAGE, "final": LEAST}
"""Settings that nobody gave."""


def fit(
    problem: AbstractProblem,
    *,
    key: PRNGKeyArray | int = 0,
    starts: int | Sequence[Mapping[str, float]] = 1,
    optimiser: "optax.GradientTransformation | None" = None,
    stopping: AbstractStopping | None = None,
    steps: int = STEPS,
    average: int = AVERAGE,
    final: int = LEAST,
    budget: int | None = None,
    progress: bool | Told = False,
    save: str | os.PathLike | None = None,
    resume: str | os.PathLike | None = None,
) -> FitResult:
    """Find the parameters under which the data are most likely.

    Stochastic descent of the simulated loss on unconstrained parameters, with a fresh key per step. From the last
    `average` steps, each with the Newton step that its own gradient asks for, the estimate follows; its remaining
    simulation error is reported beside the standard error. Loss, Fisher information and expected observable are simulated
    anew there, with `final` keys, and with more until the information is resolved: until each of its eigenvalues is known
    to a fifth or known to be next to 0, and the simulation error is 0.15 standard errors. That takes no more evaluations
    than the search took; if they do not suffice, the master equation takes over where it is small (`Simulation(exact=...)`).
    What is still not resolved then is said to be so: `unresolved` is what too few paths leave open, `undetermined` what
    the data do. Consistent as paths grow; for biases see the loss. Ctrl-C ends the search and keeps what was reached.

    With a `budget` nothing need be known of where to start: the boxes of the parameters (`Free.box`) are searched as a whole, by
    paths that each have parameters of their own, and regression on them; several places are followed, fresh paths decide
    between them, and the rest of the paths goes into the estimate. Places where the mean field explains the data are followed,
    too (`Simulation(mean_field=...)`): they are approximate, a few paths correct the best of them, and paths judge them like all
    others. The noise does not grow with the number of events of a path, as that of scores does. `FitResult.search` has the best
    parameters against paths, and whether the data are explained.

    Args:
        problem: data, model and parameters; or `Conditions` of several.
        key: the same key gives the same fit.
        starts: how many start points: the one of the problem, then others drawn around it; or the points themselves.
            The run with the least final loss is reported; starts whose paths cannot be followed are left out, with a warning.
        optimiser: any Optax transformation, in minimising form; default the natural gradient. It is offered the Fisher
            information as the extra argument `information`.
        stopping: default `SignalToNoise()`; for exact expectations `SmallSteps()`.
        steps: most steps per start.
        average: how many of the last steps are averaged (1 for exact expectations).
        final: least number of evaluations at the estimate (1 for exact expectations).
        budget: most paths, all in all, of a search of boxes; every point costs one in each condition. For losses on counts;
            `starts` that are given as points are places to follow, too, the number of paths of the source does not matter, and
            the settings above are refused.
        progress: True for a bar in terminals and notebooks; or a function of `FitProgress`, with a budget of `SearchProgress`.
        save: file to keep what is simulated in, each simulation as soon as it is done; one that is there is replaced. It stays at the
            end. A disk that is full is warned of, and ends nothing.
        resume: such a file: the fit goes on from there, and ends bit for bit as if it had not been interrupted, by Ctrl-C, by a signal
            or by a crash. Everything else must be as it was: problem, settings, key, versions, precision. `save` may be the same file.

    Returns:
        Estimates, standard errors, history and provenance: see `FitResult`.

    Raises:
        InputError: settings that make no sense; a file to resume from that is not there, or is of another fit: names all that differs.
        SimulationError: a loss or gradient that is not a number, from every start, with the names of the parameters.

    Warns:
        JumpaxWarning: parameters are not determined by the data, or not resolved by the paths; simulation errors exceed
            standard errors; the search stopped elsewhere than at the least loss; the model does not explain the data (a
            false alarm in about one of 1,000 fits, as far as the errors of the data are what they are taken for: see `Goodness`). `FitResult.doubts` has the texts.

    Examples:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, MasterEquation, Problem, fit, losses
        >>> model = jumpax.zoo.birth_death()
        >>> data = losses.LogLikelihood("X", [9, 12, 7, 10, 14, 8, 11])
        >>> problem = Problem(model.network, model.x0, data, {"birth": Free(5.0), "death": Fixed(1.0)}, settle=10.0,
        ...                   source=MasterEquation({"X": 60}))
        >>> result = fit(problem)
        >>> print(f"{result.estimates['birth']:.2f} ± {result.standard_errors['birth']:.2f}")   # mean, sqrt(mean / 7)
        10.14 ± 1.20
    """
    settings: dict[str, Any] = {
        "key": key, "starts": starts, "optimiser": optimiser, "stopping": stopping, "steps": steps, "average": average, "final": final,
        "budget": budget,
    }  # fmt: skip
    check_problem(problem, "fit")
    with resuming(problem, "fit", settings, save, resume):
        result = quiet_fit(problem, **settings, progress=progress)
    for doubt in result.doubts.values():
        warnings.warn(doubt, JumpaxWarning, stacklevel=2)
    return result


def quiet_fit(
    problem: AbstractProblem,
    *,
    key: PRNGKeyArray | int = 0,
    starts: int | Sequence[Mapping[str, float]] = 1,
    optimiser: "optax.GradientTransformation | None" = None,
    stopping: AbstractStopping | None = None,
    steps: int = STEPS,
    average: int = AVERAGE,
    final: int = LEAST,
    budget: int | None = None,
    progress: bool | Told = False,
) -> FitResult:
    """`fit`, for callers that tell the doubts themselves."""
    import optax

    check_problem(problem, "fit")
    if not problem.free:
        raise InputError("no parameter is free, so there is nothing to fit: give one a start, Free(1.0)")
    for name, number in (("steps", steps), ("average", average), ("final", final)):
        if number < 1:
            raise InputError(f"{name} must be 1 or more; got {number!r}")
    if budget is not None:
        many = starts if isinstance(starts, int) else 1
        check_settings(
            {"optimiser": (optimiser, None), "stopping": (stopping, None), "starts": (many, 1), "steps": (steps, STEPS),
             "average": (average, AVERAGE), "final": (final, LEAST)}
        )  # fmt: skip
        with telling(progress) as tell:
            return _with_budget(check_budget(problem, budget), budget, key, starts, tell)
    for part in problem.parts.values():
        _ = part.plan.expected  # what does not fit into memory shows here
    exact = problem.source.deterministic
    chosen = natural_gradient(1.0 if exact else 0.5, decay=0.0 if exact else 0.9) if optimiser is None else optimiser
    rule = (SmallSteps() if exact else SignalToNoise()) if stopping is None else stopping
    with telling(progress) as tell:
        settings = Settings(
            optax.with_extra_args_support(chosen), rule, steps, 1 if exact else average, 1 if exact else final,
            jax.random.key(key) if isinstance(key, int) else key, tell, Deciding(),
        )  # fmt: skip
        return _by_steps(problem, starts, settings)


def _by_steps(problem: AbstractProblem, starts: int | Sequence[Mapping[str, float]], settings: Settings) -> FitResult:
    """By a descent from each start."""
    begin, words = time.perf_counter(), random.key_words(settings.key)
    ends, lost = _descents(problem, list(starting_points(problem, starts, settings.key)), settings)
    best = int(np.argmin([end.run.loss for end in ends]))
    end = ends[best]
    spare = 0 if end.run.reason == INTERRUPTED else max(len(end.run.history.loss), settings.final)
    ending = conclude(problem, end.point, end.found, end.tail, end.ask, spare)
    choice = settings.deciding.choice
    about = {
        "steps": settings.steps, "average": settings.average, "final": end.ask.asked, "paths_per_step": problem.source.total,
        "stopping": repr(settings.stopping), "gradient": None if choice is None else choice.reason,
    }  # fmt: skip
    result = _result(problem, [end.run for end in ends], best, ending, settings.deciding.paths, words, about)
    told = {"starts": f"{len(lost)} of {len(ends) + len(lost)} starts were given up: {lost[0]}"} if lost else {}
    return dataclasses.replace(result, doubts={**result.doubts, **told}, seconds=time.perf_counter() - begin)


def _descents(
    problem: AbstractProblem, points: list[np.ndarray], settings: Settings
) -> tuple[list[End], list[SimulationError]]:
    """One search from each point, and what ended those that are left out."""
    ends: list[End] = []
    lost: list[SimulationError] = []
    for number, point in enumerate(points):
        try:
            ends.append(descend(problem, point, number, len(points), settings))
        except SimulationError as fault:
            lost.append(fault)
            continue
        if ends[-1].run.reason == INTERRUPTED:
            break
    if not ends:
        raise lost[0]
    return ends, lost


def _with_budget(
    problem: AbstractProblem,
    budget: int,
    key: Any,
    starts: int | Sequence[Mapping[str, float]],
    tell: Told,
) -> FitResult:
    """By a search of boxes."""
    begin, words = time.perf_counter(), random.key_words(key)
    known = [] if isinstance(starts, int) else list(starting_points(problem, starts, key))
    found = searched(problem, budget, jax.random.key(key) if isinstance(key, int) else key, known, tell)
    about = {"budget": budget, "final": found.asking.ask.count, "paths_per_step": found.asking.ask.paths}
    result = _result(found.evaluated, [found.run], 0, found.ending, int(found.search.paths[-1]), words, about)
    doubted = {**found.doubts, **result.doubts}
    if "unexplained" in doubted:  # which says so already
        doubted.pop("misfit", None)
    explained = found.search.explained and "misfit" not in doubted
    converged, reason = outcome(result.runs[0], doubted)
    fault = found.search.mean_field_fault
    return dataclasses.replace(
        result,
        notes={**result.notes, **({"no places by the mean field": fault} if fault else {})},
        doubts=doubted,
        converged=converged,
        reason=reason,
        search=found.search._replace(explained=explained),
        seconds=time.perf_counter() - begin,
    )


def _result(
    problem: AbstractProblem,
    runs: list[Run],
    best: int,
    ending: Conclusion,
    paths: float,
    words: Any,
    about: dict[str, Any],
) -> FitResult:
    """Everything about the best run."""
    u, source = ending.point, ending.problem.source
    run = runs[best] = runs[best]._replace(end=named_values(problem, u))
    left = uncertainty(problem, u, ending.information, ending.noise)
    doubted = doubts(left, ending, run)
    converged, reason = outcome(run, doubted)
    judged = goodness(ending.problem, ending.found)
    if converged and (text := misfit(judged)):  # elsewhere than at the least loss no model explains the data
        doubted["misfit"] = text
    expected = jax.tree.map(np.asarray, mean(ending.found))
    notes = ending.problem.notes(expected)
    if source != problem.source:
        notes["end of the search"] = f"by the master equation, for paths left it in doubt: {source!r}"
    if run.halved:
        notes["steps that were halved"] = (
            f"{run.halved} times, for they led where paths could not be followed or there was no law"
        )
    where = provenance(
        problem.split(u)[0][0].network, words, str(jnp.zeros(()).dtype), type(problem.source).__name__,
        source=repr(problem.source), ending=repr(source), **about,
    )  # fmt: skip
    return FitResult(
        free=problem.free,
        estimates={n: float(v) for n, v in problem.values(jnp.asarray(u)).items()},
        standard_errors=left.standard_errors,
        simulation_errors=left.simulation_errors,
        intervals=left.intervals,
        information=ending.information.matrix,
        unconstrained=u,
        loss=pooled_loss(ending.problem, u, ending.found),
        loss_error=pooled_error(ending.found),
        runs=tuple(runs),
        best=best,
        interrupted=any(r.reason == INTERRUPTED for r in runs),
        converged=converged,
        reason=reason,
        undetermined=left.undetermined,
        unresolved=left.unresolved,
        determined=left.determined,
        doubts=doubted,
        notes=notes,
        expected=expected,
        compared=problem.compared(expected),
        units=problem.units,
        paths=paths,
        seconds=0.0,
        goodness=judged,
        provenance={
            **where,
            **problem.told(),
            "versions": {**where["versions"], "optax": importlib.metadata.version("optax")},
        },
    )
