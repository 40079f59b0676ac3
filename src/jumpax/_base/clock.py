"""A compensated clock: a time is the unevaluated sum of two numbers.

In float32 the pair holds 48 bits, so that 1e6 waits of 1e-3 end at 1000 and a path at t = 1e5 still resolves
its waits. Knuth's two-sum (TAOCP 2, 4.2.2) uses additions only, so no compiler can contract it.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base.types import Flag, Real


class Time(NamedTuple):
    """high + low, with |low| at most half a unit in the last place of high."""

    high: Real
    low: Real


def split(times: np.ndarray, dtype: np.dtype) -> Time:
    """Host times (float64) as pairs in the precision of a run."""
    high = np.asarray(times, np.float64).astype(dtype)
    low = (np.asarray(times, np.float64) - high.astype(np.float64)).astype(dtype)
    return Time(high, low)  # type: ignore[arg-type]  # on the host


def join(time: Time) -> np.ndarray:
    """The pairs as float64 on the host, rounded up: as a stop, such a time includes an event of that very time."""
    high, low = np.asarray(time.high, np.float64), np.asarray(time.low, np.float64)
    total = high + low
    return np.where((high - total) + low > 0, np.nextafter(total, np.inf), total)


def add(time: Time, wait: Real) -> Time:
    """The sum of time and wait, normalised."""
    total = time.high + wait
    back = total - time.high
    error = (time.high - (total - back)) + (wait - back) + time.low
    high = total + error
    return Time(high, error - (high - total))


def not_after(first: Time, second: Time) -> Flag:
    """Whether first <= second; exact for normalised pairs."""
    return (first.high < second.high) | ((first.high == second.high) & (first.low <= second.low))


def between(first: Time, second: Time) -> Real:
    """The time from first to second as one number, at least zero."""
    gap = (second.high - first.high) + (second.low - first.low)
    return jnp.maximum(gap, jnp.zeros_like(gap))


def same(first: Time, second: Time) -> Flag:
    """Whether the clock did not move."""
    return (first.high == second.high) & (first.low == second.low)
