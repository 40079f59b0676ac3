"""Measured inputs: curves through points, for use inside rate laws."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jumpax._base.errors import InputError
from jumpax._base.ranges import Range, Run
from jumpax._base.types import Real

SELECTED = 64
"""Most knots that are told apart by selects, one after the other, which every engine can run; more are searched for."""


@dataclasses.dataclass(frozen=True, init=False)
class Curve:
    """A function of time given by points: straight between two of them, constant before the first and after the last.

    c(t) = v_i + (t - t_i) (v_{i+1} - v_i) / (t_{i+1} - t_i) for t_i <= t < t_{i+1}, in the precision of t; never below the
    least value nor above the largest. Frozen, hashable, equal by value, and elementwise, so that a plain function of `t`
    that calls it is a rate law. Its points are part of the model, not of theta: they have no derivatives.

    Up to 64 points run on every engine; with more, `xla` and `reference` search for the place of t.

    Args:
        times: at least two, finite, strictly increasing, in the unit of the model's time.
        values: one finite number for each.

    Raises:
        InputError: naming every point that is out of order or not a number.

    Examples:
        >>> import jumpax
        >>> season = jumpax.Curve([0.0, 10.0, 30.0], [1.0, 2.0, 0.0])
        >>> float(season(5.0)), float(season(20.0)), float(season(99.0)), season.highest(0.0, 5.0)
        (1.5, 1.0, 0.0, 1.5)
        >>> def infection(S, I, beta, t):
        ...     return beta * season(t) * S * I
        >>> jumpax.Reaction("S + I -> 2 I", infection).law.time_dependent
        True
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __init__(self, times: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray):
        when, what = _numbers("times", times), _numbers("values", values)
        faults = _faults(when, what)
        if faults:
            raise InputError("a curve cannot go through these points: " + "; ".join(faults))
        object.__setattr__(self, "times", tuple(when.tolist()))
        object.__setattr__(self, "values", tuple(what.tolist()))

    def __call__(self, t: Real | float) -> Real:
        """The value at a time, or at an array of them; elementwise."""
        now = jnp.asarray(t, float) if not hasattr(t, "dtype") else jnp.asarray(t)
        when, what = np.array(self.times), np.array(self.values)
        slopes = np.append(np.diff(what) / np.diff(when), 0.0)
        columns = [column.astype(now.dtype) for column in (when, what, slopes)]
        return jumpax_curve(now, *(column if len(column) > SELECTED else (*column,) for column in columns))

    def highest(self, begin: float, end: float) -> float:
        """The largest value between two times: what a bound of the interval is made from."""
        when, what = np.array(self.times), np.array(self.values)
        inside = what[(when > begin) & (when < end)]
        return float(max(np.interp([begin, end], when, what).max(), inside.max(initial=-np.inf)))


@jax.jit
def jumpax_curve(now: Any, begins: Any, bases: Any, slopes: Any) -> Any:
    """The height of a curve; a function with a name, by which `networks.ceiling` finds it in a law.

    Args:
        now: when.
        begins: of the knots: an array, or up to SELECTED scalars, since an array cannot be printed.
        bases: values there.
        slopes: from there on.
    """
    begin, base, slope = _place(now, [begins, bases, slopes])
    height = base + jnp.maximum(now - begin, jnp.zeros_like(now)) * slope
    least, largest = (functools.reduce(each, bases) for each in (jnp.minimum, jnp.maximum))
    return jnp.minimum(jnp.maximum(height, least), largest)


def curve_range(run: Run, now: Range, *columns: Range) -> Range:
    """Between which values a curve stays from a time on."""
    knots = [column.low for column in columns]
    if len(knots) > 3:
        many = len(knots) // 3
        begins, bases = (np.array(knots[i * many : (i + 1) * many]) for i in range(2))
    else:
        begins, bases = map(np.asarray, knots[:2])
    later = np.append(bases[1:], bases[-1])[::-1]
    ends = np.maximum.accumulate(later)[::-1], np.minimum.accumulate(later)[::-1]
    here = run(now.low, *knots)
    top, bottom = _place(now.low, [begins, *ends])[1:]
    room = np.abs(bases).max() * np.asarray(4 * jnp.finfo(bases.dtype).eps, bases.dtype)  # for rounding between knots
    return Range(jnp.minimum(here, bottom) - room, jnp.maximum(here, top) + room)


def _place(now: Any, columns: Sequence[np.ndarray | Real | tuple[Real, ...]]) -> list[Any]:
    """Of each column, an array or scalars, the entry of the last knot that is not after `now`, or of the first."""
    knots = len(columns[0])
    if knots > SELECTED:
        at = jnp.clip(jnp.searchsorted(jnp.asarray(columns[0]), now, side="right") - 1, 0, knots - 1)
        return [jnp.asarray(column)[at] for column in columns]
    chosen = [jnp.full_like(now, column[0]) for column in columns]
    for i in range(1, knots):
        passed = now >= columns[0][i]
        chosen = [jnp.where(passed, column[i], old) for column, old in zip(columns, chosen, strict=True)]
    return chosen


def _numbers(name: str, given: Any) -> Float[np.ndarray, " points"]:
    try:
        return np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} of a curve must be numbers; got {given!r}") from None


def _faults(times: np.ndarray, values: np.ndarray) -> list[str]:
    """All that is wrong with the points."""
    if times.ndim != 1 or times.shape != values.shape or times.size < 2:
        return [f"needed are as many values as times, at least two; got shapes {times.shape} and {values.shape}"]
    faults = [f"times[{i}] = {times[i]}" for i in np.flatnonzero(~np.isfinite(times))]
    faults += [f"values[{i}] = {values[i]}" for i in np.flatnonzero(~np.isfinite(values))]
    if not faults:
        faults = [
            f"times[{i + 1}] = {times[i + 1]:g} does not come after times[{i}] = {times[i]:g}"
            for i in np.flatnonzero(np.diff(times) <= 0)
        ]
    if not faults and not (np.abs(np.diff(values) / np.diff(times)) < 1e37).all():
        faults = ["a slope of 1e37 or more is outside float32; use other units"]
    return faults
