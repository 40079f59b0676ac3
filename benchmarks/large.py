"""Large networks: start, events per CPU second, memory, and the score of all rate constants, beside bngsim and BioNetGen.

Each number comes from a fresh process on one core, with an empty cache; tools take turns, and medians are kept.

start   processor seconds from the start of the process through reading the file to the first event; of them importing JAX
rate    events per CPU second of a run of some seconds, without the start. A peer's set-up, which it does anew for each path, is
        taken off, as measured by paths to an early time
memory  the peak of resident memory of the process
score   the same paths with `record=Score(network, network.parameters)` and without, in turns in one process: ratio of seconds
means   counts at the end of each species, and the number of events, of both tools: z by the pooled variance; only what is seen
        at least 100 times in all (with 200 paths and 24)

Networks: a ring of 1,000 and one of rules are made here; others are `.net` files of somebody else, found in the folders of --models.

What was expected before the first measurement:

    ring                    10e6 events per second, start 2 s
    multisite2              4 times bngsim or better, 10 times if all goes well
    Faeder_JImmunol2003     the same
    egfr_net                the same; 6e6 events per second, start 3 s, 0.5 GB
    BCR                     4 to 10 times, start 6 s, 1 GB
    fceri_gamma2            4 to 10 times, start 12 s, 2 GB
    score                   at most 1.3 times the plain path, everywhere
    means                   rms of z near 1; none beyond 4.5
"""

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import large_models
import peers_run

PEERS = ("bngsim", "bionetgen")
UNTIL = {"multisite2": 10.0, "egfr_net": 5.0, "Faeder_JImmunol2003": 150.0, "BCR": 1.0, "fceri_gamma2": 600.0}
"""End time of a path, by name of the file, or of its folder if it is called model.net."""
MADE = {"ring": (large_models.ring, 1000, 200, 1.0), "rules": (large_models.rules, 5, 4, 10.0)}
"""How a network is made, its size, and that of a tiny run; the end time of a path."""
COMPARED = ("ring", "rules", "multisite2", "egfr_net", "Faeder_JImmunol2003")
PATHS = {"jumpax": 200, "bngsim": 24}
"""Of a comparison."""
SEEN = 100.0
"""Molecules in all paths from which a species is compared."""
ROUNDS = 2
SLOW = 60.0
"""Seconds from which a path is drawn once."""


class Problem(NamedTuple):
    """A network and how long its paths are."""

    name: str
    file: Path
    until: float


def found(folders: Iterable[Path], tell: Callable[[str], None]) -> list[Problem]:
    """The known files in some folders, small networks first."""
    problems = []
    for file in (file for folder in folders for file in sorted(folder.rglob("*.net"))):
        name = file.parent.name if file.stem == "model" else file.stem
        if name in UNTIL:
            problems.append(Problem(name, file, UNTIL[name]))
        else:
            tell(f"{file.name} is left out: it has no end time here")
    return sorted(problems, key=lambda problem: list(UNTIL).index(problem.name))


def cell(tool: str, problem: Problem, folder: Path, **asked: Any) -> dict:
    """What a fresh process measures."""
    script = peers_run.HERE / f"large_{tool}.py"
    words = {"file": str(problem.file), "until": problem.until, "seconds": 3.0, "most": 10_000, **asked}
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [peers_run.interpreter(tool, folder), str(script), json.dumps(words)],
            capture_output=True,
            text=True,
            cwd=peers_run.HERE,
            env=os.environ | {"JUMPAX_CACHE": cache},
            timeout=900,
        )
    answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(answers[-1]) if answers else {"error": done.stderr.strip()[-300:]}


def median(cells: list[dict], key: str) -> float | None:
    """Of those that have it."""
    values = [one[key] for one in cells if key in one]
    return statistics.median(values) if values else None


def row(tool: str, problem: Problem, cells: list[dict]) -> dict:
    """One row, of some repetitions."""
    made = {"model": problem.name, "tool": tool, "until": problem.until}
    made |= {
        key: median(cells, key) for key in ("start", "events_per_second", "peak_mb", "start_mb", "events", "paths")
    }
    made["rates"] = [one["events_per_second"] for one in cells if "events_per_second" in one]
    made |= {key: one[key] for one in cells for key in ("version", "error") if key in one}
    jax = [one["marks"]["jax"] - one["marks"]["python"] for one in cells if "jax" in one.get("marks", ())]
    return made | ({"jax": statistics.median(jax)} if jax else {})


