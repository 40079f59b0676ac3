"""Events per second of the kernels on one core: paths alone, and with what folds gather."""

import contextlib
import dataclasses
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import jumpax
from jumpax.folds import Score, Tangent

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import models
from peer_jumpax import network as as_network

MODELS = ("birth_death", "dimer", "telegraph", "telegraph_protein", "repressilator", "schlogl", "vkbl")
ENGINES = ("cpu", "xla")
FOLDS = ("states", "score", "tangent", "stops_100", "stops_15")
"""States at the end alone; with the score of all parameters; with the trapezoidal tangent of all parameters; counts
recorded with about 100, or 15, events between stops."""
REPETITIONS = 5


@dataclasses.dataclass(frozen=True)
class Case:
    """One cell of the table."""

    model: str
    engine: str
    precision: str
    fold: str
    threads: int = 1

    def measure(self, seconds: float) -> dict:
        """Median over repetitions of events fired per CPU second, each about `seconds` long, compilation not counted.

        Where threads share the work, `events_per_wall_second` is the number to look at.
        """
        model = models.get(self.model)
        network = as_network(model)
        theta = {name: model.parameters[name] for name in network.parameters}
        kind = {"score": Score, "tangent": Tangent}.get(self.fold)
        record = () if kind is None else (kind(network, network.parameters),)
        times = [model.until]

        def run(paths: int, seed: int) -> tuple[int, float, float]:
            cpu, wall = time.process_time(), time.perf_counter()
            made = jumpax.simulate(
                network, theta, model.start, times=times, paths=paths, key=seed, record=record,
                engine=self.engine, precision=self.precision, threads=self.threads,
            )  # fmt: skip
            return int(made.events.sum(dtype=np.int64)), time.process_time() - cpu, time.perf_counter() - wall

        paths = 256
        events = run(paths, 0)[0] / paths
        if self.fold.startswith("stops_"):
            between = float(self.fold.removeprefix("stops_"))
            times = list(np.linspace(0, model.until, 1 + max(1, round(events / between)))[1:])
            run(paths, 0)
        while (spent := run(paths, 1)[1]) < seconds / 2 and paths < 2**20:
            paths *= 2 if spent > seconds / 8 else 4
            run(paths, 2)
        with all_cores(self.threads):
            rows = [run(paths, 10 + i) for i in range(REPETITIONS)]
        rates, walls = [fired / cpu for fired, cpu, _ in rows], [fired / wall for fired, _, wall in rows]
        return dataclasses.asdict(self) | {
            "events_per_second": statistics.median(rates), "events_per_wall_second": statistics.median(walls),
            "paths": paths, "events": rows[0][0], "events_per_path": events,
        }  # fmt: skip


@contextlib.contextmanager
def all_cores(threads: int):
    """Lift the restriction to one core for as long as several threads are measured."""
    if threads == 1 or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield
    os.sched_setaffinity(0, before)


def cases(tiny: bool) -> list[Case]:
    """All cells; a few of them for a quick look."""
    if tiny:
        return [Case("dimer", "cpu", "float32", "states"), Case("dimer", "cpu", "float32", "stops_15")]
    chosen = [Case(model, "cpu", "float32", fold) for model in MODELS for fold in FOLDS[:2]]
    chosen += [Case(model, "cpu", "float32", fold) for model in ("dimer", "telegraph") for fold in FOLDS[2:]]
    chosen += [Case(model, "cpu", "float64", "states") for model in MODELS]
    chosen += [Case(model, "cpu", "float32", "states", threads=2) for model in ("dimer", "telegraph")]
    wide = ("dimer", "telegraph", "repressilator", "vkbl")
    return chosen + [Case(model, "xla", precision, "states") for model in wide for precision in ("float32", "float64")]


def run(tiny: bool, tell=print) -> list[dict]:
    """Measure every cell, telling each as it comes."""
    rows = []
    for case in cases(tiny):
        rows.append(case.measure(0.02 if tiny else 1.0))
        rate = rows[-1]["events_per_second" if case.threads == 1 else "events_per_wall_second"] / 1e6
        tell(f"{case.model:18s} {case.engine} {case.precision} {case.fold:10s} {case.threads} {rate:8.1f} M/s")
    return rows
