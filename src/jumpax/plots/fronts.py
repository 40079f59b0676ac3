"""Points of a Pareto front."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jumpax.plots.look import PALETTE, QUIET, new_figure, style


def front(found: Any) -> Figure:
    """The points with bars of one standard error, and the ways to them; filled where no other point is clearly better.

    Args:
        found: a `ParetoFront`.

    Returns:
        The figure, a panel for each objective against the first.
    """
    value, error, good = found.objectives, found.standard_errors, np.asarray(found.efficient)
    others = range(1, value.shape[1])
    figure = new_figure(1.6 + 4.2 * len(others), 3.6)
    with style():
        for panel, other in zip(figure.subplots(1, len(others), squeeze=False)[0], others):
            for way in found.paths:
                panel.plot(way[:, 0], way[:, other], color=QUIET, linewidth=0.6, alpha=0.4)
            for chosen, face in ((good, PALETTE[0]), (~good, "white")):
                panel.errorbar(
                    value[chosen, 0], value[chosen, other], error[chosen, other], error[chosen, 0], color=PALETTE[0],
                    marker="o", markersize=5, markerfacecolor=face, linestyle="", linewidth=1.0,
                )  # fmt: skip
            panel.set_xlabel("objective 0")
            panel.set_ylabel(f"objective {other}")
    return figure
