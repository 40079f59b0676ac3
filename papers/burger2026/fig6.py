"""Fig. 6: variances of gradients of the repressilator at the starts of all runs, against K, and against the number of events.

Variances are those of dL/dbeta and dL/dK in the natural coordinates, over repetitions of the whole estimate.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import jumpax
from burger2026 import estimators, fig5
from burger2026.repressilator import Case, draw_cases
from common.item import Item
from jumpax.plots import new_figure, style

ONSET_PERIOD = 2 * np.pi / np.sqrt(3)
"""In lifetimes, for every hill exponent."""


def _spread(case: Case, places, estimator, settings, paths: int, target) -> list:
    """Variances (beta, K) of the loss gradient over repetitions, at every place (logarithms)."""
    loss = case.loss(target, estimator, paths)
    gradient = jax.jit(jax.grad(loss))
    keys = jax.random.split(jax.random.key(settings["seed"]), settings["repetitions"])
    made = [np.array([gradient(jnp.asarray(u), key) for key in keys]) for u in places]
    return [rows.var(axis=0, ddof=1) / np.exp(2 * np.asarray(u)) for rows, u in zip(made, places, strict=True)]


def _at_start(settings, case: Case, number: int) -> dict:
    target = case.target(settings["reference_paths"], settings["seed"] + number)
    return {
        name: _spread(case, [case.start], fig5.estimator_for(name, case, settings), settings, paths, target)[0]
        for name, paths in fig5.named(settings).items()
    }


def _scan(settings, name: str) -> dict:
    """Variances against K at constant beta, the reference fixed."""
    beta, K = settings["scan_reference"]
    case = Case(beta, K, beta, K, settings["hill"], settings["points"])
    estimator = fig5.estimator_for(name, case, settings)
    target = case.target(settings["reference_paths"], settings["seed"])
    places = [np.log([beta, K]) for K in settings["scan_K"]]
    found = _spread(case, places, estimator, settings, settings["scan_paths"], target)
    return {f"{K:g}": row for K, row in zip(settings["scan_K"], found, strict=True)}


def _one_step(settings, K: float) -> dict:
    """Variance of what one reaction adds, over states of paths of one period: score of SF and tangent of P1 of GS-ST, in K.

    Where the rate equations do not oscillate, of the period that they have where they begin to.
    """
    beta, hill = settings["scan_reference"][0], settings["hill"]
    case = Case(beta, K, beta, K, hill, 1)
    model, period = case.model, case.period if np.isfinite(case.period) else ONSET_PERIOD
    times = period * np.linspace(0, 1, 51)[1:]
    made = jumpax.simulate(model.network, model.theta, model.x0, times=times, paths=40, key=settings["seed"])
    n = made.counts.reshape(-1, 3).astype(float)
    before = n[:, [2, 0, 1]]
    part = (before / K) ** hill
    rates = np.concatenate([beta / (1 + part), n], 1)
    slopes = np.concatenate([hill * part / (1 + part) / K, np.zeros_like(n)], 1)
    shares = rates / rates.sum(1, keepdims=True)
    score = (shares * slopes**2).sum(1) - (shares * slopes).sum(1) ** 2
    found = {"score": score.mean()}
    random = np.random.default_rng(settings["seed"])
    for tau in settings["step_temperatures"]:
        moved = relaxed(rates, slopes, tau, random.gumbel(size=(settings["draws"], *rates.shape)))
        found[f"GS-ST {tau:g}"] = (moved[..., 0] - moved[..., 3]).var(axis=0).mean()
    return found


def relaxed(rates, slopes, tau: float, noise) -> Float[np.ndarray, "draws states reactions"]:
    """Derivative of the relaxed choice of GS-ST for d ln a = slopes; reactions that cannot happen are left out."""
    with np.errstate(divide="ignore"):
        z = (np.log(rates)[None] + noise) / tau
    x = np.exp(z - z.max(-1, keepdims=True))
    x /= x.sum(-1, keepdims=True)
    return x / tau * (slopes[None] - (x * slopes[None]).sum(-1, keepdims=True))


def _by_steps(settings, K: float, name: str) -> list:
    """Variance per path of d<P1>/dlnK against the number of events."""
    beta = settings["scan_reference"][0]
    model = jumpax.zoo.repressilator(beta=beta, K=K, exponent=settings["hill"], start=(round(beta / 2), round(K), 0))
    estimator = estimators.one(name)
    mean = jumpax.expectation(
        jumpax.Moments("P1"),
        model.network,
        model.x0,
        steps=settings["steps"],
        paths=settings["step_paths"],
        gradient=estimator,
    )
    made = mean.estimate(model.theta, settings["seed"], wrt=("K",))
    return (np.asarray(made.gradient_standard_error["K"])[:, 0, 0] * K) ** 2 * settings["step_paths"]


def _parts(settings):
    starts = {f"start {i:02d}": lambda i=i, c=c: _at_start(settings, c, i) for i, c in enumerate(draw_cases(settings))}
    scans = {f"scan {name}": lambda name=name: _scan(settings, name) for name in settings["scan_estimators"]}
    one = {f"one step {K:g}": lambda K=K: _one_step(settings, K) for K in settings["step_K"]}
    many = {
        f"steps {name} {K:g}": lambda K=K, name=name: _by_steps(settings, K, name)
        for name in settings["steps_estimators"]
        for K in settings["steps_K"]
    }
    return starts | scans | one | many


def _combine(settings, found):
    cases, names = draw_cases(settings), list(fig5.named(settings))
    starts = {name: np.array([found[f"start {i:02d}"][name] for i in range(len(cases))], float) for name in names}
    ratios = {
        name: {
            "geometric_mean": np.exp(np.nanmean(np.log(values / starts["SF"]), axis=0)),
            "mean": np.nanmean(values / starts["SF"], axis=0),
            "share_above_one": (values > starts["SF"]).mean(0),
            "most": np.nanmax(values / starts["SF"], axis=0),
        }
        for name, values in starts.items()
    }
    scans = {name.removeprefix("scan "): rows for name, rows in found.items() if name.startswith("scan ")}
    rise = {}
    for name, rows in scans.items():
        K = [float(k) for k in rows]
        low, high = rows[f"{min(K):g}"][1], rows[f"{max(K):g}"][1]
        rise[name] = np.log10(low / high) if low and high else None
    return {
        "start_K": [case.start_K for case in cases], "starts": starts, "ratios": ratios, "scan": scans, "decades": rise,
        "one_step": {f"{K:g}": found[f"one step {K:g}"] for K in settings["step_K"]},
        "by_steps": {
            name: {f"{K:g}": dict(zip(map(str, settings["steps"]), found[f"steps {name} {K:g}"], strict=True)) for K in settings["steps_K"]}
            for name in settings["steps_estimators"]
        },
    }  # fmt: skip


def _draw(settings, results):
    figure = new_figure(13.0, 7.4)
    with style():
        panels = figure.subplots(2, 3)
        _draw_starts(panels[0], settings, results)
        for name, rows in results["scan"].items():
            K, values = [float(k) for k in rows], np.array([row[1] for row in rows.values()], float)
            panels[1, 0].plot(K, values, "o-", ms=3, color=estimators.colour(name), label=name)
        panels[1, 0].set(
            xscale="log",
            yscale="log",
            xlabel="K",
            ylabel="variance of dL/dK",
            title=f"β = {settings['scan_reference'][0]:g}",
        )
        rows = results["one_step"]
        for name in next(iter(rows.values())):
            panels[1, 1].plot(
                [float(K) for K in rows], [row[name] for row in rows.values()], "o-", ms=3, label=f"{name}, one step"
            )
        panels[1, 1].set(
            xscale="log", yscale="log", xlabel="K", ylabel="variance", title="what one reaction adds, in K"
        )
        for number, K in enumerate(f"{K:g}" for K in settings["steps_K"]):
            for name, line in zip(settings["steps_estimators"], ("--", "-"), strict=False):
                row = results["by_steps"][name][K]
                panels[1, 2].plot(
                    [int(n) for n in row],
                    np.array(list(row.values()), float),
                    line,
                    color=f"C{number}",
                    label=f"{name}, K = {K}",
                )
        panels[1, 2].set(
            xscale="log", yscale="log", xlabel="reactions N", ylabel="variance of d<P1>/dlnK", title="per path"
        )
        for panel in panels[1]:
            if panel.get_legend_handles_labels()[0]:
                panel.legend(fontsize=7)
    return figure


def _draw_starts(panels, settings, results) -> None:
    """Variance of GS-ST (and of our default) against that of SF, and where the runs start."""
    relaxed_name, size = f"GS-ST {settings['temperature']:g}", np.array(results["start_K"])
    score = np.array(results["starts"]["SF"], float)
    for column, parameter in enumerate(("β", "K")):
        for name, values in results["starts"].items():
            if name != "SF":
                marks = {"ms": 6 if name == relaxed_name else 3, "alpha": 0.7}
                panels[column].plot(
                    score[:, column],
                    np.array(values, float)[:, column],
                    "o",
                    color=estimators.colour(name),
                    label=name,
                    **marks,
                )
        line = np.array([np.nanmin(score[:, column]), np.nanmax(score[:, column])])
        panels[column].plot(line, line, color="k", lw=0.8)
        panels[column].set(
            xscale="log",
            yscale="log",
            xlabel="variance of SF",
            ylabel="variance",
            title=f"dL/d{parameter} at the starts",
        )
        panels[column].legend(fontsize=7)
    ratio = np.array(results["starts"][relaxed_name], float) / score
    for column, parameter in enumerate(("β", "K")):
        panels[2].plot(size, ratio[:, column], "o", ms=4, label=f"dL/d{parameter}")
    panels[2].axhline(1, color="k", lw=0.8)
    panels[2].set(
        xscale="log",
        yscale="log",
        xlabel="K at the start",
        ylabel=f"variance of {relaxed_name} over SF",
        title="low K is where GS-ST fails",
    )
    panels[2].legend(fontsize=7)


ITEM = Item(
    title="variances of the repressilator's gradients",
    settings={
        **fig5.CAMPAIGN, "repetitions": 50, "scan_reference": [100.0, 10.0], "scan_K": [50, 30, 20, 12, 8, 5, 3, 2, 1.2],
        "scan_estimators": ["SF", "GS-ST 0.03", "GS-ST 0.1", "GS-ST 0.3", "GS-ST 1", "TT"], "scan_paths": 200, "step_K": [30, 10, 3, 1, 0.3],
        "step_temperatures": [0.03, 0.1, 0.3, 1.0], "draws": 200, "steps": [100, 200, 400, 800, 1600, 3200],
        "steps_K": [30, 10, 3, 1, 0.3], "steps_estimators": ["SF", "GS-ST 0.1"], "step_paths": 2000,
    },
    tiny={"estimators": ["SF", "GS-ST"], "cases": 1, "beta": [10.0, 20.0], "points": 4, "repetitions": 2, "paths": 100, "reference_paths": 100, "scan_K": [10],
          "scan_estimators": ["SF"], "steps_estimators": [], "scan_paths": 100, "step_K": [10], "draws": 2, "steps": [5, 10], "steps_K": [10], "step_paths": 100},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
