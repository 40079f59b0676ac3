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
from jumpax.engines import Paths, simulate
from jumpax.engines.program import check_positive
from jumpax.engines.shard import OWN
from jumpax.networks import ModelLike, Network
from jumpax.networks.starts import Start
from jumpax.results.attributes import flatten
from jumpax.results.dataset import to_dataset
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
    are kept (but for the last one, which is drawn first, and has to agree with them in all that it depends on).

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

    def drawn(number: int) -> Paths:
        made = simulate(network, theta, x0, paths=paths, shard=(number, parts), **how)
        files[number].parent.mkdir(exist_ok=True)
        save(made, files[number])
        return made

    last = drawn(parts - 1)
    like, totals = to_dataset(last), [_Totals.of(to_dataset(last))]
    for part in filter(Path.exists, files[:-1]):  # before anything else is drawn
        data = load(part)
        _check_alike(files[-1], like, part, data)
        totals.append(_Totals.of(data))
    for number, part in enumerate(files[:-1]):
        if not part.exists():
            data = to_dataset(drawn(number))
            _check_alike(files[-1], like, part, data)
            totals.append(_Totals.of(data))
    lost = any((part.sound < part.paths).any() for part in totals)
    write_whole(target, lambda aside: _join(files, aside, lost, settings or {}))
    shutil.rmtree(files[0].parent)
    return _told(target, last, totals)


def _places(target: Path, parts: int, resume: bool) -> list[Path]:
    """Files of the parts.

    Raises:
        InputError: the folder is there, and is not to be used; or is not there, or is divided otherwise.
    """
    folder = target.with_name(target.name + ".parts")
    files = [folder / f"{number}-of-{parts}.nc" for number in range(parts)]
    if not resume:
        if folder.exists():
            raise InputError(f"{folder} has parts of a run that has not ended: go on with resume=True, or remove it")
    elif not folder.is_dir():
        raise InputError(f"there is no folder {folder} to resume from")
    elif others := sorted(part.name for part in folder.glob("*.nc") if part not in files):
        raise InputError(
            f"{folder} has {others[0]}, and now there are {parts} parts: take paths and at_once as they were"
        )
    return files


def _check_alike(first: Path, last: "xarray.Dataset", other: Path, data: "xarray.Dataset") -> None:
    """Whether a part is of the same run as the last one, which is drawn first.

    Raises:
        InputError: naming all that differs.
    """
    if faults := differences((first.name, last), (other.name, data)):
        bound = any(fault.startswith("bound") for fault in faults)
        remedy = (
            "give the larger bound, or none, and begin anew" if bound else "restore what differs, or remove the folder"
        )
        raise InputError(f"{other.parent} has parts of different runs; {remedy}:\n" + "\n".join(faults))


def _join(files: Sequence[Path], aside: Path, lost: bool, settings: Mapping[str, object]) -> None:
    """One file of all parts, of which one is in memory at a time."""
    import h5netcdf

    for number, file in enumerate(files):
        data = load(file)
        if number == 0:
            _begin(data, aside, lost, settings)
            continue
        with h5netcdf.File(aside, "a") as whole:
            _append(data, whole)


def _begin(data: "xarray.Dataset", aside: Path, lost: bool, settings: Mapping[str, object]) -> None:
    """A file of the first part, which may grow."""
    attributes = {name: value for name, value in data.attrs.items() if name not in OWN} | flatten(settings)
    whole = data.drop_attrs(deep=False).assign_attrs(attributes)
    for name, variable in whole.data_vars.items():  # which may have to be missing
        if lost and (name == "counts" or str(name).startswith("record")):
            whole[name] = variable.astype(float)
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
            if name == "counts" and values.dtype.kind == "f":
                values = np.where(np.isnan(values), -1, values)
            stored[begin[axis] :] = values.astype(stored.dtype)


class _Totals(NamedTuple):
    """One part in few numbers."""

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
            len(counts), sound, mean, square,
            {int(code): int(many) for code, many in zip(*codes, strict=True)}, int(data["events"].sum()), int(data["redrawn"].sum()),
        )  # fmt: skip


def _told(file: Path, last: Paths, totals: Sequence[_Totals]) -> Streamed:
    """All parts together; what they have in common is that of one of them."""
    sound = np.array([part.sound for part in totals])
    means, many = np.array([part.mean for part in totals]), sound.sum(0)
    mean = (sound * means).sum(0) / np.maximum(many, 1)
    square = np.sum([part.square for part in totals], 0) + (sound * (means - mean) ** 2).sum(0)
    status = {code: sum(part.status.get(code, 0) for part in totals) for part in totals for code in part.status}
    return Streamed(
        file, last.species, last.stops, sum(part.paths for part in totals),
        np.where(many > 0, mean, np.nan), np.where(many > 1, square / np.maximum(many - 1, 1), np.nan), dict(sorted(status.items())),
        sum(part.events for part in totals), sum(part.redrawn for part in totals),
        {name: value for name, value in last.provenance.items() if name not in OWN},
    )  # fmt: skip
