"""Reproductions of published results: `python papers/run.py PAPER [ITEM ...] [--tiny] [--out DIR] [--resume | --fresh]`.

Without items, all items of the paper. Parts of an item are saved as they are done (DIR/parts), so an interrupted run goes
on where it was; one made with other settings or versions, or damaged since, is made anew. Writes DIR/<item>.json (settings, results, seconds,
hardware, versions), DIR/<item>.png, and DIR/summary.md: every result beside what PAPER/expected.json expects of it.
A paper is a folder beside this file with `expected.json` and a table `ITEMS` in its `__init__.py`.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

from common.item import Item
from common.judge import judge, table
from common.store import Parts, write_json, write_whole
from jumpax.plots import png_bytes

DECIDING = ("jumpax", "jax", "jaxlib", "numpy")
"""Libraries whose versions numbers depend on: a part made with others is made anew."""
HERE = Path(__file__).resolve().parent
PAPERS = sorted(path.parent.name for path in HERE.glob("*/expected.json"))
KEPT = 10
"""Programs of so many parts are kept; each one takes some hundred memory maps, of which there are 65,530."""


def hardware() -> dict[str, Any]:
    """What the numbers were made on."""
    model, cores = platform.processor(), os.cpu_count()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    return {"processor": model, "cores": cores, "backend": jax.default_backend(), "system": platform.system()}


def versions() -> dict[str, str]:
    """Of what was used."""
    names = ("jumpax", "jax", "jaxlib", "numpy", "scipy", "llvmlite", "matplotlib")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def run_item(name: str, item: Item, out: Path, tiny: bool, fresh: bool) -> Mapping[str, Any]:
    """Compute, save and draw one item; its results."""
    settings = item.chosen(tiny)
    print(f"{name}: {item.title}", flush=True)
    done = [0]

    def after() -> None:
        done[0] += 1
        if done[0] % KEPT == 0:
            jax.clear_caches()

    deciding = {library: versions()[library] for library in DECIDING}
    store = Parts(out / "parts" / name, settings, deciding, fresh, lambda line: print(line, flush=True))
    found, spent = store.run(item.parts(settings), after)
    results = item.combine(settings, found)
    write_json(
        out / f"{name}.json",
        {
            "title": item.title, "tiny": tiny, "settings": settings, "spent": spent, "hardware": hardware(),
            "versions": versions(), "date": datetime.now(UTC).isoformat(timespec="seconds"), "results": results,
        },
    )  # fmt: skip
    whole = json.loads((out / f"{name}.json").read_text())["results"]
    if item.draw is not None:
        write_whole(out / f"{name}.png", png_bytes(item.draw(settings, whole)))
    return whole


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paper", choices=PAPERS)
    parser.add_argument("items", nargs="*", metavar="ITEM", help="default: all of the paper")
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes, to see that everything works")
    parser.add_argument(
        "--out", type=Path, help="default: results in the folder of the paper; results/tiny with --tiny"
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="use parts finished before (the default)")
    again.add_argument("--fresh", action="store_true", help="make all parts anew")
    arguments = parser.parse_intermixed_args()
    jax.config.update("jax_enable_x64", True)
    paper = importlib.import_module(arguments.paper)
    if unknown := [name for name in arguments.items if name not in paper.ITEMS]:
        parser.error(f"unknown items {', '.join(unknown)}; {arguments.paper} has {', '.join(paper.ITEMS)}")
    out = arguments.out or HERE / arguments.paper / "results" / ("tiny" if arguments.tiny else "")
    begin, results = time.perf_counter(), {}
    for name in arguments.items or paper.ITEMS:
        results[name] = run_item(name, paper.ITEMS[name], out, arguments.tiny, arguments.fresh)
    for name in paper.ITEMS:
        if name not in results and (out / f"{name}.json").exists():
            results[name] = json.loads((out / f"{name}.json").read_text())["results"]
    if arguments.tiny:
        results = {name: found for name, found in results.items() if not paper.ITEMS[name].sampled}
    summary = table(judge(HERE / arguments.paper / "expected.json", results))
    write_whole(out / "summary.md", summary + "\n")
    print(f"\n{summary}\n{time.perf_counter() - begin:.0f} s in all; results in {out}")


if __name__ == "__main__":
    sys.exit(main())
