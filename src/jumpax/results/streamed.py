"""What is told of paths that are not held."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Streamed(NamedTuple):
    """Paths in few numbers: moments of those that were followed to a stop, and how all ended."""

    file: Path | None
    """Where they are; None where they are in memory."""
    species: tuple[str, ...]
    stops: Float[np.ndarray, " stops"] | Int[np.ndarray, " stops"]
    paths: int
    mean: Float[np.ndarray, "stops species"]
    variance: Float[np.ndarray, "stops species"]
    status: Mapping[int, int]
    """How many paths ended with each code of `jumpax.Status`."""
    events: int
    redrawn: int
    provenance: Mapping[str, Any]
    """Of the whole run."""
