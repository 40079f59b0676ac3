"""The engine for large networks: tables in place of code for each reaction, one path after the other in each thread."""

import functools
import threading
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from jumpax._base import clock
from jumpax._base.errors import UnsupportedError
from jumpax.engines.engine import AbstractEngine, in_threads, shares
from jumpax.engines.inputs import Inputs
from jumpax.engines.native import machine
from jumpax.engines.program import Program, precision_of
from jumpax.engines.recorded import Recorded
from jumpax.engines.size import BYTES, check_log_size
from jumpax.engines.tables.constants import values_of
from jumpax.engines.tables.gathered import LOGGED, AbstractGathered, Averages, Counts, Firings, Log, Passage, Present
from jumpax.engines.tables.happenings import Happenings
from jumpax.engines.tables.interface import GIVEN, MADE, PATH, REAL, STATE, Sizes
from jumpax.engines.tables.kernel import Kernel
from jumpax.engines.tables.laws import Laws, laws_of
from jumpax.engines.tables.layout import Layout, layout_of
from jumpax.engines.tables.path_sums import Sums
from jumpax.engines.tables.scores import Scores
from jumpax.engines.tables.thinning import parents
from jumpax.folds import (
    AbstractFold,
    FirstPassage,
    Parameters,
    ReactionCounts,
    Score,
    Snapshots,
    TimeAverages,
    Together,
)
from jumpax.folds.dependence import record_of
from jumpax.networks import Combinations, Need, Network

EVENTS = 1000
"""Of one round of work."""
KNOWN = "TimeAverages, ReactionCounts, FirstPassage, Score, and PathSums of currents and activities"
_one_at_a_time = threading.Lock()


class Plan(NamedTuple):
    """What a program is for the loop over tables."""

    layout: Layout
    laws: Laws | None
    happenings: Happenings | None
    gathered: tuple[AbstractGathered, ...]
    offsets: np.ndarray
    """Where the whole and the real columns of each part of the record begin, (parts, 2)."""
    columns: tuple[int, int]
    text: str


def _parts(fold: AbstractFold) -> tuple[AbstractFold, ...]:
    return fold.folds if isinstance(fold, Together) else (fold,)


def unfit(network: Network) -> str | None:
    """What keeps a network from the loop over tables; None if nothing does."""
    if network.needs - Tables.offers:
        return "it has no delays"
    other = [family.name for family in network.families if not isinstance(family.propensities, Combinations)]
    return (
        f"its families are those of mass action (Family.mass_action), which {', '.join(other)} is not"
        if other
        else None
    )


def misfit(program: Program) -> str | None:
    """What keeps a program from the loop over tables; None if nothing does. Costs little."""
    if (fault := unfit(program.network)) is not None:
        return fault
    known = {*_GATHERED} if program.network.events else {*_GATHERED} - {Parameters}
    parts = [part for part in _parts(program.fold) if part.weights is None]
    wrong = [type(part).__name__ for part in parts if type(part) not in known]
    return f"it gathers {KNOWN}, not {', '.join(wrong)}" if wrong else None


_GATHERED: dict[type, Callable[..., AbstractGathered]] = {
    Snapshots: lambda fold, network, layout, laws: Counts(),
    Parameters: lambda fold, network, layout, laws: Present(fold, network),
    TimeAverages: lambda fold, network, layout, laws: Averages(fold),
    ReactionCounts: lambda fold, network, layout, laws: Firings(fold),
    FirstPassage: lambda fold, network, layout, laws: Passage(fold),
    Score: lambda fold, network, layout, laws: Scores(fold, layout, laws),
}


def _enders(fold: AbstractFold) -> tuple[int, ...]:
    """Numbers of the parts of a fold that end a path where all of them wish it."""
    parts, until = _parts(fold), getattr(fold, "until", None)
    if not fold.ends:
        return ()
    return (until,) if until is not None else tuple(number for number, part in enumerate(parts) if part.ends)


@functools.lru_cache(maxsize=32)
def _plan(program: Program, logged: bool) -> Plan:
    layout = layout_of(program.network)
    with jax.enable_x64(True):
        laws = laws_of(program.network, layout.laws, program.bounded) if layout.laws else None
        happenings = Happenings(program, layout) if program.network.events else None
        gathered = tuple(
            Sums(part, program.network, layout)
            if part.weights is not None
            else _GATHERED[type(part)](part, program.network, layout, laws)
            for part in _parts(program.fold)
        )
        gathered += (Log(happenings.species if happenings else ()),) if logged else ()
        text = Kernel(gathered, laws, _enders(program.fold), happenings, program.bounded).write()
    widths = np.array([one.columns(layout) for one in gathered])
    offsets = np.cumsum(widths, 0) - widths
    whole, real = widths.sum(0)
    return Plan(layout, laws, happenings, gathered, offsets, (int(whole), int(real)), text)


