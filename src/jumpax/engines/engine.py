"""The contract of an engine, and the host loop that drives it."""

import abc
import functools
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

import jax
import numpy as np
from jaxtyping import PyTree

from jumpax._base.signals import held
from jumpax.engines.inputs import Inputs, is_own
from jumpax.engines.kept import Files, Keeper
from jumpax.engines.program import Program, precision_of
from jumpax.engines.recorded import Recorded, joined
from jumpax.engines.traced import trace
from jumpax.networks import SINGLE, Need

T = TypeVar("T")
MOST = 2**31 - 1
"""Paths that can be numbered."""
FEWEST = 64
"""Paths that fill the lanes of a thread: fewer take as long."""
STEP = 65_536
"""Paths from which room grows by as many."""
SECONDS_PER_CALL = 0.5
"""About how long one `advance` takes, so that progress is seen and Ctrl-C is heard."""


class Progress(NamedTuple):
    """How far a run is."""

    finished: int
    """Paths that have ended."""
    paths: int
    seconds: float

    @property
    def share(self) -> float:
        """Of the paths."""
        return self.finished / self.paths

    def __str__(self) -> str:
        """One line for people."""
        left = f"  about {self.seconds * (1 / self.share - 1):.0f} s left" if 0 < self.share < 1 else ""
        return f"{self.finished:,} of {self.paths:,} paths{left}"


class AbstractEngine(abc.ABC):
    """Draws exact paths of a program.

    `lanes`, the state of a run, is a pytree of arrays: it may be saved, and a run that goes on from a saved state ends
    bit for bit as one that was not interrupted.
    """

    name: ClassVar[str]
    traceable: ClassVar[bool]
    """Whether `gather` may be called under `jax.jit` and `jax.vmap`."""
    offers: ClassVar[frozenset[Need]] = SINGLE - {Need.DELAY}
    """What networks may need of it beyond the plain process."""
    fewest: ClassVar[int] = FEWEST
    """Paths that are worth a thread of their own."""
    breadth: ClassVar[int] = 1
    """How many times more paths it should be given at once than a processor."""

    @abc.abstractmethod
    def prepare(self, program: Program, inputs: Inputs) -> None:
        """Whatever must be done before the engine is called from inside a JAX program."""

    def most(self, program: Program, stops: int, beside: float = 0.0) -> int:
        """Most paths that it holds at once, each with so many bytes beside its records; of more, parts are drawn one after the other."""
        return MOST

    def record(self, program: Program) -> Any:
        """Shapes of the records of one path at one stop."""
        with precision_of(program):
            return trace(program).record

    @abc.abstractmethod
    def start(self, program: Program, inputs: Inputs, room: int) -> Any:
        """State of a run at its start, with records for `room` paths (at least those of `inputs`)."""

    @abc.abstractmethod
    def advance(self, program: Program, inputs: Inputs, lanes: PyTree, budget: int) -> Any:
        """State after up to `budget` rounds of work; the old state must not be used again."""

    @abc.abstractmethod
    def finished(self, lanes: PyTree) -> int:
        """How many paths have ended."""

    @abc.abstractmethod
    def collect(self, program: Program, inputs: Inputs, lanes: PyTree) -> Recorded:
        """What has been recorded."""

    @abc.abstractmethod
    def gather(self, program: Program, inputs: Inputs, room: int, threads: int = 1) -> Recorded:
        """A whole run as one call, with rows for `room` paths; in as many threads, where it can."""


def run(
    engine: AbstractEngine,
    program: Program,
    inputs: Inputs,
    room: int,
    progress: Callable[[int], None],
    keeper: Keeper | None = None,
) -> Recorded:
    """Drive one run to its end, in calls of about half a second; `progress` gets the number of finished paths.

    With a keeper the run begins where that says. Its state is written now and then, at the end, and when `progress` raises.
    """
    paths, budget = int(inputs.paths), 1
    with precision_of(program):
        lanes = engine.start(program, inputs, room)
        lanes = keeper.start(lanes) if keeper else lanes
        while True:
            begin = time.perf_counter()
            lanes = engine.advance(program, inputs, lanes, budget)
            done = engine.finished(lanes)
            try:
                progress(done)
            except BaseException:
                if keeper:
                    keeper.write(lanes)
                raise
            if keeper:
                (keeper.write if done >= paths else keeper.look)(lanes)
            if done >= paths:
                return jax.tree.map(np.asarray, engine.collect(program, inputs, lanes))
            spent = max(time.perf_counter() - begin, 1e-6)
            budget = max(1, int(budget * min(4.0, SECONDS_PER_CALL / spent)))


