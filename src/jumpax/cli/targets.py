"""Files that a command is to write: looked at before the work, written after it."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jumpax._base.errors import InputError, JumpaxError, JumpaxWarning
from jumpax._base.extras import need
from jumpax._base.files import check_file
from jumpax.cli.exits import Exit


def check_targets(out: Path | None, report: Path | None) -> None:
    """Refuse what cannot be written.

    Raises:
        InputError: another suffix than those of results and reports, or no such folder.
        UnsupportedError: what writes them is not installed.
    """
    if out is not None:
        from jumpax.results import check_target

        check_target(out)
    if report is not None:
        need("viz", "--report")
        check_file(report, (".html", ".htm"), "a report")


class Written(NamedTuple):
    """What became of the files of a command, each by the option that asked for it."""

    files: dict[str, str]
    """Names of those that were written."""
    unwritten: dict[str, str]
    """Why others were not."""

    def end(self) -> None:
        """The end of a command that has shown its result: another exit code if some file is missing."""
        if self.unwritten:
            raise SystemExit(int(Exit.UNWRITTEN))


def write_targets(**asked: tuple[Path | None, Callable[[Path], str | os.PathLike[str]]]) -> Written:
    """Write what was asked for. What goes wrong is told with a warning and not raised: no result is lost for a file.

    Args:
        asked: by option, where to write, and what writes there and gives the name; None: nothing was asked for.
    """
    made = Written({}, {})
    for option, (file, write) in asked.items():
        if file is None:
            continue
        try:
            made.files[option] = str(write(file))
        except Exception as fault:
            known = isinstance(fault, JumpaxError | OSError)
            made.unwritten[option] = str(fault) if known else f"{type(fault).__name__}: {fault}"
            warnings.warn(f"{file} was not written: {made.unwritten[option]}", JumpaxWarning, stacklevel=2)
    return made


def check_seed(seed: int) -> int:
    """The seed itself.

    Raises:
        InputError: it is none.
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"the seed must be a whole number from 0 to 2^32 - 1; got {seed}")
    return seed
