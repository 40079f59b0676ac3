"""A two-state and a four-state promoter fitted to transcripts of STL1 in single yeast cells after osmotic shock.

One replicate is fitted, the other held out. Hog1 in the nucleus is a known function of time, so that the master equation has
rates that change in time; its solution is the likelihood. Paths drawn by thinning judge that solution.
"""

import warnings

import jax
import numpy as np

import jumpax
from common.item import Item
from jumpax import Derived, Fixed, Free, Problem, losses
from jumpax.plots import new_figure, style
from mottes2026 import shock
from mottes2026.steps import newton

PROMOTERS = {"two states": shock.telegraph, "four states": shock.four_states}


def _problem(settings, promoter: str, data) -> Problem:
    """What is free, and where it starts (per minute)."""
    rates = {name: Free(value, 0.0, settings["fastest"]) for name, value in settings["starts"][promoter][0].items()}
    rates |= {name: Fixed(value) for name, value in settings["fixed"][promoter].items()}
    rates["half_life"] = Derived(_half_life, ("gamma",), unit="min")
    network = PROMOTERS[promoter]()
    x0 = {name: int(name in ("off", "G0")) for name in network.species}
    source = shock.ShockEquation(settings["most"], settings["step"], settings["stable"])
    loss = losses.LogLikelihood("M", data, size=settings["most"] + 1)
    return Problem(network, x0, loss, rates, source=source)


def _half_life(gamma):
    return np.log(2) / gamma


def _laws(settings, promoter: str, rates, times) -> np.ndarray:
    """Law of the messenger at the times, with the share of outliers."""
    problem = _problem(settings, promoter, {time: [0] for time in times})
    theta = {name: float(rates[name]) for name in problem.network.parameters}
    return np.asarray(problem.plan.expected(theta, None))[0]


def _data(settings, replicate: int) -> dict[float, np.ndarray]:
    found = shock.load(settings["salt"], replicate)
    return {time: cells for number, (time, cells) in enumerate(found.items()) if number % settings["every"] == 0}


def _fit(settings, promoter: str, data) -> dict:
    """The best of the starts of the settings."""
    problem, optimiser = _problem(settings, promoter, data), newton(0.7, 1e-3, 0.0, 0.4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)  # some rates are not determined; the results say which
        result = jumpax.fit(problem, starts=settings["starts"][promoter], optimiser=optimiser, steps=settings["steps"])
    values, vectors = np.linalg.eigh(result.information)
    errors = 1 / np.sqrt(np.maximum(values, 1e-12))
    return {
        "rates": dict(result.estimates), "errors": dict(result.standard_errors), "undetermined": result.undetermined,
        "loss": result.loss, "free": problem.free, "directions": vectors.T, "direction_errors": errors,
        "determined_directions": int((errors < 0.1).sum()), "runs": [run.loss for run in result.runs],
        "reasons": [run.reason for run in result.runs],
    }  # fmt: skip


def _real(settings, promoter: str) -> dict:
    """Fit the training replicate; judge it on both."""
    train, held = _data(settings, settings["train"]), _data(settings, settings["held_out"])
    found = _fit(settings, promoter, train)
    times = tuple(train)
    found["laws"] = laws = _laws(settings, promoter, found["rates"], times)
    for name, data in (("train", train), ("held_out", held)):
        found[name] = {
            "log_likelihood_per_cell": _log_likelihood(laws, data), "kolmogorov": _kolmogorov(laws, data),
        }  # fmt: skip
    finer = {**settings, "step": settings["step"] / 2, "stable": settings["stable"] / 2}
    found["integration_error"] = np.abs(laws - _laws(finer, promoter, found["rates"], times)).sum(1).max()
    return found


def _log_likelihood(laws, data) -> float:
    terms = [np.log(law[cells]) for law, cells in zip(laws, data.values(), strict=True)]
    return float(np.concatenate(terms).mean())


def _kolmogorov(laws, data) -> list[float]:
    """Largest difference of the cumulative distributions, by time."""
    shares = [np.bincount(cells, minlength=laws.shape[1]) / len(cells) for cells in data.values()]
    return [float(np.abs(np.cumsum(law - share)).max()) for law, share in zip(laws, shares, strict=True)]


