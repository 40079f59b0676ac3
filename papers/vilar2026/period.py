"""The forward model of the oscillator: its period, and ensemble means, beside those of an independent program."""

import json
from pathlib import Path

import numpy as np

import jumpax
from common.item import Item
from jumpax.plots import new_figure, style
from vilar2026.oscillator_model import MODEL, PLACES, SEEN

REFERENCE = json.loads((Path(__file__).parent / "data" / "oscillator_reference.json").read_text())


def crossings(count, high, low):
    """Numbers of the samples at which a path comes to `high` or above for the first time since it was below `low`."""
    side = np.where(count >= high, 1, np.where(count < low, -1, 0))
    places = np.flatnonzero(side)
    return places[1:][(side[places[1:]] == 1) & (side[places[:-1]] == -1)]


def _cycles(settings, chunk):
    """Lengths of the first so many cycles of each path after it has settled: a fixed number, which has no bias of length."""
    times = np.arange(round(settings["end"] / settings["sampling"]) + 1) * settings["sampling"]
    paths = jumpax.simulate(
        MODEL.network, MODEL.theta, MODEL.x0, times=times, paths=settings["paths"], key=settings["seed"] + chunk
    )
    lengths = []
    for count in paths["R"]:
        when = times[crossings(count, *settings["thresholds"])]
        lengths.append(np.diff(when[when >= settings["settle"]])[: settings["cycles"]])
    short = sum(len(one) < settings["cycles"] for one in lengths)
    one = paths.counts[0, : round(100 / settings["sampling"]) : 5]
    example = {name: one[:, place] for name, place in zip(SEEN, PLACES, strict=True)} if chunk == 0 else None
    return {
        "lengths": [one.tolist() for one in lengths],
        "short": short,
        "events": int(paths.events.sum()),
        "example": example,
    }


def _means(settings):
    """Ensemble means at the hours and over the windows of the reference."""
    hours, edges = (np.array(REFERENCE[name]) for name in ("hours", "window_edges"))
    hours, edges = (times[times <= settings["last_hour"]] for times in (hours, edges))
    common = {"paths": settings["ensemble"], "key": settings["seed"]}
    at = jumpax.simulate(MODEL.network, MODEL.theta, MODEL.x0, times=hours, **common)
    fold = jumpax.TimeAverages(MODEL.network)
    over = jumpax.simulate(MODEL.network, MODEL.theta, MODEL.x0, times=edges, record=fold, **common)
    averages = np.stack([over.records[place][:, 1:] for place in PLACES], -1)
    return {"hours": _against(at.counts[..., PLACES], "mean"), "windows": _against(averages, "window_mean")}


def _against(values, name):
    """Mean and z-score against the reference, (times, seen)."""
    mean, error = values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values))
    wanted, its_error = (np.array(REFERENCE[key])[: len(mean)] for key in (name, f"{name}_se"))
    rounding = 0.01 / np.sqrt(12)
    return {"mean": mean, "z": (mean - wanted) / np.sqrt(error**2 + its_error**2 + rounding**2)}


def _parts(settings):
    chunks = {f"cycles {n:02d}": lambda n=n: _cycles(settings, n) for n in range(settings["chunks"])}
    return {"means": lambda: _means(settings), **chunks}


def _combine(settings, found):
    """Period with its standard error, the spread of cycles, and the z-scores of all means."""
    chunks = [found[f"cycles {n:02d}"] for n in range(settings["chunks"])]
    lengths = [np.array(one) for chunk in chunks for one in chunk["lengths"] if len(one) == settings["cycles"]]
    by_path, all_cycles = np.mean(lengths, 1), np.concatenate(lengths)
    z = np.concatenate([np.ravel(found["means"][name]["z"]) for name in ("hours", "windows")])
    error = by_path.std(ddof=1) / np.sqrt(len(by_path))
    return {
        "period": by_path.mean(), "period_se": error, "period_error": np.hypot(error, REFERENCE["period_se"]), "period_sd": all_cycles.std(ddof=1),
        "cycles": len(all_cycles), "short_paths": sum(chunk["short"] for chunk in chunks),
        "events": sum(chunk["events"] for chunk in chunks), "histogram": np.histogram(all_cycles, np.arange(10, 45)),
        "largest_z": np.abs(z).max(), "rms_z": np.sqrt((z**2).mean()), "means": found["means"], "example": chunks[0]["example"],
    }  # fmt: skip


def _draw(settings, results):
    figure = new_figure(11.0, 3.2)
    with style():
        path, means, cycles = figure.subplots(1, 3)
        for number, name in enumerate(SEEN):
            count = np.array(results["example"][name])
            path.plot(np.arange(len(count)) * 5 * settings["sampling"], count, color=f"C{number}", label=name)
            found = np.array(results["means"]["windows"]["mean"])[:, number]
            edges = np.array(REFERENCE["window_edges"])[: len(found) + 1]
            means.stairs(found, edges, color=f"C{number}")
            wanted = np.array(REFERENCE["window_mean"])[: len(found), number]
            means.plot((edges[1:] + edges[:-1]) / 2, wanted, ".", color=f"C{number}")
        number, edges = results["histogram"]
        cycles.stairs(number, edges)
        cycles.set(
            xlabel="length of a cycle, h",
            ylabel="cycles",
            title=f"{results['period']:.3f} ± {results['period_se']:.3f} h",
        )
        path.set(xlabel="time, h", ylabel="molecules", title="one path")
        means.set(xlabel="time, h", title="means over 2 h; points: reference")
        path.legend()
    return figure


ITEM = Item(
    title="period and ensemble means of the genetic oscillator",
    settings={
        "paths": 50, "chunks": 20, "end": 1000.0, "settle": 100.0, "cycles": 32, "sampling": 0.05, "thresholds": [1000, 300],
        "ensemble": 20_000, "last_hour": 100.0, "seed": 20261101,
    },
    tiny={"paths": 4, "chunks": 1, "end": 110.0, "settle": 20.0, "cycles": 2, "ensemble": 20, "last_hour": 2.0},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
