"""Fig. 3: association after a fixed number of reactions N; variance against N, and the exponents that explain it."""

import numpy as np

import jumpax
from burger2026 import estimators, tangent_growth
from burger2026.association import Association, complexes
from common.item import Item
from jumpax.plots import new_figure, style


def _system(settings) -> Association:
    return Association(settings["molecules"], settings["volume"])


def _variances(settings, estimator) -> dict:
    """Per k: gradient and variance per path at every N."""
    system, found = _system(settings), {}
    mean = jumpax.expectation(
        complexes,
        system.network,
        system.x0,
        steps=settings["steps"],
        paths=settings["paths"],
        gradient=estimator,
    )
    for k in settings["k"]:
        made = mean.estimate(system.theta(k), settings["seed"], wrt=("k_off",))
        error = np.asarray(made.gradient_standard_error["k_off"])
        found[f"{k:g}"] = {
            "gradient": made.gradient["k_off"], "error": error, "variance": error**2 * settings["paths"]
        }  # fmt: skip
    return found


def _exact(settings) -> dict:
    system = _system(settings)
    return {f"{k:g}": [system.at_step(k, steps)[1] for steps in settings["steps"]] for k in settings["k"]}


def _exponents(settings) -> dict:
    system, taus = _system(settings), settings["taus"]
    found = {}
    for k in settings["lines"]:
        law = system.jump_law(k)
        found[f"{k:g}"] = {
            "lyapunov": [tangent_growth.lyapunov(system, k, tau, law) for tau in taus],
            "second_moment": [tangent_growth.second_moment(system, k, tau) for tau in taus],
        }
    return found


def _parts(settings):
    named = estimators.table(settings["estimators"], settings["temperatures"])
    sampled = {name: lambda e=e: _variances(settings, e) for name, e in named.items()}
    return {"exact": lambda: _exact(settings), "exponents": lambda: _exponents(settings), **sampled}


def _combine(settings, found):
    """Variances by estimator, k and N; slopes of the variance per reaction; random-walk prediction for SF."""
    system, rows = _system(settings), {}
    for name in [name for name in found if name not in ("exact", "exponents")]:
        rows[name] = {}
        for k, cell in found[name].items():
            variance, steps = np.array(cell["variance"], float), np.array(settings["steps"], float)
            rows[name][k] = {
                "variance": dict(zip(map(str, settings["steps"]), variance, strict=True)),
                "gradient": dict(zip(map(str, settings["steps"]), cell["gradient"], strict=True)),
                "error": dict(zip(map(str, settings["steps"]), cell["error"], strict=True)),
                "slope": np.polyfit(steps, variance, 1)[0] if np.isfinite(variance).all() else None,
            }
    exact = {k: dict(zip(map(str, settings["steps"]), row, strict=True)) for k, row in found["exact"].items()}
    walk = {f"{k:g}": system.at_step(k, max(settings["steps"]))[2] / (4 * k**2) for k in settings["k"]}
    steeper = {k: rows["AP"][k]["slope"] / rows["SF"][k]["slope"] for k in rows.get("AP", {})}
    return {
        "estimators": rows, "exact": exact, "random_walk_slope": walk, "AP_over_SF": steeper, "exponents": found["exponents"]
    }  # fmt: skip


def _draw(settings, results):
    ks, steps = [f"{k:g}" for k in settings["k"]], np.array(settings["steps"])
    figure = new_figure(4.2 * (len(ks) + 1), 7.4)
    with style():
        panels = figure.subplots(2, len(ks) + 1, squeeze=False)
        for column, k in enumerate(ks):
            for name, row in results["estimators"].items():
                relative = (
                    np.array(list(row[k]["variance"].values()), float)
                    / np.array(list(results["exact"][k].values())) ** 2
                )
                panels[0, column].plot(steps, relative, "o-", ms=3, color=estimators.colour(name), label=name)
                if not name.startswith("GS-ST"):
                    panels[1, column].plot(steps, relative, "o-", ms=3, color=estimators.colour(name), label=name)
            panels[0, column].set(yscale="log", xlabel="reactions N", ylabel="relative variance", title=f"k = {k}")
            panels[0, column].set_ylim(1e-4, 1e12)
            panels[1, column].set(xlabel="reactions N", ylabel="relative variance", title=f"k = {k}, linear")
        panels[0, 0].legend(ncols=2, fontsize=7)
        panels[1, 0].legend(fontsize=7)
        for panel, what, title in zip(
            panels[:, -1], ("lyapunov", "second_moment"), ("λ = E ln|M|", "μ₂ = ln ρ(E M²)"), strict=True
        ):
            panel.axhline(0, color="k", lw=0.8)
            for k, row in results["exponents"].items():
                panel.plot(settings["taus"], row[what], label=f"k = {k}")
            panel.set(xscale="log", xlabel="τ", ylabel="per reaction", title=title)
            panel.set_yscale("symlog", linthresh=0.02)
        panels[0, -1].legend(fontsize=7)
    return figure


ITEM = Item(
    title="association after N reactions: variance against N, exponents against temperature",
    settings={
        "molecules": 20, "volume": 20, "k": [1.0, 10.0], "steps": [50, 100, 200, 400, 800, 1600], "paths": 20_000,
        "estimators": ["SF", "AP", "AP, reset", "GS-ST"],
        "temperatures": [0.05, 0.1, 0.3, 1.0], "lines": [0.01, 0.1, 1, 10, 100],
        "taus": [round(float(t), 5) for t in np.geomspace(0.005, 1.0, 40)], "seed": 20261120,
    },
    tiny={"estimators": ["SF"], "steps": [5, 10], "paths": 100, "temperatures": [0.3], "lines": [1], "taus": [0.1, 0.3], "k": [1.0]},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