def _synthetic(settings) -> dict:
    """Published rates, as many cells and times as the training replicate, drawn from their law; fitted from the usual starts."""
    data, truth = _data(settings, settings["train"]), settings["published"]
    laws, generator = _laws(settings, "four states", truth, tuple(data)), np.random.default_rng(settings["seed"])
    drawn = {
        t: generator.choice(len(law) - 1, len(c), p=law[:-1] / law[:-1].sum())
        for (t, c), law in zip(data.items(), laws, strict=True)
    }
    first = {**settings, "starts": {"four states": settings["starts"]["four states"][:1]}}
    found = _fit(first, "four states", drawn)
    return {**found, "over_truth": {name: found["rates"][name] / truth[name] for name in found["free"]}}


def _simulated(settings, promoter: str, fitted) -> dict:
    """Exact paths at the fitted rates beside the master equation: largest distance at any time over its limit."""
    network, times = PROMOTERS[promoter](), tuple(_data(settings, settings["train"]))
    theta = {name: fitted["rates"][name] for name in network.parameters}
    equation = shock.ShockEquation(settings["most"], settings["step"], settings["stable"])
    start = np.maximum(equation.start(network, theta), 0.0)  # rounding
    drawn = np.random.default_rng(settings["seed"]).choice(start.size, settings["paths"], p=start.ravel() / start.sum())
    promoter, messengers = np.divmod(drawn, settings["most"] + 1)
    x0 = {name: (promoter == i).astype(int) for i, name in enumerate(shock.promoter_states(network))} | {
        "M": messengers
    }
    made = jumpax.simulate(
        network,
        theta,
        x0,
        times=times,
        paths=settings["paths"],
        bound=_bound(theta, settings["most"]),
        key=settings["seed"],
    )
    laws = np.asarray(equation.law(network, theta, times))
    found = _kolmogorov(laws, dict(zip(times, np.asarray(made["M"]).astype(int).T, strict=True)))
    limit = np.sqrt(np.log(2 * len(times) / 1e-3) / 2 / settings["paths"])  # false alarm 1 in 1,000 over all times
    return {"kolmogorov": found, "over_limit": max(found) / limit}


def _bound(theta, most: int) -> float:
    """A number that the total propensity never exceeds: every rate at once, and the decay of as many messengers as there may be."""
    return float(sum(theta.values()) + theta["gamma"] * most)


def _parts(settings):
    return {
        **{promoter: lambda promoter=promoter: _real(settings, promoter) for promoter in settings["promoters"]},
        **({"synthetic": lambda: _synthetic(settings)} if "four states" in settings["promoters"] else {}),
        "checked": lambda: _checked(settings),
        "gradients": lambda: _gradients(settings),
    }


def _checked(settings) -> dict:
    """Paths against the master equation, at the rates of the starts: needs no fit."""
    return {
        promoter: _simulated(
            settings, promoter, {"rates": settings["starts"][promoter][0] | settings["fixed"][promoter]}
        )
        for promoter in settings["promoters"]
    }


def _gradients(settings) -> dict:
    """Derivatives of the mean by the score of thinned paths beside those of the master equation: largest difference in errors."""
    network, times = shock.telegraph(), tuple(_data(settings, settings["train"]))
    theta = settings["starts"]["two states"][0]
    made = jumpax.expectation(
        jumpax.Moments("M"),
        network,
        {"off": 1, "on": 0, "M": 0},
        times,
        start=-settings["settled"],
        paths=settings["gradient_paths"],
        gradient=jumpax.ScoreFunction(),
        bound=_bound(theta, settings["most"]),
    ).estimate(theta, settings["seed"])
    equation, counts = (
        shock.ShockEquation(settings["most"], settings["step"], settings["stable"]),
        np.arange(settings["most"] + 1.0),
    )
    exact = jax.jacfwd(lambda theta: equation.law(network, theta, times) @ counts)(theta)
    off = {}
    for name in theta:
        found, error = (np.asarray(x[name])[:, 0, 0] for x in (made.gradient, made.gradient_standard_error))
        felt = error > 0  # before the shock nothing depends on the input
        off[name] = (found - np.asarray(exact[name]))[felt] / error[felt]
    return {"errors": off, "largest": max(float(np.abs(row).max(initial=0.0)) for row in off.values())}