@functools.lru_cache(maxsize=32)
def _kernel(text: str) -> machine.Loaded:
    return machine.load(text, machine.optimise)


def plan(program: Program, logged: bool = False) -> Plan:
    """The plan of a program, with a log of its events or without; made once, whoever asks for it first.

    Raises:
        UnsupportedError: the program is not for this engine, or an operation of a law has no printed form.
    """
    if (fault := misfit(program)) is not None:
        raise UnsupportedError(f"engine 'tables' cannot run this program: {fault}")
    with _one_at_a_time:
        return _plan(program, logged)


class Tables(AbstractEngine):
    """Large networks: an event costs what it changes, however many reactions there are.

    Propensities are computed in float64, whatever the precision of the records. The choice is by inverse CDF in an order of its
    own, that of rate constants (see `layout`), which `reference` follows.
    """

    name = "tables"
    traceable = False
    offers = frozenset({Need.FAMILY, Need.TIME, Need.MOMENT, Need.TRIGGER, Need.POSTPONED})
    fewest = 1

    def record(self, program: Program) -> PyTree[jax.ShapeDtypeStruct]:
        """Found from the fold, with nothing else traced."""
        with precision_of(program):
            return record_of(program.fold, program.network, program.dtype)

    def prepare(self, program: Program, inputs: Inputs) -> None:
        """Make the tables and write the kernel."""
        plan(program)

    def start(self, program: Program, inputs: Inputs, room: int) -> dict[str, np.ndarray]:
        """An empty lane and empty records."""
        return self.started(plan(program), inputs, room)

    def started(self, made: Plan, inputs: Inputs, room: int) -> dict[str, np.ndarray]:
        """The same by a plan."""
        stops = len(inputs.stops.step)
        layout, (whole, real) = made.layout, made.columns
        sizes = {
            "counts": layout.species + 1, "sums": layout.sums, "rates": layout.nodes, "constants_now": layout.terms,
            "time": 3, "words": 8, "whole": 4,
        }  # fmt: skip
        lanes = {name: np.zeros(sizes[name], np.dtype(kind)) for name, kind in STATE.items()}
        shapes = {
            "record_integers": (room, stops, whole), "record_reals": (room, stops, real),
            "ends": (room, 2 + layout.species), "end_times": (room, 2),
        }  # fmt: skip
        filled = {"record_integers": -1, "record_reals": np.nan}
        lanes |= {name: np.full(shapes[name], filled.get(name, 0), np.dtype(kind)) for name, kind in MADE.items()}
        if made.happenings is not None:
            lanes |= made.happenings.made()
        for one in made.gathered:
            lanes |= {one.own(name): array.astype(one.arrays[name]) for name, array in one.made(layout).items()}
        return lanes

    def advance(
        self, program: Program, inputs: Inputs, lanes: dict[str, np.ndarray], budget: int
    ) -> dict[str, np.ndarray]:
        """The state after up to so many thousand events; records are changed in place."""
        return self.moved(program, plan(program), inputs, lanes, budget * EVENTS)

    def moved(
        self, program: Program, made: Plan, inputs: Inputs, lanes: dict[str, np.ndarray], events: int
    ) -> dict[str, np.ndarray]:
        """The state after up to so many events, by a plan."""
        lanes = {name: np.require(array, requirements=("C", "W")) for name, array in lanes.items()}
        arrays = {**made.layout.tables._asdict(), **_given(program, made, inputs, events), **lanes}
        if made.laws is not None:
            arrays |= made.laws.arrays
        names = Kernel(made.gathered, made.laws, happenings=made.happenings, bounded=program.bounded).arrays
        arrays |= {"parent": parents(made.layout)} if "parent" in names else {}
        with _one_at_a_time:
            kernel = _kernel(made.text)
        kernel([arrays[name] for name in names], [])
        return lanes

    def finished(self, lanes: dict[str, np.ndarray]) -> int:
        """How many paths have ended."""
        return int(lanes["whole"][PATH])

    def collect(self, program: Program, inputs: Inputs, lanes: dict[str, np.ndarray]) -> Recorded:
        """What has been recorded."""
        return _recorded(program, inputs, lanes, int(inputs.paths))

    def gather(self, program: Program, inputs: Inputs, room: int, threads: int = 1) -> Recorded:
        """A whole run as one call; its threads write to the same records."""
        whole = self.start(program, inputs, room)

        def part(first: int, share: Inputs) -> None:
            rows = slice(first, first + int(share.paths))
            lanes = self.start(program, share, 0) if first else dict(whole)
            lanes |= {name: whole[name][rows] for name in MADE}
            self.advance(program, share, lanes, 2**50)

        in_threads([functools.partial(part, *share) for share in shares(inputs, threads, self.fewest)])
        return _recorded(program, inputs, whole, room)