def _share(inputs: Inputs, first: int, paths: int) -> Inputs:
    def part(values: Any) -> Any:
        return values[first : first + paths]

    key, theta = jax.tree.map(lambda v: part(v) if is_own(v) else v, (inputs.key, inputs.theta))
    return inputs._replace(
        key=key,
        first=part(inputs.first) if np.ndim(inputs.first) else inputs.first + np.uint32(first),
        paths=np.int32(paths),
        theta=theta,
        counts=part(inputs.counts) if np.ndim(inputs.counts) == 2 else inputs.counts,
    )


def run_threads(
    engine: AbstractEngine,
    program: Program,
    inputs: Inputs,
    threads: int,
    progress: Callable[[Progress], None] | None = None,
    files: Files | None = None,
) -> Recorded:
    """Drive a run in several threads; what interrupts one of them ends all.

    Where the engine does not hold all of its parts at once there are more of them, and each thread draws one after the other.
    With files it is kept on disk: then Ctrl-C and SIGTERM wait for the end of a call, and the state is written.
    """
    total, begin = int(inputs.paths), time.perf_counter()
    parts, room, workers = division(engine, program, inputs, threads)
    done, faults = [0] * len(parts), list[BaseException]()
    keepers = [Keeper(files, i, len(parts), program, own) for i, own in enumerate(parts)] if files else None

    def part(number: int) -> Recorded:
        def told(finished: int) -> None:
            if faults:
                raise faults[0]
            stop()
            done[number] = finished
            if progress is not None:
                progress(Progress(sum(done), total, time.perf_counter() - begin))

        try:
            return run(engine, program, parts[number], room, told, keepers[number] if keepers else None)
        except BaseException as fault:
            faults.append(fault)
            raise

    def work(first: int) -> list[Recorded]:
        return [part(number) for number in range(first, len(parts), workers)]

    with held(files is not None) as stop:
        made = in_threads([functools.partial(work, first) for first in range(workers)], faults.append)
    return joined([made[number % workers][number // workers] for number in range(len(parts))])


class Division(NamedTuple):
    """What threads draw, one part after the other."""

    parts: list[Inputs]
    room: int
    """Paths that there are records for in each run."""
    workers: int
    """Threads."""


def division(engine: AbstractEngine, program: Program, inputs: Inputs, threads: int) -> Division:
    """The parts of a run: one for each thread, or as many more as the engine needs to hold theirs at once."""
    most = engine.most(program, len(inputs.stops.step))
    fitting = -(-int(inputs.paths) // room_within(most))
    parts = [own for _, own in shares(inputs, max(threads, fitting), engine.fewest)]
    room = room_for(int(parts[0].paths))
    return Division(parts, room, max(1, min(threads, len(parts), most // room)))


def shares(inputs: Inputs, threads: int, fewest: int = FEWEST) -> list[tuple[int, Inputs]]:
    """The parts of a run for threads of their own, each with the number of its first path; the first is the largest.

    What a path does does not depend on the split.
    """
    total = int(inputs.paths)
    size = max(-(-total // threads), fewest)
    if size >= total:
        return [(0, inputs)]
    return [(first, _share(inputs, first, min(size, total - first))) for first in range(0, total, size)]


def in_threads(parts: Sequence[Callable[[], T]], failed: Callable[[BaseException], object] = lambda _: None) -> list[T]:
    """What the parts return, each called in a thread of its own, the first one in this thread.

    `failed` is told what this thread meets, Ctrl-C included, while others are still at work: they are waited for.
    """
    if len(parts) == 1:
        return [parts[0]()]
    from concurrent.futures import ThreadPoolExecutor  # not needed by most, and slow to import

    with ThreadPoolExecutor(len(parts) - 1) as pool:
        others = [pool.submit(part) for part in parts[1:]]
        try:
            return [parts[0](), *(other.result() for other in others)]
        except BaseException as fault:
            failed(fault)
            raise


def default_threads(engine: AbstractEngine) -> int:
    """As many threads as cores where they help: XLA has a pool of its own, but blocks of `arrays` run one after the other."""
    if engine.name not in ("cpu", "arrays", "tables"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def room_for(paths: int) -> int:
    """Room for records: powers of two, then multiples of 65,536, so that few sizes are ever compiled."""
    return max(FEWEST, 1 << (paths - 1).bit_length()) if paths <= STEP else -(-paths // STEP) * STEP


def room_within(most: int) -> int:
    """The largest of these rooms for at most so many paths; the smallest one, where there is none."""
    return most // STEP * STEP or max(FEWEST, 1 << max(0, most.bit_length() - 1))
