"""`simulate`: exact paths of a network."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from jumpax._base import clock
from jumpax._base.errors import SimulationError, UnsupportedError
from jumpax._base.progress import telling
from jumpax._base.types import Precision
from jumpax.engines import faults
from jumpax.engines.engine import AbstractEngine, Progress, default_threads
from jumpax.engines.enlarged import enlarged
from jumpax.engines.event_log import Events
from jumpax.engines.inputs import Inputs
from jumpax.engines.kept import Files, files_of
from jumpax.engines.paths import Paths
from jumpax.engines.prepared import drawn, engine_of, prepared
from jumpax.engines.program import Program, Steps, Times, check_positive
from jumpax.engines.provenance import provenance
from jumpax.engines.recorded import Recorded, beside
from jumpax.folds import AbstractFold
from jumpax.networks import ModelLike, Network, ObservedModel
from jumpax.networks.starts import Start


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
    run = prepared(
        network, theta, x0, times=times, steps=steps, paths=paths, key=key, shard=shard, record=record, start=start,
        precision=precision, bound=bound, max_events=max_events, round_counts=round_counts, queue=queue,
    )  # fmt: skip
    files = files_of(save, resume)
    run.check_memory()
    chosen = engine_of(run, engine)
    workers = check_positive("threads", _workers(threads, chosen, files, run.logged), 256)
    with telling(progress or False) as tell:

        def whole(stops: Times | Steps) -> tuple[Inputs, Recorded, Any, Any]:
            inputs = run.inputs(stops)
            return inputs, *drawn(run, chosen, inputs, workers, tell, files)

        stops, (inputs, recorded, again, log) = enlarged(run.stops, whole, lambda made: made[1], kept=files is not None)
    _judge(run.program, inputs, recorded, throw)
    observed = dict(network.observed(run.whole[0])) if isinstance(network, ObservedModel) else {}
    settings = (
        ({} if shard is None else run.part.settings(*run.whole, run.program.fold, observed))
        | {"start": start, "max_events": run.max_events}
        | ({} if bound is None else {"bound": stops.bound})
    )
    if run.network.events:
        settings |= {"events": [f"{event.name}: {event}" for event in run.network.events]}
    origin = provenance(run.network, run.key, run.program.precision, chosen.name, **settings)
    made = _result(run.network, stops, run.keep, recorded, again, log, origin, single=isinstance(record, AbstractFold))
    made = dataclasses.replace(made, given=_given(run.network, run.values, run.counts, run.x0))
    return (
        dataclasses.replace(made, observables=network.observed(run.values))
        if isinstance(network, ObservedModel)
        else made
    )


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


def _result(network, stops, keep, recorded, again, log, origin, single) -> Paths:
    """The record of a run as a result: only the stops that were asked for."""
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
