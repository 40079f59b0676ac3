"""The reference engine: one path after the other, in Python."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base.status import Status
from jumpax.engines.engine import AbstractEngine
from jumpax.engines.inputs import Inputs
from jumpax.engines.lane import Interval
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.engines.reference.path import Path
from jumpax.networks import ALL


def _run_path(program: Program, inputs: Inputs, number: int) -> tuple[list, Status, Path]:
    path, records = Path(program, inputs, number), []
    stops = zip(np.asarray(inputs.stops.time.high), np.asarray(inputs.stops.time.low), np.asarray(inputs.stops.step))
    intervals = list(zip(*map(np.asarray, inputs.stops.interval))) if inputs.stops.interval else []
    border = path.time
    if (fault := path.begin()) is not None:
        return records, fault, path
    for index, (high, low, step) in enumerate(stops):
        if intervals:
            path.enter(Interval(*intervals[index]), border)
        border = (high, low)
        if not path.done():
            status = path.to_stop((high, low), int(step))
            if status != Status.RUNNING:
                return records, status, path
        records.append(path.record(index))
    a = path.code["laws"](path.counts_now(), path.theta, path.time[0] + path.since)
    if path.done():
        return records, Status.DONE, path
    waits = path.flow is not None or (path.under_way is not None and path.under_way.due is not None)
    return records, Status.ABSORBED if sum(a) == 0 and not waits else Status.REACHED, path


def _collect(program: Program, stops: int, runs: list) -> Recorded:
    def missing(leaf):
        kind = np.dtype(leaf.dtype)
        return np.full((), {"f": np.nan, "b": False}.get(kind.kind, -1), kind)

    def stop(path):
        return program.fold.stop(path.carry, path.counts_now(), path.theta, jnp.int32(0))[1]

    filler = jax.tree.map(missing, jax.eval_shape(functools.partial(stop, runs[0][2])))
    rows = [records + [filler] * (stops - len(records)) for records, _, _ in runs]
    record = jax.tree.map(lambda *leaves: np.array(leaves).reshape(len(rows), stops), *[r for row in rows for r in row])
    return Recorded(
        record=record,
        status=np.array([status for _, status, _ in runs], np.int32),
        events=np.array([path.events for _, _, path in runs], np.int32),
        counts=np.array([path.counts for _, _, path in runs], np.int64).astype(np.int32),
        time=np.array([path.time for _, _, path in runs], program.dtype),
    )


class Reference(AbstractEngine):
    """One path after the other, in Python: slow, and easy to check by reading."""

    name = "reference"
    offers = ALL
    traceable = False

    def prepare(self, program: Program, inputs: Inputs) -> None:
        """Nothing."""

    def start(self, program: Program, inputs: Inputs, room: int) -> list:
        """No paths yet."""
        return []

    def advance(self, program: Program, inputs: Inputs, lanes: list, budget: int) -> list:
        """Up to `budget` more paths."""
        last = min(int(inputs.paths), len(lanes) + budget)
        return lanes + [_run_path(program, inputs, number) for number in range(len(lanes), last)]

    def finished(self, lanes: list) -> int:
        """How many paths have ended."""
        return len(lanes)

    def collect(self, program: Program, inputs: Inputs, lanes: list) -> Recorded:
        """What has been recorded."""
        return _collect(program, len(inputs.stops.step), lanes)

    def gather(self, program: Program, inputs: Inputs, room: int, threads: int = 1) -> Recorded:
        """A whole run as one call."""
        return self.collect(program, inputs, self.advance(program, inputs, [], int(inputs.paths)))
