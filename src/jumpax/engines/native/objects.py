"""Object code on disk, shared by any number of processes."""

import contextlib
import hashlib
import itertools
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from jumpax._base.cache import cache_folder, keep_within

MOST = 256 * 2**20
"""Bytes that are kept; a kernel has 10 to 60 thousand."""
_MAGIC = b"jumpax object 1\n"
_BETWEEN = 64
"""Entries that a process writes between two looks at how much is kept."""
_written = itertools.count()
_log = logging.getLogger("jumpax")


def kept(program: str, make: Callable[[], bytes]) -> bytes:
    """What `make` makes of a program: from the disk, or made and kept there.

    Args:
        program: all that the result depends on.
        make: makes it.
    """
    folder, key = cache_folder("native"), hashlib.sha256(program.encode())
    if folder is None:
        return make()
    file = folder / f"{key.hexdigest()[:40]}.o"
    code = _read(file, key.digest())
    if code is None:
        code = make()
        _write(file, key.digest(), code)
    return code


def _head(key: bytes, code: bytes) -> bytes:
    return _MAGIC + key + hashlib.sha256(code).digest()


def _read(file: Path, key: bytes) -> bytes | None:
    """The code in a file, if it is there, whole, and of this program."""
    try:
        found = file.read_bytes()
    except OSError:
        return None
    size = len(_head(key, b""))
    if found[:size] != _head(key, found[size:]):
        _log.warning("compiled kernel %s is damaged or not what its name says, made anew", file)
        return None
    with contextlib.suppress(OSError):  # the time of the last use
        os.utime(file)
    return found[size:]


def _write(file: Path, key: bytes, code: bytes) -> None:
    """Keep code: written aside and renamed, so that nobody sees half a file; not being able to is no fault."""
    aside = None
    try:
        number, aside = tempfile.mkstemp(dir=file.parent, suffix=".aside")
        with os.fdopen(number, "wb") as out:
            out.write(_head(key, code) + code)
        os.replace(aside, file)
        if next(_written) % _BETWEEN == 0:
            keep_within(file.parent, MOST)
    except OSError as error:
        _log.info("compiled kernel %s cannot be kept (%s)", file, error)
        if aside is not None:
            with contextlib.suppress(OSError):
                os.unlink(aside)
