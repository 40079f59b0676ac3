"""`simulate`: exact paths of a network."""

import dataclasses
import functools
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from jumpax._base import clock, random
from jumpax._base.errors import InputError, JumpaxWarning, SimulationError, UnsupportedError
from jumpax._base.progress import telling
from jumpax._base.types import Precision, default_precision, dtype_of
from jumpax.engines import event_log, faults
from jumpax.engines import inputs as make_inputs
from jumpax.engines.choice import engine_for, fits_tables, is_large, left_out_by_tables
from jumpax.engines.completions import STRIP
from jumpax.engines.engine import AbstractEngine, Progress, default_threads, precision_of, room_for, run_threads
from jumpax.engines.enlarged import enlarged
from jumpax.engines.event_log import Events
from jumpax.engines.inputs import Inputs
from jumpax.engines.kept import Files, files_of
from jumpax.engines.past import check_past
from jumpax.engines.paths import Paths
from jumpax.engines.program import Program, Steps, Times, check_positive
from jumpax.engines.provenance import provenance
from jumpax.engines.recorded import Recorded, beside
from jumpax.engines.redraw import redrawn
from jumpax.engines.shard import shard_of
from jumpax.engines.size import check_program, check_queue, check_records
from jumpax.engines.starts import started
from jumpax.engines.stops import stops_of
from jumpax.folds import AbstractFold, Parameters, Snapshots, Together
from jumpax.networks import ALL, ModelLike, Need, Network, ObservedModel, check_network, check_numbers, numbers_of
from jumpax.networks.ceiling import check_ceilings
from jumpax.networks.starts import Start, start_of


def check_precision(precision: str | None) -> Precision:
    """`float32`, `float64`, or the default for None.

    Raises:
        InputError: for anything else.
    """
    if precision not in (None, "float32", "float64"):
        raise InputError(f"precision must be 'float32' or 'float64'; got {precision!r}")
    return precision or default_precision()  # type: ignore[return-value]


