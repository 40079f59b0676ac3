"""Profile likelihood of one parameter."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from jumpax._base.errors import InputError
from jumpax.plots.look import PALETTE, QUIET, axes_or_new, legend_above, style, with_unit

_WIDE = 30
"""Ratio of the largest and the least value beyond which their axis is logarithmic."""
HALF_CHI_SQUARE_95 = 1.9207
"""How far the log-likelihood falls at the ends of a 95 % interval for one parameter (half of chi-square 3.841)."""


def profile(
    values: Sequence[float] | Float[np.ndarray, " points"],
    log_likelihoods: Sequence[float] | Float[np.ndarray, " points"],
    axes: Axes | None = None,
    *,
    name: str = "parameter",
    unit: str | None = None,
    threshold: float = HALF_CHI_SQUARE_95,
    truth: float | None = None,
) -> Axes:
    """Log-likelihood below its maximum against one parameter, the others being fitted anew at each value.

    The line of the threshold cuts the curve at the ends of the confidence interval, which is shaded; it reaches to the
    edge of the figure where the profile does not come down: the parameter is then not identified on that side.

    Args:
        values: of the parameter, increasing.
        log_likelihoods: the largest one at each value, natural logarithm.
        axes: where to draw; default a new figure.
        name: of the parameter.
        unit: of the parameter.
        threshold: depth of the confidence limit below the maximum; the default is 95 % for one parameter.
        truth: true value, if it is known.

    Returns:
        The axes.

    Raises:
        InputError: lengths differ, values do not increase, or numbers are not finite.

    Examples:
        >>> profile([1.0, 2.0, 3.0], [-4.0, 0.0, -4.0], name="k", unit="1/min").get_xlabel()
        'k (1/min)'
    """
    x, y = np.asarray(values, float), np.asarray(log_likelihoods, float)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2 or not (np.diff(x) > 0).all() or not np.isfinite(y).all():
        raise InputError("a profile needs increasing values and as many finite log-likelihoods, at least two")
    drop = y - y.max()
    low, high = interval(x, drop, threshold)
    with style():
        axes = axes_or_new(axes)
        axes.axvspan(x[0] if low is None else low, x[-1] if high is None else high,
                     color=PALETTE[0], alpha=0.10, linewidth=0)  # fmt: skip
        axes.axhline(
            -threshold, color=QUIET, linewidth=1.0, linestyle=(0, (4, 3)), label=f"threshold (−{threshold:.3g})"
        )
        axes.plot(x, drop, marker="o", markersize=3.5, color=PALETTE[0], label="profile")
        axes.plot(x[drop.argmax()], 0.0, marker="D", markersize=6, linestyle="", color=PALETTE[1], label="maximum")
        if truth is not None:
            axes.axvline(truth, color=PALETTE[2], linewidth=1.2, label="true value")
        axes.set_ylim(min(-2.5 * threshold, max(drop.min(), -6 * threshold)) * 1.02, 0.35 * threshold)
        axes.set_xlim(x[0], x[-1])
        if x[0] > 0 and x[-1] > _WIDE * x[0]:
            axes.set_xscale("log")
        axes.set_xlabel(with_unit(name, unit))
        axes.set_ylabel("log-likelihood − maximum")
        legend_above(axes)
    return axes


def interval(
    values: Float[np.ndarray, " points"], drop: Float[np.ndarray, " points"], threshold: float
) -> tuple[float | None, float | None]:
    """Where the profile, joined by straight lines, crosses the threshold left and right of its maximum; None if not."""
    best = int(drop.argmax())
    left, right = (np.flatnonzero(part <= -threshold) for part in (drop[:best], drop[best + 1 :]))
    low = None if not left.size else _cross(values, drop, int(left[-1]), int(left[-1]) + 1, threshold)
    high = None if not right.size else _cross(values, drop, best + int(right[0]), best + 1 + int(right[0]), threshold)
    return low, high


def _cross(values: np.ndarray, drop: np.ndarray, first: int, second: int, threshold: float) -> float:
    share = (-threshold - drop[first]) / (drop[second] - drop[first])
    return float(values[first] + share * (values[second] - values[first]))
