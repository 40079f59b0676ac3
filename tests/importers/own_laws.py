"""Exact laws of the cases in own_cases.py: thinning, mixtures, and the master equation in a box of states."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats
from scipy.linalg import expm


def decay(start: int, time: float):
    """Molecules of `start` that are left where each dies at rate 1."""
    return stats.binom(start, np.exp(-time))


def poisson(mean: float, more) -> np.ndarray:
    """A Poisson number and an independent other one."""
    return np.convolve(stats.poisson(mean).pmf(np.arange(80)), more.pmf(np.arange(20)))


def start_then(probabilities: np.ndarray, first: int, time: float) -> np.ndarray:
    """A start of `first`, `first + 1`, ... with these weights, and death at rate 1."""
    counts = np.arange(first + len(probabilities))
    rows = stats.binom(counts[first:, None], np.exp(-time)).pmf(counts)
    return probabilities @ rows / probabilities.sum()


def mixed(start: int, rate, time: float) -> np.ndarray:
    """What is left of `start` where each dies at one rate, which is drawn: Gauss-Legendre over the quantiles of the rate."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    alive = np.exp(-rate.ppf((nodes + 1) / 2) * time)
    return weights / 2 @ stats.binom(start, alive[:, None]).pmf(np.arange(start + 1))


def TWO(law) -> np.ndarray:
    """2 n + 1."""
    out = np.zeros(160)
    out[1::2] = law.pmf(np.arange(80))
    return out


def master(
    changes: Sequence[Sequence[int]], rates: Sequence[Callable], start: Sequence[int], sizes: Sequence[int]
) -> list[Callable[[float], np.ndarray]]:
    """For each species a function of time: its probabilities of 0, 1, ... by the exponential of the generator.

    What would leave the box of states 0 .. size - 1 is left out; boxes are large enough that this has a probability below 1e-9.
    """
    states = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, sizes), indexing="ij")])
    generator = np.zeros((states.shape[1],) * 2)
    for change, rate in zip(changes, rates, strict=True):
        ends = states + np.array(change)[:, None]
        value = np.broadcast_to(np.asarray(rate(*states.astype(float)), float), states.shape[1:])
        inside = ((ends >= 0) & (ends < np.array(sizes)[:, None])).all(0) & (value > 0)
        place = np.flatnonzero(inside)
        target = np.ravel_multi_index(tuple(ends[:, inside]), tuple(sizes))
        np.add.at(generator, (place, target), value[inside])
        np.add.at(generator, (place, place), -value[inside])
    begin = int(np.ravel_multi_index(tuple(start), tuple(sizes)))
    known: dict[float, np.ndarray] = {}

    def law(axis: int, time: float) -> np.ndarray:
        if time not in known:
            known[time] = expm(generator * time)[begin].reshape(sizes)
        others = tuple(i for i in range(len(sizes)) if i != axis)
        return np.maximum(known[time].sum(others), 0.0)

    return [lambda time, axis=axis: law(axis, time) for axis in range(len(sizes))]
