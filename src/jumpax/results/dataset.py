"""Results as labelled data sets."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax._base.labelled import Labelled
from jumpax._base.result import AbstractResult
from jumpax.results.attributes import flatten

if TYPE_CHECKING:
    import xarray

Result: TypeAlias = AbstractResult | Labelled


def labelled_of(result: Result) -> Labelled:
    """The arrays of a result with their names.

    Raises:
        InputError: it is none.
    """
    if not isinstance(result, AbstractResult | Labelled):
        raise InputError(
            f"a result of jumpax is needed here, such as Paths, Records, FitResult, Posterior or Audit, not {type(result).__name__}"
        )
    return result if isinstance(result, Labelled) else result.labelled()


def to_dataset(result: Result, *, settings: Mapping[str, object] | None = None) -> "xarray.Dataset":
    """Everything that a result holds, with names and units on every axis; also `result.to_xarray()`.

    Of paths the dimensions are `path`, `time` (`step` where the stops were numbers of events) and `species`; variables are `counts`
    (NaN where a lost path was not followed to), `status` (codes, with their names as CF flags), `redrawn`, `events`, `end_counts`,
    `end_time`, `parameter_...` and `observable_...`, `record...` for each array that folds recorded; and for an event log `event_path`,
    `event_time`, `event_reaction` over the dimension `event`.

    Args:
        result: of jumpax.
        settings: more to be kept beside the provenance, for example `{"theta": theta}`.

    Returns:
        An xarray Dataset with the kind of the result and its provenance as attributes (nested names are joined by dots).

    Raises:
        InputError: something else.
        UnsupportedError: xarray is not installed.

    Examples:
        >>> import jumpax
        >>> paths = jumpax.simulate(jumpax.zoo.birth_death(), times=[1.0, 2.0], paths=3, key=0)
        >>> dict(to_dataset(paths).sizes)
        {'path': 3, 'time': 2, 'species': 1}
    """
    found = labelled_of(result)
    need("io", "a data set")
    import xarray

    def plain(parts: Mapping) -> dict:
        return {name: (part.axes, np.asarray(part.values), dict(part.about)) for name, part in parts.items()}

    about = flatten({"result": found.kind, **found.about, **(settings or {})})
    return xarray.Dataset(plain(found.variables), plain(found.coordinates), about)
