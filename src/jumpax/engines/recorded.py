"""What a run leaves behind."""

from typing import Any, NamedTuple

from jaxtyping import Array, Float, Int32


class Recorded(NamedTuple):
    """Records and ends of paths; rows after the end of a faulty path hold -1 (integers), NaN (reals) or False."""

    record: Any
    """The fold's record; every leaf (paths, stops)."""
    status: Int32[Array, " paths"]
    events: Int32[Array, " paths"]
    """Reactions fired."""
    counts: Int32[Array, "paths species"]
    """Counts at the end."""
    time: Float[Array, "paths 2"]
    """Time of the last event, as a pair to be added in float64."""
