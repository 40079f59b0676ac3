"""Parts of a run put together."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax.engines import Paths
from jumpax.engines.shard import OWN, Shard
from jumpax.results.dataset import to_dataset
from jumpax.results.netcdf import load

if TYPE_CHECKING:
    import xarray


def merge(parts: Sequence[Union["xarray.Dataset", Paths, str, os.PathLike[str]]]) -> "xarray.Dataset":
    """All paths of a run from its shards: bit for bit what `to_dataset` makes of one run.

    Args:
        parts: of `simulate(..., shard=(i, N))`, for every i, in any order: results, data sets, or names of netCDF files.

    Raises:
        InputError: parts that are missing, given twice, not whole, or of different runs: each field that differs is named.
        UnsupportedError: xarray is not installed.

    Examples:
        >>> import jumpax
        >>> from jumpax.results import merge
        >>> model = jumpax.zoo.birth_death()
        >>> parts = [jumpax.simulate(model, times=[1.0], paths=10, key=0, shard=(i, 3)) for i in range(3)]
        >>> whole = jumpax.simulate(model, times=[1.0], paths=10, key=0)
        >>> bool((merge(parts)["counts"] == whole.counts).all())
        True
    """
    need("io", "a data set")
    import xarray

    if isinstance(parts, str | os.PathLike | Paths | xarray.Dataset) or not len(parts):
        raise InputError("merge takes all shards of a run in a list: merge([part, ...])")
    named = [(str(p) if isinstance(p, str | os.PathLike) else f"part {i}", _data(p)) for i, p in enumerate(parts)]
    ordered = [data for _, data in _complete(named)]
    faults = [fault for name, data in named[1:] for fault in differences(named[0], (name, data))]
    if faults:
        raise InputError("these are not shards of one run:\n" + "\n".join(faults))
    whole = {name: value for name, value in ordered[0].attrs.items() if name not in OWN}
    kept = [name for name in ordered[0].variables if not {"path", "event"} & set(ordered[0][name].dims)]
    joined: dict[str, Any] = {}
    for name, variable in ordered[0].variables.items():
        if name in kept:
            joined[str(name)] = variable
            continue
        values = np.concatenate([data[name].values for data in ordered])
        joined[str(name)] = (variable.dims, values, variable.attrs)
    coordinates = {str(name): joined.pop(str(name)) for name in ordered[0].coords}
    return xarray.Dataset(joined, coordinates, whole)


def _data(part: Any) -> "xarray.Dataset":
    import xarray

    if isinstance(part, xarray.Dataset):
        return part
    if isinstance(part, Paths):
        return to_dataset(part)
    if isinstance(part, str | os.PathLike):
        return load(part)
    raise InputError(f"merge takes Paths, xarray Datasets or names of files, not {type(part).__name__}")


def _complete(named: list[tuple[str, "xarray.Dataset"]]) -> list[tuple[str, "xarray.Dataset"]]:
    """The shards in their order.

    Raises:
        InputError: some are missing, there twice, or without some of their paths.
    """
    if strange := [name for name, data in named if len(np.atleast_1d(data.attrs.get("shard", ()))) != 2]:
        raise InputError(
            f"{', '.join(strange)}: no shard of a run; draw it by simulate(..., shard=(i, N)), or --shard i/N"
        )
    places: dict[int, list[str]] = {}
    for name, data in named:
        places.setdefault(int(data.attrs["shard"][0]), []).append(name)
    many = {int(data.attrs["shard"][1]) for _, data in named}
    faults = [
        f"shard {place} is there more than once: {', '.join(names)}"
        for place, names in places.items()
        if len(names) > 1
    ]
    if len(many) == 1:
        lost = sorted({*range(*many)} - {*places})
        faults += [f"shards that are missing: {', '.join(map(str, lost))} of {min(many)}"] if lost else []
    else:
        faults.append(f"the run was divided into different numbers of shards: {', '.join(map(str, sorted(many)))}")
    for name, data in named:
        number, parts = map(int, data.attrs["shard"])
        part = Shard(number, parts, int(data.attrs["paths_of_all_shards"]))
        if not np.array_equal(data["path"], part.first + np.arange(part.paths)):
            faults.append(
                f"{name} does not hold paths {part.first} to {part.first + part.paths - 1} in their order, as shard {part.number} "
                f"of {part.parts} does: choose paths after merging"
            )
    if faults:
        raise InputError("\n".join(faults))
    return sorted(named, key=lambda part: int(part[1].attrs["shard"][0]))


def differences(one: tuple[str, "xarray.Dataset"], other: tuple[str, "xarray.Dataset"]) -> list[str]:
    """What two parts do not have in common, field by field."""
    (first, a), (second, b) = one, other
    found = []
    for field in sorted({*a.attrs, *b.attrs} - {"shard"}):
        here, there = (data.attrs.get(field, "nothing") for data in (a, b))
        if np.shape(here) != np.shape(there) or not np.all(np.asarray(here) == np.asarray(there)):
            found.append(f"{field}: {here} in {first}, {there} in {second}")
    if {*a.variables} != {*b.variables}:
        return [
            *found,
            f"variables: {', '.join(sorted(map(str, {*a.variables} ^ {*b.variables})))} in one of {first}, {second} only",
        ]
    for name, variable in a.variables.items():
        shared = not {"path", "event"} & set(variable.dims)
        if shared and not variable.equals(b.variables[name]):
            found.append(f"{name}: other values in {first} than in {second}")
        elif variable.shape[1:] != b.variables[name].shape[1:]:
            found.append(f"{name}: other shapes in {first} than in {second}")
    return found
