"""What an audit of gradient estimators found."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jumpax.plots.look import PALETTE, QUIET, new_figure, style

if TYPE_CHECKING:
    from jumpax.gradients import Audit


def audit(found: "Audit") -> Figure:
    """Work and bias of every estimator and, with several stops, how the spread of the gradient grows with time.

    Args:
        found: what `jumpax.audit` returned.

    Returns:
        A figure with two or three panels. Dots are single components of the gradient, bars geometric means.
    """
    growth = found.against_time()
    several = len({row.stop for row in found.rows}) > 1
    lines = found.summary()
    with style():
        figure = new_figure(11.0 if several else 8.4, 1.4 + 0.34 * len(lines) + (1.0 if several else 0.0))
        panels = figure.subplots(1, 3 if several else 2, sharey=False)
        _work(panels[0], found, lines)
        _bias(panels[1], found, lines)
        if several:
            _growth(panels[2], found, growth)
    return figure


def _names(axes: Axes, lines: list[dict]) -> None:
    axes.set_yticks(range(len(lines)), [line["estimator"] for line in lines])
    axes.invert_yaxis()


def _work(axes: Axes, found: "Audit", lines: list[dict]) -> None:
    for place, line in enumerate(lines):
        work = np.array([row.work for row in found.rows if row.estimator == line["estimator"]])
        work = work[np.isfinite(work) & (work > 0)]
        axes.plot(work, np.full(len(work), place), ".", color=PALETTE[0], alpha=0.5, markersize=5)
        axes.plot([line["work"]], [place], "|", color=PALETTE[1], markersize=14, markeredgewidth=2)
    axes.set_xscale("log")
    axes.axvline(1.0, color=QUIET, linewidth=0.8)
    axes.set_xlabel("work for the same error, score function = 1")
    _names(axes, lines)


def _bias(axes: Axes, found: "Audit", lines: list[dict]) -> None:
    for place, line in enumerate(lines):
        z = np.array([row.z for row in found.rows if row.estimator == line["estimator"]])
        axes.plot(np.sign(z) * np.log10(1 + np.abs(z)), np.full(len(z), place), ".", color=PALETTE[2], markersize=5)
    ticks = np.array([-100, -10, -4, 0, 4, 10, 100])
    axes.set_xticks(np.sign(ticks) * np.log10(1 + np.abs(ticks)), [f"{t}" for t in ticks])
    limit = np.log10(5)
    axes.axvspan(-limit, limit, color=PALETTE[2], alpha=0.10, linewidth=0)
    axes.set_xlabel("z: (estimate − reference) / error")
    _names(axes, lines)
    axes.set_yticklabels([])


def _growth(axes: Axes, found: "Audit", growth: dict[str, list[float]]) -> None:
    times = sorted({row.stop for row in found.rows})
    for place, (name, spread) in enumerate(growth.items()):
        dash = "-" if place < len(PALETTE) else "--"
        axes.plot(times, spread, dash, marker=".", color=PALETTE[place % len(PALETTE)], label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("time")
    axes.set_ylabel("relative spread of one path's gradient")
    axes.legend(fontsize=7, loc="best")
