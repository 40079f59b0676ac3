"""What the loop over tables gathers along paths: folds, for all species or reactions at once."""

import abc
from collections.abc import Mapping
from typing import ClassVar, TypeAlias

import numpy as np
from jaxtyping import PyTree, Shaped

from jumpax.engines.native.operations import Number
from jumpax.engines.tables.interface import Kernel
from jumpax.engines.tables.layout import Layout
from jumpax.folds import FirstPassage, Parameters, ReactionCounts, TimeAverages
from jumpax.networks import Network

INT, LONG, REAL = "int32", "int64", "float64"
Columns: TypeAlias = list[Shaped[np.ndarray, "paths stops"]]
LOGGED = 2**18
"""Events of one round of a run that keeps them."""


class AbstractGathered(abc.ABC):
    """Code that follows a path. Hooks get the kernel that is being written, and append to it.

    Integrals over time are brought up to date when what they are of changes, and at stops.
    """

    arrays: ClassVar[dict[str, str]] = {}
    """Types of its own arrays, by names that it has to itself."""
    timely: ClassVar[bool] = False
    """Whether `leave_timed` counts."""
    number = 0
    """Its place among those of a run."""

    @abc.abstractmethod
    def columns(self, layout: Layout) -> tuple[int, int]:
        """How many whole and real numbers it records at a stop."""

    @abc.abstractmethod
    def record(self, integers: Columns, reals: Columns, theta: Mapping[str, np.ndarray]) -> PyTree[np.ndarray]:
        """The record of the fold, from the columns of its numbers, (paths, stops) each."""

    def made(self, layout: Layout) -> dict[str, np.ndarray]:
        """Its arrays, for a run."""
        return {}

    def begin(self, kernel: Kernel) -> None:
        """At the start of a path."""

    def fired(self, kernel: Kernel, term: Number, reaction: Number, now: tuple[Number, Number]) -> None:
        """When a reaction fires, before anything changes; the time is a pair."""

    def leave_count(self, kernel: Kernel, species: Number, now: Number) -> None:
        """Before a count changes."""

    def leave_rate(self, kernel: Kernel, leaf: Number, now: Number) -> None:
        """Before the propensity of a leaf changes."""

    def enter_rate(self, kernel: Kernel, leaf: Number) -> None:
        """After the propensity of a reaction with a law of its own has changed."""

    def leave_timed(self, kernel: Kernel, leaf: Number, now: Number) -> None:
        """Before counts change that a leaf reads: for those that are rates that depend on time."""

    def after(self, kernel: Kernel, now: Number) -> None:
        """After an event, of the network or of a path."""

    def happens(self, kernel: Kernel, number: Number, now: tuple[Number, Number]) -> None:
        """Before an event of the network changes counts or parameters: which one."""

    def happened(self, kernel: Kernel) -> None:
        """After all events of one moment, with propensities anew."""

    def done(self, kernel: Kernel) -> Number:
        """Whether it wants nothing more of the path, if it may end one."""
        raise NotImplementedError

    def stop(self, kernel: Kernel, row: Number, now: Number) -> None:
        """At a stop: write a row of the records."""

    # for subclasses

    def own(self, name: str) -> str:
        """Name of an array of its own among all arrays of the kernel."""
        return f"g{self.number}_{name}"

    def write(self, kernel: Kernel, row: Number, column: int | Number, value: Number) -> None:
        """Write a number of the record; columns of whole and of real numbers are counted apart."""
        w, real = kernel.w, value.kind == REAL
        width = kernel.size.reals if real else kernel.size.integers
        offset = w.get("offsets", 2 * self.number + real)
        place = w.do("add", w.do("add", w.do("mul", row, width), offset), w.long(column))
        w.put("record_reals" if real else "record_integers", place, value)


class Counts(AbstractGathered):
    """Counts of all species."""

    def columns(self, layout: Layout) -> tuple[int, int]:
        """All counts."""
        return layout.species, 0

    def record(self, integers: Columns, reals: Columns, theta: Mapping[str, np.ndarray]) -> PyTree[np.ndarray]:
        """As they are."""
        return tuple(integers)

    def stop(self, kernel: Kernel, row: Number, now: Number) -> None:
        """Write them."""
        with kernel.w.span(0, kernel.size.species) as species:
            self.write(kernel, row, species, kernel.w.get("counts", species))


class Present(AbstractGathered):
    """`Parameters`: their present values."""

    def __init__(self, fold: Parameters, network: Network):
        self.places = [network.parameters.index(name) for name in fold.names]

    def columns(self, layout: Layout) -> tuple[int, int]:
        """One real number per name."""
        return 0, len(self.places)

    def record(self, integers: Columns, reals: Columns, theta: Mapping[str, np.ndarray]) -> PyTree[np.ndarray]:
        """As they are."""
        return tuple(reals)

    def stop(self, kernel: Kernel, row: Number, now: Number) -> None:
        """Write them."""
        values, first = kernel.theta()
        for column, place in enumerate(self.places):
            self.write(kernel, row, column, kernel.w.get(values, kernel.w.do("add", first, place)))


