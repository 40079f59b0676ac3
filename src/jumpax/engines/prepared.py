"""A run before it is drawn: what is wrong with what was asked for is told, and nothing is compiled."""

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from jumpax._base import random
from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax._base.types import Precision, Word, default_precision, dtype_of
from jumpax.engines import event_log
from jumpax.engines import inputs as make_inputs
from jumpax.engines.choice import engine_for, fits_tables, is_large, left_out_by_tables
from jumpax.engines.completions import STRIP
from jumpax.engines.engine import AbstractEngine, Progress, precision_of, room_for, run_threads
from jumpax.engines.event_log import Events
from jumpax.engines.inputs import Inputs
from jumpax.engines.kept import Files
from jumpax.engines.past import check_past
from jumpax.engines.program import Program, Steps, Times, check_positive
from jumpax.engines.recorded import Recorded
from jumpax.engines.redraw import redrawn
from jumpax.engines.shard import Shard, shard_of
from jumpax.engines.size import check_program, check_queue, check_records
from jumpax.engines.starts import started
from jumpax.engines.stops import stops_of
from jumpax.folds import AbstractFold, Parameters, Snapshots, Together
from jumpax.networks import ALL, ModelLike, Need, Network, check_network, check_numbers, numbers_of
from jumpax.networks.ceiling import check_ceilings
from jumpax.networks.starts import Start, start_of


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """What `simulate` was asked for, checked."""

    network: Network
    program: Program
    key: tuple[Word, Word]
    values: Mapping[str, np.ndarray]
    """Of the parameters: scalars, or one value per path."""
    counts: Int[np.ndarray, "*paths species"]
    """At the start."""
    whole: tuple[Mapping[str, np.ndarray], Int[np.ndarray, "*all species"]]
    """Both, of all shards."""
    x0: Any
    """Counts at the start as they were given; None if that was a law."""
    part: Shard
    start: float
    stops: Times | Steps
    """With those that folds want."""
    keep: Int[np.ndarray, " asked"]
    """Numbers, among the stops, of those that were asked for."""
    max_events: int
    logged: bool
    """Whether the log of all events is kept."""

    def check_memory(self) -> None:
        """Whether what is drawn finds room on this machine.

        Raises:
            TooLargeError: it does not.
        """
        room = room_for(self.part.paths)
        check_records(self.program, room, len(self.stops.values))
        check_queue(self.program, room)

    def inputs(self, stops: Times | Steps) -> Inputs:
        """The numbers of the run, on the host, with its stops or others in their place."""
        with precision_of(self.program):
            made = make_inputs.make(
                self.program, stops, self.key, self.values, self.counts, self.part.paths,
                first=self.part.first, start=self.start, max_events=self.max_events,
            )  # fmt: skip
            return jax.tree.map(np.asarray, made)


def prepared(
    network: Network | ModelLike, theta: Mapping[str, Any] | None, x0: Start | None, *,
    times: object, steps: object, paths: int, key: PRNGKeyArray | int, shard: tuple[int, int] | None, record: Any, start: float,
    precision: Precision | None, bound: float | Sequence[float] | None, max_events: int, round_counts: bool, queue: int,
) -> Prepared:  # fmt: skip
    """Checked arguments of `simulate`, which says what they are.

    Raises:
        InputError: for what is wrong with them.
        UnsupportedError: for what the network has not.
    """
    network, theta, x0 = numbers_of(network, theta, x0)
    paths = check_positive("paths", paths)
    law = start_of(network, x0, round_counts)
    if law is None:
        values, counts = check_numbers(network, theta, x0, paths, round_counts)
    else:
        kind = dtype_of(check_precision(precision))
        values, counts = started(network, theta, law, paths, random.key_words(key), kind)
    part, whole = shard_of(shard, paths), (values, counts)
    values, counts = part.of(network, values, counts)
    limit = check_positive("max_events", max_events, 2**31 - 2)
    if Need.FAMILY in network.needs:
        check_families(network, bound=bound, record=record)
    check_delays(network, values)
    check_past(network, values, start)
    if bound is None and network.thinned:
        first = {name: value.flat[0] for name, value in values.items()}
        check_ceilings(network, np.maximum(np.atleast_2d(counts)[0], 1), first, start)
    own, logged = _recorded(network, record)
    moved = (Parameters(network.moved),) if network.moved else ()
    fold = Together((Snapshots(), *moved, *own))
    stops = stops_of(times, steps, start, fold, bound)
    clock, places = "times" if steps is None else "steps", places_for(network, queue)
    program = Program(network, fold, check_precision(precision), clock, bound is not None, places)
    check_range(program, values)
    keep = np.arange(len(stops.values))
    if times is not None:
        keep = np.searchsorted(np.array(stops.values), np.atleast_1d(np.asarray(times, np.float64)))
    return Prepared(
        network, program, random.key_words(key), values, counts, whole, x0 if law is None else None, part, start, stops,
        keep, limit, logged,
    )  # fmt: skip