def simulate(
    network: Network | ModelLike,
    theta: Mapping[str, Any] | None = None,
    x0: Start | None = None,
    *,
    times: object = None,
    steps: object = None,
    paths: int,
    key: PRNGKeyArray | int,
    shard: tuple[int, int] | None = None,
    record: AbstractFold | Events | Sequence[AbstractFold] = (),
    start: float = 0.0,
    engine: Literal["cpu", "gpu", "xla", "arrays", "tables", "reference"] | None = None,
    precision: Precision | None = None,
    threads: int | None = None,
    bound: float | Sequence[float] | None = None,
    max_events: int = 10_000_000,
    round_counts: bool = False,
    queue: int = 64,
    throw: bool = True,
    progress: bool | Callable[[Progress], None] | None = None,
    save: str | os.PathLike | None = None,
    resume: str | os.PathLike | None = None,
) -> Paths:
    """Draw exact paths by Gillespie's direct method.

    Every path is a sample of the continuous-time Markov chain with propensities a_r(x, theta). In float64 a reaction is
    chosen with its probability to 2^-53; in float32 to about 1e-6 of that probability itself, wherever it stands in the
    list, down to 1e-12. Waits have 53 or 32 bits, the clock is compensated. Path number i
    depends on the key, the model and the precision alone: not on times, folds, batch, engine state, or other paths (folds that
    engine `tables` does not gather move a large network to another engine, with a warning). A path that
    float32 cannot follow (a wait too short for its clock, a propensity beyond its range) is drawn again in float64, by the
    same words and more of them, and `Paths.redrawn` says so.

    Args:
        network: what reacts; or a model of `jumpax.zoo` or a file, which has numbers of its own. Reactions with a delay complete
            so much later (see `Reaction`; engines `xla`, the default then, and `reference`); nothing is under way at the start.
            Events of the network (see `Event`) happen at their moments, whatever the stops; parameters that they change are
            in `Paths.values`. Families of reactions (see `Family`): no `bound` or `Events()`; folds `TimeAverages` and
            `ReactionCounts`.
        theta: a value per parameter, or one value per path; of a model those that are to be others. Arrays of their shapes, or one per
            path, where a family has arrays.
        x0: counts at the start by species, or in species order; scalars, or one value per path; of a model as theta. Or laws of them:
            `{"A": Poisson("m"), "B": 3}`, also `Binomial`, `NegativeBinomial`, `StochasticRounding`; or a `StartTable` of states, such as
            the ends of other paths. Their parameters are in theta.
        times: stops, in the unit of 1/rates; strictly increasing, none before `start`. Counts are right-continuous.
        steps: stops after so many events, instead of times.
        paths: how many.
        key: `jax.random.key(seed)` or an int.
        shard: (i, N): only the paths from i paths / N up to (i + 1) paths / N, rounded down, as they are in the whole run, for
            processes that each draw a part. theta and x0 are those of the whole run. `jumpax.results.merge` puts parts together.
        record: folds to gather along the way (`Paths.records`), or `Events()` for the log of all events.
        start: time at the start. Events whose time is before one later than 0 have happened.
        engine: `cpu` (printed SIMD loops), `gpu` (one kernel on an NVIDIA GPU), `xla` (any law, any device), `arrays` (for families
            of reactions), `tables` (for large networks) or `reference` (slow, readable); default is the fastest that can run the model here.
        precision: `float32` or `float64`; default follows JAX's x64 flag.
        threads: how many to spread the paths over; default all cores on `cpu`, 1 on others.
        bound: for networks with explicitly time-dependent rates, a number that the total propensity never exceeds; or one
            for each interval between stops: `bound[i]` holds until `times[i]`, the first from `start` on. Waits are drawn
            from it, and the events that are too many are null events: exact whatever the bound, and faster for a tight one.
            One that breaks is doubled, up to ten times, and all paths are drawn anew; `Paths.provenance` has the one that held.
            By default it is found from the laws, in every state anew, and then paths do not depend on it or on the stops.
        max_events: events after which a path is given up as exploding.
        round_counts: round fractional x0 instead of refusing it. What is rounded is a constant, with derivative zero: see
            `StochasticRounding` for a start at a real number.
        queue: most delayed reactions of one path that are under way at one time (rounded up to a multiple of 16). Memory grows with
            it, time only with how many are under way.
        throw: raise when a path is faulty; False returns it with its status.
        progress: True for a bar in terminals and notebooks; or a function that is called about twice a second with a `Progress`.
        save: a file to which the state of the run is written about twice a minute, at the end, when `progress` raises, and at Ctrl-C and
            SIGTERM (which raise KeyboardInterrupt within seconds); for each thread beyond the first a file beside it. The file before stays whole until the new one is written. Not for
            the engine `reference` and the log of events.
        resume: such a file: the run goes on from there, and ends bit for bit as if it had not been interrupted. Everything else
            has to be as it was; what is not is named. May be the file of `save`.

    Returns:
        Counts of shape (paths, stops, species), status and events of each path, and more: see `Paths`.

    Raises:
        InputError: everything that is wrong with the input, before anything is compiled; `TooLargeError` for records or a
            program that would take more than a quarter of the memory (see `JUMPAX_MEMORY_LIMIT` in docs/performance.md).
        SimulationError: a path met a bad propensity, a negative count, its budget, ... (named), unless `throw=False`.
        UnsupportedError: explicitly time-dependent rates of which no largest value is found, without `bound`.

    Source: Gillespie 1977, doi:10.1021/j100540a008.

    Examples:
        >>> import jumpax
        >>> decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
        >>> paths = jumpax.simulate(decay, {"k": 1.0}, {"A": 10}, times=[0.0, 1.0], paths=4, key=0)
        >>> paths["A"][:, 0].tolist()
        [10, 10, 10, 10]
        >>> model = jumpax.zoo.birth_death()
        >>> jumpax.simulate(model, {"birth": 3.0}, times=[1.0], paths=4, key=0).counts.shape
        (4, 1, 1)
        >>> slow = jumpax.Reaction("A -> B", jumpax.MassAction("k"), delay=jumpax.FixedDelay("tau"))
        >>> late = jumpax.Network([slow])
        >>> jumpax.simulate(late, {"k": 100.0, "tau": 2.0}, {"A": 5, "B": 0}, times=[1.0, 3.0], paths=1, key=0).counts.tolist()
        [[[0, 0], [0, 5]]]
    """
    given = network
    network, theta, x0 = numbers_of(given, theta, x0)
    paths = check_positive("paths", paths)
    law = start_of(network, x0, round_counts)
    if law is None:
        values, counts = check_numbers(network, theta, x0, paths, round_counts)
    else:
        kind = dtype_of(check_precision(precision))
        values, counts = started(network, theta, law, paths, random.key_words(key), kind)
    part, whole = shard_of(shard, paths), (values, counts)
    (values, counts), paths = part.of(network, values, counts), part.paths
    limit = check_positive("max_events", max_events, 2**31 - 2)
    if Need.FAMILY in network.needs:
        check_families(network, bound=bound, record=record)
    files = files_of(save, resume)
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
    words = random.key_words(key)
    check_range(program, values)
    check_records(program, room_for(paths), len(stops.values))
    check_queue(program, room_for(paths))
    chosen = _engine(network, program, engine, logged)
    workers = check_positive("threads", _workers(threads, chosen, files, logged), 256)
    make = functools.partial(
        make_inputs.make,
        program,
        key=words,
        theta=values,
        counts=counts,
        paths=paths,
        first=part.first,
        start=start,
        max_events=limit,
    )
    with telling(progress or False) as tell:
        draw = functools.partial(_drawn, chosen, program, make, workers, tell, files, logged)
        stops, (inputs, recorded, again, log) = enlarged(stops, draw, lambda made: made[1], kept=files is not None)
    _judge(program, inputs, recorded, throw)
    observed = dict(given.observed(whole[0])) if isinstance(given, ObservedModel) else {}
    settings = (
        ({} if shard is None else part.settings(*whole, program.fold, observed))
        | {"start": start, "max_events": limit}
        | ({} if bound is None else {"bound": stops.bound})
    )
    if network.events:
        settings |= {"events": [f"{event.name}: {event}" for event in network.events]}
    origin = provenance(network, words, program.precision, chosen.name, **settings)
    made = _result(network, stops, times, recorded, again, log, origin, single=isinstance(record, AbstractFold))
    made = dataclasses.replace(made, given=_given(network, values, counts, x0 if law is None else None))
    return dataclasses.replace(made, observables=given.observed(values)) if isinstance(given, ObservedModel) else made


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


