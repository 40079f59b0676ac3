"""An idealised record: how long a channel stayed at which level, in stretches that do not touch."""

import dataclasses
import os
from collections.abc import Sequence
from typing import final

import numpy as np
from jaxtyping import Float, Int

from jumpax._base import given
from jumpax._base.errors import InputError
from jumpax.channels.files import read_file

SLACK = 1e-9
"""Of a dead time: what rounding may take from a dwell that is as long as it."""


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Dwells:
    """Durations at levels, one after the other; a segment is an unbroken stretch of record.

    Neighbours of the same level in a segment are joined. Between segments anything may have happened: the end of one
    and the start of the next are no transition.

    Attributes:
        durations: (dwells,), s.
        levels: (dwells,): 0 for shut, 1, 2, .. for open, or for how many are open, or for conductances in order of size.
        segments: (dwells,): number of the segment, never falling.

    Raises:
        InputError: lengths that differ, durations that are not positive numbers, levels that are not whole numbers >= 0.

    Examples:
        >>> record = Dwells([0.010, 0.002, 0.001, 0.020], [0, 1, 1, 0])
        >>> record.levels.tolist(), record.durations.tolist()
        ([0, 1, 0], [0.01, 0.003, 0.02])
    """

    durations: Float[np.ndarray, " dwells"]
    levels: Int[np.ndarray, " dwells"]
    segments: Int[np.ndarray, " dwells"]

    def __init__(
        self,
        durations: Sequence[float] | np.ndarray,
        levels: Sequence[int] | np.ndarray,
        segments: Sequence[int] | np.ndarray | None = None,
    ):
        lengths = np.asarray(durations, np.float64)
        numbers = _whole(levels, "levels")
        places = np.zeros(lengths.shape, int) if segments is None else _whole(segments, "segments")
        if not lengths.shape == numbers.shape == places.shape or lengths.ndim != 1:
            raise InputError(
                f"durations, levels and segments must be lists of one length, not of shapes {lengths.shape}, "
                f"{numbers.shape}, {places.shape}"
            )
        if (wrong := np.flatnonzero(~((lengths > 0) & np.isfinite(lengths)))).size:
            raise InputError(
                f"{wrong.size} durations are not positive numbers of seconds, such as number {wrong[0]}: "
                f"{lengths[wrong[0]]:g}; leave such intervals out and give what follows another segment"
            )
        if (np.diff(places) < 0).any():
            raise InputError("numbers of segments must not fall: give each unbroken stretch the next number")
        new = np.ones(len(lengths), bool)
        new[1:] = (np.diff(numbers) != 0) | (np.diff(places) != 0)
        first = np.flatnonzero(new)
        object.__setattr__(self, "durations", np.add.reduceat(lengths, first) if len(first) else lengths)
        object.__setattr__(self, "levels", numbers[first])
        object.__setattr__(self, "segments", places[first])

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, thresholds: Sequence[float] | None = None) -> "Dwells":
        """A record from a file: `.scn` of SCAN (DCPROGS), `.dwt` of QuB (also `.dwt.gz`).

        Of `.scn`, amplitude 0 is level 0 (shut) and every other one level 1; the sizes of amplitudes decide with
        `thresholds`. Intervals that are flagged as unusable are left out and begin a new segment, and so are the last shut time
        and what follows, where scanning stopped. Flags of doubtful amplitudes are passed over. Of `.dwt`, levels are the
        classes of the file, and each of its segments is one.

        Args:
            path: of the file.
            thresholds: increasing sizes of amplitudes (as the file has them, without sign or calibration) between
                levels 0 and 1, 1 and 2, ..; `.scn` only.

        Raises:
            InputError: the file is not there, ends early, or has what does not belong there, with line and remedy.
        """
        return cls(*read_file(path, thresholds))

    @classmethod
    def of_samples(cls, levels: Sequence[int] | np.ndarray, interval: float) -> "Dwells":
        """A record from an idealisation at equally spaced times.

        Args:
            levels: (samples,) at each time.
            interval: s between them.

        Raises:
            InputError: levels that are not whole numbers >= 0, an interval that is not a number > 0.

        Examples:
            >>> print(Dwells.of_samples([0, 0, 1, 1, 1, 0], 1e-4).durations)
            [0.0002 0.0003 0.0001]
        """
        numbers = _whole(levels, "levels")
        if numbers.ndim != 1:
            raise InputError(f"levels must be a list of whole numbers, not of shape {numbers.shape}")
        check_seconds(interval, "interval")
        edges = np.unique(np.r_[0, np.flatnonzero(np.diff(numbers)) + 1, len(numbers)])
        return cls(np.diff(edges) * interval, numbers[edges[:-1]])

    def resolved(self, dead_time: float) -> "Dwells":
        """As it would be seen if nothing shorter than a dead time were: the record that missed events are corrected for.

        A dwell shorter than the dead time joins the one before, whatever its level; what then has the level of its
        neighbour joins it. Those at the start of a segment that are too short are dropped, and segments without a long one.

        Args:
            dead_time: s.

        Raises:
            InputError: it is not a number > 0.

        Source: Colquhoun and Sigworth 1995, in Single-Channel Recording, doi:10.1007/978-1-4419-1229-9_19.

        Examples:
            >>> record = Dwells([1e-5, 3e-4, 2e-5, 1e-4, 5e-4], [1, 0, 1, 0, 1]).resolved(5e-5)
            >>> record.levels.tolist(), record.durations.round(6).tolist()
            ([0, 1], [0.00042, 0.0005])
        """
        check_seconds(dead_time, "dead_time")
        long = self.durations >= float(dead_time) * (1 - SLACK)
        place = np.maximum.accumulate(np.where(long, np.arange(len(long)), -1)) if len(long) else np.zeros(0, int)
        start = np.searchsorted(self.segments, self.segments)
        kept = place >= start
        level = self.levels[np.where(kept, place, 0)] if len(long) else self.levels
        return Dwells(self.durations[kept], level[kept], self.segments[kept])

    def bursts(self, critical_time: float, shut: int = 0) -> "Dwells":
        """Bursts of openings between shut times longer than a critical time, each a segment that begins and ends open.

        What lies before the first and after the last long shut time of a segment is left out: how such a burst began, or
        ended, was not seen.

        Args:
            critical_time: s.
            shut: the level of shut channels.

        Raises:
            InputError: no burst is complete; the time is not a number > 0.
        """
        check_seconds(critical_time, "critical_time")
        gap = (self.levels == shut) & (self.durations > critical_time)
        number = np.cumsum(gap)
        whole = np.zeros(number[-1] + 1 if len(number) else 1, bool)
        gaps = np.flatnonzero(gap)
        whole[1:-1] = np.diff(self.segments[gaps]) == 0
        kept = whole[number] & ~gap if len(number) else gap
        if not kept.any():
            raise InputError(
                f"no burst lies between two of the {len(gaps)} shut times longer than {critical_time:g} s; give a shorter critical time"
            )
        return Dwells(self.durations[kept], self.levels[kept], number[kept])

    def of_level(self, level: int) -> Float[np.ndarray, " chosen"]:
        """The durations at one level, s."""
        return self.durations[self.levels == level]

    def __len__(self) -> int:
        return len(self.durations)

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} at level {level}" for level, n in zip(*np.unique(self.levels, return_counts=True)))
        return (
            f"Dwells({len(self)} in {len(np.unique(self.segments))} segments, {self.durations.sum():.6g} s: {counts})"
        )


def check_seconds(value: object, what: str) -> None:
    """Whether it is a length of time.

    Raises:
        InputError: it is not a finite number > 0.
    """
    if not (given.is_real(value) and 0 < value < np.inf):
        raise InputError(f"{what} must be a number of seconds > 0, not {value!r}")


def _whole(values: Sequence[int] | np.ndarray, what: str) -> Int[np.ndarray, " dwells"]:
    """Whole numbers >= 0."""
    numbers = np.asarray(values)
    if numbers.size and (
        numbers.dtype.kind not in "biuf"
        or not np.isfinite(numbers).all()
        or (numbers < 0).any()
        or (numbers != np.round(numbers)).any()
    ):
        raise InputError(
            f"{what} must be whole numbers >= 0; np.digitize(current, thresholds) makes levels of a current"
        )
    return numbers.astype(np.int64)
