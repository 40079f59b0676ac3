"""Two ion channels in a patch: rates by simulated recordings and their gradients, beside the exact likelihood."""

import jax
import numpy as np

import jumpax
from common.item import Item
from jumpax import MassAction, Network, Reaction
from jumpax.channels import Dwells
from jumpax.exact import StateSpace
from jumpax.plots import new_figure, style
from vilar2026 import channel_likelihood as exact
from vilar2026 import recording

TWO = Network(
    [Reaction("C -> O", MassAction("opening"), name="opens"), Reaction("O -> C", MassAction("closing"), name="closes")],
    name="identical_channels",
)
FOUR = Network(
    [
        Reaction(f"{a} -> {b}", MassAction(rate), name=f"{rate}_goes")
        for n in ("1", "2")
        for a, b, rate in ((f"C{n}", f"O{n}", f"opening_{n}"), (f"O{n}", f"C{n}", f"closing_{n}"))
    ],
    name="main_and_rare_channel",
)
MODELS = {
    "identical": (TWO, {"C": 2, "O": 0}, lambda k: np.array([k[0], k[1], k[0], k[1]]), recording.counted_rates),
    "main and rare": (FOUR, {"C1": 1, "O1": 0, "C2": 1, "O2": 0}, lambda k: k, recording.statistics),
}


def _recordings(settings, model, rates, samples, interval, dead, paths, key):
    """Statistics of simulated recordings, (paths, numbers), and the score of each path in the log rates."""
    network, x0, _, statistics = MODELS[model]
    theta = dict(zip(network.parameters, rates.tolist(), strict=True))
    end = settings["settle"] + (samples - 1) * interval
    log = jumpax.simulate(network, theta, x0, times=[end], paths=paths, key=key, record=jumpax.Events()).log
    score = jax.jacfwd(lambda theta: jumpax.log_likelihood(network, theta, log, end))(theta)
    opened = np.array([name.startswith("O") for name in network.species])
    change = opened @ network.stoichiometry
    grid, rows = settings["settle"] + np.arange(samples) * interval, []
    for path in range(paths):
        times, reactions = log.of(path)
        level = np.r_[0, np.cumsum(change[reactions])].astype(int)
        seen = level[np.searchsorted(times, grid, side="right")]
        rows.append(statistics(recording.idealised(seen, dead), interval))
    return np.array(rows), np.stack([np.asarray(score[name]) * theta[name] for name in network.parameters], -1)


def _match(settings, model, dead):
    """Rates whose simulated recordings have the statistics of the real one: Fisher scoring with score-function slopes."""
    level, interval = _levels(settings)
    wanted = MODELS[model][3](recording.idealised(level, dead), interval)
    u, kept, information = np.log(settings["start"][model]), [], np.eye(len(settings["start"][model]))
    for step in range(settings["steps"]):
        found, score = _recordings(
            settings, model, np.exp(u), len(level), interval, dead, settings["paths"], settings["seed"] + step
        )
        off = found - found.mean(0)
        slope = off.T @ score / len(found)
        weight = np.linalg.pinv(np.cov(found.T), rcond=1e-8)
        information = slope.T @ weight @ slope
        move = np.linalg.solve(information, slope.T @ weight @ (wanted - found.mean(0)))
        u = u + settings["learning"] * move * min(1.0, settings["largest"] / np.abs(move).max())
        kept.append(u)
    last = np.array(kept[-settings["average"] :])
    z = (wanted - found.mean(0)) / found.std(0)
    return {
        "rates": np.exp(last.mean(0)), "log_errors": np.sqrt(np.diag(np.linalg.inv(information))), "trace": np.exp(kept),
        "simulation_log_errors": last.std(0, ddof=min(1, len(last) - 1)) / np.sqrt(len(last)), "statistics_z": z,
    }  # fmt: skip


def _levels(settings):
    trace, interval = recording.current()
    return np.digitize(trace, settings["thresholds"]), interval


def _likeliest(settings, model, dead):
    """The exact likelihood of the same sojourns."""
    (level, interval), (network, x0, *_) = _levels(settings), MODELS[model]
    runs = recording.idealised(level, dead)
    made = exact.maximise(
        StateSpace.reachable(network, x0),
        Dwells(runs.lengths * interval, runs.levels),
        {name: 1 for name in network.species if name.startswith("O")},
        dict(zip(network.parameters, settings["start"][model], strict=True)),
    )
    return {
        "rates": made.rates,
        "log_likelihood": made.log_likelihood,
        "interval": made.interval,
        "log_errors": made.log_errors,
    }


