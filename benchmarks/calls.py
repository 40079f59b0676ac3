"""What one call for values and gradient costs, threads and all: the telegraph promoter, few paths and many."""

import time
from collections.abc import Callable

import jax
import numpy as np

import jumpax
from jumpax.gradients import audits

ESTIMATORS = (
    "score function", "trapezoidal tangent + control", "lattice tangent + control", "controlled score",
    "coupled difference + control",
)  # fmt: skip
TIMES = [1.0, 2.0]


def run(tiny: bool, tell: Callable[[str], None]) -> list[dict]:
    """One row per estimator and number of paths; medians over calls."""
    model = jumpax.zoo.telegraph()
    seen = jumpax.Moments(*model.network.species)
    rows = []
    for name in ESTIMATORS:
        for paths in (16,) if tiny else (16, 20_000):
            mean = jumpax.expectation(
                seen, model.network, model.x0, TIMES, paths=paths, gradient=audits.ESTIMATORS[name]
            )
            call = jax.jit(jax.jacfwd(mean))
            wall, busy = _timed(lambda call=call: call(model.theta, jax.random.key(0)), 3 if tiny else 50)
            rows.append({"estimator": name, "paths": paths, "wall": wall, "processor": busy})
            tell(f"{name:30s} {paths:6d} paths  {1e3 * wall:7.2f} ms  {1e3 * busy:7.2f} ms of processor time")
    return rows


def _timed(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """Medians of wall and processor time, once everything is compiled and loaded."""
    for _ in range(2):
        jax.block_until_ready(call())
    spent = []
    for _ in range(calls):
        wall, busy = time.perf_counter(), time.process_time()
        jax.block_until_ready(call())
        spent.append((time.perf_counter() - wall, time.process_time() - busy))
    wall, busy = np.median(spent, 0)
    return float(wall), float(busy)
