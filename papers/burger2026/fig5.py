"""Fig. 5: 50 inferences per estimator; inferred against reference parameters, and the events they took."""

import functools
import warnings
from collections.abc import Callable

import jax
import numpy as np

import jumpax
from burger2026 import estimators
from burger2026.repressilator import NAMES, Case, draw_cases, theta_of
from common.item import Item
from jumpax.gradients import AbstractEstimator
from jumpax.inference import SignalToNoise, Simulation, fit
from jumpax.plots import new_figure, style


def named(settings) -> dict[str, int]:
    """Names of the estimators with their numbers of paths per step."""
    names = estimators.table(settings["estimators"], [settings["temperature"]])
    return {name: settings["TT_paths" if name == "TT" else "paths"] for name in names}


def estimator_for(name: str, case: Case, settings) -> AbstractEstimator:
    """An estimator; the width of GS-ST is a share of the period."""
    return estimators.one(name, settings["width"] * case.period)


def _infer(settings, case: Case, number: int, name: str, paths: int) -> dict:
    """One run of gradient descent on the logarithms of beta and K, until the ratio is low several times in a row."""
    key = jax.random.key(settings["seed"])
    target = case.target(settings["reference_paths"], settings["seed"] + number)
    step = jax.jit(jax.value_and_grad(case.loss(target, estimator_for(name, case, settings), paths)))
    rule = SignalToNoise(settings["window"], settings["threshold"], settings["hits"])
    u, losses, places, hits, reason = case.start, [], [case.start], 0, "all steps used"
    for turn in range(settings["steps"]):
        loss, slope = step(u, jax.random.fold_in(jax.random.fold_in(key, number), turn))
        losses.append(float(loss))
        u = u - settings["rate"] * np.asarray(slope)
        if not np.isfinite(u).all():
            reason = "gradient not finite"
            break
        places.append(u)
        if np.abs(u - case.truth).max() > np.log(settings["lost"]):
            reason = "lost"
            break
        low = rule.ratio(np.array(losses)) < rule.threshold
        hits = hits + 1 if low else 0
        if hits >= rule.times:
            reason = "signal below noise"
            break
    if reason in ("gradient not finite", "lost"):
        found = places[-1]
    else:
        found = np.mean(places[-min(settings["average"], len(places)) :], 0)
    visited = np.array(places[: len(losses)])
    return {
        "found": np.exp(found), "log_error": found - case.truth, "reason": reason, "steps": len(losses), "losses": losses[-1],
        "events": _events(case, visited, settings) * paths * len(losses), "places": visited[:: max(1, len(visited) // 50)],
    }  # fmt: skip


def _events(case: Case, places: np.ndarray, settings) -> float:
    """Mean number of events of a path over all steps, from a few paths at every place visited."""
    model, each = case.model, settings["counting_paths"]
    theta = {name: np.repeat(np.asarray(value), each) for name, value in theta_of(places.T).items() if name in NAMES}
    theta["gamma"] = 1.0
    made = jumpax.simulate(
        model.network,
        theta,
        model.x0,
        times=case.times,
        paths=each * len(places),
        key=settings["seed"],
    )
    return float(made.events.mean())


def _fit(settings, gradient: AbstractEstimator | None, case: Case, number: int) -> dict:
    """One run of `jumpax.inference.fit` as it is: natural gradient, its own rule to stop, its own choice unless one is given."""
    reference = case.reference(settings["reference_paths"], settings["seed"] + number)
    source = Simulation(paths=settings["fit_paths"], batches=settings["fit_batches"], gradient=gradient, exact=False)
    problem = case.problem(reference, source)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", jumpax.JumpaxWarning
        )  # so few paths leave the estimate less certain than the data
        made = fit(problem, key=jax.random.fold_in(jax.random.key(settings["seed"]), number))
    found, run = np.log([made.estimates[name] for name in NAMES]), made.runs[made.best]
    visited = np.log(run.history.values[:, [problem.free.index(name) for name in NAMES]])
    return {
        "found": np.exp(found), "log_error": found - case.truth, "reason": run.reason, "steps": len(visited), "losses": made.loss,
        "events": _events(case, visited, settings) * made.paths, "places": visited, "choice": made.provenance["gradient"],
    }  # fmt: skip


def _runs(settings) -> dict[str, Callable[[Case, int], dict]]:
    """What is compared: gradient descent with each estimator, and `fit`."""
    descents = {
        name: lambda case, number, name=name, paths=paths: _infer(settings, case, number, name, paths)
        for name, paths in named(settings).items()
    }
    fits = {"fit": None, "fit, TT": estimators.one("TT")} if settings["fit_paths"] else {}
    return descents | {name: functools.partial(_fit, settings, gradient) for name, gradient in fits.items()}


def _parts(settings):
    return {
        f"{name} {number:02d}": lambda n=number, c=case, run=run: run(c, n)
        for name, run in _runs(settings).items()
        for number, case in enumerate(draw_cases(settings))
    }


def _combine(settings, found):
    """By estimator: all runs; how many recovered both parameters; failures with their start; events in all."""
    cases, rows = draw_cases(settings), {}
    for name in _runs(settings):
        runs = [found[f"{name} {number:02d}"] for number in range(len(cases))]
        errors = np.abs(np.array([run["log_error"] for run in runs]))
        good = (errors.max(1) <= settings["recovered"]) & np.array([run["reason"] != "lost" for run in runs])
        failed = [{"case": int(i), "start_K": cases[i].start_K, "reason": runs[i]["reason"], "log_error": runs[i]["log_error"]}
                  for i in np.flatnonzero(~good)]  # fmt: skip
        rows[name] = {
            "recovered": int(good.sum()), "failed": failed, "runs": [{k: v for k, v in run.items() if k != "places"} for run in runs],
            "median_log_error": float(np.median(errors)), "rms_log_error_recovered": float(np.sqrt((errors[good] ** 2).mean())) if good.any() else None,
            "events": sum(run["events"] for run in runs), "steps": sum(run["steps"] for run in runs),
        }  # fmt: skip
    for row in rows.values():
        row["events_over_SF"] = row["events"] / rows["SF"]["events"]
        row["error_over_SF"] = row["median_log_error"] / rows["SF"]["median_log_error"]
        starts = np.array([case.start_K for case in cases])
        row["failure_ranks"] = sorted(int((starts <= one["start_K"]).sum()) for one in row["failed"])
    return {"cases": [case._asdict() for case in cases], "estimators": rows}


def _draw(settings, results):
    rows, cases = results["estimators"], results["cases"]
    figure = new_figure(3.0 * len(rows), 6.0)
    with style():
        panels = figure.subplots(2, len(rows), squeeze=False)
        for column, (name, row) in enumerate(rows.items()):
            failed = [one["case"] for one in row["failed"]]
            for line, parameter in enumerate(NAMES):
                panel, truth = panels[line, column], np.array([case[parameter] for case in cases])
                guess = np.clip(np.array([run["found"][line] for run in row["runs"]], float), truth / 40, truth * 40)
                panel.plot(truth, truth, color="k", lw=0.8)
                panel.plot(truth, guess, "o", ms=4, color=estimators.colour(name))
                panel.plot(truth[failed], guess[failed], "x", ms=8, color="#d40000")
                panel.set(xscale="log", yscale="log", xlabel=f"{parameter}, reference", ylabel=f"{parameter}, inferred")
            panels[0, column].set_title(f"{name}: {row['recovered']}/{len(cases)}\nevents {row['events']:.2g}")
    return figure


CAMPAIGN = {
    "estimators": ["SF", "TT", "GS-ST", "AP"], "cases": 50, "beta": [10.0, 1000.0], "least_K": 1.0, "start_factor": 3.0, "hill": 3.0, "points": 10, "seed": 20261120,
    "temperature": 0.3, "width": 0.01, "paths": 1000, "TT_paths": 64, "reference_paths": 10_000,
}  # fmt: skip
"""The reference sets, shared with Fig. 6."""

ITEM = Item(
    title="50 inferences of the repressilator per estimator",
    settings={
        **CAMPAIGN, "rate": 0.1, "steps": 500, "window": 50, "threshold": 0.1, "hits": 3, "average": 20, "lost": 30.0,
        "recovered": 0.2, "counting_paths": 10, "fit_paths": 64, "fit_batches": 2,
    },
    tiny={"estimators": ["SF", "GS-ST"], "cases": 1, "beta": [10.0, 20.0], "steps": 3, "paths": 100, "reference_paths": 100, "window": 3, "counting_paths": 2, "points": 4, "fit_paths": 0},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
