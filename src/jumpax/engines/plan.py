"""`plan`: what a run would take, before it is drawn."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, final

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jumpax._base.errors import TooLargeError
from jumpax._base.memory import allowed, in_gb
from jumpax._base.status import Status
from jumpax._base.types import Precision
from jumpax.engines.engine import AbstractEngine, default_threads, division
from jumpax.engines.event_log import Events
from jumpax.engines.inputs import Inputs, of_paths
from jumpax.engines.prepared import Prepared, drawn, engine_of, prepared
from jumpax.engines.program import check_positive
from jumpax.engines.recorded import Recorded
from jumpax.engines.size import BYTES, COPIES, in_words
from jumpax.folds import AbstractFold
from jumpax.networks import ModelLike, Network
from jumpax.networks.starts import Start

FIRST, GROWTH = 64, 8
"""Paths of the first pilot; how many times more paths, or events of each path, the next one has."""
FULL = 4096
"""Paths that every engine draws at full speed: so many come before longer ones."""
BEGINNING = 128
"""Events of each path of the first pilot."""
END = 4 + 4 + 8 + 1
"""Bytes of status, number of events and time at the end of a path, and of whether it was drawn again."""
LONG = 0.1
"""Seconds from which a pilot is good enough; so that the one after it is done within a second."""


@final
@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run would take.

    Memory of arrays is counted. Time and events are an estimate from a few of the paths, right within a factor of about two if the
    machine does nothing else: paths that are much longer than others (`spread`) make it worse.
    """

    engine: str
    threads: int
    paths: int
    parts: int
    """Runs that each thread draws one after the other: more than one where a GPU does not hold all paths at once."""
    result: float
    """Bytes of the arrays that come back, estimated for a log of events."""
    memory: float
    """Bytes of them at the peak, with parts that are being joined and what is recorded beside."""
    allowed: float
    """Bytes that a call may take on this machine."""
    refusal: str | None
    """Why `simulate` would refuse, with the way out; None if all fits."""
    pilot: int
    """Of how many paths time and events were taken; 0 if not even few fit."""
    compilation: float
    """Seconds that the pilot took to compile the program, or to load it if it was compiled before."""
    seconds: float
    """Of the run, without compilation; NaN without a pilot."""
    events: float
    """Reactions of all paths; NaN without a pilot."""
    spread: float
    """Events of the longest path of the pilot over their mean."""

    @property
    def fits(self) -> bool:
        """Whether `simulate` would draw it."""
        return self.refusal is None

    def to_dict(self) -> dict[str, Any]:
        """All fields, and whether it fits, as plain values."""
        return {**dataclasses.asdict(self), "fits": self.fits}

    def __str__(self) -> str:
        """Lines for people."""
        runs = f", in {self.parts:,} parts one after the other" if self.parts > 1 else ""
        lines = [f"{self.paths:,} paths by engine {self.engine!r} in {self.threads:,} threads{runs}"]
        if self.pilot:
            lines += [
                f"time: about {in_words(self.seconds)} after {self.compilation:.1f} s of compilation, within a factor of about two "
                f"(from {self.pilot:,} paths; the longest has {self.spread:.1f} times the events of their mean)",
                f"events: about {self.events:.2g}",
            ]
        lines += [
            f"memory: about {in_gb(self.memory)} at the peak, of {in_gb(self.allowed)} allowed; arrays of {in_gb(self.result)} come back"
        ]
        return "\n".join([*lines, *([] if self.fits else [f"does not fit: {self.refusal}"])])


