"""Who descends from whom, and what that tells."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from jumpax.filters.cloud import taken

LAG = 16
"""Records after which a particle of the past has no more part in what the future weighs."""

Parents = Int[np.ndarray, "times rows particles"]


def shares(
    parents: Int[np.ndarray, "rows particles"], weights: Float[np.ndarray, "rows particles"]
) -> Float[np.ndarray, "rows particles"]:
    """The weight of all descendants of each ancestor."""
    rows, many = parents.shape
    flat = (parents + np.arange(rows)[:, None] * many).reshape(-1)
    return np.bincount(flat, weights.reshape(-1), rows * many).reshape(rows, many)


def relative_variance(
    parents: Parents, resampled: Bool[np.ndarray, "times rows"], weights: Float[np.ndarray, "times rows particles"],
    draws: Int[np.ndarray, "times rows"], alive: Bool[np.ndarray, "times rows"], lag: int = LAG,
) -> Float[np.ndarray, " rows"]:  # fmt: skip
    """An estimate of the variance of the log-likelihood, from the genealogy of one run.

    Particles that descend from one ancestor share its luck. With S_{p,m} the sum, over particles of time p, of the squared weight of
    their descendants at time m, the whole is S_{0,T} - 1/M where all time counts (Lee & Whiteley 2018). Written as a sum over
    the times p of S_{p,m} - S_{p+1,m}, m = p + lag, it does not end at 1 once all have one ancestor (Olsson & Douc 2019). Alive steps
    add 1/M - 1/(n - 1) for n draws, and their independent choice of parents, 1/M, is taken off.

    Source: Lee & Whiteley 2018, doi:10.1093/biomet/asy028; Olsson & Douc 2019, doi:10.3150/18-BEJ1070.
    """
    times, many = weights.shape[0], weights.shape[2]
    total = (weights[-1] ** 2).sum(1) - 1.0 / many
    total = total + (alive * (1.0 / many - 1.0 / np.maximum(draws, 1))).sum(0)
    for time in range(1, times):
        some = np.flatnonzero(resampled[time])
        if not len(some):
            continue
        last = min(time - 1 + lag, times - 1)
        ancestors = np.broadcast_to(np.arange(many), (len(some), many))
        for later in range(last, time, -1):
            ancestors = taken(parents[later][some], ancestors)
        own = weights[last][some]
        here = (shares(ancestors, own) ** 2).sum(1)
        before = (shares(taken(parents[time][some], ancestors), own) ** 2).sum(1)
        total[some] += before - here - alive[time][some] / many
    return np.maximum(total, 0.0)


def traced(
    parents: Parents, places: Int[np.ndarray, "rows paths"], last: int
) -> Iterator[tuple[int, Int[np.ndarray, "rows paths"]]]:
    """The ancestors of particles of a time, backwards to the first record."""
    for time in range(last, -1, -1):
        yield time, places
        if time:
            places = np.take_along_axis(parents[time], places, 1)


def smoothed(
    parents: Parents, weights: Float[np.ndarray, "times rows particles"], lag: int | None
) -> Float[np.ndarray, "times rows particles"]:
    """Weights of the particles of each time given all records, or those up to `lag` records later."""
    times, rows, many = weights.shape
    found = np.empty_like(weights)
    everyone = np.broadcast_to(np.arange(many), (rows, many))
    if lag is None:
        for time, ancestors in traced(parents, everyone, times - 1):
            found[time] = shares(ancestors, weights[-1])
        return found
    for time in range(times):
        last = min(time + lag, times - 1)
        ancestors = everyone
        for later in range(last, time, -1):
            ancestors = taken(parents[later], ancestors)
        found[time] = shares(ancestors, weights[last])
    return found


def quantiles(
    values: Float[np.ndarray, "rows particles"],
    weights: Float[np.ndarray, "rows particles"],
    levels: Float[np.ndarray, " levels"],
) -> Float[np.ndarray, "levels rows"]:
    """The least value with at least that weight at or below it; NaN where there is no weight."""
    order = np.argsort(values, 1, kind="stable")
    heights = np.cumsum(np.take_along_axis(weights, order, 1), 1)
    total = heights[:, -1:]
    place = (heights[None] < levels[:, None, None] * total * (1 - 1e-12)).sum(2)
    found = np.take_along_axis(np.take_along_axis(values, order, 1), np.minimum(place, values.shape[1] - 1).T, 1).T
    return np.where(total[:, 0] > 0, found, np.nan)
