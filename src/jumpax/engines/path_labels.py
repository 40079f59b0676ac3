"""Names for the arrays of paths."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jumpax._base.errors import InputError
from jumpax._base.labelled import Labelled, Variable
from jumpax._base.status import Status
from jumpax.engines.shard import Shard

if TYPE_CHECKING:
    from jumpax.engines.paths import Paths

_COUNTS = "counts at the stops; missing after the end of a path that could not be followed to its last stop"


def labelled(paths: "Paths") -> Labelled:
    """All arrays of paths; in the table what is there at each stop, and the status."""
    clock = "time" if paths.timed else "step"
    units: dict[str, str] = dict(paths.provenance.get("units", {}))
    grid, when = ("path", clock), {"units": units["time"]} if "time" in units else {}
    each: dict[str, tuple[str, Variable]] = {}  # by column of the table
    for name, values in paths.values.items():
        about = {"long_name": f"parameter {name}, which changes along a path", **_unit(name, units)}
        each[name] = f"parameter_{name}", Variable(grid, values, about)
    for name in paths.observables:
        about = {"long_name": f"observable {name}", **_unit(name, units)}
        each[name] = f"observable_{name}", Variable(grid, paths[name], about)
    records = _records(paths, clock)
    counts = paths.counts if paths.valid.all() else np.where(paths.valid[..., None], paths.counts, np.nan)
    variables = {
        "counts": Variable((*grid, "species"), counts, {"long_name": _COUNTS, "units": "molecules"}),
        **dict(each.values()),
        **records,
        "status": Variable(("path",), paths.status, _status()),
        "redrawn": Variable(("path",), paths.redrawn, {"long_name": "drawn again in float64, since float32 could not follow"}),
        "events": Variable(("path",), paths.events, {"long_name": "reactions fired"}),
        "end_counts": Variable(("path", "species"), paths.end_counts, {"long_name": "counts where the path ended", "units": "molecules"}),
        "end_time": Variable(("path",), paths.end_times, {"long_name": "time of the last event", **when}),
        **_given(paths),
        **_log(paths, when),
    }  # fmt: skip
    about = {"long_name": "time", **when} if paths.timed else {"long_name": "events since the start"}
    coordinates = {
        "path": Variable(("path",), first_of(paths.provenance) + np.arange(len(paths.status))),
        clock: Variable((clock,), paths.stops, about),
        "species": Variable(("species",), np.array(paths.species, object)),
        **({"given_name": Variable(("given_name",), np.array([*paths.given], object))} if paths.given else {}),
        "unit": Variable(("species",), np.array([units.get(n, "molecules") for n in paths.species], object)),
    }
    columns = {
        "counts": "",
        **{variable: name for name, (variable, _) in each.items()},
        **{n: n for n in records},
        "status": "status",
        **({"given": "given_"} if paths.given else {}),
    }
    return Labelled("paths", variables, coordinates, grid, columns, paths.provenance)


def first_of(provenance: Mapping[str, Any]) -> int:
    """Number of the first path: of a shard, that in the whole run."""
    if "shard" not in provenance:
        return 0
    number, parts = provenance["shard"]
    return Shard(number, parts, provenance["paths_of_all_shards"]).first


def _given(paths: "Paths") -> dict[str, Variable]:
    """What was given path by path, as one array: there may be thousands of species."""
    if not paths.given:
        return {}
    about = {"long_name": "parameters, and counts at the start, that were given path by path"}
    return {"given": Variable(("path", "given_name"), np.stack([*map(np.asarray, paths.given.values())], -1), about)}


def _unit(name: str, units: dict[str, str]) -> dict[str, str]:
    return {"units": units[name]} if name in units else {}


def _status() -> dict[str, object]:
    """Codes and names in the CF convention for flags."""
    return {
        "long_name": "how the path ended",
        "flag_values": [int(status) for status in Status],
        "flag_meanings": " ".join(status.name for status in Status),
    }


def _records(paths: "Paths", clock: str) -> dict[str, Variable]:
    """Arrays that the folds recorded, named by their place in `Paths.records`."""
    variables: dict[str, Variable] = {}
    for place, leaf in jax.tree_util.tree_leaves_with_path(paths.records):
        array = np.asarray(leaf)
        if array.shape != paths.counts.shape[:2]:
            raise InputError(
                f"the record at {jax.tree_util.keystr(place)} has shape {array.shape} instead of "
                f"{paths.counts.shape[:2]} (paths, stops), and cannot be labelled"
            )
        array = array if paths.valid.all() else np.where(paths.valid, array, np.nan)
        name = "_".join(("record", *(jax.tree_util.keystr((key,), simple=True) for key in place)))
        variables[name] = Variable(("path", clock), array, {"long_name": f"fold record {jax.tree_util.keystr(place)}"})
    return variables


def _log(paths: "Paths", when: dict[str, str]) -> dict[str, Variable]:
    """The event log as one row per event."""
    if paths.log is None:
        return {}
    owner = np.repeat(first_of(paths.provenance) + np.arange(len(paths.status)), np.diff(paths.log.offsets))
    told = {"long_name": "number of the reaction, see event_names", "event_names": list(paths.log.names)}
    return {
        "event_path": Variable(("event",), owner),
        "event_time": Variable(("event",), paths.log.times, when),
        "event_reaction": Variable(("event",), paths.log.reactions, told),
    }
