"""What one call may take of the machine's memory."""

import functools
import math
import os
from pathlib import Path

from jumpax._base.errors import InputError, TooLargeError

SHARE = 0.25
"""Of the machine's memory, what a single call may take."""
VARIABLE = "JUMPAX_MEMORY_LIMIT"
"""Environment variable with another limit, in GB; `inf` lifts it."""
GB = 1e9


@functools.cache
def machine_memory() -> float:
    """Bytes of memory that this process may have: of the machine, or of its container; looked up once, since loops ask."""
    found = [float("inf")]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            found.append(float(Path(file).read_text()))
        except (OSError, ValueError):  # no such limit
            continue
    return min(found)


def allowed() -> float:
    """Bytes that one call may take: a quarter of the memory, unless `JUMPAX_MEMORY_LIMIT` says otherwise.

    Raises:
        InputError: the variable is not a number of GB.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if not named:
        return SHARE * machine_memory()
    try:
        wanted = float(named)
    except ValueError:
        wanted = math.nan
    if not wanted > 0:
        raise InputError(f"{VARIABLE} must be a positive number of GB, or inf for no limit; it is {named!r}")
    return wanted * GB


def check_memory(what: str, needed: float, remedy: str, started: bool = False) -> None:
    """Whether something fits.

    Args:
        what: would take the memory, as the start of a sentence.
        needed: bytes.
        remedy: what to do instead.
        started: whether something was done already.

    Raises:
        TooLargeError: with the numbers, and the way out.
    """
    if needed <= allowed():
        return
    limit = f"the {in_gb(allowed())} of {VARIABLE}" if os.environ.get(VARIABLE, "").strip() else (
        f"{in_gb(allowed())}, a quarter of the memory here"
    )  # fmt: skip
    raise TooLargeError(
        f"{what} would take about {in_gb(needed)} of memory, more than {limit}. {'' if started else 'Nothing was started. '}"
        f"{remedy}. "
        f"To have it all the same set the environment variable {VARIABLE} to the GB that a call may take (inf: no limit)"
    )


def in_gb(size: float) -> str:
    """Bytes for people."""
    if size < 99.5 * GB:
        return f"{size / GB:.2g} GB"
    return f"{size / GB:,.0f} GB" if size < 1e6 * GB else "over a million GB"
