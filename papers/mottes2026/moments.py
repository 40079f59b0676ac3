"""Two rates of the telegraph promoter from mean and standard deviation, for 25 promoters; and what two moments can tell."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.ticker import LogLocator, NullFormatter

import jumpax
from common.item import Item
from jumpax import Derived, Fixed, Free, Problem, losses
from jumpax.inference import Simulation
from jumpax.plots import new_figure, style
from mottes2026.telegraph import MODEL, RATES, bounds, log_uniform, moments

GRADIENTS = {"auto": "auto", "score": jumpax.ScoreFunction()}
FREE = {"two": ("k_on", "k_tx"), "three": RATES}


def _sets(settings) -> tuple[np.ndarray, np.ndarray]:
    """True rates and starts, (sets, rates) in the order k_on, k_off, k_tx."""
    generator, many = np.random.default_rng(settings["seed"]), settings["sets"]
    k_on, k_tx = (log_uniform(generator, settings[name], many) for name in ("k_on", "k_tx"))
    truth = np.stack([k_on, np.ones(many), k_tx], 1)
    away = 10 ** settings["away"]
    return truth, truth * log_uniform(generator, (1 / away, away), truth.shape)


def _straight_through(settings, tracked: int, baseline=None) -> dict:
    """As the paper: GS-ST of the final state, Adam on log rates; all sets at once."""
    truth, starts = _sets(settings)
    targets = jnp.stack(moments(*truth.T), 1)
    raw = jumpax.expectation(
        jumpax.Moments("M", order=2),
        MODEL.network,
        MODEL.x0,
        [settings["settle"]],
        paths=tracked,
        gradient=jumpax.StraightThrough(settings["temperature"], horizon="state"),
        baseline=baseline,
    )
    adam = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(settings["rate"]))

    def loss(u, target, key):
        theta = {"k_on": jnp.exp(u[0]), "k_off": 1.0, "k_tx": jnp.exp(u[1]), "gamma": 1.0}
        first, second = raw(theta, key)[0, 0]
        found = jnp.stack([first, jnp.sqrt(jnp.maximum(second - first**2, 1e-6))])
        return ((found / target - 1) ** 2).sum()

    @jax.jit
    @jax.vmap
    def step(u, state, target, key):
        updates, state = adam.update(jax.grad(loss)(u, target, key), state)
        return optax.apply_updates(u, updates), state

    u = jnp.log(starts[:, [0, 2]])
    state, places = jax.vmap(adam.init)(u), []
    for number in range(settings["steps"]):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(settings["seed"]), number), len(truth))
        u, state = step(u, state, targets, keys)
        places.append(np.asarray(u))
    rates = np.exp(np.mean(places[-settings["average"] :], 0))
    return {"rates": np.stack([rates[:, 0], np.ones(len(rates)), rates[:, 1]], 1)}


def _fit(settings, free: str) -> dict:
    """With `jumpax.fit` as it is: automatic gradient, natural-gradient steps."""
    truth, starts = _sets(settings)
    found = []
    for number, (true, start) in enumerate(zip(truth, starts, strict=True)):
        mean, deviation = (float(x) for x in moments(*true))
        rates = {name: Free(start[i]) if name in FREE[free] else Fixed(1.0) for i, name in enumerate(RATES)}
        problem = Problem(
            MODEL.network,
            MODEL.x0,
            losses.TargetMoments("M", mean, deviation),
            {**rates, "gamma": Fixed(1.0), "burst_size": Derived.ratio("k_tx", "k_off")},
            settle=settings["settle"],
            source=Simulation(paths=settings["paths"], gradient=GRADIENTS[settings["gradient"]], exact=False),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", jumpax.JumpaxWarning)  # three rates are not determined by two moments
            result = jumpax.fit(problem, key=settings["seed"] + number, steps=settings["fit_steps"])
        found.append([*(result.estimates[name] for name in RATES), len(result.history.loss), result.paths])
    found = np.array(found)
    return {"rates": found[:, :3], "steps": found[:, 3], "paths": found[:, 4]}


def _parts(settings):
    tracked, baseline = settings["tracked"], settings["baseline"]
    forms = {
        f"GS-ST {tracked} + {baseline} {form}": lambda form=form: _straight_through(
            settings, tracked, jumpax.BaselineSimulations(baseline, form)
        )
        for form in ("A", "C")
    }
    return {
        f"GS-ST {tracked}": lambda: _straight_through(settings, tracked),
        **forms,
        f"GS-ST {tracked + baseline}": lambda: _straight_through(settings, tracked + baseline),
        "fit": lambda: _fit(settings, "two"),
        "fit, three rates": lambda: _fit(settings, "three"),
    }


def _judged(truth, rates) -> dict:
    """Errors of inferred rates and of the moments that they imply."""
    logs = np.log10(truth), np.log10(rates)
    made = {}
    for i, name in enumerate(RATES):
        known = np.ptp(logs[0][:, i]) == 0 or len(truth) < 3
        made[name] = {
            "pearson": None if known else np.corrcoef(logs[0][:, i], logs[1][:, i])[0, 1],
            "median_error": np.median(np.abs(rates[:, i] / truth[:, i] - 1)),
        }
    for name, found, target in zip(("mean", "deviation"), moments(*rates.T), moments(*truth.T), strict=True):
        made[name] = {"median_error": np.median(np.abs(found / target - 1))}
    return made


def _combine(settings, found):
    truth, starts = _sets(settings)
    two = np.where([True, False, True], starts, truth)
    rows = {"start": {"rates": two}, "start, three rates": {"rates": starts}, **found}
    limits = [bounds(*(float(x) for x in moments(*true))) for true in truth]
    wide = np.array(found["fit, three rates"]["rates"])
    told = {
        "k_on_bound_over_truth": np.median([b["k_on below"] / t[0] for b, t in zip(limits, truth, strict=True)]),
        "k_tx_bound_over_truth": np.median([b["k_tx above"] / t[2] for b, t in zip(limits, truth, strict=True)]),
        "sets_within_bounds": np.mean(
            [r[0] < 1.02 * b["k_on below"] and r[2] > b["k_tx above"] / 1.02 for b, r in zip(limits, wide, strict=True)]
        ),
    }
    judged = {name: {**row, **_judged(truth, np.array(row["rates"]))} for name, row in rows.items()}
    gain = {
        form: judged[f"GS-ST {settings['tracked']}"]["k_on"]["median_error"]
        / judged[f"GS-ST {settings['tracked']} + {settings['baseline']} {form}"]["k_on"]["median_error"]
        for form in ("A", "C")
    }
    return {"truth": truth, "rows": judged, "three_rates": told, "error_without_over_with_baseline": gain}


def _draw(settings, results):
    truth = np.array(results["truth"])
    shown = [name for name in results["rows"] if not name.startswith("start")]
    figure = new_figure(2.3 * len(shown), 8.4)
    with style():
        panels = figure.subplots(4, len(shown), squeeze=False)
        for column, name in zip(panels.T, shown, strict=True):
            rates = np.array(results["rows"][name]["rates"])
            pairs = [(truth[:, 0], rates[:, 0]), (truth[:, 2], rates[:, 2])]
            pairs += list(zip(moments(*truth.T), moments(*rates.T), strict=True))
            for panel, (true, got), what in zip(column, pairs, ("k_on", "k_tx", "mean", "std"), strict=True):
                panel.plot([true.min() / 1.5, true.max() * 1.5], [true.min() / 1.5, true.max() * 1.5], "k-", lw=0.7)
                panel.plot(true, got, "o", ms=3)
                panel.set(xscale="log", yscale="log", xlabel=f"true {what}")
            column[0].set_title(name, fontsize=8)
        for panel, what in zip(panels[:, 0], ("k_on", "k_tx", "mean", "std"), strict=True):
            panel.set_ylabel(f"inferred {what}")
        for axis in [axis for panel in panels.flat for axis in (panel.xaxis, panel.yaxis)]:
            axis.set_major_locator(LogLocator(subs=(1, 3)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
    return figure


ITEM = Item(
    title="telegraph: rates of 25 promoters from mean and standard deviation",
    settings={
        "sets": 25, "k_on": [0.2, 5.0], "k_tx": [2.0, 15.0], "away": 0.7, "settle": 8.0, "seed": 20261121,
        "temperature": 1.0, "rate": 0.05, "steps": 200, "average": 50, "fit_steps": 200, "tracked": 16, "baseline": 112, "paths": 8000, "gradient": "auto",
    },
    tiny={"sets": 2, "steps": 3, "average": 2, "tracked": 8, "baseline": 16, "paths": 64, "gradient": "score", "fit_steps": 4},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
