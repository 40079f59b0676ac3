"""States of a network together with counters of reactions, and what records see of them."""

from collections.abc import Mapping
from typing import final

import numpy as np
from jaxtyping import Float, Int

from jumpax._base.errors import InputError, unknown_name
from jumpax._base.memory import check_memory
from jumpax.exact import StateSpace
from jumpax.records import Firings, Records, Total

_MORE = 20
"""By default a counter goes to twice the largest record and so many more."""


@final
class CountedSpace:
    """The states of a space, each with the numbers of firings since the last record of every column of `Firings`.

    States are numbered with the counters running fastest; the sink (what left the limits) comes after the last state. What a counter
    has above its largest value has left, too; but a counter that is known exactly stays there: no record is that large.

    Attributes:
        space: states without counters.
        columns: numbers of the columns that are counted.
        tops: largest number of each counter.
        size: states with counters.
        targets: (reactions, size): where each reaction leads, `size` for the sink, -1 where it cannot fire.
        signals: (groups, columns): the different values that records can be of.
        group: (size,): which of them each state has.
    """

    space: StateSpace
    columns: tuple[int, ...]
    tops: tuple[int, ...]
    size: int
    targets: Int[np.ndarray, "reactions size"]
    signals: Float[np.ndarray, "groups columns"]
    group: Int[np.ndarray, " size"]

    def __init__(self, space: StateSpace, records: Records, firings: Mapping[str, int] | None = None):
        names = [column.name for column in records.columns]
        self.space = space
        self.columns = tuple(i for i, column in enumerate(records.columns) if isinstance(column.signal, Firings))
        self.tops = _tops(records, self.columns, dict(firings or {}))
        self._shape = tuple(top + 1 for top in self.tops)
        ways = int(np.prod(self._shape, dtype=float))
        self.size = space.size * ways
        reactions = len(space.network.reactions)
        counted = ", ".join(names[i] for i in self.columns)
        check_memory(
            f"A space of {space.size:,} states with counters of {counted or 'nothing'}, {self.size:,} in all,",
            self.size * (40.0 * reactions + 8 * len(names)), "Give smaller limits, or fewer firings=... of a column",
        )  # fmt: skip
        codes = np.indices(self._shape).reshape(len(self.tops), ways)
        self.targets = self._targets(records, codes)
        seen = [self._signal(records, i, codes) for i in range(len(names))]
        signals, group = np.unique(np.stack(seen, 1), axis=0, return_inverse=True)
        self.signals, self.group = signals.astype(float), group.reshape(-1)
        self._check(records)

    def _targets(self, records: Records, codes: np.ndarray) -> Int[np.ndarray, "reactions size"]:
        space, ways = self.space, codes.shape[1]
        exact = np.array([records.columns[i].law.exact for i in self.columns], bool)[:, None]
        tops = np.array(self.tops, int)[:, None]
        made = np.empty((len(space.targets), self.size), np.int32)
        for r, reaction in enumerate(space.network.reactions):
            counts = [reaction.name in self._firings(records, i).reactions for i in self.columns]
            moved = codes + np.array(counts, int)[:, None]
            over = moved > tops
            code = np.ravel_multi_index(tuple(np.minimum(moved, tops)), self._shape) if self.tops else np.zeros(1, int)
            base = space.targets[r].astype(np.int64)[:, None]
            to = np.where((base == space.size) | (over & ~exact).any(0), self.size, base * ways + code)
            made[r] = np.where(base < 0, -1, to).reshape(-1)
        return made

    def _firings(self, records: Records, column: int) -> Firings:
        signal = records.columns[column].signal
        assert isinstance(signal, Firings)
        return signal

    def _signal(self, records: Records, column: int, codes: np.ndarray) -> Int[np.ndarray, " size"]:
        signal, ways = records.columns[column].signal, codes.shape[1]
        if isinstance(signal, Total):
            total = self.space.states[:, [self.space.column(name) for name in signal.species]].sum(1, dtype=np.int64)
            return np.repeat(total, ways)
        return np.tile(codes[self.columns.index(column)], self.space.size)

    def _check(self, records: Records) -> None:
        """Whether exact records are those of some state."""
        faults = []
        for i, column in enumerate(records.columns):
            if column.law.exact:
                lost = np.setdiff1d(column.values[column.seen], self.signals[:, i])
                if lost.size:
                    what = f"the record {lost[0]:g} of column {column.name!r}"
                    faults.append(f"no state of the space has {what}: raise its limits")
        if faults:
            raise InputError("\n".join(faults))

    def of_base(self, numbers: Float[np.ndarray, "... states"]) -> Float[np.ndarray, "... size"]:
        """Numbers of states, for each with counters."""
        return np.repeat(numbers, self.size // self.space.size, -1)

    def over_counters(self, numbers: Float[np.ndarray, "... size"]) -> Float[np.ndarray, "... states"]:
        """Sums over all values of the counters."""
        return numbers.reshape(*numbers.shape[:-1], self.space.size, -1).sum(-1)

    def started(self, probabilities: Float[np.ndarray, " states"]) -> Float[np.ndarray, " size"]:
        """With all counters at 0."""
        made = np.zeros((self.space.size, self.size // self.space.size))
        made[:, 0] = probabilities
        return made.reshape(-1)

    def emptied(self, law: Float[np.ndarray, "size cells"], seen: np.ndarray) -> Float[np.ndarray, "size cells"]:
        """The law once counters begin anew, in the cells in which their column was recorded: `seen`, (counters, cells)."""
        for j, cells in enumerate(seen):
            if cells.any():
                law = law.copy()
                parts = law.reshape(self.space.size, *self._shape, -1)
                moved = np.moveaxis(parts, j + 1, 0)
                moved[0] = np.where(cells, moved.sum(0), moved[0])
                moved[1:] = np.where(cells, 0.0, moved[1:])
        return law

    def before(self, values: Float[np.ndarray, "size cells"], seen: np.ndarray) -> Float[np.ndarray, "size cells"]:
        """What numbers that belong to the states after that mean for those before it: the transpose of `emptied`."""
        for j, cells in enumerate(seen):
            if cells.any():
                values = values.copy()
                moved = np.moveaxis(values.reshape(self.space.size, *self._shape, -1), j + 1, 0)
                moved[1:] = np.where(cells, moved[:1], moved[1:])
        return values


def _tops(records: Records, columns: tuple[int, ...], given: dict[str, int]) -> tuple[int, ...]:
    """The largest number of each counter."""
    known = [records.columns[i].name for i in columns]
    faults = [unknown_name("column of Firings", name, known) for name in given if name not in known]
    faults += [
        f"firings of {name!r} must be a whole number, 0 or more, not {top!r}"
        for name, top in given.items()
        if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 0
    ]
    if faults:
        raise InputError("; ".join(faults))
    tops = []
    for i in columns:
        column = records.columns[i]
        largest = int(np.ceil(np.nanmax(column.values)))
        top = int(given.get(column.name, 2 * max(largest, 0) + _MORE))
        tops.append(largest + 1 if column.law.exact else top)
    return tuple(tops)