class Averages(AbstractGathered):
    """`TimeAverages`: integrals of counts between stops."""

    arrays: ClassVar = {"chosen": INT, "many": LONG, "integral": REAL, "since": REAL, "begin": REAL}

    def __init__(self, fold: TimeAverages):
        self.fold = fold

    def _chosen(self, layout: Layout) -> np.ndarray:
        return np.arange(layout.species) if self.fold.chosen is None else np.array(self.fold.chosen)

    def columns(self, layout: Layout) -> tuple[int, int]:
        """One real number per species."""
        return 0, len(self._chosen(layout))

    def record(self, integers: Columns, reals: Columns, theta: Mapping[str, np.ndarray]) -> PyTree[np.ndarray]:
        """As they are."""
        return tuple(reals)

    def made(self, layout: Layout) -> dict[str, np.ndarray]:
        """Integrals of all species, the time from which they are wanting, and that of the stop before."""
        chosen = self._chosen(layout)
        nothing = np.zeros(layout.species)
        return {
            "chosen": chosen.astype(np.int32), "many": np.array([len(chosen)]), "integral": nothing,
            "since": nothing.copy(), "begin": np.zeros(1),
        }  # fmt: skip

    def begin(self, kernel: Kernel) -> None:
        """Nothing yet."""
        w = kernel.w
        now = w.get("time", 0)
        w.put(self.own("begin"), 0, now)
        with w.span(0, kernel.size.species) as species:
            w.put(self.own("integral"), species, w.number(0.0))
            w.put(self.own("since"), species, now)

    def leave_count(self, kernel: Kernel, species: Number, now: Number) -> None:
        """Add what has been lived with the old count."""
        w, do = kernel.w, kernel.w.do
        lived = do("sub", now, w.get(self.own("since"), species))
        w.add(self.own("integral"), species, do("mul", w.real(w.get("counts", species)), lived))
        w.put(self.own("since"), species, now)

    def stop(self, kernel: Kernel, row: Number, now: Number) -> None:
        """Write the averages, and begin anew."""
        w, do = kernel.w, kernel.w.do
        length = do("sub", now, w.get(self.own("begin"), 0))
        some = do("gt", length, w.number(0.0))
        with w.span(0, w.get(self.own("many"), 0)) as column:
            species = w.get(self.own("chosen"), column)
            self.leave_count(kernel, species, now)
            average = do("div", w.get(self.own("integral"), species), length)
            self.write(kernel, row, column, do("select", some, average, w.real(w.get("counts", species))))
            w.put(self.own("integral"), species, w.number(0.0))
        w.put(self.own("begin"), 0, now)


class Firings(AbstractGathered):
    """`ReactionCounts`: how often reactions have fired."""

    arrays: ClassVar = {"place": INT, "many": LONG, "fired": INT}

    def __init__(self, fold: ReactionCounts):
        self.fold = fold

    def _chosen(self, layout: Layout) -> np.ndarray:
        return np.arange(layout.reactions) if self.fold.chosen is None else np.array(self.fold.chosen)

    def columns(self, layout: Layout) -> tuple[int, int]:
        """One whole number per reaction."""
        return len(self._chosen(layout)), 0

    def record(self, integers: Columns, reals: Columns, theta: Mapping[str, np.ndarray]) -> PyTree[np.ndarray]:
        """As they are."""
        return tuple(integers)

    def made(self, layout: Layout) -> dict[str, np.ndarray]:
        """Numbers of firings; those that are not wanted have the last place."""
        chosen = self._chosen(layout)
        place = np.full(layout.reactions, len(chosen), np.int32)
        place[chosen] = np.arange(len(chosen))
        return {"place": place, "many": np.array([len(chosen)]), "fired": np.zeros(len(chosen) + 1, np.int32)}

    def begin(self, kernel: Kernel) -> None:
        """None yet."""
        w = kernel.w
        with w.span(0, w.get(self.own("many"), 0)) as column:
            w.put(self.own("fired"), column, w.long(0))

    def fired(self, kernel: Kernel, term: Number, reaction: Number, now: tuple[Number, Number]) -> None:
        """One more."""
        w = kernel.w
        w.add(self.own("fired"), w.get(self.own("place"), reaction), w.long(1))

    def stop(self, kernel: Kernel, row: Number, now: Number) -> None:
        """Write them."""
        w = kernel.w
        with w.span(0, w.get(self.own("many"), 0)) as column:
            self.write(kernel, row, column, w.get(self.own("fired"), column))
            if self.fold.since_stop:
                w.put(self.own("fired"), column, w.long(0))


