"""Fits of problems of the stochbench collection by its protocol: `python benchmarks/stochbench.py FOLDER... [--seeds 1-20] [--json]`.

A problem is a folder with `problem.json`, `model.bngl`, `model.net` (written by BioNetGen) and the data; a FOLDER is one, or holds
some. Every seed is a fit inside the budget of the problem, over all of its boxes; the true values, in `problem.json` and `model.net`,
are read by the scorer only: the fit is given the network with other numbers. The error of a fit is the largest
|log10(estimate / true)| of the identifiable parameters; success is a factor of two, tight is 0.1. Simulations to success are those
after which the best parameters were within a factor of two for the first time, infinite for a fit that failed.

--paths-only searches without mean field, and without the master equation at the end; else both may be used where they serve
--fresh      every seed has data of its own, drawn at the true values as the protocol draws them, in the place of the frozen ones
--budget N   in the place of that of the problem: with a large one a fit shows how far the best fit to the data is off
--out FILE   writes the records and the table
--tiny       one seed and a tenth of the budget, to see that it works

github.com/wshlavacek/stochbench; models and data CC BY 4.0, Bill Hlavacek.
"""

import argparse
import json
import re
import statistics
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import jumpax
from jumpax.cli.rule_loss import with_rules
from jumpax.inference import Fixed, Free, Problem, Simulation, losses

FACTOR_TWO, TIGHT = float(np.log10(2)), 0.1
FRESH = 1_000_000
"""Added to the seeds of fits, for those of fresh data."""
VERSION = "0.2.0.dev0"
"""Of the collection whose protocol this is."""
PUBLISHED = {
    "Shahrezaei_PNAS2008": "80 % of 20, 4,585",
    "Lin_PhysRevE2016": "5 % of 20, 13,021",
    "Munsky_Science2012": "10 % of 20, 12,301",
    "Yang_PhysRevE2008": "40 % of 5, 3,082",
}
"""Best published success and median simulations to success, of five methods (September 2026)."""


class Loaded(NamedTuple):
    """A problem as a fit is given it, and what the scorer knows."""

    name: str
    problem: Problem
    budget: int
    true: np.ndarray
    scored: np.ndarray
    """Which of the free parameters."""


def load(folder: Path, source: Simulation, fresh: int | None = None) -> Loaded:
    """One problem, with its data, or with fresh ones of a seed.

    Raises:
        InputError: there is no network, or it does not have the parameters or observables of the problem.
    """
    stated = json.loads((folder / "problem.json").read_text())
    if not (folder / "model.net").exists():
        raise jumpax.InputError(
            f"{folder.name} has no model.net: its network is not finite, or BioNetGen has not written it"
        )
    model = jumpax.read(folder / "model.net")
    assert isinstance(model, jumpax.FileModel)
    aliases = dict(re.findall(r"^\s*(\w+)\s+(\w+__FREE)\b", (folder / "model.bngl").read_text(), re.MULTILINE))
    names = {alias: name for name, alias in aliases.items()}
    boxes = {names.get(given, given.removesuffix("__FREE")): about for given, about in stated["parameters"].items()}
    if lost := [name for name in boxes if name not in model.theta]:
        raise jumpax.InputError(f"{folder.name}: model.net has no parameter {', '.join(lost)}")
    fixed = {name: Fixed(value) for name, value in model.theta.items() if name not in boxes}
    free = {name: Free.box(about["low"], about["high"]) for name, about in boxes.items()}
    columns = _frozen(folder / stated["data"]["file"])
    loss = _loss(columns if fresh is None else _fresh(model, stated, columns["time"], fresh), stated)
    loss = with_rules(loss, model.network, model.observables, {**fixed, **free})
    problem = Problem(model.network, model.x0, loss, {**fixed, **free}, source=source)
    about = [boxes[name] for name in problem.free]
    true, scored = np.array([a["true"] for a in about]), np.array([a["identifiable"] for a in about])
    return Loaded(folder.name, problem, int(stated["fit"]["budget_simulations"]), true, scored)


def _frozen(file: Path) -> dict[str, np.ndarray]:
    """The columns of a file."""
    text = file.read_text().splitlines()
    return dict(zip(text[0].lstrip("#").split(), np.loadtxt(text, ndmin=2).T, strict=True))


