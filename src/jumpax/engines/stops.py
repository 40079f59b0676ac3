"""The stops that a call asks for, and the bounds of the intervals between them."""

from collections.abc import Sequence

import numpy as np

from jumpax._base.errors import InputError
from jumpax.engines.program import Bound, Steps, Times, check_steps, check_times
from jumpax.folds import AbstractFold

_LARGEST_BOUND = 1e30
"""Beyond, waits would be zero in float32."""


def stops_of(
    times: object, steps: object, start: float, fold: AbstractFold, bound: float | Sequence[float] | None = None
) -> Times | Steps:
    """The stops asked for, with those that the fold adds, and the bound of the interval in which each lies.

    Raises:
        InputError: unless exactly one of `times` and `steps` is given, and in order, with bounds that are some.
    """
    if (times is None) == (steps is None):
        raise InputError("give either times=... (to stop at times) or steps=... (to stop after numbers of events)")
    if steps is not None:
        return Steps(check_steps(steps), _one_bound(bound))
    values = check_times(times, start)
    return Times(values, float(start), _bounds(bound, len(values))).joined(fold)


def _one_bound(bound: object) -> float | None:
    if bound is not None and np.ndim(bound):  # type: ignore[arg-type]
        raise InputError(
            "a bound for each interval needs times=... that end the intervals; with steps=... give one bound"
        )
    return _bounds(bound, 1)  # type: ignore[return-value]


def _bounds(bound: object, intervals: int) -> Bound:
    if bound is None:
        return None
    wanted = "bound must be a positive number, or one for each interval between stops"
    try:
        values = np.asarray(bound, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{wanted}; got {bound!r}") from None
    if values.ndim > 1 or values.shape not in ((), (intervals,)):
        raise InputError(f"{wanted}, bound[i] up to times[i]: {intervals} of them; got shape {values.shape}")
    wrong = values[~((values > 0) & (values < _LARGEST_BOUND))]
    if wrong.size:
        raise InputError(f"{wanted}, below {_LARGEST_BOUND:g}; got {', '.join(f'{v:g}' for v in np.unique(wrong))}")
    return tuple(values.tolist()) if values.ndim else float(values)
