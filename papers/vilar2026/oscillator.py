"""Inference of the oscillator's 15 rates from means of A, C and R over windows, by multiple shooting.

Segments begin in the exact states that the cells of the recorded ensemble had at their start, so that a segment stays in
phase whatever the rates. The loss is the squared distance of the window means, of their logarithms while it is far from
the data, then in units of their covariance within segments; it is minimised by Gauss-Newton steps with the slopes of the
trapezoidal tangent. A wide prior around the start holds the directions that the data do not tell.
"""

import functools

import numpy as np

from common.item import Item
from jumpax.plots import new_figure, style
from vilar2026 import oscillator_information as information
from vilar2026 import oscillator_model as osc
from vilar2026.oscillator_information import PAIRS, recorded, theta_of
from vilar2026.oscillator_model import RATES


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
    every, windows, width = recorded(settings), settings["windows"], settings["width"]
    chosen = (np.random.default_rng(key).integers(settings["cells"]) + np.arange(cells)) % settings["cells"]
    begin, seen = osc.starts(every, windows)[chosen], osc.observed(every, windows).averages[chosen]
    few, events = slice(0, settings["search_cells"]), 0

    def follow(u, part):
        nonlocal events
        made = osc.follow(theta_of(settings, u), begin[part], windows, width, 2 * key)
        events += made.events
        return made.averages

    made = follow(u, slice(None))
    if tolerance > 0:
        whole, small = (_rough(settings, seen[part].mean(0), tolerance) for part in (slice(None), few))
    else:
        off = made - seen
        spread = np.einsum("csi,csj->sij", off - off.mean(0), off - off.mean(0)) / (cells - 1)
        whole, small = (_fine(seen[part].mean(0), spread / len(seen[part])) for part in (slice(None), few))
    names = tuple(settings["rates"])
    slope = osc.slopes(theta_of(settings, u), begin[:slope_cells], windows, width, 2 * key + 1, names).mean(0)
    rows, prior = whole[1](made.mean(0), slope), np.eye(len(u)) / settings["prior"] ** 2
    gradient = np.einsum("sip,si->p", rows, whole[0](made.mean(0))) + prior @ (u - start)
    move = -np.linalg.solve(np.einsum("sip,siq->pq", rows, rows) + prior, gradient)
    move = move * min(1.0, settings["largest"] / np.abs(move).max())
    if cells > settings["searched_up_to"]:
        return u + move, events

    def loss(v):
        return (small[0](follow(v, few).mean(0)) ** 2).sum() + (v - start) @ prior @ (v - start)

    shares = (1.0, 0.5, 0.25, 0.1, 0.0)
    return u + shares[int(np.argmin([loss(u + share * move) for share in shares]))] * move, events


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
    every = recorded(settings)
    mean, spread = every.averages.mean(0), every.averages.std(0, ddof=1)
    return {"mean": mean, "standard_error": spread / np.sqrt(len(every.averages))}


def _parts(settings):
    spread = functools.cache(lambda: information.spread(settings))
    slopes = functools.cache(lambda n: information.slopes(settings, n))
    steps = functools.cache(lambda: information.directions(settings, spread(), slopes(0)))
    told = {f"slopes {n}": lambda n=n: slopes(n) for n in range(settings["told_chunks"])}
    check = {
        f"changes {n}": lambda n=n: information.changes(settings, n, steps()) for n in range(settings["check_chunks"])
    }
    fits = {f"fit {n}": lambda n=n: _fit(settings, n) for n in range(settings["starts"])}
    return {"data": lambda: _data(settings), "spread": spread, **told, "steps": steps, **check, **fits}


def _combine(settings, found):
    """Errors of the rates that the data tell, by start; z-scores against the expected errors; all others beside them."""
    fits, names = [found[f"fit {n}"] for n in range(settings["starts"])], list(settings["rates"])
    slopes = [found[f"slopes {n}"] for n in range(settings["told_chunks"])]
    changes = [found[f"changes {n}"] for n in range(settings["check_chunks"])]
    steps, spread = np.array(found["steps"]), found["spread"]
    told = information.told(settings, spread, steps, information.best(spread, steps, slopes, changes))
    tangents = information.told(settings, spread, np.eye(len(names)), slopes)
    expected = np.array(list(told["error_percent"].values()))
    kept = np.array([name in told["told"] for name in names])
    errors, off = np.array([one["error_percent"] for one in fits]), np.log([one["found"] for one in fits])
    z = 100 * off / expected
    return {
        "told": told, "tangents": tangents, "told_otherwise": len(set(told["told"]) ^ set(tangents["told"])),
        "data": found["data"], "fits": fits,
        "mean_percent": errors[:, kept].mean() if kept.any() else None,
        "by_start": errors[:, kept].mean(1).tolist() if kept.any() else None,
        "mean_percent_tangents": errors[:, [name in tangents["told"] for name in names]].mean(),
        "expected_percent": np.sqrt(2 / np.pi) * expected[kept].mean() if kept.any() else None,
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
        "told_cells": 1000, "told_chunks": 10, "covariance_cells": 20_000, "check_chunks": 4, "check_errors": 100,
        "check_largest": 0.5, "search_cells": 500, "searched_up_to": 3000, "starts": 3, "start_factor": 2.0, "prior": float(np.log(2)), "largest": 0.7, "floor": 10.0,
        "schedule": [
            *[[500, 60, 0.5]] * 3, *[[500, 60, 0.3]] * 2, *[[500, 100, 0.1]] * 2, *[[3000, 100, 0]] * 4,
            *[[10_000, 1000, 0]] * 2, *[[50_000, 1000, 0]] * 2,
        ],
    },
    tiny={
        "cells": 20, "end": 4.0, "rates": ["beta_A", "delta_R"], "told_cells": 4, "told_chunks": 2,
        "check_chunks": 2, "covariance_cells": 20, "search_cells": 10, "starts": 1, "schedule": [[20, 4, 0.5], [20, 4, 0]],
    },
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