def _observed(settings):
    """Numbers of the recording itself."""
    level, interval = _levels(settings)
    out = {}
    for dead in settings["dead"]:
        runs = recording.idealised(level, dead)
        counts = np.bincount(runs.levels, minlength=3)
        out[dead] = {
            "sojourns": counts, "occupancy": recording.occupancy(runs),
            "mean_ms": [1e3 * interval * runs.lengths[runs.levels == k].mean() for k in range(3)],
        }  # fmt: skip
    return out


def _parts(settings):
    exact_parts = {f"likelihood {m}, dead {d}": lambda m=m, d=d: _likeliest(settings, m, d)
                   for m in MODELS for d in settings["dead"]}  # fmt: skip
    fits = {f"simulation {m}, dead {d}": lambda m=m, d=d: _match(settings, m, d)
            for m in settings["simulated"] for d in settings["dead"]}  # fmt: skip
    return {"recording": lambda: _observed(settings), **exact_parts, **fits}


def _quality(settings, model, rates):
    """R^2 of named curves, at these rates, of the recording without dead time; and the curves."""
    level, interval = _levels(settings)
    runs = recording.idealised(level, 1)
    lags, steps = np.arange(settings["lags"]), np.unique(np.geomspace(2, 400, 25).round())
    model_curves = exact.curves(MODELS[model][2](np.asarray(rates)), lags * interval, steps * interval)
    data = {
        "occupancy": recording.occupancy(runs), "autocovariance": recording.autocovariance(runs, settings["lags"]),
        "shut": recording.survival(runs, 0, steps), "one open": recording.survival(runs, 1, steps),
    }  # fmt: skip
    r2 = {name: exact.r_squared(curve, model_curves[name]) for name, curve in data.items()}
    return r2, {"model": model_curves, "data": data, "ms": steps * interval * 1e3}


def _combine(settings, found):
    """By model and dead time: rates both ways, whether they agree, and R^2."""
    out = {}
    for model in MODELS:
        out[model] = {}
        for dead in settings["dead"]:
            row = {"likelihood": found[f"likelihood {model}, dead {dead}"]}
            row["r_squared"], row["curves"] = _quality(settings, model, row["likelihood"]["rates"])
            if (simulated := found.get(f"simulation {model}, dead {dead}")) is not None:
                plain = found[f"likelihood {model}, dead 1"]
                low, high = np.array(plain["interval"])
                rates = np.array(simulated["rates"])
                row["simulation"] = simulated
                row["inside"] = float(((rates >= low) & (rates <= high)).mean())
                row["away"] = float(
                    np.max(np.abs(np.log(rates / np.array(plain["rates"]))) / np.array(plain["log_errors"]))
                )
                row["r_squared_simulation"] = _quality(settings, model, rates)[0]
            out[model][str(dead)] = row
    best = max(value for rows in out.values() for row in rows.values() for value in row["r_squared"].values())
    return {"recording": found["recording"], "models": out, "largest_r_squared": best}


def _draw(settings, results):
    trace, interval = recording.current()
    figure = new_figure(12.0, 3.2)
    with style():
        record, decay, dwells = figure.subplots(1, 3)
        time = np.arange(2000) * interval * 1e3
        record.plot(time, trace[:2000], color="C7", lw=0.5)
        record.plot(time, -0.810 + 1.95 * np.digitize(trace[:2000], settings["thresholds"]), color="C3", lw=0.9)
        record.set(xlabel="ms", ylabel="current")
        for number, (model, rows) in enumerate(results["models"].items()):
            shown = rows["1"]["curves"]
            lags = np.arange(settings["lags"]) * interval * 1e3
            decay.plot(lags, shown["model"]["autocovariance"], color=f"C{number}", label=model)
            dwells.plot(shown["ms"], shown["model"]["shut"], color=f"C{number}")
            dwells.plot(shown["ms"], shown["model"]["one open"], "--", color=f"C{number}")
        decay.plot(lags, shown["data"]["autocovariance"], "k", lw=0.8)
        dwells.plot(shown["ms"], shown["data"]["shut"], "k.", shown["ms"], shown["data"]["one open"], "kx")
        decay.set(xlabel="lag, ms", ylabel="autocovariance / variance")
        dwells.set(xscale="log", xlabel="ms", ylabel="survival; shut solid, one open dashed")
        decay.legend()
    return figure


ITEM = Item(
    title="two ion channels: rates and curves",
    settings={
        "thresholds": [0.17397, 2.10931], "dead": [1, 3, 5], "lags": 201, "settle": 0.005, "seed": 20261103, "simulated": list(MODELS),
        "start": {"identical": [300.0, 1000.0], "main and rare": [1000.0, 1000.0, 200.0, 5000.0]},
        "paths": 600, "steps": 20, "average": 12, "learning": 0.7, "largest": 0.5,
    },
    tiny={"paths": 40, "steps": 1, "average": 1, "simulated": ["identical"], "dead": [1]},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
