"""Paths of networks some of whose reactions take time to complete: a loop of its own on JAX."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import clock
from jumpax._base.errors import InputError, SimulationError
from jumpax._base.memory import check_memory
from jumpax._base.status import Status
from jumpax._base.types import Word
from jumpax.engines import delayed_turn, faults
from jumpax.engines import inputs as make_inputs
from jumpax.engines.delayed_turn import STRIP, Schedule
from jumpax.engines.engine import Progress, precision_of
from jumpax.engines.inputs import Inputs
from jumpax.engines.paths import Paths
from jumpax.engines.program import Program, Times
from jumpax.engines.provenance import provenance
from jumpax.engines.recorded import Recorded
from jumpax.engines.redraw import redrawn
from jumpax.engines.size import COPIES, check_program, check_records
from jumpax.networks import Network

BLOCK = 256
"""Most paths in flight."""
ROUNDS = 64
"""Rounds of turns in one call, after which Ctrl-C is heard."""


def delayed_paths(
    program: Program,
    stops: Times,
    values: dict[str, np.ndarray],
    counts: np.ndarray,
    words: tuple[Word, Word],
    paths: int,
    queue: int,
    max_events: int,
    throw: bool,
    progress: Callable[[Progress], None] | None,
) -> Paths:
    """What `simulate` gives for such a network; its arguments, checked.

    A reaction r fires at rate a_r(x, theta). If it is delayed, a delay is drawn from its law at that moment, and the reaction
    completes so much later, whatever happens in between. Nothing is under way at time 0. Between two events, a reaction or a
    completion, the propensities are constant; at a completion the wait for the next reaction is drawn anew, which is exact as
    exponential waits have no memory. Delays have the resolution of the precision.

    Source: Barrio et al. 2006, doi:10.1371/journal.pcbi.0020117; Cai 2007, doi:10.1063/1.2710253.
    """
    network, room = program.network, -(-queue // STRIP) * STRIP
    _check_delays(network, values)
    _check_size(program, room, paths, len(stops.values))
    schedule = _schedule(network, room)
    with precision_of(program):
        inputs = make_inputs.make(program, stops, words, values, counts, paths, max_events=max_events)
        recorded = _run(program, schedule, inputs, _numbers(network, values, program.dtype), progress)

    def draw(wide: Program, some: Inputs, rows: np.ndarray) -> Recorded:
        own = {name: value[rows] if np.ndim(value) else value for name, value in values.items()}
        return _run(wide, schedule, some, _numbers(network, own, wide.dtype))

    recorded, again = redrawn(program, inputs, recorded, draw)
    _judge(program, inputs, recorded, throw)
    origin = provenance(network, words, program.precision, "xla", start=0.0, max_events=max_events, queue=queue)
    return Paths(
        species=network.species,
        counts=recorded.record,
        stops=np.array(stops.values),
        status=recorded.status,  # type: ignore[arg-type]
        events=recorded.events,  # type: ignore[arg-type]
        end_counts=recorded.counts,  # type: ignore[arg-type]
        end_times=clock.join(clock.Time(*recorded.time.T)),
        redrawn=again,
        records=(),
        log=None,
        provenance=origin,
    )


def _check_size(program: Program, room: int, paths: int, stops: int) -> None:
    """Whether records, queues and code fit into memory."""
    check_records(program, paths, stops)
    queues = _block(paths) * room * (program.dtype.itemsize + 4)
    check_memory(
        f"The queues of {room:,} places for {_block(paths)} paths in flight",
        COPIES * queues,
        "Give queue=..., as many as are under way in one path at once",
    )
    check_program(program, "xla", alone=True)


def _check_delays(network: Network, values: dict[str, np.ndarray]) -> None:
    """Whether the numbers of the delays make sense."""
    wrong = []
    for reaction in network.reactions:
        if reaction.delay is not None:
            rates = reaction.delay.rates
            given = np.broadcast_arrays(*(values[r] if isinstance(r, str) else r for r in rates.values()))
            faults_of = reaction.delay.faults(dict(zip(rates, given, strict=True)))
            wrong += [f"the delay of {reaction.name!r}: {fault}" for fault in faults_of]
    if wrong:
        raise InputError("\n".join(wrong))


def _schedule(network: Network, room: int) -> Schedule:
    """What is compiled in."""
    chosen = [number for number, reaction in enumerate(network.reactions) if reaction.delay is not None]
    stages = [reaction.stages for reaction in network.reactions]
    starts = [[stage[0].get(name, 0) for stage in stages] for name in network.species]
    ends = [[stages[number][1].get(name, 0) for number in chosen] for name in network.species]
    kinds = tuple(type(network.reactions[number].delay) for number in chosen)
    return Schedule(tuple(chosen), kinds, tuple(map(tuple, starts)), tuple(map(tuple, ends)), room)  # type: ignore[arg-type]


def _numbers(network: Network, values: dict[str, Any], dtype: Any) -> Any:
    """Numbers of the delays, in the order of the schedule."""
    return tuple(
        tuple(np.asarray(values[v] if isinstance(v, str) else v, dtype) for v in r.delay.rates.values())
        for r in network.reactions
        if r.delay is not None
    )


_start = jax.jit(delayed_turn.start, static_argnums=(0, 1, 2))
_advance = jax.jit(delayed_turn.advance, static_argnums=(0, 1), donate_argnums=4)
_status = jax.jit(delayed_turn.status, static_argnums=0)


def _block(paths: int) -> int:
    """Paths in flight."""
    return min(BLOCK, max(64, 1 << (paths - 1).bit_length()))


def _run(
    program: Program,
    schedule: Schedule,
    inputs: Inputs,
    delays: Any,
    progress: Callable[[Progress], None] | None = None,
) -> Recorded:
    """All paths, block by block."""
    paths, begin = int(inputs.paths), time.perf_counter()
    size = _block(paths)
    parts: list[Recorded] = []
    index = np.asarray(inputs.first) if np.ndim(inputs.first) else inputs.first + np.arange(paths)
    for first in range(0, paths, size):
        rows = np.minimum(np.arange(first, first + size), paths - 1)
        theta, numbers = jax.tree.map(lambda v, rows=rows: v[rows] if np.ndim(v) else v, (inputs.theta, delays))
        block = inputs._replace(
            first=index[rows].astype(np.uint32), paths=np.int32(min(size, paths - first)), theta=theta,
            counts=inputs.counts[rows] if np.ndim(inputs.counts) == 2 else inputs.counts,
        )  # fmt: skip
        lanes, left = _start(program, schedule, size, block, numbers), 1
        while left:
            lanes, left = _advance(program, schedule, block, numbers, lanes, jnp.int32(ROUNDS))
            left = int(left)
        lane = lanes.lane
        part = Recorded(lanes.counts, _status(program, block, lanes), lane.events,
                        jnp.stack(lane.counts, 1), jnp.stack(lane.time, 1))  # fmt: skip
        parts.append(jax.tree.map(lambda leaf, block=block: np.asarray(leaf)[: block.paths], part))
        if progress is not None:
            progress(Progress(min(first + size, paths), paths, time.perf_counter() - begin))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def _judge(program: Program, inputs: Inputs, recorded: Recorded, throw: bool) -> None:
    """Raise for faulty paths."""
    message = faults.describe(program, inputs, recorded)
    if message and throw:
        loose = [r.name for r in program.network.reactions if r.delay is not None and r.delay.consuming is not True]
        if loose and (recorded.status == Status.NEGATIVE_COUNT).any():
            message += (
                f"\nThe delays of {', '.join(map(repr, loose))} leave reactants in place until the completion, so that "
                "several reactions may count on the same molecule; consuming=True takes them at the start."
            )
        raise SimulationError(message + "\nWith throw=False the sound paths are returned and the others flagged.")
