"""Paths for which memory has no room: drawn some at a time, and written to one file."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax._base.files import write_whole
from jumpax.engines import simulate
from jumpax.engines.program import check_positive
from jumpax.engines.shard import OWN
from jumpax.networks import ModelLike, Network
from jumpax.networks.starts import Start
from jumpax.results.attributes import flatten
from jumpax.results.merge import differences
from jumpax.results.netcdf import SUFFIXES, encoding, load
from jumpax.results.stored import check_target, save
from jumpax.results.streamed import Streamed

if TYPE_CHECKING:
    import xarray

SOME = 2**17
"""Paths that are drawn at a time."""
GROWING = ("path", "event")
"""Axes along which parts are joined."""
ROWS = 2**14
"""Most paths in a block of the file, which is read and unpacked as a whole."""


def stream(
    file: str | os.PathLike[str],
    network: Network | ModelLike,
    theta: Mapping[str, Any] | None = None,
    x0: Start | None = None,
    *,
    paths: int,
    at_once: int = SOME,
    resume: bool = False,
    settings: Mapping[str, object] | None = None,
    **how: Any,
) -> Streamed:
    """Draw paths and write them to a netCDF file without holding them all: bit for bit what `simulate` and `save` write.

    They are drawn as shards, each of which is a file in the folder `<file>.parts` as soon as it is done; at the end these are joined, one
    by one, and the folder is removed. A run that ended early, by whatever cause, goes on with `resume=True`: parts that are there
    are kept (but for the last one, which is drawn again and has to agree with them in all that it depends on).

    Args:
        file: where to, `.nc`.
        network: as in `simulate`, with `theta` and `x0`.
        theta: values of the parameters; of the whole run, if there is one for each path.
        x0: counts at the start, of the whole run.
        paths: how many, in all.
        at_once: how many are drawn at a time.
        resume: whether to go on with the parts that are there.
        settings: more to be kept beside the provenance.
        how: what else `simulate` takes, but `shard`, `save`, `resume`.

    Returns:
        Moments over all paths, and how they ended.

    Raises:
        InputError: as `simulate`; parts that are there unasked, or are not of this run: names all that differs.
        SimulationError: a path is faulty; parts that are done stay.
        UnsupportedError: xarray or h5netcdf is not installed.

    Examples:
        >>> import jumpax, tempfile
        >>> model = jumpax.zoo.birth_death()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     made = jumpax.results.stream(f"{folder}/x.nc", model, times=[1.0], paths=1000, at_once=300, key=0)
        ...     made.paths, jumpax.results.load(made.file).sizes["path"]
        (1000, 1000)
    """
    need("io", "a netCDF file")
    target = check_target(file)
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"paths are written part by part as {' or '.join(SUFFIXES)}, not as {target.suffix}: {target}")
    if refused := [name for name in ("shard", "save") if how.get(name) is not None]:
        raise InputError(f"{refused[0]}=... does not go with paths that are written part by part: leave it out")
    parts = -(-check_positive("paths", paths) // check_positive("at_once", at_once))
    files = _places(target, parts, resume)
    totals: list[_Totals] = []
    for number, part in enumerate(files):
        if not part.exists() or number == parts - 1:
            save(simulate(network, theta, x0, paths=paths, shard=(number, parts), **how), part)
        totals.append(_Totals.of(load(part)))
    lost = any((part.sound < part.paths).any() for part in totals)
    write_whole(target, lambda aside: _join(files, aside, lost, settings or {}))
    shutil.rmtree(files[0].parent)
    return _told(target, totals)


def _places(target: Path, parts: int, resume: bool) -> list[Path]:
    """Files of the parts, in a folder that is there.

    Raises:
        InputError: the folder is there, and is not to be used; or is not there, or is divided otherwise.
    """
    folder = target.with_name(target.name + ".parts")
    files = [folder / f"{number}-of-{parts}.nc" for number in range(parts)]
    if not resume:
        if folder.exists():
            raise InputError(f"{folder} has parts of a run that has not ended: go on with resume=True, or remove it")
        folder.mkdir()
    elif not folder.is_dir():
        raise InputError(f"there is no folder {folder} to resume from")
    elif others := sorted(part.name for part in folder.glob("*.nc") if part not in files):
        raise InputError(
            f"{folder} has {others[0]}, and now there are {parts} parts: take paths and at_once as they were"
        )
    return files


def _join(files: Sequence[Path], aside: Path, lost: bool, settings: Mapping[str, object]) -> None:
    """One file of all parts, of which one is in memory at a time."""
    import h5netcdf

    last = load(files[-1])
    for number, file in enumerate(files):
        data = load(file)
        if faults := differences((files[-1].name, last), (file.name, data)):
            raise InputError(
                f"{file.parent} has parts of another run:\n"
                + "\n".join(faults)
                + "\nRestore what differs, or remove the folder"
            )
        if number == 0:
            _begin(data, aside, lost, settings)
            continue
        with h5netcdf.File(aside, "a") as whole:
            _append(data, whole)


def _begin(data: "xarray.Dataset", aside: Path, lost: bool, settings: Mapping[str, object]) -> None:
    """A file of the first part, which may grow."""
    attributes = {name: value for name, value in data.attrs.items() if name not in OWN} | flatten(settings)
    whole = data.drop_attrs(deep=False).assign_attrs(attributes)
    if lost:
        whole["counts"] = whole["counts"].astype(float)
    packed = encoding(whole)
    growing = [axis for axis in GROWING if axis in whole.dims]
    for name, variable in whole.variables.items():
        if set(variable.dims) & set(growing):
            blocks = tuple(
                min(ROWS, size) if axis in growing else size for axis, size in zip(variable.dims, variable.shape)
            )
            packed.setdefault(str(name), {})["chunksizes"] = tuple(max(1, size) for size in blocks)
    whole.to_netcdf(aside, engine="h5netcdf", encoding=packed, unlimited_dims=growing)


def _append(data: "xarray.Dataset", whole: Any) -> None:
    """Rows of one more part."""
    begin = {axis: whole.dimensions[axis].size for axis in GROWING if axis in data.dims}
    for axis, size in begin.items():
        whole.resize_dimension(axis, size + data.sizes[axis])
    for name, variable in data.variables.items():
        axis = str(variable.dims[0]) if variable.dims else ""
        if axis in begin:
            stored, values = whole.variables[name], variable.values
            if values.dtype.kind == "f" and stored.dtype.kind == "i":  # counts that miss
                values = np.where(np.isnan(values), -1, values)
            stored[begin[axis] :] = values.astype(stored.dtype)


class _Totals(NamedTuple):
    """One part in few numbers."""

    data: "xarray.Dataset"
    """Without what goes along paths."""
    paths: int
    sound: Int[np.ndarray, "stops species"]
    """How many paths were followed there."""
    mean: Float[np.ndarray, "stops species"]
    square: Float[np.ndarray, "stops species"]
    """Sum of squared deviations from it."""
    status: dict[int, int]
    events: int
    redrawn: int

    @classmethod
    def of(cls, data: "xarray.Dataset") -> "_Totals":
        """Of one part."""
        counts, codes = np.asarray(data["counts"].values, float), np.unique(data["status"].values, return_counts=True)
        sound = (~np.isnan(counts)).sum(0)
        mean = np.nansum(counts, 0) / np.maximum(sound, 1)
        square = np.nansum((counts - mean) ** 2, 0)
        return cls(
            data.drop_dims([axis for axis in GROWING if axis in data.dims]), len(counts), sound, mean, square,
            {int(code): int(many) for code, many in zip(*codes, strict=True)}, int(data["events"].sum()), int(data["redrawn"].sum()),
        )  # fmt: skip


def _told(file: Path, totals: Sequence[_Totals]) -> Streamed:
    """All parts together."""
    data = totals[-1].data
    sound = np.array([part.sound for part in totals])
    means, many = np.array([part.mean for part in totals]), sound.sum(0)
    mean = (sound * means).sum(0) / np.maximum(many, 1)
    square = np.sum([part.square for part in totals], 0) + (sound * (means - mean) ** 2).sum(0)
    status = {code: sum(part.status.get(code, 0) for part in totals) for part in totals for code in part.status}
    clock = "time" if "time" in data.coords else "step"
    return Streamed(
        file, tuple(map(str, data["species"].values)), data[clock].values, sum(part.paths for part in totals),
        np.where(many > 0, mean, np.nan), np.where(many > 1, square / np.maximum(many - 1, 1), np.nan), dict(sorted(status.items())),
        sum(part.events for part in totals), sum(part.redrawn for part in totals),
        {name: value for name, value in data.attrs.items() if name not in OWN},
    )  # fmt: skip
