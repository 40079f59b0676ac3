"""The event log: every reaction of every path."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import lax
from jaxtyping import Bool, Float, Int

from jumpax._base import clock
from jumpax._base.memory import check_memory
from jumpax.engines import xla
from jumpax.engines.engine import precision_of, room_for
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.engines.redraw import redrawn

BYTES = 48
"""Memory for each event, while logs of rounds are put in the order of paths."""


@dataclasses.dataclass(frozen=True)
class Events:
    """Asks `simulate` for the log of all events: `simulate(..., record=Events())`. Memory grows with events."""


@dataclasses.dataclass(frozen=True)
class EventLog:
    """Events of all paths, one path after the other, in order of time."""

    offsets: Int[np.ndarray, " paths+1"]
    """Path i owns the events from offsets[i] up to offsets[i + 1]."""
    times: Float[np.ndarray, " events"]
    """Rounded up, so that the state at a time of the log includes its event."""
    reactions: Int[np.ndarray, " events"]
    """Numbers of the reactions of the network."""
    start_counts: Int[np.ndarray, "paths species"]
    start: float

    def of(self, path: int) -> tuple[Float[np.ndarray, " events"], Int[np.ndarray, " events"]]:
        """Times and reactions of one path."""
        part = slice(self.offsets[path], self.offsets[path + 1])
        return self.times[part], self.reactions[part]


@functools.partial(jax.jit, static_argnums=0)
def _round(program: Program, inputs: Inputs, lanes: xla.Lanes) -> tuple[xla.Lanes, Any]:
    look, move = xla.halves(program, inputs, lanes)

    def body(lane: Any, _: None) -> tuple[Any, Any]:
        decision = look(lane)
        return move(lane, decision), (decision.outcome, decision.arrival)

    lane, made = lax.scan(body, lanes.lane, None, length=xla.TURNS)
    return xla.settle(program, inputs, lanes._replace(lane=lane)), (lanes.path, made)


def run(program: Program, inputs: Inputs, room: int) -> tuple[Recorded, EventLog]:
    """A run on lanes that keeps every event.

    Raises:
        TooLargeError: there are more of them than fit into memory.
    """
    engine, parts, events = xla.Xla(), [], 0
    with precision_of(program):
        padded = xla.pad(inputs, room)
        lanes = engine.start(program, padded, room)
        while engine.finished(lanes) < int(inputs.paths):
            lanes, (path, (reaction, arrival)) = _round(program, padded, lanes)
            turn, lane = np.nonzero(np.asarray(reaction) >= 0)
            times = clock.join(clock.Time(*(np.asarray(part)[turn, lane] for part in arrival)))  # type: ignore[arg-type]
            parts.append((np.asarray(path)[lane], times, np.asarray(reaction)[turn, lane]))
            events += len(turn)
            _check(events, engine.finished(lanes), int(inputs.paths))
        recorded = jax.tree.map(np.asarray, engine.collect(program, inputs, lanes))
    return recorded, _sort(parts, inputs)


def drawn(program: Program, inputs: Inputs) -> tuple[Recorded, Bool[np.ndarray, " paths"], EventLog]:
    """A run with its log, those paths in float64 that float32 cannot follow, and which these are."""
    recorded, log = run(program, inputs, room_for(int(inputs.paths)))
    others = []

    def draw(wide: Program, some: Inputs, rows: np.ndarray) -> Recorded:
        fresh, events = run(wide, some, room_for(len(rows)))
        others.append((rows, events))
        return fresh

    recorded, again = redrawn(program, inputs, recorded, draw)
    return recorded, again, replaced(log, *others[0]) if others else log


def replaced(log: EventLog, rows: Int[np.ndarray, " again"], fresh: EventLog) -> EventLog:
    """The log with the events of some paths replaced by those of another log, which holds these paths alone."""
    own = {int(row): fresh.of(number) for number, row in enumerate(rows)}
    parts = [own[path] if path in own else log.of(path) for path in range(len(log.offsets) - 1)]
    return dataclasses.replace(
        log,
        offsets=np.concatenate([[0], np.cumsum([len(times) for times, _ in parts])]),
        times=np.concatenate([times for times, _ in parts]),
        reactions=np.concatenate([reactions for _, reactions in parts]),
    )


def _check(events: int, finished: int, paths: int) -> None:
    """Whether the log still fits; how long it will be is not known beforehand."""
    check_memory(
        f"The log of {events:,} events, of which {finished:,} of {paths:,} paths have come to their end,",
        float(BYTES * events),
        "Ask for fewer paths at once (with keys of their own), or for less time; folds keep no events",
        started=True,
    )


def _sort(parts: Sequence[tuple[np.ndarray, ...]], inputs: Inputs) -> EventLog:
    path, times, reactions = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(path, kind="stable")
    paths = int(inputs.paths)
    counts = np.broadcast_to(np.asarray(inputs.counts), (paths, np.shape(inputs.counts)[-1]))
    return EventLog(
        offsets=np.concatenate([[0], np.cumsum(np.bincount(path, minlength=paths))]),
        times=times[order],
        reactions=reactions[order],
        start_counts=counts,
        start=float(inputs.start.high) + float(inputs.start.low),
    )
