"""Records of single paths: times, measured numbers, and the laws of measurement."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from jumpax._base.errors import InputError, unknown_name
from jumpax._base.labelled import Labelled, Variable
from jumpax._base.result import AbstractResult, Figure, Glance, room
from jumpax._base.types import ParameterValues
from jumpax.networks import Network
from jumpax.records.measurement import AbstractMeasurement
from jumpax.records.signal import AbstractSignal, Total
from jumpax.records.table import table_of

_SHOWN = 8


@final
@dataclass(frozen=True)
class Column:
    """One measured quantity of all cells."""

    name: str
    signal: AbstractSignal
    law: AbstractMeasurement
    values: Float[np.ndarray, "cells times"]
    """NaN where there is no record."""

    @property
    def seen(self) -> np.ndarray:
        """(cells, times): where there is a record."""
        return ~np.isnan(self.values)


@final
@dataclass(init=False, eq=False, repr=False)
class Records(AbstractResult):
    """What was measured along single paths: one path per cell, at times, through laws of measurement.

    The cells are independent and alike: they share parameters and the law of the start. As a table they have a row for each cell and
    time: `cell`, `time`, and the numbers of each column, missing where there is no record; `Records.read(file, laws, cell="cell")`
    reads it.

    Args:
        times: (times,) increasing.
        values: for each column its numbers, (times,) of one cell or (cells, times); NaN where a record is missing.
        laws: how the numbers of each column come about (`jumpax.records.Normal`, `Poisson`, `Exact`, ..); or one law for all columns.
        of: what each column is a measurement of: the name of a species, several to be added, or `Firings(...)` of reactions since
            the last record; by default the species of the column's name.
        cells: names of the cells; default their numbers.

    Raises:
        InputError: everything that does not fit together, with row numbers.

    Examples:
        >>> from jumpax.records import Firings, NegativeBinomial, Normal
        >>> trace = Records([1.0, 2.0, 3.0], {"P": [10.2, float("nan"), 31.0]}, Normal("sd"))
        >>> trace.cells, trace.parameters, int(trace.columns[0].seen.sum())
        (('0',), ('sd',), 2)
        >>> weekly = Records([7.0, 14.0], {"cases": [12, 31]}, NegativeBinomial("phi"), of={"cases": Firings("S + I -> 2 I")})
    """

    times: Float[np.ndarray, " times"]
    columns: tuple[Column, ...]
    cells: tuple[str, ...]

    def __init__(
        self,
        times: ArrayLike,
        values: Mapping[str, ArrayLike],
        laws: AbstractMeasurement | Mapping[str, AbstractMeasurement],
        *,
        of: Mapping[str, str | Sequence[str] | AbstractSignal] | None = None,
        cells: Sequence[str] | None = None,
    ):
        if not isinstance(values, Mapping) or not values:
            raise InputError("values must map the name of each measured column to its numbers")
        laws_by_name = dict.fromkeys(values, laws) if isinstance(laws, AbstractMeasurement) else dict(laws)
        given, faults = dict(of or {}), list[str]()
        for what, names in (("law", laws_by_name), ("signal", given)):
            faults += [f"{what}s: {unknown_name('column', n, tuple(values))}" for n in names if n not in values]
        faults += [f"column {name!r} has no law of measurement" for name in values if name not in laws_by_name]
        faults += [
            f"the law of column {name!r} must be one of jumpax.records, such as Normal('sd'), not {law!r}"
            for name, law in laws_by_name.items()
            if not isinstance(law, AbstractMeasurement)
        ]
        when, time_faults = _times(times)
        faults += time_faults
        tables = {name: _table(name, numbers, len(when), faults) for name, numbers in values.items()}
        if len({len(table) for table in tables.values()}) > 1:
            told = ", ".join(f"{len(table)} of {name!r}" for name, table in tables.items())
            faults.append(f"the columns must be of the same cells; there are {told}")
        if not faults:
            faults += [sentence for name in values for sentence in _faults(name, tables[name], laws_by_name[name])]
        many = len(next(iter(tables.values())))
        names = tuple(str(i) for i in range(many)) if cells is None else tuple(str(cell) for cell in cells)
        if len(names) != many or len(set(names)) != many:
            faults.append(f"cells must be {many} different names")
        if faults:
            raise InputError("the records cannot be used:\n" + "\n".join(f"- {fault}" for fault in faults))
        self.times, self.cells = when, names
        self.columns = tuple(
            Column(name, _signal(given.get(name, name)), laws_by_name[name], table) for name, table in tables.items()
        )

    @classmethod
    def read(
        cls,
        file: str | os.PathLike,
        laws: AbstractMeasurement | Mapping[str, AbstractMeasurement],
        *,
        time: str = "time",
        cell: str | None = None,
        columns: Sequence[str] | None = None,
        of: Mapping[str, str | Sequence[str] | AbstractSignal] | None = None,
    ) -> "Records":
        """Records of a text file, or its .gz: a head, and columns separated by tab, semicolon, comma or spaces; # begins comments.

        Where a record is missing, nothing, NA or nan stands.

        Args:
            file: its path.
            laws: as above; where they are by column, the columns that have one are read.
            time: the column of times.
            cell: the column that says which cell a row is of; None: all rows are of one cell. Cells may have times of their own: what
                one does not have is missing.
            columns: which columns to read; default those that have a law, or all others.
            of: as above.

        Raises:
            InputError: the file does not have what is asked for, with lines and columns.
        """
        wanted = columns or (tuple(laws) if isinstance(laws, Mapping) else None)
        when, numbers, cells = table_of(file, time, cell, wanted)
        return cls(when, numbers, laws, of=of, cells=cells)

    def with_laws(self, change: Callable[[AbstractMeasurement], AbstractMeasurement]) -> "Records":
        """The same numbers with other laws of measurement: what `change` makes of each."""
        return Records(
            self.times, {c.name: c.values for c in self.columns}, {c.name: change(c.law) for c in self.columns},
            of={c.name: c.signal for c in self.columns}, cells=self.cells,
        )  # fmt: skip

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names that the laws of measurement read."""
        return tuple(dict.fromkeys(name for column in self.columns for name in column.law.parameters))

    @property
    def exact(self) -> bool:
        """Whether some column is known without error."""
        return any(column.law.exact for column in self.columns)

    def faults(self, network: Network, start: float = 0.0) -> list[str]:
        """What of these records does not fit a network whose paths begin at a time."""
        found = [
            f"column {c.name!r}: {fault}; say what it measures by of={{{c.name!r}: ...}}"
            for c in self.columns
            for fault in c.signal.faults(network)
        ]
        if self.times[0] < start:
            found.append(f"the record at time {self.times[0]:g} lies before the start, {start:g}")
        return found

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Sentences about parameters that no law of measurement has."""
        return [sentence for column in self.columns for sentence in column.law.wrong(values)]

    def log_density(
        self,
        measured: Float[Array | np.ndarray, "columns cells"] | Sequence[Float[Array, " cells"]],
        signals: Sequence[Float[Array, "cells *shape"]],
        values: ParameterValues,
    ) -> Float[Array, "cells *shape"]:
        """Of the records at one time, given the true signals: the sum over columns; missing records add nothing.

        Args:
            measured: what was measured at that time (`at`), NaN where nothing.
            signals: for each column what is there.
            values: every parameter of the laws, a number or an array of as many axes as a signal.
        """
        total: Any = 0.0
        for column, row, signal in zip(self.columns, measured, signals, strict=True):
            signal = jnp.asarray(signal, float)
            y = row.reshape(-1, *[1] * (signal.ndim - 1))
            missing = jnp.isnan(y)
            log_density = column.law.log_density(
                jnp.broadcast_to(jnp.where(missing, 1.0, y), signal.shape), signal, values
            )
            total = total + jnp.where(missing, 0.0, log_density)
        return total

    @property
    def measured(self) -> Float[np.ndarray, "times columns cells"]:
        """All numbers, NaN where nothing was measured."""
        return np.stack([column.values for column in self.columns], 0).transpose(2, 0, 1)

    def labelled(self) -> Labelled:
        """All numbers with their names: axes `cell` and `time`; the laws of the columns stand beside."""
        variables = {
            c.name: Variable(("cell", "time"), c.values, {"long_name": f"measured: {c.signal}", "law": repr(c.law)})
            for c in self.columns
        }
        coordinates = {
            "cell": Variable(("cell",), np.array(self.cells, object)),
            "time": Variable(("time",), self.times, {"long_name": "time"}),
        }
        about = {"laws": {c.name: repr(c.law) for c in self.columns}}
        return Labelled(
            "records", variables, coordinates, ("cell", "time"), {c.name: c.name for c in self.columns}, about
        )

    def plot(self, *, most: int = 12, units: Mapping[str, str] | None = None) -> Figure:
        """A panel for each column, a line for each cell: see `jumpax.plots.traces`.

        Args:
            most: cells that are drawn; of more the first.
            units: of columns, and of "time".

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        return room("plots").traces(self, most=most, units=units)

    def glance(self) -> Glance:
        """The columns, how many records each has, and a picture."""
        table = {
            "column": [c.name for c in self.columns],
            "law": [repr(c.law) for c in self.columns],
            "records": [f"{int(c.seen.sum()):,}" for c in self.columns],
            "missing": [f"{int((~c.seen).sum()):,}" for c in self.columns],
            "range": [
                f"{np.nanmin(c.values):.4g} to {np.nanmax(c.values):.4g}" if c.seen.any() else "" for c in self.columns
            ],
        }
        return Glance(table, [], self.plot)

    def __repr__(self) -> str:
        columns = ", ".join(f"{column.name}: {type(column.law).__name__}" for column in self.columns)
        seen = sum(int(column.seen.sum()) for column in self.columns)
        span = f"{self.times[0]:g} to {self.times[-1]:g}"
        return f"Records({len(self.cells)} cells, {len(self.times)} times from {span}, {seen} numbers; {columns})"


