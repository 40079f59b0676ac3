"""Particles on their way from one record to the next: one call of an engine for all of them."""

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Float, Int, Int32, Integer

from jumpax._base import clock
from jumpax._base.status import FIRST_FAULT
from jumpax.engines.engine import AbstractEngine, default_threads, precision_of, run_threads
from jumpax.engines.gathering import SECONDS_PER_THREAD
from jumpax.engines.inputs import Inputs, make_stops
from jumpax.engines.lane import Stop
from jumpax.engines.program import Program, Times
from jumpax.engines.recorded import Recorded, beside
from jumpax.engines.redraw import redrawn
from jumpax.filters.streams import Words


class Moved(NamedTuple):
    """Lanes at the end of an interval."""

    counts: Int32[np.ndarray, "lanes species"]
    fired: Int32[np.ndarray, "lanes reactions"]
    """How often counted reactions fired in the interval."""
    scores: Float[np.ndarray, "lanes parameters"] | None
    """Scores of the interval."""
    status: Int32[np.ndarray, " lanes"]
    events: int

    def only(self, lanes: Int[np.ndarray, " some"]) -> "Moved":
        """Some of them."""
        scores = None if self.scores is None else self.scores[lanes]
        return Moved(self.counts[lanes], self.fired[lanes], scores, self.status[lanes], self.events)


@final
@dataclass(frozen=True, eq=False)
class Mover:
    """Draws what happens between records.

    Args:
        program: its fold is `Snapshots`, `ReactionCounts` if some are counted, and `Score` if parameters are scored.
        engine: what runs it.
        times: the start, and the times of the records.
        theta: parameters of the network, (rows,) each.
        every: row of each particle: for these lanes parameters are laid out once.
        max_events: of one path in one interval.
        threads: most of them; None: as many as there are cores.
    """

    program: Program
    engine: AbstractEngine
    times: Float[np.ndarray, " times"]
    theta: Mapping[str, Float[np.ndarray, " rows"]]
    every: Int[np.ndarray, " lanes"]
    max_events: int
    threads: int | None
    counted: int
    scored: int
    pace: list[float] = field(default_factory=lambda: [0.0])
    """Seconds per path in one thread, as the last call took them; and all seconds in the engine, with how many calls."""
    spent: list[float] = field(default_factory=lambda: [0.0, 0.0])

    @functools.cached_property
    def _intervals(self) -> list[tuple[clock.Time, Stop]]:
        return [
            (clock.split(np.asarray(begin), self.program.dtype), make_stops(self.program, Times((end,), begin)))
            for begin, end in zip(self.times[:-1].tolist(), self.times[1:].tolist(), strict=True)
        ]

    @functools.cached_property
    def _values(self) -> dict[str, np.ndarray]:
        return {name: self.theta[name].astype(self.program.dtype) for name in self.program.network.parameters}

    @functools.cached_property
    def _of_every(self) -> dict[str, np.ndarray]:
        return {name: value[self.every] for name, value in self._values.items()}

    def __call__(
        self, interval: int, key: Words, path: Integer[np.ndarray, " lanes"], row: Int[np.ndarray, " lanes"],
        counts: Int32[np.ndarray, "lanes species"],
    ) -> Moved:  # fmt: skip
        """Lanes after an interval.

        Args:
            interval: its number; it ends at the record of that number.
            key: a key per lane.
            path: number of each lane under its key.
            row: of each lane.
            counts: at the start.
        """
        lanes = len(path)
        if self.times[interval] == self.times[interval + 1]:
            still = np.zeros((lanes, self.counted), np.int32), np.zeros((lanes, self.scored)) if self.scored else None
            return Moved(counts, *still, np.ones(lanes, np.int32), 0)
        start, stops = self._intervals[interval]
        inputs = Inputs(
            key=key, first=path.astype(np.uint32, copy=False), paths=np.int32(lanes),  # type: ignore[arg-type]
            theta=self._of_every if row is self.every else {name: value[row] for name, value in self._values.items()},  # type: ignore[misc]
            counts=np.ascontiguousarray(counts, np.int32), start=start, stops=stops, limit=np.int32(self.max_events),  # type: ignore[arg-type]
        )  # fmt: skip
        begin = time.perf_counter()
        recorded = self._run(inputs, lanes)
        self.spent[0] += time.perf_counter() - begin
        self.spent[1] += 1
        return self._moved(recorded)

    def _run(self, inputs: Inputs, lanes: int) -> Recorded:
        most = default_threads(self.engine) if self.threads is None else self.threads
        if self.engine.name == "cpu":
            threads = int(min(1 + self.pace[0] * lanes / SECONDS_PER_THREAD, most))
            begin = time.perf_counter()
            recorded = self._drawn(self.program, inputs, threads)
            self.pace[0] = (time.perf_counter() - begin) * threads / lanes
        else:
            recorded = self._drawn(self.program, inputs, most)
        if (recorded.status >= FIRST_FAULT).any():
            recorded = redrawn(self.program, inputs, recorded, lambda wide, some, _: self._drawn(wide, some, most))[0]
        return recorded

    def _drawn(self, program: Program, inputs: Inputs, threads: int) -> Recorded:
        """A run; on `cpu` as one call, without a look at what is done by then."""
        if self.engine.name != "cpu":
            return run_threads(self.engine, program, inputs, threads)
        with precision_of(program):
            return self.engine.gather(program, inputs, int(inputs.paths), threads)

    def _moved(self, recorded: Recorded) -> Moved:
        snapshots, *others = recorded.record
        fired = np.zeros((len(recorded.status), 0), np.int32)
        if self.counted:
            fired = beside(others.pop(0))[:, 0]
        scores = (
            np.stack([np.asarray(leaf)[:, 0] for leaf in others[0]], -1).astype(np.float64) if self.scored else None
        )
        status = np.asarray(recorded.status)
        return Moved(beside(snapshots)[:, 0], fired, scores, status, int(recorded.events.sum(dtype=np.int64)))
