"""Paths as a labelled data set."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax._base.status import Status
from jumpax.engines import Paths
from jumpax.results.attributes import flatten

if TYPE_CHECKING:
    import xarray

Variable = tuple[tuple[str, ...], np.ndarray, dict[str, Any]]

_COUNTS = "counts at the stops; -1 after the end of a path that could not be followed to its last stop"


def to_dataset(
    paths: Paths, *, units: Mapping[str, str] | None = None, settings: Mapping[str, Any] | None = None
) -> "xarray.Dataset":
    """Everything that a simulation gave, with names on every axis.

    Dimensions are `path`, `time` (`step` where the stops were numbers of events) and `species`. Variables are `counts`,
    `status` (codes, with their names as CF flags), `redrawn`, `events`, `end_counts`, `end_time`; `record...` for each array that
    folds recorded; and for an event log `event_path`, `event_time`, `event_reaction` over the dimension `event`.

    Args:
        paths: what `simulate` returned.
        units: of species or "time", as in `Network.units`; counts are in molecules otherwise.
        settings: more to be kept beside the provenance, for example `{"theta": theta}`.

    Returns:
        An xarray Dataset with the provenance as attributes (nested names are joined by dots).

    Raises:
        UnsupportedError: xarray is not installed.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> paths = jumpax.simulate(model.network, model.theta, model.x0, times=[1.0, 2.0], paths=3, key=0)
        >>> dict(to_dataset(paths).sizes)
        {'path': 3, 'time': 2, 'species': 1}
    """
    if not isinstance(paths, Paths):
        raise InputError(f"to_dataset takes the Paths that simulate returns, not {type(paths).__name__}")
    need("io", "a data set")
    import xarray

    units = units or {}
    clock = "time" if np.issubdtype(paths.stops.dtype, np.floating) else "step"
    variables: dict[str, Variable] = {
        "counts": (("path", clock, "species"), paths.counts, {"long_name": _COUNTS, "units": "molecules"}),
        "status": (("path",), paths.status, _status_attributes()),
        "redrawn": (("path",), paths.redrawn, {"long_name": "drawn again in float64, since float32 could not follow"}),
        "events": (("path",), paths.events, {"long_name": "reactions fired"}),
        "end_counts": (("path", "species"), paths.end_counts, {"units": "molecules"}),
        "end_time": (("path",), paths.end_times, {"long_name": "time of the last event"}),
        **{
            f"parameter_{name}": (("path", clock), value, {"long_name": f"parameter {name}, which events change"})
            for name, value in paths.values.items()
        },
        **_records(paths, clock),
        **_log(paths),
    }
    coordinates: dict[str, Variable] = {
        "path": (("path",), _first(paths) + np.arange(len(paths.status)), {}),
        clock: ((clock,), paths.stops, {"long_name": "time" if clock == "time" else "events since the start"}),
        "species": (("species",), np.array(paths.species, object), {}),
    }
    if any(name in units for name in paths.species):
        coordinates["unit"] = (("species",), np.array([units.get(n, "molecules") for n in paths.species], object), {})
    if "time" in units:
        for place in (coordinates.get("time"), variables["end_time"], variables.get("event_time")):
            if place is not None:
                place[2]["units"] = units["time"]
    return xarray.Dataset(variables, coordinates, flatten({**paths.provenance, **(settings or {})}))


def _first(paths: Paths) -> int:
    """Number of the first path: of a shard, that in the whole run."""
    number, parts = paths.provenance.get("shard", (0, 1))
    return number * paths.provenance.get("paths_of_all_shards", 0) // parts


def _status_attributes() -> dict[str, Any]:
    """Codes and names in the CF convention for flags."""
    return {
        "long_name": "how the path ended",
        "flag_values": [int(status) for status in Status],
        "flag_meanings": " ".join(status.name for status in Status),
    }


def _records(paths: Paths, clock: str) -> dict[str, Variable]:
    """Arrays that the folds recorded, named by their place in `Paths.records`."""
    variables: dict[str, Variable] = {}
    for place, leaf in jax.tree_util.tree_leaves_with_path(paths.records):
        array = np.asarray(leaf)
        if array.shape != paths.counts.shape[:2]:
            raise InputError(
                f"the record at {jax.tree_util.keystr(place)} has shape {array.shape} instead of "
                f"{paths.counts.shape[:2]} (paths, stops), and cannot be labelled"
            )
        name = "_".join(("record", *(jax.tree_util.keystr((key,), simple=True) for key in place)))
        variables[name] = (("path", clock), array, {"long_name": f"fold record {jax.tree_util.keystr(place)}"})
    return variables


def _log(paths: Paths) -> dict[str, Variable]:
    """The event log as one row per event."""
    if paths.log is None:
        return {}
    owner = np.repeat(_first(paths) + np.arange(len(paths.status)), np.diff(paths.log.offsets))
    return {
        "event_path": (("event",), owner, {}),
        "event_time": (("event",), paths.log.times, {}),
        "event_reaction": (
            ("event",),
            paths.log.reactions,
            {"long_name": "number of the reaction (see EventLog.names)"},
        ),
    }
