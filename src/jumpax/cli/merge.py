"""`jumpax merge`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jumpax._base.errors import InputError
from jumpax._base.files import check_file
from jumpax.cli.output import Output, people, print_json


def run(
    *files: Path,
    out: Path,
    output: Annotated[Output, Parameter(name="*")] = Output(),  # noqa: B008
) -> None:
    """Put the shards of a simulation together: the file that one run would have written.

    Args:
        files: Of `jumpax simulate --shard i/N --out FILE`, for every i from 0 to N - 1, in any order (.nc).
        out: Write all paths to this netCDF file (.nc).
        output: How the answer is given.
    """
    from jumpax.results import merge, save
    from jumpax.results.netcdf import SUFFIXES

    if not files:
        raise InputError("jumpax merge needs the files of all shards, as in jumpax merge part-*.nc --out paths.nc")
    check_file(out, SUFFIXES, "a file of merged paths")
    whole = merge(files)
    written = save(whole, out)
    paths = whole.sizes["path"]
    if output.json:
        print_json({"command": "merge", "shards": len(files), "paths": paths, "files": {"out": str(written)}})
        return
    people().print(f"{paths:,} paths of {len(files)} shards, written to {written}", soft_wrap=True)
