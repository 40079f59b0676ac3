"""Inference of the oscillator's 15 rates from means of A, C and R over windows, by multiple shooting.

Segments begin in the exact states that the cells of the recorded ensemble had at their start, so that a segment stays in
phase whatever the rates. The loss is the squared distance of the window means, of their logarithms while it is far from
the data, then in units of their covariance within segments; it is minimised by Gauss-Newton steps with the slopes of the
trapezoidal tangent. A wide prior around the start holds the directions that the data do not tell.
"""

import numpy as np

from common.item import Item
from jumpax.plots import new_figure, style
from vilar2026 import oscillator_model as osc
from vilar2026.oscillator_model import RATES

PAIRS = (("gamma_A", "theta_A"), ("gamma_R", "theta_R"), ("alpha_A", "alpha_Ap"), ("alpha_Ap", "delta_MA"))
"""Rates of which the data may tell the ratio better than either."""


def _covariance(settings, theta, begin, key) -> np.ndarray:
    """Covariance of the averages given the start of the segment, from two paths of each."""
    pair = [osc.follow(theta, begin, settings["windows"], settings["width"], 2 * key + i).averages for i in (0, 1)]
    return np.einsum("csi,csj->sij", pair[0] - pair[1], pair[0] - pair[1]) / (2 * len(begin))


def _rough(settings, wanted, tolerance):
    """Far from the data: relative differences of means, in units of a tolerance; and the factors of their slopes."""
    floor = settings["floor"]

    def residual(mean):
        return (np.log(mean + floor) - np.log(wanted + floor)) / tolerance

    def rows(mean, slope):
        return slope / (mean + floor)[..., None] / tolerance

    return residual, rows


def _fine(wanted, covariance):
    """Near the data: differences of means in units of their covariance."""
    root = np.swapaxes(np.linalg.cholesky(np.linalg.inv(covariance)), 1, 2)

    def residual(mean):
        return np.einsum("sij,sj->si", root, mean - wanted)

    def rows(mean, slope):
        return np.einsum("sij,sjp->sip", root, slope)

    return residual, rows


def _turn(settings, u, start, cells: int, slope_cells: int, tolerance: float, key: int):
    """One Gauss-Newton step of the logarithms u, as much of it as lowers the loss on some cells; and the events it took."""
    every = osc.ensemble(settings["cells"], settings["width"], settings["end"], settings["seed"])
    chosen = (np.random.default_rng(key).integers(settings["cells"]) + np.arange(cells)) % settings["cells"]
    windows, width, rates = settings["windows"], settings["width"], tuple(settings["rates"])
    begin, seen = osc.starts(every, windows)[chosen], osc.observed(every, windows).averages[chosen]
    few, events = slice(0, settings["search_cells"]), 0

    def mean(u, part, key):
        nonlocal events
        made = osc.follow(_theta(settings, u), begin[part], windows, width, key)
        events += made.events
        return made.averages.mean(0)

    slope = osc.slopes(_theta(settings, u), begin[:slope_cells], windows, width, 3 * key, rates).mean(0)
    if tolerance > 0:
        whole, small = (_rough(settings, seen[part].mean(0), tolerance) for part in (slice(None), few))
    else:
        spread = 2 * _covariance(settings, _theta(settings, u), begin[few], 3 * key + 1)
        whole, small = (_fine(seen[part].mean(0), spread / len(seen[part])) for part in (slice(None), few))
    now, prior = mean(u, slice(None), 3 * key + 2), np.eye(len(u)) / settings["prior"] ** 2
    rows = whole[1](now, slope)
    gradient = np.einsum("sip,si->p", rows, whole[0](now)) + prior @ (u - start)
    move = -np.linalg.solve(np.einsum("sip,siq->pq", rows, rows) + prior, gradient)
    move = move * min(1.0, settings["largest"] / np.abs(move).max())
    if cells > settings["searched_up_to"]:
        return u + move, events

    def loss(v):
        return (small[0](mean(v, few, 3 * key + 2)) ** 2).sum() + (v - start) @ prior @ (v - start)

    shares = (1.0, 0.5, 0.25, 0.1, 0.0)
    return u + shares[int(np.argmin([loss(u + share * move) for share in shares]))] * move, events


