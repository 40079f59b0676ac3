"""What a run leaves behind."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int32


class Recorded(NamedTuple):
    """Records and ends of paths; rows after the end of a faulty path hold -1 (integers), NaN (reals) or False."""

    record: Any
    """The fold's record; every leaf (paths, stops)."""
    status: Int32[Array | np.ndarray, " paths"]
    events: Int32[Array | np.ndarray, " paths"]
    """Reactions fired."""
    counts: Int32[Array | np.ndarray, "paths species"]
    """Counts at the end."""
    time: Float[Array | np.ndarray, "paths 2"]
    """Time of the last event, as a pair to be added in float64."""