class Passage(AbstractGathered):
    """`FirstPassage`: when a condition on the counts first holds."""

    arrays: ClassVar = {"when": REAL}

    def __init__(self, fold: FirstPassage):
        self.fold = fold

    def columns(self, layout: Layout) -> tuple[int, int]:
        """Whether it has held, and since when."""
        return 1, 1

    def record(self, integers: Columns, reals: Columns, theta: Mapping[str, np.ndarray]) -> PyTree[np.ndarray]:
        """Whether, and when."""
        return integers[0] == 1, reals[0]

    def made(self, layout: Layout) -> dict[str, np.ndarray]:
        """The time, NaN before."""
        return {"when": np.zeros(1)}

    def _look(self, kernel: Kernel, now: Number) -> None:
        w, do = kernel.w, kernel.w.do
        holds = kernel.printed_of_counts(lambda counts: [self.fold.holds(counts)], len(self.fold.network.species))[0]
        new = do("and_", holds, self._waits(kernel))
        with kernel.code.when(new):
            w.put(self.own("when"), 0, now)

    def _waits(self, kernel: Kernel) -> Number:
        when = kernel.w.get(self.own("when"), 0)
        return kernel.w.do("ne", when, when)

    def done(self, kernel: Kernel) -> Number:
        """Whether it has held."""
        return kernel.w.do("not_", self._waits(kernel))

    def begin(self, kernel: Kernel) -> None:
        """Look at the start."""
        w = kernel.w
        w.put(self.own("when"), 0, w.number(np.nan))
        self._look(kernel, w.get("time", 0))

    def after(self, kernel: Kernel, now: Number) -> None:
        """Look at the new state."""
        self._look(kernel, now)

    def stop(self, kernel: Kernel, row: Number, now: Number) -> None:
        """Write both."""
        w = kernel.w
        self.write(kernel, row, 0, w.to(self.done(kernel), LONG))
        self.write(kernel, row, 0, w.get(self.own("when"), 0))


class Log(AbstractGathered):
    """All events of a round: path, time, reaction; for those of the network, counts that they may have set.

    Args:
        assigned: numbers of the species that events of the network set.
    """

    arrays: ClassVar = {"path": INT, "high": REAL, "low": REAL, "reaction": INT, "many": LONG, "set": INT}

    def __init__(self, assigned: tuple[int, ...] = ()):
        self.assigned = assigned

    def columns(self, layout: Layout) -> tuple[int, int]:
        """None: it is not read at stops."""
        return 0, 0

    def record(self, integers: Columns, reals: Columns, theta: Mapping[str, np.ndarray]) -> PyTree[np.ndarray]:
        """Nothing."""
        return ()

    def made(self, layout: Layout) -> dict[str, np.ndarray]:
        """Room for as many events as a round may have."""
        whole, real = np.zeros(LOGGED, np.int32), np.zeros(LOGGED)
        return {
            "path": whole, "high": real, "low": real.copy(), "reaction": whole.copy(), "many": np.zeros(1),
            "set": np.zeros(LOGGED * len(self.assigned) + 1, np.int32), 
        }  # fmt: skip

    def happens(self, kernel: Kernel, number: Number, now: tuple[Number, Number]) -> None:
        """One more, with a number of its own (see `EventLog`)."""
        assert kernel.happenings is not None
        reactions = kernel.happenings.network.reaction_count
        self.fired(kernel, number, kernel.w.do("add", kernel.w.long(number), 2 * reactions), now)

    def after(self, kernel: Kernel, now: Number) -> None:
        """What it has set."""
        w, do = kernel.w, kernel.w.do
        if not self.assigned or kernel.happenings is None:
            return
        last = do("sub", w.get(self.own("many"), 0), 1)
        with kernel.code.when(
            do("ge", w.get(self.own("reaction"), last), 2 * kernel.happenings.network.reaction_count)
        ):
            for column, species in enumerate(self.assigned):
                place = do("add", do("mul", last, len(self.assigned)), column)
                w.put(self.own("set"), place, w.get("counts", species))

    def fired(self, kernel: Kernel, term: Number, reaction: Number, now: tuple[Number, Number]) -> None:
        """One more."""
        w = kernel.w
        place = w.get(self.own("many"), 0)
        w.put(self.own("path"), place, w.get("whole", 0))
        w.put(self.own("high"), place, now[0])
        w.put(self.own("low"), place, now[1])
        w.put(self.own("reaction"), place, reaction)
        w.put(self.own("many"), 0, w.do("add", place, 1))
