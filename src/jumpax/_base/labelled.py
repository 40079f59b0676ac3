"""A result as arrays with names on every axis: the one form from which data sets, tables and files are made."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple, final

import numpy as np

from jumpax._base.errors import InputError


class Variable(NamedTuple):
    """An array, the names of its axes, and what is to be said about it, such as `long_name` and `units`."""

    axes: tuple[str, ...]
    values: np.ndarray
    about: Mapping[str, object] = {}  # it is never changed


@final
@dataclasses.dataclass(frozen=True)
class Labelled:
    """Arrays of a result, and how they make a table."""

    kind: str
    """Of the result, in one word, so that a file tells what it holds."""
    variables: Mapping[str, Variable]
    coordinates: Mapping[str, Variable]
    """Of each axis, its labels under its own name; and more that goes along an axis."""
    rows: tuple[str, ...]
    """Axes whose labels together number the rows of the table."""
    columns: Mapping[str, str]
    """Variables that are columns of the table, and their names there. One with an axis beyond the rows makes a column for each of its labels,
    of which the name is the first part."""
    about: Mapping[str, object]
    """Where the result comes from; may be nested."""
    groups: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Variables by their group in a netCDF file; all at its root by default."""

    def beside(self, other: "Labelled") -> "Labelled":
        """The same with the arrays of another result, which make no columns of the table."""
        return dataclasses.replace(
            self,
            variables={**self.variables, **other.variables},
            coordinates={**self.coordinates, **other.coordinates},
            about={**self.about, **other.about},
        )

    def saying(self, more: Mapping[str, object]) -> "Labelled":
        """The same with more about it."""
        return dataclasses.replace(self, about={**self.about, **more})

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the table, without making it."""
        rows = int(np.prod([len(self.coordinates[axis].values) for axis in self.rows], dtype=np.int64))
        return rows, len(self.rows) + sum(len(parts) for _, parts in self._parts())

    def table(self) -> dict[str, Variable]:
        """Columns of the table, each of one value per row, labels of the rows first.

        Raises:
            InputError: two columns would have one name.
        """
        shape = tuple(len(self.coordinates[axis].values) for axis in self.rows)
        made: dict[str, Variable] = {}
        for place, axis in enumerate(self.rows):
            labels = self.coordinates[axis]
            spread = np.expand_dims(labels.values, [i for i in range(len(shape)) if i != place])
            made[axis] = Variable(("row",), np.broadcast_to(spread, shape).ravel(), labels.about)
        for variable, parts in self._parts():
            missing = [i for i, axis in enumerate(self.rows) if axis not in variable.axes]
            for name, (values, about) in parts.items():
                if name in made:
                    raise InputError(f"two columns of the table would be called {name!r}: take to_xarray() instead")
                made[name] = Variable(("row",), np.broadcast_to(np.expand_dims(values, missing), shape).ravel(), about)
        return made

    def _parts(self) -> Iterator[tuple[Variable, dict[str, tuple[np.ndarray, Mapping[str, object]]]]]:
        """Each variable of the table, with its columns by name."""
        for variable, name in self.columns.items():
            found = self.variables[variable]
            wide = [axis for axis in found.axes if axis not in self.rows]
            if not wide:
                yield found, {name: (found.values, found.about)}
                continue
            labels = [str(label) for label in self.coordinates[wide[0]].values]
            values = np.moveaxis(found.values, found.axes.index(wide[0]), 0)
            units = self.coordinates.get("unit")
            own = units.values if units is not None and units.axes == (wide[0],) else [None] * len(labels)
            told = [{**found.about, **({} if unit is None else {"units": str(unit)})} for unit in own]
            yield found, {name + label: (values[i], told[i]) for i, label in enumerate(labels)}
