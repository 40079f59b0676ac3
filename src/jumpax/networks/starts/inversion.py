"""Whole numbers of a law from uniform numbers: the inverse of its distribution function, in float64 on the host."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

WIDEST = 2**22
"""Most different numbers of a law: those that it has with more than about 1e-16."""
LARGEST = 1e9
"""Largest mean."""
_LEAST = 2.0**-54
"""Probability beyond the ends of a table: half of what the finest uniform number resolves."""

Cumulative = Callable[..., Float[np.ndarray, " counts"]]
"""(counts, *numbers) -> probability of as many or fewer."""


def inverted(
    cumulative: Cumulative,
    spread: Callable[..., tuple[float, float]],
    uniform: Float[np.ndarray, " paths"],
    numbers: Sequence[Float[np.ndarray, "..."]],
) -> Int[np.ndarray, " paths"]:
    """The least n with P(N <= n) >= u, for each u; monotone in u, exact to rounding. -1 where the law is too wide.

    Args:
        cumulative: distribution function, a function of the module level.
        spread: mean and standard deviation, from the numbers of the law.
        uniform: in (0, 1).
        numbers: of the law: each one number, or one per path; sensible.
    """
    columns = np.broadcast_arrays(uniform, *(np.asarray(number, np.float64) for number in numbers))[1:]
    if len(uniform) and all(np.ptp(column) == 0 for column in columns):  # sorting takes longer than drawing
        rows, which = np.array([[column[0] for column in columns]]), np.zeros(0, np.int64)
    else:
        rows, which = np.unique(np.stack(columns, -1), axis=0, return_inverse=True)
    drawn = np.full(len(uniform), -1, np.int64)
    for place, row in enumerate(rows.tolist()):
        table = _table(cumulative, spread, tuple(row))
        if table is not None:
            ours = which.reshape(-1) == place if len(rows) > 1 else slice(None)
            least, heights = table
            drawn[ours] = least + np.minimum(np.searchsorted(heights, uniform[ours]), len(heights) - 1)
    return drawn


def too_wide(cumulative: Cumulative, spread: Callable[..., tuple[float, float]], numbers: tuple[float, ...]) -> bool:
    """Whether the law has no table."""
    return spread(*numbers)[0] > LARGEST or _table(cumulative, spread, numbers) is None


@functools.lru_cache(maxsize=256)
def _table(
    cumulative: Cumulative, spread: Callable[..., tuple[float, float]], numbers: tuple[float, ...]
) -> tuple[int, Float[np.ndarray, " counts"]] | None:
    """The least count of a table, and the distribution function from there on; None if it is too wide."""
    mean, deviation = spread(*numbers)
    if not mean <= LARGEST:
        return None
    reach = 8 * deviation + 20
    while True:
        least, most = max(0, int(mean - reach)), int(mean + reach)
        if most - least > WIDEST:
            return None
        ends = cumulative(np.array([least - 1.0, float(most)]), *numbers)
        if (least == 0 or ends[0] < _LEAST) and 1 - ends[1] < _LEAST:
            heights = cumulative(np.arange(least, most + 1, dtype=np.float64), *numbers)
            return least, np.maximum.accumulate(heights)
        reach *= 1.5