def _times(times: ArrayLike) -> tuple[Float[np.ndarray, " times"], list[str]]:
    when = np.atleast_1d(np.asarray(times, np.float64))
    if when.ndim != 1 or not when.size:
        raise InputError(f"times must be a list of numbers, not of shape {when.shape}")
    faults = [f"times[{i}] is not finite" for i in np.flatnonzero(~np.isfinite(when))[:_SHOWN]]
    late = np.flatnonzero(np.diff(when) <= 0)[:_SHOWN]
    return when, faults + [f"times[{i + 1}] = {when[i + 1]:g} does not come after {when[i]:g}" for i in late]


def _table(name: str, numbers: ArrayLike, times: int, faults: list[str]) -> Float[np.ndarray, "cells times"]:
    """The numbers of a column, by cell."""
    try:
        table = np.atleast_2d(np.asarray(numbers, np.float64))
    except (TypeError, ValueError):
        faults.append(f"column {name!r} must hold numbers, NaN where a record is missing")
        return np.full((1, times), np.nan)
    if table.ndim != 2 or table.shape[1] != times:
        faults.append(
            f"column {name!r} must have shape ({times},), or (cells, {times}), as there are {times} times; got {np.shape(numbers)}"
        )
        return np.full((1, times), np.nan)
    if np.isnan(table).all():
        faults.append(f"column {name!r} has no number at all")
    return table


def _faults(name: str, table: Float[np.ndarray, "cells times"], law: AbstractMeasurement) -> list[str]:
    """Sentences about numbers that the law cannot give."""
    cells, times = np.nonzero(~np.isnan(table))
    y = table[cells, times]
    faults = []
    for what, bad in (("is not finite", np.isinf(y)), *law.faults(np.where(np.isinf(y), 0.0, y))):
        found = np.flatnonzero(bad)
        if found.size:
            shown = ", ".join(f"{y[i]:g} (cell {cells[i]}, time number {times[i]})" for i in found[:_SHOWN])
            more = f" and {found.size - _SHOWN} more" if found.size > _SHOWN else ""
            faults.append(f"column {name!r} {what}: {shown}{more}")
    return faults


def _signal(given: str | Sequence[str] | AbstractSignal) -> AbstractSignal:
    if isinstance(given, AbstractSignal):
        return given
    return Total(given) if isinstance(given, str) else Total(*given)
