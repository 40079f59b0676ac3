"""SEIR: what the growing number of cases in small outbreaks tells of infection, latency and recovery."""

import numpy as np

import jumpax
from common.item import Item
from jumpax import Free, MassAction, Network, Problem, Reaction, fit, losses
from jumpax.inference import MasterEquation, SignalToNoise, Simulation
from jumpax.plots import new_figure, style

NETWORK = Network(
    [
        Reaction("S + I -> E + I", MassAction("beta"), name="infection"),
        Reaction("E -> I + cases", MassAction("sigma"), name="onset"),
        Reaction("I -> R", MassAction("gamma"), name="recovery"),
    ],
    species=("S", "E", "I", "R", "cases"),
)
NAMES = ("beta", "sigma", "gamma")


def _start(settings) -> dict[str, int]:
    first = settings["first"]
    return {"S": settings["people"] - first, "E": 0, "I": first, "R": 0, "cases": 0}


def _data(settings) -> losses.TimeSeries:
    """Mean number of cases so far, over synthetic outbreaks, with standard errors."""
    seen = jumpax.simulate(
        NETWORK,
        settings["theta"],
        _start(settings),
        times=settings["times"],
        paths=settings["outbreaks"],
        key=settings["seed"],
    )["cases"]
    error = np.maximum(seen.std(0, ddof=1), 0.3) / np.sqrt(settings["outbreaks"])
    return losses.TimeSeries(settings["times"], {"cases": seen.mean(0)}, {"cases": error})


def _fit(settings, source, **how) -> dict:
    """All three rates; the source says where expectations come from."""
    start = dict(zip(NAMES, np.array(settings["away"]) * [settings["theta"][n] for n in NAMES], strict=True))
    problem = Problem(NETWORK, _start(settings), _data(settings), {n: Free(start[n]) for n in NAMES}, source=source)
    found = fit(problem, key=settings["seed"], **how)
    values, vectors = np.linalg.eigh(found.information)  # of the logarithms of the rates
    return {
        "estimates": found.estimates, "standard_errors": found.standard_errors, "simulation_errors": found.simulation_errors,
        "loss": found.loss, "converged": found.converged, "steps": len(found.runs[found.best].history.loss),
        "expected": np.asarray(found.expected)[..., 0, 0], "information": found.information,
        "combinations": {"deviation": 1 / np.sqrt(np.maximum(values, 1e-12)), "vectors": vectors.T},
        "undetermined": list(found.undetermined),
    }  # fmt: skip


def _parts(settings):
    simulation = Simulation(settings["paths"], settings["batches"], jumpax.ScoreFunction(), exact=False)
    return {
        "exact": lambda: _fit(settings, MasterEquation(), steps=settings["exact_steps"]),
        "simulated": lambda: _fit(
            settings,
            simulation,
            steps=settings["steps"],
            average=settings["average"],
            stopping=SignalToNoise(after=settings["steps"]),
        ),
        "data": lambda: {"mean": _data(settings).measured[:, 0]},
    }


def _combine(settings, found):
    """Along the axes of the exact Fisher information: the log rates that were found less the exact ones, and the true ones."""
    exact, simulated = found["exact"], found["simulated"]
    vectors, deviation = np.array(exact["combinations"]["vectors"]), np.array(exact["combinations"]["deviation"])
    logs = {k: np.log([row["estimates"][n] for n in NAMES]) for k, row in found.items() if k != "data"}
    truth = np.log([settings["theta"][n] for n in NAMES])
    apart = vectors @ (logs["simulated"] - logs["exact"]) / deviation
    off = vectors @ (logs["simulated"] - truth) / deviation
    people = settings["people"]

    def reproduction(row):
        return row["estimates"]["beta"] * people / row["estimates"]["gamma"]

    return {
        **found, "axes": {"relative_deviation": deviation, "vectors": vectors, "simulated_less_exact": apart, "less_true": off},
        "worst_apart": np.abs(apart).max(), "worst_off": np.abs(off).max(),
        "best_deviation": deviation.min(), "worst_deviation": deviation.max(),
        "loss_above_exact": simulated["loss"] - exact["loss"], "exact_converged": int(exact["converged"]),
        "reproduction": {k: reproduction(found[k]) for k in ("exact", "simulated")} | {"true": np.exp(truth[0] - truth[2]) * people},
    }  # fmt: skip


def _draw(settings, results):
    figure = new_figure(8.4, 3.4)
    with style():
        left, right = figure.subplots(1, 2)
        times = settings["times"]
        left.plot(times, results["data"]["mean"], "o", color="k", ms=4, label="synthetic outbreaks")
        left.plot(times, results["exact"]["expected"], label="master equation")
        left.plot(times, results["simulated"]["expected"], "--", label="simulation gradients")
        left.set(xlabel="day", ylabel="cases so far, mean", title="outbreaks in small groups")
        left.legend()
        axes = results["axes"]
        right.errorbar(range(3), axes["less_true"], yerr=1, fmt="o", label="found less true")
        right.plot(range(3), axes["simulated_less_exact"], "x", ms=7, label="found less exact fit")
        names = [f"±{100 * d:.0f} %" for d in axes["relative_deviation"]]
        right.set_xticks(range(3), names)
        right.axhline(0, color="k", lw=0.8)
        right.set(xlabel="axes of the Fisher information", ylabel="in standard errors", title="what the data tell")
        right.legend()
    return figure


ITEM = Item(
    title="SEIR: three rates from the series of cases, simulation gradients against the master equation",
    settings={
        "people": 30, "first": 2, "theta": {"beta": 0.03, "sigma": 0.5, "gamma": 0.3}, "outbreaks": 100,
        "times": [2.0, 4.0, 6.0, 8.0, 10.0, 13.0, 16.0, 20.0, 25.0, 35.0], "away": [0.5, 2.0, 2.0], "paths": 16_000, "batches": 8,
        "steps": 200, "average": 100, "exact_steps": 500, "seed": 20261124,
    },
    tiny={"people": 8, "first": 2, "theta": {"beta": 0.12, "sigma": 0.5, "gamma": 0.3}, "paths": 400, "steps": 2, "average": 1,
          "exact_steps": 3, "times": [4.0, 8.0, 16.0, 30.0], "outbreaks": 400, "away": [1.0, 1.0, 1.0]},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
