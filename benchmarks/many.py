"""Many paths: a sweep of parameter sets, paths divided among processes, a histogram of paths that nobody holds, a file larger than
what is held.

Each measurement is a process of its own (`python benchmarks/many.py WHAT SIZE`), so that its peak of memory is its own.
"""

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

import jumpax

SETS = 1000
"""Parameter sets of the sweep."""
STOPS = 100
"""Times of the paths that are written to a file."""
KEYS = (0, 1, 2, 3)
"""Of repeated calls: the first one compiles, and its time does not count."""


def per_call(call: Callable[[int], object]) -> float:
    """Wall seconds of one call, median of three, after one that compiles."""
    seconds = []
    for key in KEYS:
        begin = time.perf_counter()
        call(key)
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds[1:])


def sweep(paths: int) -> dict:
    """A thousand parameter sets, each within a fifth of the model's, beside one set: seconds per event."""
    model, rng = jumpax.zoo.repressilator(), np.random.default_rng(0)
    each = paths // SETS
    sets = {name: np.repeat(value * rng.uniform(0.8, 1.2, SETS), each) for name, value in model.theta.items()}
    spent = {}
    for what, theta in {"one set": model.theta, "sweep": sets}.items():
        events = []

        def draw(key: int, theta: dict = theta, events: list = events) -> None:
            drawn = jumpax.simulate(model, theta, times=model.times[-1:], paths=each * SETS, key=key)
            events.append(drawn.events.sum())

        spent[what] = per_call(draw) / statistics.median(map(float, events[1:]))
    return {"sets": SETS, "paths": each * SETS, "ratio": spent["sweep"] / spent["one set"]}


def share(paths: int) -> dict:
    """What one of several processes, each on a core of its own, needs for its part of the paths."""
    rank, ranks = int(os.environ["SLURM_PROCID"]), int(os.environ["SLURM_NTASKS"])
    if ranks > 1:
        jax.distributed.initialize()
    model = jumpax.zoo.repressilator()
    mean = jumpax.expectation(
        jumpax.Moments(*model.network.species), model, times=model.times[-1:], paths=paths,
        gradient=jumpax.ScoreFunction(), devices="all",
    )  # fmt: skip

    def draw(key: int) -> None:
        jumpax.simulate(model, times=model.times[-1:], paths=paths, key=key, shard=(rank, ranks))

    together = per_call(lambda key: jax.block_until_ready(mean.estimate(model.theta, key)))
    return {"expectation": together, "simulate": per_call(draw)}


def histogram(paths: int) -> dict:
    """The histogram of a birth and death process, of paths that are never held together."""
    model = jumpax.zoo.birth_death()
    mean = jumpax.expectation(jumpax.Histogram("X", 400), model, times=model.times[-1:], paths=paths)
    begin = time.perf_counter()
    shares = np.asarray(mean(model.theta, 0), float)
    return {"paths": paths, "seconds": time.perf_counter() - begin, "sum": float(shares.sum())}


def stream(paths: int) -> dict:
    """Paths with a hundred stops, written to a file part by part."""
    model = jumpax.zoo.birth_death()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "paths.nc")
        begin = time.perf_counter()
        jumpax.results.stream(file, model, times=np.linspace(0, model.times[-1], STOPS + 1)[1:], paths=paths, key=0)
        spent = time.perf_counter() - begin
        return {"paths": paths, "stops": STOPS, "seconds": spent, "file_gb": file.stat().st_size / 1e9}


MEASURED = {"sweep": sweep, "share": share, "histogram": histogram, "stream": stream}


def started(what: str, paths: int, rank: int = 0, ranks: int = 1, job: str = "0") -> subprocess.Popen:
    """A process that measures one thing; one of several as Slurm starts them."""
    slurm = {"SLURM_JOB_ID": job, "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_LOCALID": str(rank)}
    place = {"SLURM_PROCID": str(rank), "SLURM_NTASKS": str(ranks)}
    words = [sys.executable, __file__, what, str(paths)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, **slurm, **place})


def answer(process: subprocess.Popen) -> dict:
    """What a process found."""
    out, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    return json.loads(out.splitlines()[-1])


def processes(paths: int) -> dict:
    """Two processes of one thread beside one of one thread: how many times faster."""
    job = str(random.SystemRandom().randrange(10**6))
    alone = answer(started("share", paths))
    both = [answer(one) for one in [started("share", paths, rank, 2, job) for rank in (0, 1)]]
    return {"paths": paths} | {
        f"{what}_speedup": alone[what] / max(one[what] for one in both) for what in ("simulate", "expectation")
    }


def run(tiny: bool, only: Sequence[str], tell: Callable[[str], None]) -> list[dict]:
    """One row for each of `sweep`, `processes`, `histogram` and `stream`."""
    sizes = {
        "sweep": 2_000 if tiny else 200_000,
        "processes": 2_000 if tiny else 480_000,
        "histogram": 10**5 if tiny else 10**9,
        "stream": 10**3 if tiny else 10**7,
    }
    rows = []
    for what in only or sizes:
        found = processes(sizes[what]) if what == "processes" else answer(started(what, sizes[what]))
        rows.append({"what": what, **found})
        tell(f"{what:10s} " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()))
    return rows


def main() -> None:
    """Measure one thing here."""
    what, paths = sys.argv[1:]
    if what == "share":  # one thread: of this process, of XLA and of the loops
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(os.environ["SLURM_PROCID"]) % len(cores)]})
    found = MEASURED[what](int(paths))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({**found, "peak_gb": peak}))


if __name__ == "__main__":
    main()
