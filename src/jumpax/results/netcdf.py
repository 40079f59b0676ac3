"""Data sets as netCDF files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jumpax._base.errors import InputError
from jumpax._base.extras import need

if TYPE_CHECKING:
    import xarray

SUFFIXES = (".nc", ".nc4", ".netcdf")
"""Names that netCDF files may end in."""


def write_netcdf(data: "xarray.Dataset", groups: Mapping[str, tuple[str, ...]], file: Path) -> None:
    """NetCDF-4, compressed; variables of groups stand there, all others at the root with the attributes.

    Raises:
        InputError: names with a slash, which would be those of groups.
    """
    if slashed := [str(name) for name in (*data.variables, *data.dims) if "/" in str(name)]:
        raise InputError(
            f"netCDF has no names with '/': {', '.join(dict.fromkeys(slashed))}; give other names, or write .csv or .parquet"
        )
    grouped = {name for names in groups.values() for name in names}
    _write(data.drop_vars(grouped), file, "w", None)
    for group, names in groups.items():
        _write(data[list(names)], file, "a", group)


def _write(data: "xarray.Dataset", file: Path, mode: str, group: str | None) -> None:
    data.to_netcdf(file, mode=mode, group=group, engine="h5netcdf", encoding=encoding(data))  # type: ignore[call-overload]


def encoding(data: "xarray.Dataset") -> dict[str, dict[str, Any]]:
    """How variables are packed in a file."""
    packed: dict[str, dict[str, Any]] = {
        str(name): {"zlib": True, "complevel": 4} for name, v in data.items() if v.ndim and v.dtype.kind in "iuf"
    }
    if "counts" in data and data["counts"].dtype.kind == "f":  # whole numbers, some of them missing
        packed["counts"] |= {"dtype": "int32", "_FillValue": -1}
    return packed


def load(file: str | os.PathLike[str]) -> "xarray.Dataset":
    """A data set that `save` wrote as netCDF, in memory, with the variables of all its groups; times stay numbers whatever their unit is called.

    Raises:
        InputError: no such file, or not a netCDF file.
        UnsupportedError: xarray or h5netcdf is not installed.
    """
    need("io", "a netCDF file")
    import xarray

    path = Path(file)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        found = xarray.load_datatree(path, engine="h5netcdf", decode_times=False, decode_timedelta=False)
    except (OSError, ValueError) as fault:
        raise InputError(
            f"{path} cannot be read as netCDF ({fault}); is it a file written by jumpax.results.save?"
        ) from fault
    parts = [node.to_dataset() for node in found.subtree]
    return xarray.merge(parts, combine_attrs="drop_conflicts", compat="equals", join="exact")