def plan(
    network: Network | ModelLike,
    theta: Mapping[str, Any] | None = None,
    x0: Start | None = None,
    *,
    times: object = None,
    steps: object = None,
    paths: int,
    key: PRNGKeyArray | int = 0,
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
) -> Plan:
    """What `simulate` with these arguments would take: time, events and memory, whether it fits, and in how many parts.

    The program is compiled, and a few of the paths are drawn, for about a second.

    All arguments are those of `simulate`.

    Raises:
        InputError: everything that is wrong with the input, as `simulate` does. What does not fit is told by the plan (`refusal`); only a
            program too large to be compiled is refused.

    Examples:
        >>> import jumpax
        >>> plan = jumpax.plan(jumpax.zoo.birth_death(), times=[1.0, 2.0], paths=1000)
        >>> plan.fits, plan.parts, plan.result
        (True, 1, 29000.0)
    """
    run = prepared(
        network, theta, x0, times=times, steps=steps, paths=paths, key=key, shard=shard, record=record, start=start,
        precision=precision, bound=bound, max_events=max_events, round_counts=round_counts, queue=queue,
    )  # fmt: skip
    chosen = engine_of(run, engine)
    workers = check_positive("threads", default_threads(chosen) if threads is None else threads, 256)
    inputs, each, refusal, pilot = run.inputs(run.stops), _bytes(run, chosen), None, NONE
    try:
        run.check_memory()
    except TooLargeError as fault:
        refusal = str(fault)
    try:
        pilot = _pilot(run, chosen, inputs, workers, max(FIRST, allowed() / (8 * COPIES * each)))
    except TooLargeError as fault:  # of a GPU
        refusal = str(fault)
    made, total = division(chosen, run.program, inputs, workers), run.part.paths
    log = total * pilot.events * BYTES if run.logged else 0.0
    return Plan(
        chosen.name, made.workers, total, -(-len(made.parts) // made.workers), total * (each + pilot.log), COPIES * total * each + log,
        allowed(), refusal, pilot.paths, pilot.compilation, total * pilot.seconds, total * pilot.events, pilot.spread,
    )  # fmt: skip


class _Pilot(NamedTuple):
    """What some paths took."""

    paths: int
    compilation: float
    seconds: float
    """Of one path, as part of the whole run."""
    events: float
    """Of one path."""
    spread: float
    log: float
    """Bytes of the log of one path."""


NONE = _Pilot(0, *[float("nan")] * 4, log=0.0)


def _pilot(run: Prepared, engine: AbstractEngine, inputs: Inputs, threads: int, most: float) -> _Pilot:
    """Paths spread over the run, more and longer ones until they take long enough to be told from the cost of a call."""
    total = int(inputs.paths)
    most, paths, limit = min(total, most), min(FIRST, total), min(BEGINNING, run.max_events)

    def timed(some: Inputs, limit: int) -> tuple[float, Recorded, Any]:
        begin = time.perf_counter()
        recorded, _, log = drawn(run, engine, some._replace(limit=np.int32(limit)), threads)  # type: ignore[arg-type]
        return time.perf_counter() - begin, recorded, log

    some = of_paths(inputs, _spread(total, paths))
    compilation, idle = (timed(some, 1)[0] for _ in range(2))
    while True:
        seconds, recorded, log = timed(some, limit)
        whole = _whole(run, recorded, limit)
        cut = bool((whole > recorded.events).any())
        if seconds > LONG or not (cut or paths < most):
            break
        if cut and paths >= min(FULL, most):
            limit = min(GROWTH * limit, run.max_events)
        else:
            paths = int(min(GROWTH * paths, most))
            some = of_paths(inputs, _spread(total, paths))
            timed(some, 1)  # some engines compile for each number of paths
    mean, seen = float(whole.mean()), max(float(np.mean(recorded.events)), 1 / paths)
    used, later = (division(engine, run.program, ones, threads).workers for ones in (some, inputs))
    each = max(1.0, mean / seen) / paths
    kept = () if log is None else (log.times, log.reactions, log.kept)
    return _Pilot(
        paths, compilation, max(seconds - idle, 0.0) * each * used / later, mean, float(whole.max()) / max(mean, 1e-9),
        sum(leaf.nbytes for leaf in kept if leaf is not None) * each,
    )  # fmt: skip


def _spread(total: int, paths: int) -> Int[np.ndarray, " paths"]:
    """Numbers of paths from all parts of a run, whose parameters may differ."""
    return np.linspace(0, total - 1, paths).astype(int)


def _whole(run: Prepared, recorded: Recorded, limit: int) -> Float[np.ndarray, " paths"]:
    """Events of each path by its end: of one that was cut short, as many more as there is left of its time."""
    events = np.asarray(recorded.events, np.float64)
    cut = (np.asarray(recorded.status) == Status.EVENT_BUDGET) & (limit < run.max_events)
    last = float(run.stops.values[-1])
    if run.program.clock == "steps":
        return np.where(cut, last, events)
    reached = np.asarray(recorded.time, np.float64).sum(-1) - run.start
    return np.where(cut, np.maximum(events * (last - run.start) / np.maximum(reached, 1e-300), events + 1), events)


def _bytes(run: Prepared, engine: AbstractEngine) -> float:
    """Of the arrays of one path that come back, but for the log."""
    stop = sum(leaf.dtype.itemsize * leaf.size for leaf in jax.tree.leaves(engine.record(run.program)))
    return float(len(run.keep) * stop + 4 * len(run.network.species) + END)
