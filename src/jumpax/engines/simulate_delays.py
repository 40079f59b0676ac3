"""`simulate_delays`: exact paths of a network with delayed reactions."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from jumpax._base import clock, random
from jumpax._base.errors import InputError, SimulationError, UnsupportedError, unknown_name
from jumpax._base.memory import check_memory
from jumpax._base.status import Status
from jumpax._base.types import Precision
from jumpax.engines import delayed_turn, faults
from jumpax.engines import inputs as make_inputs
from jumpax.engines.delay import AbstractDelay
from jumpax.engines.delayed_turn import STRIP, Schedule
from jumpax.engines.engine import precision_of
from jumpax.engines.inputs import Inputs
from jumpax.engines.paths import Paths
from jumpax.engines.program import Program, Times, check_positive, check_times
from jumpax.engines.provenance import provenance
from jumpax.engines.recorded import Recorded
from jumpax.engines.redraw import redrawn
from jumpax.engines.simulate import check_precision, check_range
from jumpax.engines.size import COPIES, check_program, check_records
from jumpax.folds import Snapshots
from jumpax.networks import Network, check_counts, check_network, check_theta

BLOCK = 256
"""Most paths in flight."""
ROUNDS = 64
"""Rounds of turns in one call, after which Ctrl-C is heard."""


def simulate_delays(
    network: Network,
    theta: Mapping[str, Any],
    x0: Mapping[str, Any] | Sequence[Any] | np.ndarray,
    *,
    delays: Mapping[str, AbstractDelay],
    times: object,
    paths: int,
    key: PRNGKeyArray | int,
    queue: int = 64,
    precision: Precision | None = None,
    max_events: int = 10_000_000,
    throw: bool = True,
) -> Paths:
    """Draw exact paths of a network some of whose reactions take time to complete.

    A reaction r fires at rate a_r(x, theta) as in `simulate`. If it is delayed, a delay is drawn from its law at that
    moment, and the reaction completes so much later, whatever happens in between; `consuming` of the delay says which
    counts change at the start and which at the completion. Nothing is under way at time 0. Between two events, a
    reaction or a completion, the propensities are constant; at a completion the wait for the next reaction is drawn
    anew, which is exact as exponential waits have no memory. Exact in the sense of `simulate`; delays have the
    resolution of the precision. Path number i depends on the key, the model, the delays and the precision alone.

    Args:
        network: what reacts; rates that depend on time are refused.
        theta: a value per parameter, or one value per path; those that only delays name belong in it, too.
        x0: as in `simulate`.
        delays: a `FixedDelay`, `UniformDelay`, `ExponentialDelay`, `NormalDelay` or `GammaDelay` by name of reaction
            (without a name of its own, a reaction is called by its equation).
        times: stops, strictly increasing, from 0 on. Counts are right-continuous.
        paths: how many.
        key: `jax.random.key(seed)` or an int.
        queue: most reactions of one path that are under way at one time (rounded up to a multiple of 16). Memory grows
            with it, time only with how many are under way.
        precision: `float32` or `float64`; default follows JAX's x64 flag.
        max_events: reactions after which a path is given up as exploding.
        throw: raise when a path is faulty; False returns it with its status.

    Returns:
        As `simulate`; `events` counts reactions when they fire, completed or not.

    Raises:
        InputError: everything that is wrong with the input, at once.
        UnsupportedError: rates that depend on time.
        SimulationError: a full queue (QUEUE_FULL), or what `simulate` raises; a completion that takes molecules
            which are gone is a NEGATIVE_COUNT.

    Source: Barrio et al. 2006, doi:10.1371/journal.pcbi.0020117; Cai 2007, doi:10.1063/1.2710253.

    Example:
        >>> import jumpax
        >>> network = jumpax.Network([jumpax.Reaction("A -> B", jumpax.MassAction("k"))])
        >>> slow = {"A -> B": jumpax.FixedDelay("tau")}
        >>> paths = jumpax.simulate_delays(
        ...     network, {"k": 100.0, "tau": 2.0}, {"A": 5, "B": 0}, delays=slow, times=[1.0, 3.0], paths=2, key=0
        ... )
        >>> paths.counts[0].tolist()
        [[0, 0], [0, 5]]
    """
    check_network(network)
    paths, room = check_positive("paths", paths), check_positive("queue", queue, 2**20)
    if changing := [r.name for r in network.reactions if r.law.time_dependent]:
        raise UnsupportedError(
            f"delays together with rates that depend on time: {', '.join(map(repr, changing))}; simulate_delays holds "
            "rates constant between events"
        )
    _check_delays(network, delays)
    values, counts = _check_numbers(network, delays, theta, x0, paths)
    stops = Times(check_times(times, 0.0))
    program = Program(network, Snapshots(), check_precision(precision))
    check_range(program, values)
    words, schedule = random.key_words(key), _schedule(network, delays, room)
    _check_size(program, schedule, paths, len(stops.values))
    with precision_of(program):
        inputs = make_inputs.make(program, stops, words, values, counts, paths,
                                  max_events=check_positive("max_events", max_events, 2**31 - 2))  # fmt: skip
        inputs = jax.tree.map(np.asarray, inputs)
        recorded = _run(program, schedule, inputs, _numbers(network, delays, values, program.dtype))

    def draw(wide: Program, some: Inputs, rows: np.ndarray) -> Recorded:
        own = {name: value[rows] if np.ndim(value) else value for name, value in values.items()}
        return _run(wide, schedule, some, _numbers(network, delays, own, wide.dtype))

    recorded, again = redrawn(program, inputs, recorded, draw)
    _judge(program, inputs, recorded, throw, delays)
    origin = provenance(network, words, program.precision, "xla", start=0.0, max_events=int(inputs.limit), queue=room,
                        delays={name: repr(delay) for name, delay in delays.items()})  # fmt: skip
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


def _check_size(program: Program, schedule: Schedule, paths: int, stops: int) -> None:
    """Whether records, queues and code fit into memory."""
    check_records(program, paths, stops)
    queues = _block(paths) * schedule.room * (program.dtype.itemsize + 4)
    check_memory(
        f"The queues of {schedule.room:,} places for {_block(paths)} paths in flight",
        COPIES * queues,
        "Give queue=..., as many as are under way in one path at once",
    )
    check_program(program, "xla", alone=True)


def _check_delays(network: Network, delays: Mapping[str, AbstractDelay]) -> None:
    """Whether delays belong to reactions, and their changes to species."""
    if not isinstance(delays, Mapping):
        raise InputError(f"delays must map names of reactions to delays, not be {type(delays).__name__}")
    known = [str(r.name) for r in network.reactions]
    wrong = []
    for name, delay in delays.items():
        if name not in known:
            wrong.append(unknown_name("reaction", name, known))
        if not isinstance(delay, AbstractDelay):
            wrong.append(f"{name!r}: a delay is needed, such as FixedDelay(2.0), not {delay!r}")
            continue
        changes = delay.consuming if isinstance(delay.consuming, tuple) else ()
        wrong += [
            f"{name!r}, consuming: {unknown_name('species', s, network.species)}"
            for s, _ in changes
            if s not in network.species
        ]
        wrong += [
            f"{name!r}: {rate!r} is a species; a delay reads parameters only"
            for rate in delay.rates.values()
            if rate in network.species
        ]
    if wrong:
        raise InputError("delays do not fit the network:\n" + "\n".join(f"- {fault}" for fault in wrong))


def _check_numbers(
    network: Network, delays: Mapping[str, AbstractDelay], theta: Any, x0: Any, paths: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Parameters and counts at the start."""
    named = [rate for delay in delays.values() for rate in delay.rates.values() if isinstance(rate, str)]
    extra = [name for name in dict.fromkeys(named) if name not in network.parameters]
    wrong: list[str] = []

    def attempt(check: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return check()
        except InputError as error:
            wrong.append(str(error))
            return otherwise

    own = {k: v for k, v in theta.items() if k not in extra} if isinstance(theta, Mapping) else theta
    values = dict(attempt(lambda: check_theta(network, own, paths), {}))
    for name in extra if isinstance(theta, Mapping) else ():
        values |= attempt(functools.partial(_number, name, theta, paths), {})
    for name, delay in delays.items():
        if all(isinstance(rate, float) or rate in values for rate in delay.rates.values()):
            given = np.broadcast_arrays(*(values[r] if isinstance(r, str) else r for r in delay.rates.values()))
            wrong += [f"the delay of {name!r}: {f}" for f in delay.faults(dict(zip(delay.rates, given, strict=True)))]
    counts = attempt(lambda: check_counts(network, x0, paths), None)
    if wrong:
        raise InputError("\n".join(wrong))
    return values, counts


def _number(name: str, theta: Mapping[str, Any], paths: int) -> dict[str, np.ndarray]:
    """A parameter that only delays read."""
    if name not in theta:
        raise InputError(f"parameter {name!r} of a delay is missing from theta")
    try:
        value = np.asarray(theta[name], np.float64)
    except (TypeError, ValueError):
        raise InputError(f"parameter {name!r} is not a number: {theta[name]!r}") from None
    if value.shape not in ((), (paths,)):
        raise InputError(
            f"parameter {name!r} has shape {value.shape}; give one number, or one for each of {paths} paths"
        )
    if not np.isfinite(value).all():
        raise InputError(f"parameter {name!r} is not finite")
    return {name: value}


def _schedule(network: Network, delays: Mapping[str, AbstractDelay], room: int) -> Schedule:
    """What is compiled in."""
    chosen = [number for number, reaction in enumerate(network.reactions) if reaction.name in delays]
    starts, ends = np.array(network.stoichiometry), []
    for number in chosen:
        reaction = network.reactions[number]
        what = delays[str(reaction.name)].consuming
        now = {s: -n for s, n in reaction.reactants} if what is True else dict(what or ())
        starts[:, number] = [now.get(s, 0) for s in network.species]
        ends.append(network.stoichiometry[:, number] - starts[:, number])
    table = np.array(ends).reshape(len(chosen), len(network.species)).T
    kinds = tuple(type(delays[str(network.reactions[number].name)]) for number in chosen)
    room = -(-room // STRIP) * STRIP
    return Schedule(tuple(chosen), kinds, tuple(map(tuple, starts.tolist())), tuple(map(tuple, table.tolist())), room)


def _numbers(network: Network, delays: Mapping[str, AbstractDelay], values: Mapping[str, Any], dtype: Any) -> Any:
    """Numbers of the delays, in the order of the schedule."""
    ordered = [delays[str(r.name)] for r in network.reactions if r.name in delays]
    return tuple(
        tuple(np.asarray(values[v] if isinstance(v, str) else v, dtype) for v in delay.rates.values())
        for delay in ordered
    )


_start = jax.jit(delayed_turn.start, static_argnums=(0, 1, 2))
_advance = jax.jit(delayed_turn.advance, static_argnums=(0, 1), donate_argnums=4)
_status = jax.jit(delayed_turn.status, static_argnums=0)


def _block(paths: int) -> int:
    """Paths in flight."""
    return min(BLOCK, max(64, 1 << (paths - 1).bit_length()))


def _run(program: Program, schedule: Schedule, inputs: Inputs, delays: Any) -> Recorded:
    """All paths, block by block."""
    paths = int(inputs.paths)
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
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def _judge(program: Program, inputs: Inputs, recorded: Recorded, throw: bool, delays: Mapping[str, Any]) -> None:
    """Raise for faulty paths."""
    message = faults.describe(program, inputs, recorded)
    if message and throw:
        loose = [name for name, delay in delays.items() if delay.consuming is not True]
        if loose and (recorded.status == Status.NEGATIVE_COUNT).any():
            message += (
                f"\nThe delays of {', '.join(map(repr, loose))} leave reactants in place until the completion, so that "
                "several reactions may count on the same molecule; consuming=True takes them at the start."
            )
        raise SimulationError(message + "\nWith throw=False the sound paths are returned and the others flagged.")
