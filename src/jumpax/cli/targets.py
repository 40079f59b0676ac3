"""Files that a command is to write, looked at before the work."""

from pathlib import Path

from jumpax._base.errors import InputError
from jumpax._base.extras import need
from jumpax._base.files import check_file


def check_targets(out: Path | None, report: Path | None) -> None:
    """Refuse what cannot be written.

    Raises:
        InputError: another suffix than netCDF's or that of a report, or no such folder.
        UnsupportedError: what writes them is not installed.
    """
    if out is not None:
        from jumpax.results import netcdf

        netcdf.check_target(out)
    if report is not None:
        need("viz", "--report")
        check_file(report, (".html", ".htm"), "a report")


def check_seed(seed: int) -> int:
    """The seed itself.

    Raises:
        InputError: it is none.
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"the seed must be a whole number from 0 to 2^32 - 1; got {seed}")
    return seed
