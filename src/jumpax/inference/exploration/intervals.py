"""Neighbouring stops taken together."""

import itertools
import math

import numpy as np
from jaxtyping import Float

GROWTH = 0.2
"""Of intervals that are averaged: each has a fifth more stops than there are before it, so that what is fast early on stays."""
WIDEST = 14
"""No interval has more than so small a part of all stops."""


def intervals(stops: int) -> Float[np.ndarray, "intervals stops"]:
    """Sums over neighbouring stops, over the root of their number: residuals of smooth misfits, with less of the noise.

    A sum of squares of them is about that of all residuals, where neighbours miss the data alike.
    """
    edges = [0]
    while edges[-1] < stops:
        wide = min(math.ceil(stops / WIDEST), max(1, round(GROWTH * (edges[-1] + 3))))
        edges.append(min(stops, edges[-1] + wide))
    matrix = np.zeros((len(edges) - 1, stops), np.float32)
    for row, (begin, end) in enumerate(itertools.pairwise(edges)):
        matrix[row, begin:end] = (end - begin) ** -0.5
    return matrix
