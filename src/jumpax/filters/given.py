"""What of a hidden law is asked for: given which records, at which levels."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import InputError

Given: TypeAlias = Literal["before", "so far", "all"]
"""Those before a time, those up to it, or all."""
T = TypeVar("T")


def of_given(given: Given, before: T, so_far: T, everything: T) -> T:
    """The one that is meant.

    Raises:
        InputError: another word.
    """
    found = {"before": before, "so far": so_far, "all": everything}
    if given not in found:
        raise InputError(f'given must be "before", "so far" or "all", not {given!r}')
    return found[given]


def checked_levels(levels: Sequence[float]) -> Float[np.ndarray, " levels"]:
    """Of quantiles.

    Raises:
        InputError: something else than a list of numbers between 0 and 1.
    """
    wanted = np.atleast_1d(np.asarray(levels, float))
    if wanted.ndim != 1 or not ((wanted >= 0) & (wanted <= 1)).all():
        raise InputError(f"levels must be numbers between 0 and 1, not {levels!r}")
    return wanted