def scored(cells: list[dict]) -> dict:
    """What the score costs."""
    sizes = {key: cells[0][key] for key in ("species", "reactions", "parameters", "terms") if key in cells[0]}
    pairs = {"score_ratio": "ratio", "score_start": "start", "score_peak_mb": "peak_mb"}
    made = sizes | {name: median(cells, key) for name, key in pairs.items()}
    errors = [one["error"] for one in cells if "error" in one]
    return made | ({"score_error": errors[0]} if errors else {})


def compared(one: dict, other: dict) -> dict:
    """The largest |z| and the root of the mean square of differences of means, by the pooled variance."""
    if "mean" not in one or "mean" not in other:
        return {"means_error": one.get("error") or other.get("error")}
    n, m = one["samples"], other["samples"]
    a, b, va, vb = (np.array(part[key]) for key in ("mean", "variance") for part in (one, other))
    pooled = ((n - 1) * va + (m - 1) * vb) / (n + m - 2)
    some = (n * a + m * b >= SEEN) & (pooled > 0)
    z = (a - b)[some] / np.sqrt(pooled[some] * (1 / n + 1 / m))
    same = bool(np.array_equal(a[pooled == 0], b[pooled == 0]))
    return {
        "z_largest": float(np.abs(z).max()),
        "z_rms": float(np.sqrt((z**2).mean())),
        "compared": int(some.sum()),
        "constant_alike": same,
    }


def problem_rows(problem: Problem, folder: Path, tiny: bool, tell: Callable[[str], None]) -> list[dict]:
    """All tools on one network, in turns."""
    tools = ("jumpax",) if tiny else ("jumpax", *PEERS)
    asked = {"seconds": 0.2, "repeats": 1} if tiny else {}
    cells: dict[str, list[dict]] = {tool: [] for tool in (*tools, "score")}
    for _ in range(1 if tiny else ROUNDS):
        for tool in tools:
            if all(one.get("seconds", 0.0) < SLOW for one in cells[tool]):
                cells[tool].append(cell(tool, problem, folder, **asked))
        cells["score"].append(cell("jumpax", problem, folder, score=True, **asked))
    rows = [row(tool, problem, cells[tool]) for tool in tools]
    rows[0] |= scored(cells["score"])
    if not tiny and problem.name in COMPARED:
        both = [cell(tool, problem, folder, means=paths) for tool, paths in PATHS.items()]
        rows[0] |= compared(*both)
    best = max((one["events_per_second"] for one in rows[1:] if one["events_per_second"]), default=None)
    for one in rows:
        one["ratio"] = one["events_per_second"] / best if best and one["events_per_second"] else None
        tell(in_words(one))
    return rows


def in_words(one: dict) -> str:
    """A row for people."""
    if one["events_per_second"] is None:
        return f"{one['model']:20s} {one['tool']:10s} {one.get('error')}"
    text = (
        f"{one['model']:20s} {one['tool']:10s} {one['events_per_second'] / 1e6:7.3f} M/s  start {one['start']:6.2f} s"
    )
    text += f"  {one['peak_mb']:6.0f} MB"
    text += f"  score x{one['score_ratio']:.2f}" if one.get("score_ratio") else ""
    text += f"  z {one['z_largest']:.1f}, rms {one['z_rms']:.2f}" if "z_rms" in one else ""
    return text + "".join(f"  {one[key]}" for key in ("score_error", "means_error") if one.get(key))


def run(
    tiny: bool, models: Iterable[Path], only: Iterable[str], folder: Path, tell: Callable[[str], None]
) -> list[dict]:
    """One row for each network and tool; of all networks, or only some of them by name."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        problems = []
        for name, (make, size, small, until) in MADE.items():
            file = Path(place, f"{name}.net")
            file.write_text(make(small if tiny else size))
            problems.append(Problem(name, file, until))
        problems += found(models, tell)
        wanted = set(only) or {problem.name for problem in problems}
        for problem in (problem for problem in problems if problem.name in wanted):
            rows += problem_rows(problem, folder, tiny, tell)
    if errors := [one for one in rows if one["tool"] == "jumpax" and ("error" in one or "score_error" in one)]:
        raise RuntimeError(f"jumpax failed: {errors}")
    return rows
