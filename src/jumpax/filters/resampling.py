"""Which particles go on: parents drawn by weight, on the host."""

import itertools

import numpy as np
from jaxtyping import Float, Int

SHARE = 0.5
"""Of the particles: below such an effective sample size they are resampled."""


def effective(weights: Float[np.ndarray, "rows particles"]) -> Float[np.ndarray, " rows"]:
    """The effective sample size 1 / sum of W^2, of weights that add up to 1; 0 where all are zero."""
    squares = np.einsum("rm,rm->r", weights, weights)
    return np.divide(1.0, squares, out=np.zeros_like(squares), where=squares > 0)


def systematic(
    weights: Float[np.ndarray, "rows particles"], uniform: Float[np.ndarray, " rows"]
) -> Int[np.ndarray, "rows particles"]:
    """Parents by systematic resampling: particle i of a row has floor or ceil of M W_i children, M W_i on average.

    The points (u + i) / M lie in the running sums of the weights; children stand in the order of their parents. No row has part in another.

    Source: Carpenter, Clifford & Fearnhead 1999, doi:10.1049/ip-rsn:19990255.

    Examples:
        >>> systematic(np.array([[0.5, 0.25, 0.25, 0.0]]), np.array([0.1])).tolist()
        [[0, 0, 1, 2]]
    """
    rows, many = weights.shape
    heights = np.cumsum(weights, 1)
    heights *= many / heights[:, -1:]
    heights -= uniform[:, None]
    before = np.ceil(heights, out=heights).astype(np.int64)
    if (
        weights[:, -1] == 0
    ).any():  # rounding may lift the last sums: a particle without weight behind them gets no child
        last = many - 1 - np.argmax(weights[:, ::-1] > 0, 1)
        np.copyto(before, many, where=np.arange(many) >= last[:, None])
    before[:, -1] = many
    np.clip(before, 0, many, out=before)
    before[:, 1:] -= before[:, :-1].copy()
    parents = np.repeat(np.arange(rows * many), before.reshape(-1)).reshape(rows, many)
    parents -= np.arange(0, rows * many, many)[:, None]
    return parents


def chosen(
    weights: Float[np.ndarray, "rows particles"], row: Int[np.ndarray, " draws"], uniform: Float[np.ndarray, " draws"]
) -> Int[np.ndarray, " draws"]:
    """A parent for each draw by itself, by the weights of its row; draws of a row stand together."""
    parents = np.empty(len(row), np.int64)
    borders = np.flatnonzero(np.diff(row, prepend=-1, append=-1))
    for begin, end in itertools.pairwise(borders):
        own = weights[row[begin]]
        heights = np.cumsum(own)
        found = np.searchsorted(heights, uniform[begin:end] * heights[-1], side="right")
        parents[begin:end] = np.minimum(found, np.flatnonzero(own > 0)[-1])
    return parents
