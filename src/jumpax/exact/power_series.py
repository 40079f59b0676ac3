"""Weighted sums of powers of a sparse matrix on a vector, with derivatives: the one loop behind every law in time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jumpax.exact.generator import Sparse

TRUNCATION = 1e-12
"""Bound on the total variation error that stopping a series early may add; Poisson tails left out are below 1e-16."""
LEAST = 1e-20
"""Weights that are left out by default."""
_CHECK_EVERY = 64


class Window(NamedTuple):
    """Weights of the terms `first`, `first + 1`, ... of a series; all others are zero."""

    first: int
    weights: Float[np.ndarray, " terms"]

    @property
    def stop(self) -> int:
        """One past the last term."""
        return self.first + len(self.weights)


def poisson_window(mean: float, least: float = LEAST) -> Window:
    """Poisson probabilities of a given mean, by ratios from the mode outwards, normalised to sum to 1.

    The range of `9 sqrt(mean) + 50` about the mean leaves out less than 1e-17 (Chernoff), and the ratios are accurate
    to rounding, where `exp(-mean) mean^k / k!` through logarithms of factorials loses digits when the mean is large.
    Source: Fox and Glynn (1988), https://doi.org/10.1145/42404.42409.

    Args:
        mean: of the law.
        least: weights below it are left out; smaller than usual where what happens in the tails matters, as all terms are positive.
    """
    size = -np.log(least)
    mode, reach = (
        int(mean),
        max(9.0 * np.sqrt(mean) + 50.0, np.sqrt(2 * size * mean) + 0.7 * size if least < LEAST else 0.0),
    )
    low, high = max(0, int(mean - reach)), int(mean + reach) + 1
    above = np.cumprod(mean / np.arange(mode + 1, high + 1))
    below = np.cumprod(np.arange(mode, low, -1) / mean)[::-1] if mode > low else np.empty(0)
    weights = np.concatenate([below, [1.0], above])
    kept = np.flatnonzero(weights > least)
    return Window(low + int(kept[0]), weights[kept[0] : kept[-1] + 1] / weights.sum())


def power_series(
    step: Sparse,
    slopes: Sequence[Sparse],
    start: Float[np.ndarray, " states"],
    windows: Sequence[Window],
) -> tuple[Float[np.ndarray, "windows states"], Float[np.ndarray, "parameters windows states"]]:
    """`sum_k w_mk step^k start` for every window m, and its derivatives along `slopes`.

    The derivative of each power follows beside it: `u <- step u + slope v`, `v <- step v`. The columns of `step` must
    be non-negative and sum to at most 1: then no step enlarges a difference, and once `v` and `u` move by so little
    that all remaining steps cannot add up to `TRUNCATION`, they are held.

    Args:
        step: (states, states), one step of a chain.
        slopes: its derivatives, one matrix per parameter.
        start: (states,) probabilities.
        windows: which terms to add up.

    Returns:
        values (windows, states) and derivatives (parameters, windows, states).
    """
    from scipy.linalg.blas import daxpy  # type: ignore[attr-defined]

    states, parts = len(start), 1 + len(slopes)
    both = _with_derivatives(step, slopes)
    firsts, stops = (np.array([getattr(w, end) for w in windows], int) for end in ("first", "stop"))
    changes = set(firsts.tolist()) | set(stops.tolist())
    norms = np.array([float(np.abs(slope).sum(axis=0).max()) for slope in slopes])
    sums = np.zeros((len(windows), parts * states))
    powers = np.zeros(parts * states)
    powers[:states] = start
    last = int(stops.max(initial=0)) - 1
    added: list[int] = []
    for k in range(last + 1):
        if k in changes:
            added = np.flatnonzero((firsts <= k) & (k < stops)).tolist()
        for m in added:
            daxpy(powers, sums[m], a=windows[m].weights[k - windows[m].first])
        if k == last:
            break
        moved = both @ powers
        if k % _CHECK_EVERY == 0 and _settled(powers.reshape(parts, -1), moved.reshape(parts, -1), norms, last - k):
            for m, window in enumerate(windows):
                daxpy(moved, sums[m], a=float(window.weights[max(k + 1 - window.first, 0) :].sum()))
            break
        powers = moved
    values, *derivatives = np.moveaxis(sums.reshape(-1, parts, states), 1, 0)
    return values, np.array(derivatives).reshape(len(slopes), len(windows), states)


def _with_derivatives(step: Sparse, slopes: Sequence[Sparse]) -> Sparse:
    """One matrix that moves v and every u, one after the other: SciPy's overhead of a product is that of a thousand entries."""
    from scipy.sparse import block_array

    if not slopes:
        return step
    below = [[slope, *(step if j == i else None for j in range(len(slopes)))] for i, slope in enumerate(slopes)]
    return block_array([[step, *(None for _ in slopes)], *below], format="csr")


def _settled(
    before: Float[np.ndarray, "parts states"],
    after: Float[np.ndarray, "parts states"],
    norms: Float[np.ndarray, " parameters"],
    remaining: int,
) -> bool:
    """Whether what all remaining steps together add is below `TRUNCATION`, in the law and relative to each derivative.

    A difference d of two successive laws never grows in the 1-norm, so n steps move the law by n |d| at most; that of
    two successive derivatives, e, grows by |slope| |d| a step at most, so they move it by n |e| + n^2 |slope| |d| /
    2.
    """
    law, *changes = np.abs(after - before).sum(axis=1)
    if remaining * law > TRUNCATION:
        return False
    moves = remaining * np.array(changes) + 0.5 * remaining**2 * norms * law
    return bool((moves <= TRUNCATION * np.maximum(1.0, np.abs(after[1:]).sum(axis=1))).all())
