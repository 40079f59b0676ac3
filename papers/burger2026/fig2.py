"""Fig. 2: association at a fixed time; loss and its gradient against k, every estimator beside the exact line."""

import jax
import jax.numpy as jnp
import numpy as np

import jumpax
from burger2026 import estimators
from burger2026.association import Association, complexes
from common.item import Item
from jumpax.plots import new_figure, style


def _system(settings) -> Association:
    return Association(settings["molecules"], settings["volume"])


def _loss(mean, target: float):
    """Squared relative deviation of the mean from that of the reference."""
    return ((mean - target) / target) ** 2


def _estimates(settings, estimator) -> dict:
    """Mean and standard deviation over repetitions of loss and gradient, for every k."""
    system, target = _system(settings), _system(settings).at_time(settings["reference"], settings["time"])[0]
    mean = jumpax.expectation(
        complexes,
        system.network,
        system.x0,
        [settings["time"]],
        paths=settings["paths"],
        gradient=estimator,
    )

    one = jax.jit(jax.value_and_grad(lambda k, key: _loss(mean(system.theta(k), key)[0], target)))

    found = {"loss": [], "loss_sd": [], "gradient": [], "gradient_sd": []}
    for number, k in enumerate(settings["k"]):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(settings["seed"]), number), settings["repetitions"])
        made = np.array([one(jnp.float64(k), key) for key in keys])
        for column, name in enumerate(("loss", "gradient")):
            found[name].append(made[:, column].mean())
            found[f"{name}_sd"].append(made[:, column].std(ddof=1))
    return found


def _exact(settings) -> dict:
    """The exact loss and gradient on a fine grid and at the points of the estimates."""
    system = _system(settings)
    target = system.at_time(settings["reference"], settings["time"])[0]

    def both(k):
        mean, slope, _ = system.at_time(k, settings["time"])
        return _loss(mean, target), 2 * (mean - target) / target**2 * slope

    grid = np.geomspace(min(settings["k"]), max(settings["k"]), settings["grid"])
    line, points = np.array([both(k) for k in grid]), np.array([both(k) for k in settings["k"]])
    return {"k": grid, "loss": line[:, 0], "gradient": line[:, 1], "loss_at": points[:, 0], "gradient_at": points[:, 1]}


def _relaxation(settings) -> dict:
    """Mean, its standard deviation over paths, and a few paths, for several k."""
    system, times = _system(settings), list(np.linspace(0.0, settings["time"], 61))
    found = {}
    for k in settings["shown"]:
        made = jumpax.simulate(
            system.network,
            system.theta(k),
            system.x0,
            times=times,
            paths=1000,
            key=settings["seed"],
        )
        found[f"{k:g}"] = {"mean": made["C"].mean(0), "sd": made["C"].std(0), "paths": made["C"][:2]}
    return {"times": times, "k": found}


def _parts(settings):
    named = estimators.table(settings["estimators"], settings["temperatures"], settings["width"])
    sampled = {name: lambda e=e: _estimates(settings, e) for name, e in named.items()}
    return {"exact": lambda: _exact(settings), "relaxation": lambda: _relaxation(settings), **sampled}


def _combine(settings, found):
    """By estimator and k: gradient, standard deviation, exact gradient, and the error of the mean over repetitions."""
    exact = found["exact"]
    rows = {}
    for name in [name for name in found if name not in ("exact", "relaxation")]:
        rows[name] = {
            f"{k:g}": {
                "gradient": found[name]["gradient"][i], "sd": found[name]["gradient_sd"][i],
                "error": (found[name]["gradient_sd"][i] or np.nan) / settings["repetitions"] ** 0.5,
                "exact": exact["gradient_at"][i], "loss": found[name]["loss"][i], "loss_sd": found[name]["loss_sd"][i],
            }
            for i, k in enumerate(settings["k"])
        }  # fmt: skip
    for row in rows.values():
        for k, cell in row.items():
            cell["sd_over_SF"] = cell["sd"] / rows["SF"][k]["sd"]
    return {"exact": exact, "relaxation": found["relaxation"], "estimators": rows}


def _draw(settings, results):
    rows, exact, k = results["estimators"], results["exact"], np.array(settings["k"])
    lines = -(-(len(rows) + 2) // 3)
    figure = new_figure(12.0, 2.8 * lines)
    with style():
        panels = figure.subplots(lines, 3).ravel()
        _draw_relaxation(panels[0], results["relaxation"])
        panels[1].plot(exact["k"], exact["loss"], color="k", lw=1)
        panels[1].set(xscale="log", xlabel="k", ylabel="loss", title="loss: exact line, SF points")
        panels[1].errorbar(k, *_column(rows["SF"], "loss", "loss_sd"), fmt="o", ms=4, color=estimators.colour("SF"))
        for panel, (name, row) in zip(panels[2:], rows.items(), strict=False):
            panel.plot(exact["k"], np.multiply(exact["k"], exact["gradient"]), color="k", lw=1)
            panel.errorbar(k, *(k * _column(row, "gradient", "sd")), fmt="o", ms=4, color=estimators.colour(name))
            panel.set(xscale="log", xlabel="k", ylabel="k dL/dk", title=name, ylim=(-0.8, 0.8))
        for panel in panels[2 + len(rows) :]:
            panel.remove()
    return figure


def _column(row, value: str, spread: str):
    cells = row.values()
    return np.nan_to_num(np.array([[c[value], c[spread]] for c in cells], float).T)


def _draw_relaxation(panel, relaxation) -> None:
    for number, (k, found) in enumerate(relaxation["k"].items()):
        mean, sd = np.array(found["mean"]), np.array(found["sd"])
        panel.plot(relaxation["times"], mean, color=f"C{number}", label=f"k = {k}")
        panel.fill_between(relaxation["times"], mean - sd, mean + sd, color=f"C{number}", alpha=0.2, lw=0)
        panel.step(relaxation["times"], found["paths"][0], where="post", color=f"C{number}", lw=0.6)
    panel.set(xlabel="time", ylabel="complexes", title="relaxation: mean ± s.d., one path")
    panel.legend()


ITEM = Item(
    title="association at a fixed time: loss and gradient against k",
    settings={
        "molecules": 20, "volume": 20, "time": 3.0, "reference": 1.0, "estimators": ["SF", "AP", "GS-ST", "TT"],
        "temperatures": [0.05, 0.1, 0.5], "width": 0.05,
        "k": [0.1, 0.17, 0.3, 0.5, 0.75, 1.2, 2, 3, 5, 10, 17, 30], "shown": [0.1, 1, 10], "paths": 2000, "repetitions": 50,
        "grid": 60, "seed": 20261120,
    },
    tiny={"estimators": ["SF", "TT"], "k": [0.3, 1.2], "paths": 100, "repetitions": 3, "grid": 4, "temperatures": [0.3], "shown": [1], "time": 1.0},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