def _theta(settings, u):
    """Rates by name from the logarithms of those that move, relative to the truth."""
    whole = np.zeros(len(RATES))
    whole[[RATES.index(name) for name in settings["rates"]]] = u
    return osc.theta_of(whole)


def _slopes(settings, chunk):
    """Mean slopes at the truth over some cells of their own, by central differences with the same random numbers.

    Not by the tangent: what the data tell of the pace of a promoter, it gets wrong.
    """
    every = osc.ensemble(settings["cells"], settings["width"], settings["end"], settings["seed"])
    many, windows, width = settings["told_cells"], settings["windows"], settings["width"]
    begin = osc.starts(every, windows)[chunk * many : (chunk + 1) * many]

    def mean(u):
        return osc.follow(_theta(settings, u), begin, windows, width, settings["seed"] + 500 + chunk).averages.mean(0)

    half = settings["difference"] * np.eye(len(settings["rates"]))
    return np.stack([(mean(move) - mean(-move)) / (2 * settings["difference"]) for move in half], -1)


def _spread(settings):
    """Covariance within segments at the truth."""
    every = osc.ensemble(settings["cells"], settings["width"], settings["end"], settings["seed"])
    begin = osc.starts(every, settings["windows"])[: settings["covariance_cells"]]
    return _covariance(settings, osc.theta_of(np.zeros(len(RATES))), begin, settings["seed"])


def _told(settings, slopes, spread):
    """What the data can tell, before any fit: expected standard errors at the truth, of rates and of combinations.

    Data and simulation both have the noise of all cells. The information is the mean of products of different chunks, which
    their noise does not bias; the prior is part of it.
    """
    names, slopes = list(settings["rates"]), np.array(slopes)
    weight = settings["cells"] / 2 * np.linalg.inv(np.array(spread))
    own = np.einsum("ksip,sij,ksjq->pq", slopes, weight, slopes)
    whole = np.einsum("sip,sij,sjq->pq", slopes.sum(0), weight, slopes.sum(0))
    values, vectors = np.linalg.eigh((whole - own) / (len(slopes) * (len(slopes) - 1)))
    covariance = (vectors / (np.maximum(values, 0) + settings["prior"] ** -2)) @ vectors.T
    error = 100 * np.sqrt(np.diag(covariance))
    combinations = {}
    for over, under in [pair for pair in PAIRS if set(pair) <= set(names)]:
        i, j = names.index(over), names.index(under)
        for sign, symbol in ((-1, "/"), (1, "*")):
            variance = covariance[i, i] + covariance[j, j] + 2 * sign * covariance[i, j]
            combinations[f"{over} {symbol} {under}"] = 100 * np.sqrt(variance)
    return {
        "error_percent": dict(zip(names, error.tolist(), strict=True)), "combination_percent": combinations,
        "axes_percent": 100 / np.sqrt(np.maximum(values, 0) + settings["prior"] ** -2), "axes": vectors.T,
        "told": [name for name, e in zip(names, error, strict=True) if e <= settings["told_percent"]],
    }  # fmt: skip


def _fit(settings, number):
    """From a start a factor of up to 2 off in every rate."""
    random = np.random.default_rng([settings["seed"], number])
    start = random.uniform(-1, 1, len(settings["rates"])) * np.log(settings["start_factor"])
    u, trace, events = start, [start], 0
    for turn, (cells, slope_cells, tolerance) in enumerate(settings["schedule"]):
        u, fired = _turn(
            settings, u, start, cells, slope_cells, tolerance, settings["seed"] + 1000 * (number + 1) + turn
        )
        trace.append(u)
        events += fired
    return {
        "start": np.exp(start), "found": np.exp(u), "error_percent": 100 * np.abs(np.expm1(u)), "trace": np.array(trace),
        "events": events,
    }  # fmt: skip


def _data(settings):
    """The targets, and the noise of their means."""
    every = osc.ensemble(settings["cells"], settings["width"], settings["end"], settings["seed"])
    mean, spread = every.averages.mean(0), every.averages.std(0, ddof=1)
    return {"mean": mean, "standard_error": spread / np.sqrt(len(every.averages))}