def _engine(network: Network, program: Program, engine: str | None, logged: bool) -> AbstractEngine:
    """The one that draws.

    Raises:
        UnsupportedError: it does not keep the log of events.

    Warns:
        JumpaxWarning: the record moves a large network to another engine.
    """
    if logged and engine not in (None, "xla", "tables"):
        raise UnsupportedError(f"the event log is kept by engines 'xla' and 'tables' only, not by {engine!r}")
    if logged and engine is None:
        engine = "tables" if is_large(network) and fits_tables(program) else "xla"
    if logged and engine == "xla":
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


def _workers(threads: int | None, engine: AbstractEngine, files: Files | None, logged: bool) -> int:
    """How many threads; for a run that goes on, as many as it had.

    Raises:
        UnsupportedError: the state of such a run is not kept on disk.
    """
    if files is not None and (logged or engine.name == "reference"):
        what = "the log of events" if logged else "engine 'reference'"
        raise UnsupportedError(f"save and resume do not keep the state of {what}; leave them out")
    before = None if files is None else files.parts()
    return threads if threads is not None else before or default_threads(engine)


def _drawn(
    engine: AbstractEngine, program: Program, make: Callable[..., Inputs], workers: int,
    progress: Callable[[Progress], None] | None, files: Files | None, logged: bool, stops: Times | Steps,
) -> tuple[Inputs, Recorded, Any, Any]:  # fmt: skip
    """A whole run with these stops: its inputs, what it recorded, which paths were drawn again in float64, and the log if there is one."""
    with precision_of(program):
        inputs = jax.tree.map(np.asarray, make(stops=stops))
    if logged:
        return inputs, *(event_log.drawn_by_tables if engine.name == "tables" else event_log.drawn)(program, inputs)
    recorded = run_threads(engine, program, inputs, workers, progress, files)
    recorded, again = redrawn(program, inputs, recorded, lambda wide, some, _: run_threads(engine, wide, some, workers))
    return inputs, recorded, again, None


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


def _judge(program: Program, inputs: Any, recorded: Recorded, throw: bool) -> None:
    """Raise for faulty paths."""
    message = faults.describe(program, inputs, recorded)
    if message and throw:
        if program.delayed:
            message += faults.loose_delays(program, recorded)
        raise SimulationError(message + "\nWith throw=False the sound paths are returned and the others flagged.")


def _given(network: Network, values: Mapping[str, np.ndarray], counts: np.ndarray, x0: Any) -> dict[str, np.ndarray]:
    """Parameters, and counts at the start of species in x0, if there is one without laws, that were given path by path."""
    own = {name: value for name, value in values.items() if value.ndim == 1 and not network.shapes.get(name, ())}
    if counts.ndim == 1 or x0 is None:
        return own
    chosen = [name for name, value in x0.items() if np.ndim(value)] if isinstance(x0, Mapping) else network.species
    return own | {name: counts[:, network.species.index(name)] for name in chosen}


def _result(network, stops, times, recorded, again, log, origin, single) -> Paths:
    """The record of a run as a result: only the stops that were asked for."""
    keep = np.arange(len(stops.values))
    if times is not None:
        keep = np.searchsorted(np.array(stops.values), np.atleast_1d(np.asarray(times, np.float64)))
    record = recorded.record
    if len(keep) < len(stops.values):
        record = jax.tree.map(lambda leaf: leaf[:, keep], record)
    snapshots, *others = record
    values = others.pop(0) if network.moved else ()
    return Paths(
        species=network.species,
        counts=beside(snapshots) if snapshots else np.zeros((len(recorded.status), len(keep), 0), np.int32),
        stops=np.array(stops.values)[keep],
        status=recorded.status,
        events=recorded.events,
        end_counts=recorded.counts,
        end_times=clock.join(clock.Time(*recorded.time.T)),
        redrawn=again,
        values=dict(zip(network.moved, values, strict=True)),
        records=others[0] if single else tuple(others),
        log=log,
        provenance=origin,
    )
