"""What can be done with any result: to be shown, labelled, drawn, stored."""

import abc
import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from jumpax._base.labelled import Labelled

if TYPE_CHECKING:
    import pandas
    import xarray
    from matplotlib.figure import Figure
else:
    Figure: TypeAlias = object


class Glance(NamedTuple):
    """What is seen of a result at a glance."""

    table: Mapping[str, Sequence[str]]
    """Columns of a small table, in words."""
    lines: Sequence[str]
    """What belongs beside it."""
    draw: Callable[[], Figure]
    """A picture that does not take long."""


class AbstractResult(abc.ABC):
    """A result with hands: `to_xarray`, `to_dataframe`, `save`, `plot`, and a picture of itself in notebooks."""

    @abc.abstractmethod
    def labelled(self) -> Labelled:
        """All arrays of the result with their names; what the rest is made of."""

    @abc.abstractmethod
    def plot(self) -> Figure:
        """A figure of the result, which notebooks show; subclasses say what may be chosen."""

    @abc.abstractmethod
    def glance(self) -> Glance:
        """What notebooks show: a small table, lines and a picture."""

    def to_xarray(self) -> "xarray.Dataset":
        """Everything with names and units on all axes, as an xarray Dataset; where it comes from stands in its attributes.

        Raises:
            UnsupportedError: xarray is not installed.
        """
        return room("results").to_dataset(self)

    def to_dataframe(self) -> "pandas.DataFrame":
        """A table: labels of the rows first, then a column for each quantity; units stand in `.attrs["units"]`.

        Raises:
            InputError: two columns would have one name.
            UnsupportedError: pandas is not installed.

        Warns:
            JumpaxWarning: the table takes more than a quarter of a gigabyte.
        """
        return room("results").to_dataframe(self)

    def save(self, file: str | os.PathLike[str]) -> Path:
        """Write the result: all of it as `.nc` (netCDF), its table as `.csv`, `.tsv` or `.parquet`, a time course as `.gdat`; see `jumpax.results.save`.

        Raises:
            InputError: unknown suffix, or no such folder.
            UnsupportedError: what writes such a file is not installed.
        """
        return room("results").save(self, file)

    def _repr_html_(self) -> str:
        """The glance as HTML."""
        return room("results.notebook").shown(repr(self), self.glance())


def room(name: str) -> ModuleType:
    """`jumpax.results` or `jumpax.plots`, or a module of theirs, which stand on a floor above and are loaded when somebody first asks for them.

    Results are made on many floors, and what labels and draws them needs packages that few of these may import.
    """
    return importlib.import_module(f"jumpax.{name}")