def engine_of(run: Prepared, engine: str | None) -> AbstractEngine:
    """The one that draws.

    Raises:
        UnsupportedError: it does not keep the log of events.

    Warns:
        JumpaxWarning: the record moves a large network to another engine.
    """
    network, program = run.network, run.program
    if run.logged and engine not in (None, "xla", "tables"):
        raise UnsupportedError(f"the event log is kept by engines 'xla' and 'tables' only, not by {engine!r}")
    if run.logged and engine is None:
        engine = "tables" if is_large(network) and fits_tables(program) else "xla"
    if run.logged and engine == "xla":
        check_program(program, "xla", alone=True)
    chosen = engine_for(program, engine)
    if engine is None and chosen.name != "tables" and (why := left_out_by_tables(program)):
        warnings.warn(
            f"engine 'tables', for networks as large as {network!r}, does not gather all of record=... ({why}): engine {chosen.name!r} draws "
            "other paths under this key, and takes long to compile. Gather that along a part of the network, or see docs/large_networks.md",
            JumpaxWarning,
            stacklevel=3,
        )
    return chosen


def drawn(
    run: Prepared, engine: AbstractEngine, inputs: Inputs, threads: int,
    progress: Callable[[Progress], None] | None = None, files: Files | None = None,
) -> tuple[Recorded, Any, Any]:  # fmt: skip
    """What is recorded of these inputs, which paths were drawn again in float64, and the log if there is one."""
    if run.logged:
        return (event_log.drawn_by_tables if engine.name == "tables" else event_log.drawn)(run.program, inputs)
    recorded = run_threads(engine, run.program, inputs, threads, progress, files)
    made = redrawn(run.program, inputs, recorded, lambda wide, some, _: run_threads(engine, wide, some, threads))
    return *made, None


def check_precision(precision: str | None) -> Precision:
    """`float32`, `float64`, or the default for None.

    Raises:
        InputError: for anything else.
    """
    if precision not in (None, "float32", "float64"):
        raise InputError(f"precision must be 'float32' or 'float64'; got {precision!r}")
    return precision or default_precision()  # type: ignore[return-value]


def check_families(network: Network, *, bound: object, record: object = ()) -> None:
    """Refuse what is not there for networks with families.

    Raises:
        UnsupportedError: naming it.
    """
    check_network(network, {Need.FAMILY}, "the engine of families of reactions")
    events = record if isinstance(record, Sequence) else (record,)
    asked = {"bound": bound is not None, "record=Events()": any(isinstance(r, Events) for r in events)}
    if refused := [name for name, is_asked in asked.items() if is_asked]:
        raise UnsupportedError(
            f"the engine of families of reactions does not have {', '.join(refused)}; leave that out, or write the reactions one by one"
        )


def _recorded(network: Network, record: Any) -> tuple[tuple[AbstractFold, ...], bool]:
    """The folds of `record`, or none and that the log of all events is kept.

    Raises:
        InputError: something else, or folds and the log at once.
    """
    given: Any = tuple(record) if isinstance(record, Sequence) and not isinstance(record, str) else (record,)
    logged = [one for one in given if isinstance(one, Events)]
    if logged and len(given) > 1:
        raise InputError(
            "record has folds and Events(), which are kept by different engines: call simulate twice with the same key, once "
            "with record=Events() and once with the folds; the paths are the same"
        )
    for one in () if logged else given:
        if isinstance(one, type):
            raise InputError(f"record: {one.__name__} is a class; give one of its kind, {one.__name__}(...)")
        if not isinstance(one, AbstractFold):
            hint = ", or the observable to jumpax.expectation" if callable(one) else ""
            raise InputError(
                f"record takes folds, such as FirstPassage(...), or Events(), not {one!r}; a function of the counts is "
                f"computed from paths.counts afterwards{hint}"
            )
        owner = getattr(one, "network", network)
        check_network(owner, ALL)
        check_network(network, one.treats, f"the fold {type(one).__name__}")
        if not owner.alike(network):
            raise InputError(
                f"record: {type(one).__name__} was made for another network, {owner!r}; make it for this one"
            )
    return (() if logged else given), bool(logged)


def places_for(network: Network, queue: int) -> int:
    """Places for reactions under way, in strips; none without delays."""
    places = -(-check_positive("queue", queue, 2**20) // STRIP) * STRIP
    return places if Need.DELAY in network.needs else 0


def check_delays(network: Network, values: Mapping[str, np.ndarray]) -> None:
    """Whether the numbers of delays make sense.

    Raises:
        InputError: they do not.
    """
    wrong = []
    for reaction in network.reactions:
        if reaction.delay is not None:
            rates = reaction.delay.rates
            given = np.broadcast_arrays(*(values[r] if isinstance(r, str) else r for r in rates.values()))
            found = reaction.delay.faults(dict(zip(rates, given, strict=True)))
            wrong += [f"the delay of {reaction.name!r}: {fault}" for fault in found]
    if wrong:
        raise InputError("\n".join(wrong))


def check_range(program: Program, values: Mapping[str, np.ndarray]) -> None:
    """Whether parameters survive the conversion to the precision of the run.

    Raises:
        InputError: for numbers that would become infinite or zero.
    """
    kind = np.finfo(program.dtype)
    faults = []
    for name, value in values.items():
        if name in program.network.beside:  # too large is as good as infinite: a moment that never comes
            continue
        size = np.abs(np.atleast_1d(value))
        if (lost := (size > kind.max) | ((size > 0) & (size < kind.tiny))).any():
            faults.append(f"parameter {name!r} = {np.atleast_1d(value)[lost][0]:g}")
    if faults:
        raise InputError(
            f"outside {program.precision}, {kind.tiny:.1e} to {kind.max:.1e}: {', '.join(faults)}; use other units"
            + (" or precision='float64'" if program.precision == "float32" else "")
        )
