"""Events per second of the kernels on one core: paths alone, and with what folds gather."""

import dataclasses
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import jumpax
from jumpax.folds import AbstractFold, Score

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import models
from peer_jumpax import network as as_network

MODELS = ("dimer", "telegraph", "repressilator", "vkbl")
ENGINES = ("cpu", "xla")
REPETITIONS = 5


def folds(network: jumpax.Network) -> dict[str, tuple[AbstractFold, ...]]:
    """What is gathered, by the name it has in the results."""
    return {"states": (), "score": (Score(network, network.parameters),)}


@dataclasses.dataclass(frozen=True)
class Case:
    """One cell of the table."""

    model: str
    engine: str
    precision: str
    fold: str
    threads: int = 1

    def measure(self, seconds: float) -> dict:
        """Median over repetitions of events fired per CPU second, each about `seconds` long, compilation not counted."""
        model = models.get(self.model)
        network = as_network(model)
        theta = {name: model.parameters[name] for name in network.parameters}
        gathered = folds(network)[self.fold]

        def run(paths: int, seed: int) -> tuple[int, float, float]:
            cpu, wall = time.process_time(), time.perf_counter()
            made = jumpax.simulate(
                network, theta, model.start, times=[model.until], paths=paths, key=seed, record=gathered,
                engine=self.engine, precision=self.precision, threads=self.threads,
            )  # fmt: skip
            return int(made.events.sum(dtype=np.int64)), time.process_time() - cpu, time.perf_counter() - wall

        paths = 256
        run(paths, 0)
        while (spent := run(paths, 1)[1]) < seconds / 2 and paths < 2**20:
            paths *= 2 if spent > seconds / 8 else 4
            run(paths, 2)
        rows = [run(paths, 10 + i) for i in range(REPETITIONS)]
        rates = [events / cpu for events, cpu, _ in rows]
        middle = rows[rates.index(statistics.median_low(rates))]
        return dataclasses.asdict(self) | {
            "events_per_second": statistics.median(rates), "events_per_wall_second": middle[0] / middle[2],
            "paths": paths, "events": middle[0],
        }  # fmt: skip


def cases(tiny: bool) -> list[Case]:
    """All cells; a few of them for a quick look."""
    chosen = [
        Case(model, engine, precision, fold)
        for model in MODELS
        for engine in ENGINES
        for precision in ("float32", "float64")
        for fold in ("states", "score")
    ]
    return chosen[:2] if tiny else chosen


def run(tiny: bool, tell=print) -> list[dict]:
    """Measure every cell, telling each as it comes."""
    rows = []
    for case in cases(tiny):
        rows.append(case.measure(0.02 if tiny else 1.0))
        tell(
            f"{case.model:16s} {case.engine} {case.precision} {case.fold:8s} {rows[-1]['events_per_second'] / 1e6:8.1f} M/s"
        )
    return rows
