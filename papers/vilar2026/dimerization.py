"""Reversible dimerization 2 A <-> D: both rates from the mean number of dimers in ten windows of time."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jumpax
from common.item import Item
from jumpax import Free, Problem, fit, losses
from jumpax.inference import SignalToNoise, Simulation
from jumpax.plots import new_figure, style

NAMES = ("k_on", "k_off")
ESTIMATORS = {
    "auto": "auto",
    "propensity": jumpax.StraightThrough(relaxation="propensity", horizon="exact"),
    "gumbel 0.3": jumpax.StraightThrough(relaxation="gumbel", temperature=0.3, horizon="exact"),
}


def _model(settings):
    """Network, and counts at the start."""
    return jumpax.zoo.dimerization(start=settings["molecules"])


def _exact_means(settings, values):
    """Mean of D in each window by the master equation, (windows,); differentiable in the two rates."""
    model, windows = _model(settings), jumpax.Windows(settings["edges"], nodes=8)
    space = jumpax.exact.StateSpace.reachable(model.network, model.x0)
    law = jumpax.exact.distribution(space, dict(zip(NAMES, values, strict=True)), windows.times)
    return windows.mean(law.mean()[:, model.network.species.index("D")])


def _problem(settings, run) -> Problem:
    """The exact means as data with a relative error that is the same for all, so that the loss is sum (m / m* - 1)^2."""
    model, target = _model(settings), np.asarray(_exact_means(settings, settings["truth"]))
    data = losses.WindowMeans(settings["edges"], {"D": target}, {"D": settings["scale"] * target}, nodes=3)
    start = {name: Free(value) for name, value in zip(NAMES, settings["start"], strict=True)}
    source = Simulation(paths=run["paths"], gradient=ESTIMATORS[run["gradient"]], exact=False)
    return Problem(model.network, model.x0, data, start, source=source)


def _adam(settings) -> optax.GradientTransformation:
    """A constant rate first: decay from the start stalls in the valley k_on / k_off = const."""
    halvings = dict.fromkeys(settings["halved_at"], 0.5)
    return optax.adam(optax.piecewise_constant_schedule(settings["rate"], halvings))


def _infer(settings, run, seed):
    """One fit with all its steps, and what it cost."""
    problem = _problem(settings, run)
    result = fit(
        problem, key=seed, optimiser=_adam(settings) if run["optimiser"] == "Adam" else None, steps=run["steps"],
        average=run["average"], stopping=SignalToNoise(after=run["steps"]), final=2,
    )  # fmt: skip
    trace = result.runs[0].history.values
    errors = np.array([result.estimates[name] / true - 1 for name, true in zip(NAMES, settings["truth"], strict=True)])
    return {
        "estimates": result.estimates, "errors_percent": 100 * errors, "mean_percent": 100 * np.abs(errors).mean(),
        "events": _events(settings, trace) * run["paths"] * len(trace), "seconds": result.seconds,
        "trace": trace[:: max(1, len(trace) // 100)], "gradient": result.provenance["gradient"],
        "windows": np.asarray(_exact_means(settings, [result.estimates[name] for name in NAMES])),
    }  # fmt: skip


def _events(settings, trace) -> float:
    """Mean number of events of a path over the steps of a fit."""
    model, each = _model(settings), settings["counting_paths"]
    theta = {name: np.repeat(column, each) for name, column in zip(NAMES, trace.T, strict=True)}
    end = settings["edges"][-1]
    paths = jumpax.simulate(model.network, theta, model.x0, times=[end], paths=each * len(trace), key=0)
    return float(paths.events.mean())


def _valley(settings):
    """Exact means, and what they say about the rates: condition of the two-parameter problem at the truth."""
    truth = np.array(settings["truth"])
    slope = np.asarray(jax.jacfwd(lambda k: _exact_means(settings, k))(jnp.asarray(truth))) * truth
    means = np.asarray(_exact_means(settings, truth))
    low, high = np.linalg.eigvalsh((slope / means[:, None]).T @ (slope / means[:, None]))
    return {"means": means, "condition": high / low}


def _parts(settings):
    runs = {
        f"{name} {seed}": lambda run=run, seed=seed: _infer(settings, run, seed)
        for name, run in settings["runs"].items()
        for seed in settings["seeds"]
    }
    return {"exact": lambda: _valley(settings), **runs}


def _combine(settings, found):
    """By kind of fit: error of every seed, their mean, work."""
    rows = {}
    for name in settings["runs"]:
        runs = [found[f"{name} {seed}"] for seed in settings["seeds"]]
        errors = np.abs([run["errors_percent"] for run in runs])
        rows[name] = {
            "mean_percent": float(errors.mean()), "by_seed": [run["mean_percent"] for run in runs],
            "by_rate": dict(zip(NAMES, errors.mean(0).tolist(), strict=True)),
            "events": float(np.mean([run["events"] for run in runs])), "seconds": [run["seconds"] for run in runs], "runs": runs,
        }  # fmt: skip
    natural, adam = (rows.get(f"auto, {name}") for name in ("natural gradient", "Adam"))
    ratio = natural["events"] / adam["events"] if natural and adam else None
    return {"exact": found["exact"], "fits": rows, "natural_over_adam": ratio}


def _draw(settings, results):
    figure, rows = new_figure(11.0, 3.4), results["fits"]
    middle = (np.array(settings["edges"][1:]) + np.array(settings["edges"][:-1])) / 2
    with style():
        means, traces, errors = figure.subplots(1, 3)
        means.plot(middle, results["exact"]["means"], "ko", label="exact")
        for number, (name, row) in enumerate(rows.items()):
            means.plot(middle, row["runs"][0]["windows"], color=f"C{number}", label=name)
            trace = np.array(row["runs"][0]["trace"]) / np.array(settings["truth"])
            steps = np.linspace(0, 1, len(trace))
            traces.plot(steps, trace[:, 0], color=f"C{number}")
            traces.plot(steps, trace[:, 1], "--", color=f"C{number}")
            errors.plot([number] * len(row["by_seed"]), row["by_seed"], "o", color=f"C{number}")
        errors.axhline(settings["claimed_percent"], color="k", lw=0.8)
        errors.set(xticks=[], ylabel="mean relative error, %, by seed", ylim=(0, None))
        traces.set(yscale="log", xlabel="share of the steps", ylabel="k_on (solid), k_off (dashed) / true")
        means.set(xlabel="time", ylabel="dimers, mean over a window")
        means.legend(fontsize=7)
    return figure


ADAM = {"optimiser": "Adam", "paths": 512, "steps": 800, "average": 80}
NATURAL = {"optimiser": "natural gradient", "paths": 2048, "steps": 70, "average": 50}

ITEM = Item(
    title="both rates of a reversible dimerization",
    settings={
        "molecules": 100, "truth": [0.005, 0.1], "start": [0.02, 0.02], "edges": list(range(11)), "scale": 0.01,
        "seeds": [1, 2, 3, 4, 5, 6], "rate": 0.05, "halved_at": [400, 500, 600, 700], "counting_paths": 5, "claimed_percent": 0.09,
        "runs": {
            "auto, Adam": ADAM | {"gradient": "auto"},
            "propensity, Adam": ADAM | {"gradient": "propensity"},
            "gumbel 0.3, Adam": ADAM | {"gradient": "gumbel 0.3"},
            "auto, natural gradient": NATURAL | {"gradient": "auto"},
            "propensity, natural gradient": NATURAL | {"gradient": "propensity"},
            "gumbel 0.3, natural gradient": NATURAL | {"gradient": "gumbel 0.3"},
        },
    },
    tiny={
        "seeds": [1], "molecules": 20, "edges": [0.0, 1.0, 2.0],
        "runs": {"propensity, Adam": ADAM | {"gradient": "propensity", "paths": 32, "steps": 3, "average": 1}},
    },
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
