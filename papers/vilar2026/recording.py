"""A recording of the number of open channels: idealisation, dead time, and the statistics that rates are told from."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

DATA = Path(__file__).parent / "data" / "two_channels.npz"


class Runs(NamedTuple):
    """Sojourns: which level, for how many samples."""

    levels: Int[np.ndarray, " runs"]
    lengths: Int[np.ndarray, " runs"]


def current() -> tuple[Float[np.ndarray, " samples"], float]:
    """The two-channel recording and its sampling interval in seconds."""
    with np.load(DATA) as saved:
        return saved["current"].astype(float), float(saved["sampling_interval"])


def runs_of(level: Int[np.ndarray, " samples"]) -> Runs:
    """Constant runs of samples."""
    edges = np.r_[0, np.flatnonzero(np.diff(level)) + 1, len(level)]
    return Runs(level[edges[:-1]], np.diff(edges))


def idealised(level: Int[np.ndarray, " samples"], dead: int) -> Runs:
    """Runs of at least `dead` samples: shorter ones join the run before, the shortest first; the first run stays."""
    levels, lengths = (list(column.tolist()) for column in runs_of(level))
    while len(lengths) > 1:
        k = 1 + int(np.argmin(lengths[1:]))
        if lengths[k] >= dead:
            break
        lengths[k - 1] += lengths[k]
        del levels[k], lengths[k]
        if k < len(levels) and levels[k] == levels[k - 1]:
            lengths[k - 1] += lengths[k]
            del levels[k], lengths[k]
    return Runs(np.array(levels), np.array(lengths))


def occupancy(runs: Runs) -> Float[np.ndarray, "3"]:
    """Share of the time with 0, 1, 2 channels open."""
    return np.bincount(runs.levels, runs.lengths, 3)[:3] / runs.lengths.sum()


def autocovariance(runs: Runs, lags: int) -> Float[np.ndarray, " lags"]:
    """Of the number open, at 0, 1, .. samples, in units of the variance."""
    n = np.repeat(runs.levels, runs.lengths).astype(float)
    n -= n.mean()
    found = np.array([n[: len(n) - lag] @ n[lag:] / (len(n) - lag) for lag in range(lags)])
    return found / found[0]


def survival(runs: Runs, level: int, times: Float[np.ndarray, " times"]) -> Float[np.ndarray, " times"]:
    """Share of the sojourns in a level that are longer than so many samples."""
    lengths = runs.lengths[runs.levels == level]
    return (lengths[:, None] > times[None]).mean(0)


def counted_rates(runs: Runs, interval: float) -> Float[np.ndarray, "2"]:
    """Openings per closed channel and time, closings per open channel and time, 1/s: the rates of two identical channels."""
    steps, level = np.diff(runs.levels), runs.levels
    closed, opened = interval * ((2 - level) @ runs.lengths), interval * (level @ runs.lengths)
    return np.array(
        [np.maximum(steps, 0).sum() / max(closed, interval), np.maximum(-steps, 0).sum() / max(opened, interval)]
    )


def statistics(runs: Runs, interval: float) -> Float[np.ndarray, " numbers"]:
    """Where more than two rates are to be told: the two counted rates in logarithms, occupancies, visits, short sojourns."""
    level, time = runs.levels, runs.lengths * interval
    share, visits = occupancy(runs), np.bincount(level, minlength=3)[:3]
    short = [((level == which) & (time < limit)).sum() for which in (0, 1) for limit in (1e-4, 3e-4, 1e-3)]
    return np.array([share[1], share[2], visits[1], visits[2], *short], float)
