"""Who descends from whom, and what that tells."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from jumpax.filters.cloud import taken

LAG = 4
"""Records after which a particle of the past is taken to have no more part in what the future weighs."""
_LEAST = 1e-3
"""Share of pairs that is told from none."""

Parents = Int[np.ndarray, "times rows particles"]


def shares(
    parents: Int[np.ndarray, "rows particles"], weights: Float[np.ndarray, "rows particles"]
) -> Float[np.ndarray, "rows particles"]:
    """The weight of all descendants of each ancestor."""
    rows, many = parents.shape
    flat = (parents + np.arange(rows)[:, None] * many).reshape(-1)
    return np.bincount(flat, weights.reshape(-1), rows * many).reshape(rows, many)


def variance(
    parents: Parents,
    resampled: Bool[np.ndarray, "times rows"],
    weights: Float[np.ndarray, "times rows particles"],
    draws: Int[np.ndarray, "times rows"],
    alive: Bool[np.ndarray, "times rows"],
    lag: int = LAG,
) -> Float[np.ndarray, " rows"]:
    """An estimate of the variance of the log-likelihood, from the genealogy of one run.

    Z^2 times the share of pairs of particles without a common ancestor estimates the square of the likelihood (Lee & Whiteley 2018), so that
    minus its logarithm is the variance of log Z where that is about normal. Pairs are parted by the time p of their last
    common ancestor, as seen `lag` records later, so that the estimate does not end where all have one ancestor (Olsson & Douc 2019): with S_{p,m}
    the sum, over particles of time p, of the squared weight of their descendants at time m = p + lag, it is

        sum over p of -ln(1 - (S_{p,m} - S_{p+1,m}) / (1 - S_{p+1,m})),

    with S = 0 behind the last time, less -ln(1 - 1/M), the share of pairs of a particle with itself. Systematic resampling joins no pairs
    but for weights; the independent parents of alive steps do, 1/M, which is taken off, and n draws for M particles add ln((1 - 1/n) / (1 - 1/M)).

    Source: Lee & Whiteley 2018, doi:10.1093/biomet/asy028; Olsson & Douc 2019, doi:10.3150/18-BEJ1070.
    """
    times, many = weights.shape[0], weights.shape[2]
    alone = np.log1p(-1.0 / many)
    total = alone - _log_apart(np.zeros(weights.shape[1]), (weights[-1] ** 2).sum(1))
    total += (alive * (np.log1p(-1.0 / np.maximum(draws, 2)) - alone)).sum(0)
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
        total[some] += alive[time][some] * alone - _log_apart(here, before)
    return np.maximum(total, 0.0)


def _log_apart(later: Float[np.ndarray, " rows"], before: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """Logarithm of the share of pairs that a time leaves apart, among those that later times do."""
    apart = 1 - later
    return np.log(np.maximum(np.divide(1 - before, apart, out=np.ones_like(apart), where=apart > 0), _LEAST))


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
