"""Some of many counts or flags: from a tuple of them, or from one array with the lanes last."""

from typing import Any

import jax.numpy as jnp
import numpy as np


def taken(values: Any, chosen: tuple[int, ...] | None) -> Any:
    """Those with the chosen numbers, or all for None: a tuple of a tuple, rows of an array."""
    if isinstance(values, tuple):
        return values if chosen is None else tuple(values[d] for d in chosen)
    if chosen is None:
        return values
    rows = np.array(chosen)
    if np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):  # a slice is faster
        return values[rows[0] : rows[0] + len(rows)]
    return values[rows]


def along(value: Any, count: Any) -> Any:
    """A number of each lane, for a count of each lane, or for an array of counts with the lanes last."""
    return value[None] if jnp.ndim(count) > jnp.ndim(value) else value
