"""Results as files."""

import csv
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Union

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax._base.files import check_file, write_whole
from jumpax._base.labelled import Labelled
from jumpax._base.result import AbstractResult
from jumpax.results.attributes import flatten
from jumpax.results.dataset import Result, labelled_of, to_dataset
from jumpax.results.frame import to_dataframe
from jumpax.results.gdat import check_course, write_gdat
from jumpax.results.netcdf import SUFFIXES as NETCDF
from jumpax.results.netcdf import write_netcdf

if TYPE_CHECKING:
    import xarray

Writer = Callable[[Labelled, Path], None]
METADATA = "-metadata.json"
"""What the name of the file ends in that says what the columns of a .csv or .tsv are. Source: W3C, Metadata Vocabulary for Tabular Data."""


def _netcdf(found: Labelled, file: Path) -> None:
    write_netcdf(to_dataset(found), found.groups, file)


def _csv(found: Labelled, file: Path, mark: str = ",") -> None:
    comments = any(str(label).startswith("#") for label in found.coordinates[found.rows[0]].values)  # without quotes
    quoting = csv.QUOTE_NONNUMERIC if comments else csv.QUOTE_MINIMAL
    to_dataframe(found).to_csv(file, index=False, sep=mark, quoting=quoting)


def _tsv(found: Labelled, file: Path) -> None:
    _csv(found, file, "\t")


def _parquet(found: Labelled, file: Path) -> None:
    to_dataframe(found).to_parquet(file, engine="pyarrow", index=False)


WRITERS: dict[str, tuple[str | None, Writer]] = {
    **dict.fromkeys(NETCDF, ("io", _netcdf)),
    ".csv": ("io", _csv),
    ".tsv": ("io", _tsv),
    ".parquet": ("parquet", _parquet),
    ".gdat": (None, write_gdat),
}
"""By the suffix of the file: the extra of jumpax that it needs, and what writes it."""


def check_target(file: str | os.PathLike[str]) -> Path:
    """Whether a result could be saved there: to be asked before the work, not after it.

    Raises:
        InputError: unknown suffix, or a folder that does not exist.
        UnsupportedError: what writes such a file is not installed.
    """
    path = check_file(file, tuple(WRITERS), "a result")
    extra, _ = WRITERS[path.suffix.lower()]
    if extra is not None:
        need(extra, f"a {path.suffix.lower()} file")
    return path


def save(
    result: Union[Result, "xarray.Dataset"],
    file: str | os.PathLike[str],
    *,
    settings: Mapping[str, object] | None = None,
) -> Path:
    """Write a result in the format that the name of the file ends in, aside first and then renamed; also `result.save(file)`.

    - `.nc` (netCDF-4, compressed) holds all of it with units and provenance (profiles of a fit are results of their own); `load` and xarray read it, and ArviZ that of a `Posterior`.
    - `.csv`, `.tsv` hold the table of `to_dataframe`: one head, numbers in full, an empty field where something is missing. Beside it
      stands `<file>-metadata.json`, as W3C has it: units, meaning of the columns, provenance. `Records.read` reads records back.
    - `.parquet` holds the table with units and provenance (`pip install 'jumpax[parquet]'`); pandas reads it.
    - `.gdat` is what BioNetGen writes: the time course of one path, with groups, rules and other observables, species, and parameters
      that change.

    Args:
        result: as in `to_dataset`; or any xarray Dataset, as netCDF.
        file: where to.
        settings: more to be kept beside the provenance.

    Returns:
        The file.

    Raises:
        InputError: unknown suffix, no such folder, or a result that has no such form.
        UnsupportedError: what writes such a file is not installed.

    Examples:
        >>> import jumpax, tempfile
        >>> from jumpax.results import load
        >>> paths = jumpax.simulate(jumpax.zoo.birth_death(), times=[1.0], paths=3, key=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load(save(paths, f"{folder}/paths.nc")).sizes["path"]
        ...     save(paths, f"{folder}/paths.csv").read_text().splitlines()[0]
        3
        'path,time,X,status'
    """
    path = check_target(file)
    suffix = path.suffix.lower()
    if not isinstance(result, Labelled | AbstractResult):
        return _dataset(result, path)
    found = labelled_of(result).saying(settings or {})
    if suffix == ".gdat":
        check_course(found)
    _, write = WRITERS[suffix]
    written = write_whole(path, lambda aside: write(found, aside))
    if suffix in (".csv", ".tsv"):
        document = json.dumps(_metadata(found, path), indent=2, ensure_ascii=False, allow_nan=False)
        write_whole(path.with_name(path.name + METADATA), lambda aside: aside.write_text(document, encoding="utf-8"))
    return written


def _dataset(data: object, path: Path) -> Path:
    """Any data set, as netCDF."""
    need("io", "a data set")
    import xarray

    if not isinstance(data, xarray.Dataset):
        raise InputError(f"save takes a result of jumpax or an xarray Dataset, not {type(data).__name__}")
    if path.suffix.lower() not in NETCDF:
        raise InputError(f"an xarray Dataset is written as {' or '.join(NETCDF)}, not as {path}")
    return write_whole(path, lambda aside: write_netcdf(data, {}, aside))


def _metadata(found: Labelled, path: Path) -> dict[str, object]:
    """What the columns are and where they come from."""
    columns = [
        {"name": name, "titles": name, **({"dc:description": part.about["long_name"]} if "long_name" in part.about else {}),
         **({"schema:unitText": part.about["units"]} if part.about.get("units") else {})}
        for name, part in found.table().items()
    ]  # fmt: skip
    return {
        "@context": "http://www.w3.org/ns/csvw",
        "url": path.name,
        "dialect": {"delimiter": "\t" if path.suffix.lower() == ".tsv" else ","},
        "tableSchema": {"columns": columns},
        "notes": [{"result": found.kind, **{name: _told(value) for name, value in flatten(found.about).items()}}],
    }


def _told(value: object) -> object:
    """For JSON, which knows no infinite number: that becomes null."""
    if isinstance(value, list):
        return [_told(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