def _combine(settings, found):
    train, held = _data(settings, settings["train"]), _data(settings, settings["held_out"])
    shares = [np.bincount(cells, minlength=settings["most"] + 1) / len(cells) for cells in held.values()]
    between = _kolmogorov(np.array(shares), train)
    rows = {}
    for name in settings["promoters"]:
        row = found[name]
        rows[name] = {
            **row,
            "median_kolmogorov": {part: np.median(row[part]["kolmogorov"]) for part in ("train", "held_out")},
            "held_out_over_replicates": np.median(row["held_out"]["kolmogorov"]) / np.median(between),
        }
    return {
        "promoters": rows, "times": list(train), "between_replicates": between, "median_between_replicates": np.median(between),
        "synthetic": found.get("synthetic"), "simulation": found["checked"], "gradients": found["gradients"],
        "gain_of_four_states": {
            part: rows["four states"][part]["log_likelihood_per_cell"] - rows["two states"][part]["log_likelihood_per_cell"]
            for part in ("train", "held_out")
        } if len(rows) == 2 else {},
    }  # fmt: skip


def _draw(settings, results):
    times = results["times"]
    train, held = _data(settings, settings["train"]), _data(settings, settings["held_out"])
    shown = [i for i, time in enumerate(times) if time in settings["shown"]] or [0]
    figure = new_figure(3.0 * (len(shown) + 2), 3.0)
    with style():
        panels = figure.subplots(1, len(shown) + 2, squeeze=False)[0]
        for data, mark in ((train, "o"), (held, "x")):
            panels[0].plot(times, [cells.mean() for cells in data.values()], mark, ms=3, color="0.4")
        panels[1].plot(times, results["between_replicates"], "k-", lw=0.8, label="between replicates")
        for number, (name, row) in enumerate(results["promoters"].items()):
            laws = np.array(row["laws"])
            panels[0].plot(times, laws @ np.arange(laws.shape[1]), color=f"C{number}", label=name)
            for part, line in (("train", "-"), ("held_out", ":")):
                panels[1].plot(times, row[part]["kolmogorov"], line, color=f"C{number}", label=f"{name}, {part}")
        panels[0].set(xlabel="minutes", ylabel="mean transcripts")
        panels[1].set(xlabel="minutes", ylabel="Kolmogorov distance")
        for panel, i in zip(panels[2:], shown, strict=True):
            cells = train[times[i]]
            panel.hist(cells, bins=np.arange(cells.max() + 2) - 0.5, density=True, color="0.8")
            for number, row in enumerate(results["promoters"].values()):
                panel.plot(row["laws"][i], color=f"C{number}", lw=1)
            panel.set(title=f"{times[i]:g} min", xlabel="transcripts", xlim=(0, cells.max()), ylim=(0, None))
        panels[0].legend(fontsize=7)
        panels[1].legend(fontsize=6)
    return figure


ITEM = Item(
    title="STL1 after osmotic shock: two and four promoter states, one replicate held out",
    settings={
        "salt": 0.2, "train": 1, "held_out": 2, "every": 1, "most": 100, "step": 0.05, "stable": 1.3, "steps": 60, "fastest": 300.0, "seed": 20261123,
        "promoters": ["two states", "four states"], "paths": 5000, "gradient_paths": 40000, "settled": 30.0, "shown": [6, 8, 10, 20],
        "starts": {
            "two states": [
                {"k_basal": 0.002, "k_hog": 0.5, "lag": 2.0, "k_off": 0.3, "k_leak": 0.02, "k_tx": 15.0, "gamma": 0.3},
            ],
            "four states": [
                {
                    "k01": 0.2, "k12": 0.3, "k21": 0.5, "k23": 0.3, "k32": 0.3, "window": 1e-3, "lag": 2.0, "tx0": 0.02,
                    "tx1": 1.0, "tx2": 20.0, "tx3": 5.0, "gamma": 0.3,
                },
                {
                    "k01": 1.0, "k12": 1.0, "k21": 0.05, "k23": 1.0, "k32": 0.1, "window": 1e-4, "lag": 2.0, "tx0": 0.005,
                    "tx1": 0.5, "tx2": 2.0, "tx3": 15.0, "gamma": 0.33,
                },
            ],
        },
        "fixed": {"two states": {}, "four states": {"k10": 30.0}},
        "published": {
            "k01": 0.156, "k10": 30.0, "window": 6.5e-4, "lag": 1.0, "k12": 0.458, "k21": 0.72, "k23": 0.24, "k32": 0.186, "tx0": 0.0354,
            "tx1": 10.2, "tx2": 60.0, "tx3": 1.8, "gamma": 0.498,
        },
    },
    tiny={"every": 8, "step": 0.1, "steps": 2, "promoters": ["two states"], "paths": 100, "gradient_paths": 200},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