def run_logged(program: Program, inputs: Inputs) -> tuple[Recorded, list[tuple[np.ndarray, ...]], tuple[int, ...]]:
    """A run with its events: of each round path, time and reaction of those that fired, and counts that events of the network set.

    Returns:
        What was recorded, columns of the log, and the numbers of the species that events of the network set.

    Raises:
        TooLargeError: there are more of them than fit into memory.
    """
    engine, made, parts, events = Tables(), plan(program, True), [], 0
    log = made.gathered[-1]
    lanes = engine.started(made, inputs, int(inputs.paths))
    while engine.finished(lanes) < int(inputs.paths):
        lanes[log.own("many")][:] = 0
        lanes = engine.moved(program, made, inputs, lanes, LOGGED)
        many = int(lanes[log.own("many")][0])
        high, low = lanes[log.own("high")][:many], lanes[log.own("low")][:many]
        times = clock.join(clock.Time(high, low))  # type: ignore[arg-type]  # on the host
        path, reaction = (lanes[log.own(name)][:many].copy() for name in ("path", "reaction"))
        columns = lanes[log.own("set")][:-1].reshape(LOGGED, -1)[:many].T.copy()
        parts.append((path, times, reaction, *columns))
        events += many
        check_log_size(events, engine.finished(lanes), int(inputs.paths), BYTES + 12 * len(columns))
    return engine.collect(program, inputs, lanes), parts, made.happenings.species if made.happenings else ()


def _given(program: Program, made: Plan, inputs: Inputs, budget: int) -> dict[str, np.ndarray]:
    """What the kernel reads of a run."""
    layout, network = made.layout, program.network
    theta = {name: np.asarray(value, np.float64) for name, value in inputs.theta.items()}
    constants = values_of(layout.constants, theta)
    some = made.laws is not None or made.happenings is not None
    columns = [np.atleast_1d(theta[name]) for name in network.parameters] if some else [np.zeros(1)]
    rows = max(map(len, columns))
    high, low = (np.asarray(part, np.float64) for part in inputs.stops.time)
    total = high + low
    arrays = {
        "constants": constants,
        "theta": np.stack([np.broadcast_to(column, (rows,)) for column in columns], 1),
        "start_counts": np.atleast_2d(np.asarray(inputs.counts)),
        "keys": np.stack([np.atleast_1d(word) for word in np.broadcast_arrays(*inputs.key)], -1),
        "first": np.atleast_1d(inputs.first),
        "start": np.array([np.float64(inputs.start.high) + np.float64(inputs.start.low), 0.0]),
        "stop_high": total,
        "stop_low": np.subtract(high, total, out=np.zeros_like(total), where=np.isfinite(total)) + low,
        "stop_step": inputs.stops.step,
        "offsets": made.offsets.ravel(),
        "reaction_of": np.array(layout.laws or (0,)),
    }
    owns = [len(arrays[name]) > 1 for name in ("constants", "theta", "start_counts", "keys", "first")]
    sizes = (
        layout.species, layout.sums, layout.terms - len(layout.laws), layout.terms, layout.leaves, layout.nodes,
        constants.shape[1], len(columns), len(inputs.stops.step), int(inputs.paths), int(inputs.limit), budget, *owns,
        program.clock == "steps", *made.columns,
    )  # fmt: skip
    assert len(sizes) == len(Sizes._fields)
    arrays["sizes"] = np.array([int(size) for size in sizes])
    kinds = dict(GIVEN)
    if inputs.stops.interval is not None:
        bound, *borders = inputs.stops.interval
        arrays |= {"bounds": bound, "borders": np.stack(borders, -1).ravel()}
        kinds |= {"bounds": REAL, "borders": REAL}
    return {name: np.ascontiguousarray(arrays[name], kind) for name, kind in kinds.items()}


def _recorded(program: Program, inputs: Inputs, lanes: dict[str, np.ndarray], paths: int) -> Recorded:
    made = plan(program)
    integers, reals = lanes["record_integers"][:paths], lanes["record_reals"][:paths].astype(program.dtype, copy=False)
    theta = {name: np.asarray(value, np.float64) for name, value in inputs.theta.items()}
    ends, parts = [*made.offsets[1:].tolist(), list(made.columns)], []
    for one, begin, end in zip(made.gathered, made.offsets.tolist(), ends):
        own = [integers[..., i] for i in range(begin[0], end[0])], [reals[..., i] for i in range(begin[1], end[1])]
        parts.append(one.record(*own, theta))
    record = jax.tree.map(
        lambda leaf: leaf if leaf.dtype.kind != "f" else leaf.astype(program.dtype, copy=False), parts
    )
    rows = lanes["ends"][:paths]
    return Recorded(
        record=tuple(record) if isinstance(program.fold, Together) else record[0],
        status=rows[:, 0], events=rows[:, 1], counts=rows[:, 2:],
        time=_pairs(lanes["end_times"][:paths], program.dtype),
    )  # fmt: skip


def _pairs(times: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Times in the precision of the records."""
    return times if dtype == np.float64 else np.stack(clock.split(times.sum(1), dtype), 1)