def _fresh(model: jumpax.FileModel, stated: Any, times: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The same of new paths at the true values."""
    drawn = jumpax.simulate(
        model, times=times.tolist(), paths=int(stated["data"]["replicates"]), key=jax.random.key(FRESH + seed)
    )
    counts, columns = {name: drawn[name] for name in model.network.species}, {"time": times}
    for name in stated["observables"]:
        values = np.asarray(model.observables[name](counts), float)
        columns[name] = values.mean(0)
        floor = stated["data"]["sd_floor_fraction"] * columns[name].max()
        columns[f"{name}_SD"] = np.maximum(values.std(0, ddof=1), floor)
    return columns


def _loss(columns: dict[str, np.ndarray], stated: Any) -> losses.TimeSeries:
    """Means after the start, with the standard errors that the deviation of one trajectory gives."""
    later = columns["time"] > stated["simulation"].get("t_start", 0)
    replicates = int(stated["data"]["replicates"])
    means = {name: columns[name][later] for name in stated["observables"]}
    errors = {name: columns[f"{name}_SD"][later] / replicates**0.5 for name in stated["observables"]}
    return losses.TimeSeries(columns["time"][later].tolist(), means, errors, paths=replicates)


def record(loaded: Loaded, seed: int, budget: int) -> dict[str, Any]:
    """One fit, as the protocol records it."""
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)  # told in the record
        found = jumpax.fit(loaded.problem, budget=budget, key=seed)
    seconds = time.perf_counter() - begin
    assert found.search is not None
    wrong = np.abs(np.log10(found.search.values / loaded.true))
    error = wrong[:, loaded.scored].max(1)
    first = next((int(n) for n, e in zip(found.search.paths, error, strict=True) if e <= FACTOR_TWO), None)
    success = bool(error[-1] <= FACTOR_TWO)
    return {
        "problem": loaded.name, "collection_version": VERSION, "method": "jumpax", "seed": seed,
        "estimate": {name: float(found.estimates[name]) for name in loaded.problem.free},
        "errors": dict(zip(loaded.problem.free, wrong[-1].tolist(), strict=True)), "error": float(error[-1]),
        "success": success, "simulations": int(found.search.paths[-1]), "simulations_to_success": first if success else None,
        "trace": [[int(n), float(e)] for n, e in zip(found.search.paths, error, strict=True)],
        "seconds": seconds, "explained": found.search.explained, "lost": found.search.lost, "warnings": list(found.doubts),
    }  # fmt: skip


def summary(name: str, records: Sequence[dict[str, Any]], free: int, scored: int) -> dict[str, Any]:
    """A row of the table."""
    firsts = [r["simulations_to_success"] for r in records]
    to_success = [float("inf") if first is None else first for first in firsts]
    return {
        "problem": name, "free": free, "scored": scored, "fits": len(records),
        "success": sum(r["success"] for r in records), "tight": sum(r["error"] <= TIGHT for r in records),
        "median error": statistics.median(r["error"] for r in records),
        "median simulations to success": statistics.median(to_success), "published": PUBLISHED.get(name, ""),
        "largest simulations": max(r["simulations"] for r in records),
        "median seconds": statistics.median(r["seconds"] for r in records),
    }  # fmt: skip


def table(rows: Sequence[dict[str, Any]]) -> str:
    """In Markdown."""
    heads = "problem | free (scored) | success | tight | median error | simulations to success | published | s a fit"
    lines = [f"| {heads} |", "|---" * 8 + "|"]
    for row in rows:
        cells = (
            row["problem"], f"{row['free']} ({row['scored']})", f"{row['success']} of {row['fits']}",
            f"{row['tight']} of {row['fits']}", f"{row['median error']:.3f}", f"{row['median simulations to success']:,.0f}",
            row["published"], f"{row['median seconds']:.1f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def folders(given: Sequence[Path]) -> list[Path]:
    """Those that are problems, or hold some."""
    found = [file.parent for folder in given for file in sorted(folder.rglob("problem.json"))]
    if not found:
        raise SystemExit(f"no problem.json in {', '.join(map(str, given))}")
    return found


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--seeds", default="1-20", help="first-last, or one")
    parser.add_argument("--paths-only", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--budget", type=int)
    parser.add_argument("--json", action="store_true", help="print the records on standard output")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    source = Simulation(exact=not arguments.paths_only, mean_field=not arguments.paths_only)
    records, rows = [], []
    for folder in folders(arguments.folders):
        try:
            loaded = load(folder, source)
        except (jumpax.JumpaxError, OSError) as fault:
            print(f"{folder.name}: left out: {fault}", file=sys.stderr, flush=True)
            continue
        budget = arguments.budget or (loaded.budget // 10 if arguments.tiny else loaded.budget)
        own = []
        for seed in seeds[:1] if arguments.tiny else seeds:
            loaded = load(folder, source, seed) if arguments.fresh else loaded
            own.append(record(loaded, seed, budget))
            told = {key: own[-1][key] for key in ("seed", "error", "simulations_to_success", "simulations", "seconds")}
            print(folder.name, json.dumps(told), file=sys.stderr, flush=True)
        rows.append(summary(folder.name, own, len(loaded.true), int(loaded.scored.sum())))
        records += own
    print(json.dumps(records) if arguments.json else table(rows))
    if arguments.out:
        arguments.out.write_text(json.dumps({"rows": rows, "records": records}, indent=1) + "\n")


if __name__ == "__main__":
    main()
