"""Files of idealised records: SCAN's `.scn` and QuB's `.dwt`."""

import gzip
import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from jumpax._base.errors import InputError

Columns: TypeAlias = tuple[Float[np.ndarray, " dwells"], Int[np.ndarray, " dwells"], Int[np.ndarray, " dwells"]]
"""Durations in s, levels, segments."""
_UNUSABLE = 8
_VERSIONS = (-103, 103, 104)


def read_file(path: str | os.PathLike[str], thresholds: Sequence[float] | None) -> Columns:
    """What a file has, by how its name ends.

    Raises:
        InputError: it cannot be read; the message names the file, the line where there are lines, and the remedy.
    """
    file = Path(path)
    name = file.name.lower()
    if not name.endswith((".scn", ".dwt", ".dwt.gz")):
        raise InputError(f"how to read {file} is not known; idealised records end in .scn, .dwt or .dwt.gz")
    try:
        raw = file.read_bytes()
        raw = gzip.decompress(raw) if name.endswith(".gz") else raw
    except (OSError, EOFError) as fault:
        raise InputError(f"{file} cannot be read: {fault}; give the path of a whole file") from fault
    if name.endswith(".scn"):
        return _scn(file, raw, thresholds)
    if thresholds is not None:
        raise InputError(f"{file} has classes, not amplitudes; leave thresholds out")
    return _dwt(file, raw.decode("latin-1"))


def _scn(file: Path, raw: bytes, thresholds: Sequence[float] | None) -> Columns:
    """Little-endian: version, place of the first duration (from 1), number; durations in ms, amplitudes, properties."""
    version, first, many = struct.unpack("<iii", raw[:12]) if len(raw) >= 12 else (0, 0, 0)
    if version not in _VERSIONS or first < 13 or many < 0:
        raise InputError(
            f"{file} does not begin as a file of SCAN does (version {version}, known are {_VERSIONS}; data from byte {first}, "
            f"{many} intervals); export it from DCPROGS as .scn once more"
        )
    if len(raw) < (needed := first - 1 + 7 * many):
        raise InputError(
            f"{file} ends early: {many} intervals need {needed} bytes, it has {len(raw)}; copy it once more"
        )
    durations = np.frombuffer(raw, "<f4", many, first - 1).astype(np.float64) * 1e-3
    amplitudes = np.frombuffer(raw, "<i2", many, first - 1 + 4 * many).astype(np.int64)
    properties = np.frombuffer(raw, "<i1", many, first - 1 + 6 * many)
    usable = (properties & _UNUSABLE) == 0
    shut = np.flatnonzero(amplitudes == 0)
    usable[shut[-1] if len(shut) else many :] = False
    edges = [0.5] if thresholds is None else np.asarray(thresholds, np.float64)
    if len(edges) == 0 or (np.diff(edges) <= 0).any():
        raise InputError(f"thresholds must increase, not {thresholds!r}")
    return durations[usable], np.digitize(np.abs(amplitudes), edges)[usable], np.cumsum(~usable)[usable]


def _dwt(file: Path, text: str) -> Columns:
    """Lines `Segment: 1 Dwells: 265 ...`, and after each a line per dwell: class and ms."""
    rows: list[tuple[int, float, int]] = []
    promised: list[tuple[int, int, int]] = []  # line, dwells, and how many there were before
    for number, line in enumerate(text.splitlines(), 1):
        if (words := line.split()) and words[0] == "Segment:":
            found = re.search(r"Dwells:\s*(\d+)", line)
            if not found:
                raise InputError(
                    f"{file}, line {number}: a segment must say how many Dwells: it has, not {line.strip()!r}"
                )
            promised.append((number, int(found[1]), len(rows)))
        elif words:
            if not promised:
                raise InputError(
                    f"{file}, line {number}: the first line must begin with 'Segment:', not {line.strip()!r}"
                )
            rows.append((*_dwell(words, file, number), len(promised) - 1))
    for (number, many, before), after in zip(promised, [before for *_, before in promised[1:]] + [len(rows)]):
        if after - before != many:
            raise InputError(
                f"{file}, line {number}: {many} dwells are promised and {after - before} are there; "
                "copy or export the file once more"
            )
    table = np.array(rows, np.float64).reshape(-1, 3)
    return table[:, 1] * 1e-3, table[:, 0].astype(np.int64), table[:, 2].astype(np.int64)


def _dwell(words: list[str], file: Path, number: int) -> tuple[int, float]:
    """Class and duration in ms."""
    try:
        (level, duration) = words
        if not 0 < float(duration) < float("inf") or int(level) < 0:
            raise ValueError
        return int(level), float(duration)
    except ValueError:
        raise InputError(
            f"{file}, line {number}: a class and a duration > 0 in ms are expected, not {' '.join(words)!r}; mend the line, "
            "or begin a new segment in its place"
        ) from None
