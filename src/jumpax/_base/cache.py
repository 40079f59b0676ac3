"""Where compiled programs are kept between processes."""

import contextlib
import hashlib
import os
import platform
import sys
import time
from pathlib import Path

import jax

OFF = "off"
MOST_OF_XLA = 512 * 2**20
"""Bytes of programs of XLA that are kept."""
DAY = 86_400
SECONDS = 0.02
"""Programs of XLA that take longer to compile are kept; JAX would keep those of a second, which most of ours are below."""


def cache_folder(room: str) -> Path | None:
    """A folder for one kind of compiled programs, made if need be; None where nothing is to be kept, or can be.

    It lies under `$JUMPAX_CACHE`, or else where the platform keeps what can be made again: `$XDG_CACHE_HOME` or
    `~/.cache`, on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`. `JUMPAX_CACHE=off` keeps nothing.
    """
    named = os.environ.get("JUMPAX_CACHE", "")
    if named.lower() == OFF:
        return None
    try:
        folder = (Path(named) if named else _of_user() / "jumpax") / room
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what is loaded from it is run
    except (OSError, RuntimeError):  # no home, or one that cannot be written to
        return None
    return folder


def _of_user() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def keep_within(folder: Path, most: int) -> None:
    """Drop the files that have not been used for longest, until the rest has at most so many bytes."""
    files = []
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):  # another process may be dropping it
            about = entry.stat()
            files.append((about.st_mtime, about.st_size, entry.path))
    over = sum(size for _, size, _ in files) - most
    for _, size, path in sorted(files):
        if over <= 0:
            return
        over -= size
        with contextlib.suppress(OSError):
            os.unlink(path)


def keep_programs_of_xla() -> None:
    """Switch on JAX's own cache on disk, unless the user has chosen a folder for it, or wants nothing to be kept.

    JAX has one such cache for a process: from then on it also keeps what other code compiles.
    """
    config = jax.config
    if config.jax_compilation_cache_dir is not None or not config.jax_enable_compilation_cache:  # type: ignore[attr-defined]
        return
    if (folder := cache_folder(f"xla-{_processor()}")) is None:
        return
    _look_once_a_day(folder)
    config.update("jax_compilation_cache_dir", str(folder))
    if config.jax_persistent_cache_min_compile_time_secs == 1.0:  # type: ignore[attr-defined]
        config.update("jax_persistent_cache_min_compile_time_secs", SECONDS)


def _look_once_a_day(folder: Path) -> None:
    """Whether too much is kept: to look at thousands of files takes longer than the rest of an import."""
    looked = folder / "looked"
    with contextlib.suppress(OSError):
        if not looked.exists() or time.time() - looked.stat().st_mtime > DAY:
            looked.touch()
            keep_within(folder, MOST_OF_XLA)


def _processor() -> str:
    """Stands for the instruction set: homes are shared by machines that have not the same."""
    known = platform.machine()
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo") as file:
        known += next(line for line in file if line.startswith(("flags", "Features")))
    return hashlib.sha256(known.encode()).hexdigest()[:8]
