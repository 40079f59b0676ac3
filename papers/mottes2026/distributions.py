"""Three rates of the telegraph promoter from the whole stationary distribution, in six regimes, from three starts each.

The judge is the exact maximum likelihood of the same cells, in the combinations of rates that they determine.
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np

import jumpax
from common.item import Item
from jumpax import Fixed, Free, Problem, losses
from jumpax.exact import StateSpace, stationary
from jumpax.inference import MasterEquation, SignalToNoise, Simulation, profile
from jumpax.plots import new_figure, style
from mottes2026.moments import GRADIENTS
from mottes2026.steps import newton
from mottes2026.telegraph import MODEL, RATES, bursts, law, log_uniform, sample

EXACTLY = {"optimiser": newton(1.0, 1e-4, 0.0), "steps": 200}
LOSSES = {"likelihood": losses.LogLikelihood, "Wasserstein": losses.Wasserstein}


def _data(settings, regime: str) -> tuple[dict[str, float], np.ndarray, int]:
    """True rates, counts of cells, and places of a histogram that holds them."""
    truth = dict(zip(RATES, settings["regimes"][regime], strict=True))
    counts = sample(truth, settings["cells"], settings["seed"] + list(settings["regimes"]).index(regime))
    return truth, counts, settings["size"]


def _limit(size: int) -> int:
    """Largest count of the master equation: far above what the histogram holds."""
    return 2 * size - 20


def _exactly(size: int) -> MasterEquation:
    """Large leaks are met on the way of a search only; its ends lie far below the limit."""
    return MasterEquation({"M": _limit(size)}, tolerance=0.5)


def _starts(settings, regime: str) -> list[dict[str, float]]:
    """Log-uniform, from ranges that do not know the truth."""
    generator = np.random.default_rng([settings["seed"], 1, list(settings["regimes"]).index(regime)])
    return [
        {name: float(log_uniform(generator, ends)) for name, ends in zip(RATES, settings["ranges"], strict=True)}
        for _ in range(settings["starts"])
    ]


def _coordinates(logarithms):
    """Logarithms of burst size, burst frequency and k_off: here what the cells leave open is a straight line."""
    k_on, k_off, k_tx = jnp.exp(logarithms)
    return jnp.log(jnp.stack([*bursts(k_on, k_off, k_tx), k_off]))


def _problem(settings, regime: str, loss: str, source) -> Problem:
    _, counts, size = _data(settings, regime)
    rates = {name: Free(value) for name, value in _starts(settings, regime)[0].items()}
    data = LOSSES[loss]("M", counts, size=size)
    return Problem(MODEL.network, MODEL.x0, data, {**rates, "gamma": Fixed(1.0)}, settle=settings["settle"], source=source)  # fmt: skip


def _exact(settings, regime: str) -> dict:
    """The minimum of the exact loss, from the true rates; for the likelihood also its profiles and determined combinations."""
    truth, _, _ = _data(settings, regime)
    found = {}
    for loss in LOSSES:
        problem = _problem(settings, regime, loss, _exactly(settings["size"]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", jumpax.JumpaxWarning)
            result = jumpax.fit(problem.starting(truth), **EXACTLY)
        slope = np.asarray(jax.jacfwd(_coordinates)(jnp.asarray(result.unconstrained)))
        inverse = np.linalg.inv(slope)
        values, vectors = np.linalg.eigh(inverse.T @ result.information @ inverse)
        errors = 1 / np.sqrt(np.maximum(values, 1e-12))
        told = errors < settings["determined"]
        found[loss] = {
            "rates": [result.estimates[name] for name in RATES], "loss": result.loss,
            "combinations": vectors.T[told], "errors": errors[told], "all_errors": errors,
        }  # fmt: skip
        if loss == "likelihood":
            best = problem.starting({name: result.estimates[name] for name in RATES})
            found["profiles"] = {name: _profile(settings, best, name) for name in settings["profiled"]}
    return found


def _profile(settings, problem: Problem, name: str) -> dict:
    """95 % bounds of one rate, the other two fitted again at each of its values."""
    middle = problem.start_values[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        reach = np.geomspace(1 / settings["reach"], settings["reach"], settings["points"])
        made = profile(problem, name, middle * reach, **EXACTLY)
    return {"lower": made.lower, "upper": made.upper, "said": str(made)}


def _by_moments(settings, regime: str, start, key: int) -> tuple[dict[str, float], float]:
    """From a far start to rates that have the moments of the cells, by the shortest way; and the paths that took.

    Histograms that hardly overlap with the cells say little of where to go, and k_off may run away.
    """
    _, counts, _ = _data(settings, regime)
    target = losses.TargetMoments("M", counts.mean(), counts.std(), error=0.05)
    rates = {name: Free(value) for name, value in start.items()} | {"gamma": Fixed(1.0)}
    source = Simulation(paths=settings["first"], gradient=GRADIENTS[settings["gradient"]], exact=False)
    problem = Problem(MODEL.network, MODEL.x0, target, rates, settle=settings["settle"], source=source)
    result = jumpax.fit(problem, key=key, steps=settings["first_steps"])
    return {name: result.estimates[name] for name in RATES}, result.paths


def _fitted(settings, regime: str, loss: str) -> dict:
    """By simulation: moments first, then few paths, then many, each from where the last one ended; natural gradients."""
    ends = []
    for number, start in enumerate(_starts(settings, regime)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", jumpax.JumpaxWarning)
            point, spent = _by_moments(settings, regime, start, settings["seed"] + number)
        for stage, (paths, steps, floor) in enumerate(settings["stages"]):
            problem = _problem(settings, regime, loss, Simulation(paths=paths, exact=False)).starting(point)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", jumpax.JumpaxWarning)
                result = jumpax.fit(
                    problem,
                    key=settings["seed"] + 10 * number + stage,
                    optimiser=newton(0.5, floor, 0.9),
                    stopping=SignalToNoise(after=steps),
                    steps=steps,
                )
            point = {name: result.estimates[name] for name in RATES}
            spent += result.paths
        ends.append({"start": list(start.values()), "rates": list(point.values()), "paths": spent})
    return {"ends": ends}


def _parts(settings):
    parts = {f"exact {regime}": lambda regime=regime: _exact(settings, regime) for regime in settings["regimes"]}
    for regime in settings["regimes"]:
        for loss in settings["losses"]:
            parts[f"{loss} {regime}"] = lambda regime=regime, loss=loss: _fitted(settings, regime, loss)
    return parts


def _stationary(rates, size: int) -> np.ndarray:
    """Exact law of the messenger, by the master equation."""
    space = StateSpace.reachable(MODEL.network, MODEL.x0, limits={"M": _limit(size)})
    theta = dict(zip(RATES, map(float, rates), strict=True)) | {"gamma": 1.0}
    return np.asarray(stationary(space, theta, tolerance=1e-3).marginal("M"))[:size]


def _judged(settings, end, exact, loss: str, laws) -> dict:
    """One fit beside the exact minimum of its own loss, the exact maximum likelihood, and the truth."""
    away = {}
    for name, judge in (("own", exact[loss]), ("likelihood", exact["likelihood"])):
        here, there = (np.asarray(_coordinates(jnp.log(jnp.array(rates)))) for rates in (end["rates"], judge["rates"]))
        parts = np.array(judge["combinations"]).reshape(-1, len(RATES)) @ (here - there)
        away[name] = float(np.abs(parts / np.array(judge["errors"])).max(initial=0.0))
    own, best, true = laws(end["rates"]), laws(exact["likelihood"]["rates"]), laws(None)
    return {
        **end, "errors_from_own": away["own"], "errors_from_likelihood": away["likelihood"],
        "variation": 0.5 * np.abs(own - best).sum(), "variation_from_truth": 0.5 * np.abs(own - true).sum(),
        "within_profiles": float(np.mean([
            (bound["lower"] or 0) <= rate <= (bound["upper"] or np.inf)
            for rate, bound in zip(end["rates"], exact["profiles"].values(), strict=False)
        ])),
        "wasserstein_from_truth": np.abs(np.cumsum(own - true)).sum(),
    }  # fmt: skip


def _combine(settings, found):
    table, closed = {}, []
    for regime in settings["regimes"]:
        truth, counts, size = _data(settings, regime)
        exact = found[f"exact {regime}"]

        def laws(rates, truth=truth, size=size):
            return _stationary(truth.values() if rates is None else rates, size)

        closed.append(0.5 * np.abs(laws(None) - law(truth, len(laws(None)))).sum())
        best = laws(exact["likelihood"]["rates"])
        table[regime] = {
            "truth": list(truth.values()), "cells": np.bincount(counts, minlength=size) / len(counts), "exact": exact,
            "law": best, "variation_of_likelihood_from_truth": 0.5 * np.abs(best - laws(None)).sum(),
            **{loss: [_judged(settings, end, exact, loss, laws) for end in found[f"{loss} {regime}"]["ends"]] for loss in settings["losses"]},
        }  # fmt: skip
    return {"regimes": table, "closed_form_from_master_equation": max(closed), "score": _score(settings, table)}


def _score(settings, table) -> dict:
    """Shares of regimes and starts that reach the aims, by loss."""
    made = {}
    for loss in settings["losses"]:
        rows = [row for regime in table.values() for row in regime[loss]]
        errors = [
            np.abs(np.array(row["rates"]) / regime["truth"] - 1) for regime in table.values() for row in regime[loss]
        ]
        made[loss] = {
            "within_2_errors": np.mean([row["errors_from_own"] <= 2 for row in rows]),
            "within_2_errors_of_likelihood": np.mean([row["errors_from_likelihood"] <= 2 for row in rows]),
            "variation_below_0.02": np.mean([row["variation"] <= 0.02 for row in rows]),
            "both": np.mean([row["errors_from_own"] <= 2 and row["variation"] <= 0.02 for row in rows]),
            "rates_within_profiles": np.mean([row["within_profiles"] for row in rows]),
            "largest_variation_from_truth": max(row["variation_from_truth"] for row in rows),
            "median_rate_error": np.median(errors), "paths": sum(row["paths"] for row in rows),
        }  # fmt: skip
    return made


def _draw(settings, results):
    regimes = results["regimes"]
    figure = new_figure(3.2 * len(regimes), 6.0)
    with style():
        panels = figure.subplots(2, len(regimes), squeeze=False)
        for (upper, lower), (name, regime) in zip(panels.T, regimes.items(), strict=True):
            cells = np.array(regime["cells"])
            shown = int(np.flatnonzero(cells)[-1]) + 2
            upper.step(range(shown), cells[:shown], where="mid", color="0.7", label="cells")
            upper.plot(range(shown), regime["law"][:shown], "k-", lw=1, label="exact ML")
            for number, loss in enumerate(settings["losses"]):
                fitted = _stationary(regime[loss][0]["rates"], settings["size"])[:shown]
                upper.plot(range(shown), fitted, "--", color=f"C{number}", lw=1, label=loss)
                for row in regime[loss]:
                    places = np.arange(len(RATES)) + 0.25 * (number - 0.5)
                    lower.plot(places, np.array(row["rates"]) / regime["truth"], "o", ms=3, color=f"C{number}")
            best = np.array(regime["exact"]["likelihood"]["rates"]) / regime["truth"]
            lower.plot(range(len(RATES)), best, "k_", ms=12)
            for place, rate in enumerate(settings["profiled"]):
                bounds, true = regime["exact"]["profiles"][rate], regime["truth"][place]
                low, high = (bounds["lower"] or 0) / true, (bounds["upper"] or np.inf) / true
                lower.plot([place, place], np.clip([low, high], 0.05, 20), "k-", lw=0.7)
            upper.set(title=name, xlabel="messengers", ylabel="share")
            lower.set(xticks=range(len(RATES)), xticklabels=RATES, yscale="log", ylim=(0.05, 20), ylabel="over truth")
        panels[0, 0].legend(fontsize=7)
    return figure


ITEM = Item(
    title="telegraph: three rates from whole distributions, six regimes",
    settings={
        "regimes": {
            "bursty": [0.3, 5.0, 60.0], "bimodal": [0.3, 0.3, 30.0], "asymmetric": [0.5, 0.2, 25.0],
            "intermediate": [2.0, 2.0, 20.0], "near Poisson": [10.0, 5.0, 20.0], "low": [0.2, 2.0, 5.0],
        },
        "cells": 2000, "ranges": [[0.1, 10.0], [0.1, 10.0], [5.0, 100.0]], "starts": 3, "seed": 20261125, "settle": 15.0,
        "size": 130, "losses": ["likelihood", "Wasserstein"], "first": 4000, "first_steps": 60, "gradient": "auto", "stages": [[4000, 40, 0.005], [40000, 60, 0.001]], "profiled": list(RATES),
        "determined": 0.3, "reach": 20.0, "points": 7,
    },
    tiny={"regimes": {"low": [0.2, 2.0, 5.0]}, "starts": 1, "cells": 200, "first": 160, "first_steps": 2, "gradient": "score", "stages": [[160, 2, 0.02]], "size": 40, "points": 3, "profiled": ["k_off"]},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
