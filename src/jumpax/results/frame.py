"""Results as tables."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from jumpax._base.errors import JumpaxWarning
from jumpax._base.extras import need
from jumpax._base.labelled import Variable
from jumpax.results.attributes import flatten
from jumpax.results.dataset import Result, labelled_of

if TYPE_CHECKING:
    import pandas

LARGE = 1 << 28
"""Bytes of a table that are told of."""


def to_dataframe(result: Result) -> "pandas.DataFrame":
    """The table of a result; also `result.to_dataframe()`.

    docs/results.md says what a row is of each result, such as a path at a stop of `Paths`. What is missing is NaN. Codes stand there by their names.

    Args:
        result: of jumpax.

    Returns:
        A data frame; `.attrs["units"]` has the unit of each column that has one, and the other attributes say where the result comes from.

    Raises:
        InputError: something else, or two columns of one name.
        UnsupportedError: pandas is not installed.

    Warns:
        JumpaxWarning: the table takes more than a quarter of a gigabyte.

    Examples:
        >>> import jumpax
        >>> paths = jumpax.simulate(jumpax.zoo.birth_death(), times=[1.0, 2.0], paths=3, key=0)
        >>> list(to_dataframe(paths)), len(to_dataframe(paths))
        (['path', 'time', 'X', 'status'], 6)
    """
    found = labelled_of(result)
    need("io", "a table", "pandas")
    import pandas

    rows, columns = found.size
    if 8 * rows * columns > LARGE:
        warnings.warn(
            f"a table of {rows:,} rows and {columns:,} columns takes some {8e-9 * rows * columns:.1f} GB: take fewer times or paths "
            "(paths.take(slice(0, 1000))), or to_xarray() and .nc, which hold the same in less",
            JumpaxWarning,
            stacklevel=3,
        )
    table = found.table()
    frame = pandas.DataFrame({name: _column(part) for name, part in table.items()}, copy=False)
    units = {name: part.about["units"] for name, part in table.items() if part.about.get("units")}
    frame.attrs = {"result": found.kind, "units": units, **flatten(found.about)}
    return frame


def _column(part: Variable) -> "np.ndarray | pandas.Categorical":
    """The values, codes by their names."""
    if "flag_meanings" not in part.about:
        return part.values
    import pandas

    names = str(part.about["flag_meanings"]).split()
    codes = np.searchsorted(np.asarray(part.about["flag_values"]), part.values)
    return pandas.Categorical.from_codes(codes, names)
