"""A run that is written to disk on the way, and one that goes on from there."""

import os
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple, final

from jaxtyping import PyTree

from jumpax._base.errors import InputError, JumpaxWarning
from jumpax._base.files import check_place
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.saved import header_of, load_lanes, save_lanes

EVERY = 30.0
"""Seconds between two writes."""
SHARE = 0.05
"""Most of the time that writing may take: large states are written less often."""


class Files(NamedTuple):
    """Where the state of a run is written to, and where it is read from.

    The parts of a run in several threads do not depend on each other, and each has a file of its own: `run`, `run.1`, `run.2`, ..
    """

    save: Path | None
    resume: Path | None

    def found(self) -> Path | None:
        """The file that is to be resumed.

        Raises:
            InputError: no such file.
        """
        if self.resume is not None and not self.resume.exists():
            raise InputError(f"there is no file {self.resume} to resume from; a run writes it with save=...")
        return self.resume

    def parts(self) -> int | None:
        """In how many parts the run goes on that is to be resumed.

        Raises:
            InputError: no such file, or one that is not of a run.
        """
        if (resumed := self.found()) is None:
            return None
        found = header_of(resumed).get("parts", "")
        if not found.isdigit():
            raise InputError(f"{self.resume} was not written by simulate(..., save=...)")
        return int(found)


@final
class Keeper:
    """Reads and writes the state of one part of a run.

    Args:
        files: of the whole run.
        number: of the part.
        parts: how many there are.
        program: what runs.
        inputs: the numbers of this part.
    """

    def __init__(self, files: Files, number: int, parts: int, program: Program, inputs: Inputs):
        self.run, self.place = (program, inputs), {"part": str(number), "parts": str(parts)}
        self.save, self.resume = (_part(file, number) for file in files)
        self.due, self.told = 0.0, False
        if number and self.resume is not None and not self.resume.exists():
            self.resume = None  # the run was killed before this part was written
        if number and self.save is not None and self.save != self.resume:
            self.save.unlink(missing_ok=True)  # of a run before, whose first file is replaced in a moment, too

    def start(self, lanes: PyTree) -> Any:
        """The state that was saved, or lanes at the start as they are given."""
        return lanes if self.resume is None else load_lanes(self.resume, lanes, *self.run, **self.place)

    def look(self, lanes: PyTree) -> None:
        """Write the state if it is time to."""
        if self.save is not None and time.monotonic() >= self.due:
            self.write(lanes)

    def write(self, lanes: PyTree) -> None:
        """Write the state; where that fails the run goes on, and says so once.

        Warns:
            JumpaxWarning: the file cannot be written.
        """
        if self.save is None:
            return
        begin = time.monotonic()
        try:
            save_lanes(self.save, lanes, *self.run, **self.place)
        except OSError as fault:
            if not self.told:
                self.told = True
                warnings.warn(
                    f"{self.save} cannot be written ({fault.strerror or fault}). The run goes on, and a state that was saved "
                    "before is still there",
                    JumpaxWarning,
                    stacklevel=2,
                )
        end = time.monotonic()
        self.due = end + max(EVERY, (end - begin) / SHARE)


def _part(file: Path | None, number: int) -> Path | None:
    return file if file is None or not number else file.with_name(f"{file.name}.{number}")


def files_of(save: str | os.PathLike | None, resume: str | os.PathLike | None) -> Files | None:
    """The files asked for; None if there are none.

    Raises:
        InputError: a place that cannot be written to.
    """
    if save is None and resume is None:
        return None
    target, source = (None if name is None else Path(name) for name in (save, resume))
    if target is not None:
        check_place(target)
    return Files(target, source)
