"""Which parameters differ between conditions."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jumpax.plots.look import PALETTE, QUIET, new_figure, style


def changes(found: Any) -> Figure:
    """Each parameter in each condition against the first one, with 95 % intervals; filled where it is said to differ.

    Args:
        found: a `Comparison`.

    Returns:
        The figure, a panel for each kind of change: fold changes, differences, ratios of odds.
    """
    kinds = list(dict.fromkeys(one.kind for one in found.parameters))
    rows = {kind: [(o, n) for o in found.parameters if o.kind == kind for n in o.changes] for kind in kinds}
    heights = [0.5 + 0.34 * len(some) for some in rows.values()]
    figure = new_figure(6.4, 0.6 + sum(heights) + 0.5 * len(heights))
    with style():
        panels = figure.subplots(len(kinds), 1, squeeze=False, height_ratios=heights)[:, 0]
        for panel, kind in zip(panels, kinds):
            for place, (one, condition) in enumerate(rows[kind]):
                value, low, high = one.changes[condition]
                colour = PALETTE[1] if one.differs else PALETTE[0]
                panel.plot([low, high], [place, place], color=colour, linewidth=1.4)
                panel.plot([value], [place], "o", color=colour, markerfacecolor=colour if one.differs else "white")
            panel.axvline(0.0 if kind == "difference" else 1.0, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
            ends = np.array([change for one, n in rows[kind] for change in one.changes[n]])
            if kind != "difference" and np.isfinite(ends).all() and (ends > 0).all():
                panel.set_xscale("log")
                for axis in (panel.xaxis.set_major_formatter, panel.xaxis.set_minor_formatter):
                    axis("{x:g}")
            several = len(found.conditions) > 2
            panel.set_yticks(range(len(rows[kind])), [f"{o.name}, {n}" if several else o.name for o, n in rows[kind]])
            panel.set_ylim(len(rows[kind]) - 0.5, -0.5)
            against = found.conditions[0] if several else f"{found.conditions[1]} against {found.conditions[0]}"
            panel.set_xlabel(f"{kind}, {'against ' * several}{against}")
    return figure
