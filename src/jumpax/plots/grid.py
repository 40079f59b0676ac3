"""What a figure of paths needs, from paths or from a data set that was loaded."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import InputError
from jumpax.engines import Paths


class Grid(NamedTuple):
    """Counts on the grid of stops."""

    species: tuple[str, ...]
    clock: str
    """`time` or `step`."""
    stops: Float[np.ndarray, " stops"]
    counts: Float[np.ndarray, "paths stops species"]
    """NaN where a path was not followed to."""
    units: dict[str, str]


def grid_of(result: Any) -> Grid:
    """The grid of `Paths`, or of a data set made by `jumpax.results`.

    Raises:
        InputError: it is neither.
    """
    if isinstance(result, Paths):
        clock, units = "time" if result.timed else "step", dict(result.provenance.get("units", {}))
        return Grid(result.species, clock, result.stops.astype(float), _masked(result.counts), units)
    if "counts" not in getattr(result, "data_vars", ()):
        raise InputError(f"a figure of paths needs Paths or a data set with 'counts', not {type(result).__name__}")
    clock = "time" if "time" in result.dims else "step"
    species = tuple(str(name) for name in result["species"].values)
    units = dict(zip(species, map(str, result["unit"].values))) if "unit" in result.coords else {}
    if "units" in result[clock].attrs:
        units["time"] = str(result[clock].attrs["units"])
    return Grid(species, clock, result[clock].values.astype(float), _masked(result["counts"].values), units)


def _masked(counts: np.ndarray) -> np.ndarray:
    return np.where(counts >= 0, counts, np.nan)
