"""The activator-repressor oscillator, and the recorded ensemble that its rates are inferred from."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

import jumpax

MODEL = jumpax.zoo.vilar_oscillator()
RATES = MODEL.network.parameters
SEEN = ("A", "C", "R")
PLACES = [MODEL.network.species.index(name) for name in SEEN]
TRUTH = np.array([MODEL.theta[name] for name in RATES])


class Ensemble(NamedTuple):
    """Cells that were followed from the start of the model."""

    states: Int[np.ndarray, "cells times species"]
    """Exact states at the edges of the windows."""
    averages: Float[np.ndarray, "cells windows seen"]
    """Averages of A, C and R over the windows."""


class Segments(NamedTuple):
    """Averages of A, C and R in segments that begin in given states."""

    averages: Float[np.ndarray, "cells segments entries"]
    """An entry is a window of the segment and a species."""
    events: int


def theta_of(log_ratio: Float[np.ndarray, " rates"]) -> dict[str, float]:
    """Rates by name, from the logarithms of their ratios to the true ones."""
    return dict(zip(RATES, (TRUTH * np.exp(log_ratio)).tolist(), strict=True))


@functools.lru_cache(1)
def ensemble(cells: int, width: float, end: float, seed: int) -> Ensemble:
    """Exact paths at the true rates; windows of length `width` from 0 to `end`."""
    edges = np.arange(0.0, end + width / 2, width)
    fold = jumpax.TimeAverages(MODEL.network)
    paths = jumpax.simulate(MODEL.network, MODEL.theta, MODEL.x0, times=edges, paths=cells, key=seed, record=fold)
    averages = np.stack([paths.records[place][:, 1:] for place in PLACES], -1)
    return Ensemble(paths.counts, averages)


def observed(cells: Ensemble, windows: int) -> Segments:
    """The averages of an ensemble, cut into segments of so many windows."""
    return Segments(cells.averages.reshape(len(cells.averages), -1, windows * len(SEEN)), 0)


def starts(cells: Ensemble, windows: int) -> Int[np.ndarray, "cells segments species"]:
    """The states in which segments of so many windows begin."""
    return cells.states[:, :-1:windows]


def follow(
    theta: Mapping[str, float], begin: Int[np.ndarray, "cells segments species"], windows: int, width: float, key: int
) -> Segments:
    """New paths from all these states."""
    cells, segments, species = begin.shape
    fold = jumpax.TimeAverages(MODEL.network)
    paths = jumpax.simulate(
        MODEL.network, theta, begin.reshape(-1, species), times=width * np.arange(1, windows + 1), paths=cells * segments,
        key=key, record=fold,
    )  # fmt: skip
    averages = np.stack([paths.records[place] for place in PLACES], -1)
    return Segments(averages.reshape(cells, segments, -1), int(paths.events.sum()))


def slopes(
    theta: Mapping[str, float],
    begin: Int[np.ndarray, "cells segments species"],
    windows: int,
    width: float,
    key: int,
    wrt: tuple[str, ...],
    nodes: int = 5,
) -> Float[np.ndarray, "cells segments entries rates"]:
    """Derivatives of the averages in the logarithms of rates, by the trapezoidal tangent along paths from these states."""
    cells, segments, species = begin.shape
    parts = jumpax.Windows(width * np.arange(windows + 1), nodes)
    paths = jumpax.simulate(
        MODEL.network, theta, begin.reshape(-1, species), times=parts.times, paths=cells * segments, key=key,
        record=jumpax.folds.Tangent(MODEL.network, wrt),
    )  # fmt: skip
    _, rows = paths.records
    tangent = np.stack([np.stack(rows[place], -1) for place in PLACES], -2)  # paths, times, seen, rates
    made = np.asarray(parts.mean(tangent, 1)) * np.array([theta[name] for name in wrt])
    return made.reshape(cells, segments, -1, len(wrt))
