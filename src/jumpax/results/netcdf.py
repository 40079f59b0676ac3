"""Data sets as netCDF files."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Union

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax._base.files import check_file, write_whole
from jumpax.engines import Paths
from jumpax.results.dataset import to_dataset

if TYPE_CHECKING:
    import xarray

SUFFIXES = (".nc", ".nc4", ".netcdf")
"""Names that netCDF files may end in."""


def check_target(file: str | os.PathLike[str]) -> Path:
    """Whether a result could be saved there: to be asked before the work, not after it.

    Raises:
        InputError: unknown suffix, or a folder that does not exist.
        UnsupportedError: what writes netCDF is not installed.
    """
    need("io", "a netCDF file")
    return check_file(file, SUFFIXES, "a result")


def save(result: Union["xarray.Dataset", Paths], file: str | os.PathLike[str]) -> Path:
    """Write a result as netCDF-4, compressed, aside first and then renamed.

    Args:
        result: paths, or any data set.
        file: name ending in `.nc`.

    Returns:
        The file.

    Raises:
        InputError: unknown suffix, no such folder, or a result that is neither.
        UnsupportedError: xarray or h5netcdf is not installed.

    Examples:
        >>> import jumpax, tempfile
        >>> model = jumpax.zoo.birth_death()
        >>> paths = jumpax.simulate(model.network, model.theta, model.x0, times=[1.0], paths=3, key=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load(save(paths, f"{folder}/paths.nc")).sizes["path"]
        3
    """
    path = check_target(file)
    import xarray

    data = to_dataset(result) if isinstance(result, Paths) else result
    if not isinstance(data, xarray.Dataset):
        raise InputError(f"save takes Paths or an xarray Dataset, not {type(result).__name__}")
    packed = {str(name): {"zlib": True, "complevel": 4} for name, v in data.items() if v.ndim and v.dtype.kind in "iuf"}
    return write_whole(path, lambda aside: data.to_netcdf(aside, engine="h5netcdf", encoding=packed))


def load(file: str | os.PathLike[str]) -> "xarray.Dataset":
    """A data set that `save` wrote, in memory; times stay numbers whatever their unit is called.

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
        with xarray.open_dataset(path, engine="h5netcdf", decode_times=False, decode_timedelta=False) as data:
            return data.load()
    except (OSError, ValueError) as fault:
        raise InputError(
            f"{path} cannot be read as netCDF ({fault}); is it a file written by jumpax.results.save?"
        ) from fault