def _parts(settings):
    fits = {f"fit {n}": lambda n=n: _fit(settings, n) for n in range(settings["starts"])}
    slopes = {f"slopes {n}": lambda n=n: _slopes(settings, n) for n in range(settings["told_chunks"])}
    return {"data": lambda: _data(settings), "spread": lambda: _spread(settings), **slopes, **fits}


def _combine(settings, found):
    """Errors of the rates that the data tell, by start; z-scores against the expected errors; all others beside them."""
    fits, names = [found[f"fit {n}"] for n in range(settings["starts"])], list(settings["rates"])
    told = _told(settings, [found[f"slopes {n}"] for n in range(settings["told_chunks"])], found["spread"])
    expected = np.array(list(told["error_percent"].values()))
    kept = np.array([name in told["told"] for name in names])
    errors, off = np.array([one["error_percent"] for one in fits]), np.log([one["found"] for one in fits])
    z = 100 * off / expected
    return {
        "told": told, "data": found["data"], "fits": fits,
        "mean_percent": errors[:, kept].mean() if kept.any() else None, "by_start": errors[:, kept].mean(1).tolist() if kept.any() else None,
        "start_percent": float(np.mean([np.abs(np.array(one["start"]) - 1).mean() for one in fits]) * 100),
        "by_rate": {name: errors[:, i].mean() for i, name in enumerate(names)},
        "number_told": int(kept.sum()), "rms_z": float(np.sqrt((z[:, kept] ** 2).mean())) if kept.any() else None,
        "z": dict(zip(names, z.T.tolist(), strict=True)), "events": [one["events"] for one in fits],
        "ratio_percent": {
            f"{over} / {under}": 100 * float(np.mean(np.abs(np.expm1(off[:, names.index(over)] - off[:, names.index(under)]))))
            for over, under in PAIRS if {over, under} <= set(names)
        },
    }  # fmt: skip


def _draw(settings, results):
    figure, names = new_figure(11.0, 3.6), list(settings["rates"])
    expected = list(results["told"]["error_percent"].values())
    with style():
        traces, rates = figure.subplots(1, 2)
        for number, one in enumerate(results["fits"]):
            for i, name in enumerate(names):
                colour = "C0" if name in results["told"]["told"] else "C7"
                traces.plot(np.exp(np.array(one["trace"])[:, i]), color=colour, lw=0.7)
            rates.plot(range(len(names)), np.maximum(one["error_percent"], 1e-3), "o", ms=4, color=f"C{number}")
        rates.plot(range(len(names)), expected, "k_", ms=14, label="expected standard error")
        rates.set(yscale="log", ylabel="error, %", xticks=range(len(names)))
        rates.set_xticklabels(names, rotation=60, ha="right")
        rates.legend()
        traces.set(yscale="log", xlabel="step", ylabel="rate / true", title="blue: told by the data")
    return figure


ITEM = Item(
    title="the oscillator's rates from window means, by multiple shooting",
    settings={
        "cells": 50_000, "width": 2.0, "end": 36.0, "windows": 2, "seed": 20261102, "rates": list(RATES), "told_percent": 2.0,
        "told_cells": 1000, "told_chunks": 10, "difference": 0.2, "covariance_cells": 500, "search_cells": 500, "searched_up_to": 500,
        "starts": 3, "start_factor": 2.0, "prior": float(np.log(2)), "largest": 0.7, "floor": 10.0,
        "schedule": [
            *[[500, 60, 0.5]] * 3, *[[500, 60, 0.3]] * 2, *[[500, 100, 0.1]] * 2, *[[500, 100, 0]] * 3, [2000, 300, 0],
            *[[10_000, 1000, 0]] * 2, [50_000, 1000, 0],
        ],
    },
    tiny={
        "cells": 20, "end": 4.0, "rates": ["beta_A", "delta_R"], "told_cells": 4, "told_chunks": 2,
        "covariance_cells": 20, "search_cells": 10, "starts": 1, "schedule": [[20, 4, 0.5], [20, 4, 0]],
    },
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
