"""Files that are either whole or not there."""

import os
from collections.abc import Callable
from pathlib import Path

from jumpax._base.errors import InputError


def check_file(file: str | os.PathLike[str], suffixes: tuple[str, ...], kind: str) -> Path:
    """A path that can be written to, as far as can be seen beforehand.

    Args:
        file: where to write.
        suffixes: those that are known, the preferred one first.
        kind: what is written, for the message.

    Raises:
        InputError: another suffix, or a folder that does not exist.
    """
    path = Path(file)
    if path.suffix.lower() not in suffixes:
        raise InputError(
            f"{kind} is written as {' or '.join(suffixes)}, not {path.suffix or 'without a suffix'!r}: {path}"
        )
    return check_place(path)


def check_place(path: Path) -> Path:
    """A path at which a file may be made, or replaced.

    Raises:
        InputError: the folder does not exist; or what is there is no ordinary file, such as a folder or a device.
    """
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; make it first")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is no ordinary file, and would be replaced; give the name of a file")
    return path


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a file aside and rename it, so that nobody meets half a file and a failed write leaves the old one.

    Raises:
        InputError: as `check_place`.
    """
    check_place(path)
    aside = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        write(aside)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path
