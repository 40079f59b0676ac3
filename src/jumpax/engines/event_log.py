"""The event log: every reaction of every path."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Bool, Float, Int

from jumpax._base import clock
from jumpax._base.errors import InputError
from jumpax._base.trees import select
from jumpax.engines import xla
from jumpax.engines.completions import schedule_of
from jumpax.engines.engine import precision_of, room_for
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.engines.redraw import redrawn
from jumpax.engines.size import BYTES, check_log_size
from jumpax.networks import Network


@dataclasses.dataclass(frozen=True)
class Events:
    """Asks `simulate` for the log of all events: `simulate(..., record=Events())`. Memory grows with them.

    Examples:
        >>> import jumpax
        >>> birth = jumpax.Reaction("0 -> A", jumpax.MassAction("k"), name="birth")
        >>> dose = jumpax.Event.at(0.5, {"A": 100}, name="dose")
        >>> network = jumpax.Network([birth], events=[dose])
        >>> log = jumpax.simulate(network, {"k": 4.0}, {"A": 0}, times=[1.0], paths=2, key=0, record=jumpax.Events()).log
        >>> sorted({log.names[number] for number in log.reactions})
        ['birth', 'dose']
        >>> int(log.counts[log.reactions == log.names.index("dose")].min())
        100
    """


@dataclasses.dataclass(frozen=True)
class EventLog:
    """Events of all paths, one path after the other, in order of time."""

    offsets: Int[np.ndarray, " paths+1"]
    """Path i owns the events from offsets[i] up to offsets[i + 1]."""
    times: Float[np.ndarray, " events"]
    """Rounded up, so that the state at a time of the log includes its event."""
    reactions: Int[np.ndarray, " events"]
    """Numbers of the reactions of the network that fire; with R reactions, R + r where reaction r, which has a delay, completes,
    and 2 R + e where event number e happens."""
    start_counts: Int[np.ndarray, "paths species"]
    start: float
    network: Network
    kept: Int[np.ndarray, "events species"] | None = None
    """Counts after each event, of networks with events or delays; where they are not worked out from `assigned`."""
    assigned: tuple[tuple[int, ...], Int[np.ndarray, "events assigned"]] | None = None
    """Numbers of the species that events of the network set, and their counts after each such event."""

    def __repr__(self) -> str:
        return f"EventLog({len(self.times):,} events of {len(self.offsets) - 1:,} paths)"

    @property
    def names(self) -> tuple[str, ...]:
        """What the numbers in `reactions` mean."""
        channels = [str(reaction.name) for reaction in self.network.reactions]
        return (*channels, *(f"{name}, completed" for name in channels), *(e.name for e in self.network.events))

    @functools.cached_property
    def counts(self) -> Int[np.ndarray, "events species"]:
        """Counts of all species after each event."""
        if self.kept is not None:
            return self.kept
        table = self.network.stoichiometry.T
        fires = self.reactions < len(table)
        changes = np.cumsum(np.where(fires[:, None], table[np.where(fires, self.reactions, 0)], 0), 0)
        owner = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        before = np.concatenate([np.zeros((1, changes.shape[1]), changes.dtype), changes])[self.offsets[:-1]]
        counts = self.start_counts[owner] + changes - before[owner]
        if self.assigned is None:
            return counts
        last = np.maximum.accumulate(
            np.where(fires, -1, np.arange(len(fires)))
        )  # event of the network, of this path or none
        since = last >= self.offsets[:-1][owner]
        for species, values in zip(self.assigned[0], self.assigned[1].T, strict=True):
            counts[:, species] += np.where(since, (values - counts[:, species])[last], 0)
        return counts

    def of(self, path: int) -> tuple[Float[np.ndarray, " events"], Int[np.ndarray, " events"]]:
        """Times and reactions of one path."""
        part = slice(self.offsets[path], self.offsets[path + 1])
        return self.times[part], self.reactions[part]


@functools.partial(jax.jit, static_argnums=0)
def _round(program: Program, inputs: Inputs, lanes: xla.Lanes) -> tuple[xla.Lanes, tuple[Any, ...]]:
    """Turns of all lanes, and what happened: path, number, time and, where reactions do not tell them, counts."""
    lanes = xla.refill(program, inputs, lanes)
    look, move = xla.halves(program, inputs, lanes)
    many = len(program.network.reactions)
    lively = bool(program.network.events)

    def turn(lanes: xla.Lanes) -> tuple[xla.Lanes, Any]:
        decision = look(lanes.lane)
        number: Any = decision.outcome
        time = decision.arrival
        if decision.begun is not None and lanes.lane.delayed is not None:
            late, due, kind = decision.begun.completes, lanes.lane.delayed.due, lanes.lane.delayed.kind
            which = jnp.asarray(schedule_of(program.network).reactions, jnp.int32)[jnp.maximum(kind, 0)]
            number, time = jnp.where(late, many + which, number), select(late, due, time)
        lane, queue = xla.queued(move(lanes.lane, decision), lanes.under_way, decision)
        return lanes._replace(lane=lane, under_way=queue), (number, time, lane.counts if lively or queue else ())

    def body(lanes: xla.Lanes, _: None) -> tuple[xla.Lanes, Any]:
        lanes, made = turn(lanes)
        if not lively:
            return lanes, (made,)
        lanes, (_, event) = xla.acted(program, inputs, lanes)
        number = jnp.where(event >= 0, 2 * many + event, -1)
        return lanes, (made, (number, lanes.lane.time, lanes.lane.counts))

    path = lanes.path
    lanes, made = lax.scan(body, lanes, None, length=xla.TURNS)
    rows = jax.tree.map(lambda *leaves: jnp.stack(leaves, 1), *made)
    return xla.serve(program, inputs, lanes), (path, *rows)


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
            lanes, (path, number, time, counts) = _round(program, padded, lanes)
            *turn, lane = np.nonzero(np.asarray(number) >= 0)
            here = (*turn, lane)
            times = clock.join(clock.Time(*(np.asarray(part)[here] for part in time)))  # type: ignore[arg-type]
            kept = [np.asarray(column)[here] for column in counts]
            parts.append((np.asarray(path)[lane], times, np.asarray(number)[here], *kept))
            events += len(lane)
            each = BYTES + 3 * sum(column.itemsize for column in kept)
            check_log_size(events, engine.finished(lanes), int(inputs.paths), each)
        recorded = jax.tree.map(np.asarray, engine.collect(program, inputs, lanes))
    return recorded, _sort(parts, inputs, program.network)


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


def drawn_by_tables(program: Program, inputs: Inputs) -> tuple[Recorded, Bool[np.ndarray, " paths"], EventLog]:
    """The same of a large network."""
    from jumpax.engines.tables.engine import run_logged  # slow to import, and not needed by most

    recorded, parts, species = run_logged(program, inputs)
    log = _sort(parts, inputs, program.network)
    if log.kept is not None:
        log = dataclasses.replace(log, kept=None, assigned=(species, log.kept))
    return recorded, np.zeros(int(inputs.paths), bool), log


def replaced(log: EventLog, rows: Int[np.ndarray, " again"], fresh: EventLog) -> EventLog:
    """The log with the events of some paths replaced by those of another log, which holds these paths alone."""
    source = {int(row): (fresh, number) for number, row in enumerate(rows)}
    owners = [source.get(path, (log, path)) for path in range(len(log.offsets) - 1)]
    parts = [(one, slice(one.offsets[path], one.offsets[path + 1])) for one, path in owners]
    return dataclasses.replace(
        log,
        offsets=np.concatenate([[0], np.cumsum([part.stop - part.start for _, part in parts])]),
        times=np.concatenate([one.times[part] for one, part in parts]),
        reactions=np.concatenate([one.reactions[part] for one, part in parts]),
        kept=None if log.kept is None else np.concatenate([one.counts[part] for one, part in parts]),
    )


def check_log(network: Network, log: object) -> None:
    """Whether something is a log of paths of a network.

    Raises:
        InputError: it is none, or that of another network.
    """
    if not isinstance(log, EventLog):
        raise InputError(f"log must be that of simulate(..., record=Events()), paths.log, not {type(log).__name__}")
    if not log.network.alike(network):
        raise InputError(f"the log is that of paths of another network, {log.network!r}; draw paths of this one")


def _sort(parts: Sequence[tuple[np.ndarray, ...]], inputs: Inputs, network: Network) -> EventLog:
    path, times, reactions, *kept = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(path, kind="stable")
    paths = int(inputs.paths)
    counts = np.broadcast_to(np.asarray(inputs.counts), (paths, np.shape(inputs.counts)[-1]))
    return EventLog(
        offsets=np.concatenate([[0], np.cumsum(np.bincount(path, minlength=paths))]),
        times=times[order],
        reactions=reactions[order],
        start_counts=counts,
        start=float(inputs.start.high) + float(inputs.start.low),
        network=network,
        kept=np.stack(kept, -1)[order] if kept else None,
    )
