"""Draws of a posterior, and records with the paths behind them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from jumpax._base.errors import InputError
from jumpax.plots.look import PALETTE, legend_above, new_figure, style, with_unit

if TYPE_CHECKING:
    from jumpax.records import Records

_BINS, _NAMED = 40, 8
"""Of a histogram; cells that a legend names."""


def draws(found: Any) -> Figure:
    """The draws of each parameter: chain by chain on the left, their law with 5, 50 and 95 % on the right.

    Args:
        found: a `Posterior`.

    Returns:
        The figure, one row for each parameter.
    """
    names = list(found.draws)
    figure = new_figure(8.4, 0.5 + 1.7 * len(names))
    with style():
        panels = figure.subplots(len(names), 2, squeeze=False, width_ratios=(3, 2))
        for (left, right), name in zip(panels, names, strict=True):
            values = found.draws[name]
            for number, chain in enumerate(values):
                left.plot(chain, color=PALETTE[number % len(PALETTE)], linewidth=0.5, alpha=0.7)
            left.set_ylabel(with_unit(name, found.units.get(name)))
            right.hist(values.ravel(), _BINS, density=True, color=PALETTE[0], alpha=0.35)
            for level in np.quantile(values, (0.05, 0.5, 0.95)):
                right.axvline(level, color=PALETTE[1], linewidth=1.2)
            right.set_yticks([])
            right.set_xlabel(with_unit(name, found.units.get(name)))
        panels[-1, 0].set_xlabel("draw")
    return figure


def traces(measured: "Records", *, most: int = 12, units: Mapping[str, str] | None = None) -> Figure:
    """What was measured along time, a panel for each column and a line for each cell; lines have gaps where a record is missing.

    Args:
        measured: `Records`.
        most: cells that are drawn; of more the first, and the title says so.
        units: of columns, and of "time".

    Returns:
        The figure.

    Raises:
        InputError: `most` is less than 1.

    Examples:
        >>> from jumpax.records import Records, Normal
        >>> seen = Records([1.0, 2.0], {"P": [[10.2, 11.0], [9.1, 8.0]]}, Normal("sd"))
        >>> len(traces(seen, units={"time": "min"}).axes[0].lines)
        2
    """
    if most < 1:
        raise InputError(f"most must be 1 or more; got {most!r}")
    units, cells = units or {}, measured.cells[:most]
    figure = new_figure(6.4, 1.2 + 2.0 * len(measured.columns))
    with style():
        panels = figure.subplots(len(measured.columns), 1, sharex=True, squeeze=False)[:, 0]
        for panel, column in zip(panels, measured.columns, strict=True):
            for number, (cell, values) in enumerate(zip(cells, column.values)):
                colour = PALETTE[number % len(PALETTE)]
                panel.plot(
                    measured.times, values, color=colour, marker="o", markersize=3, linewidth=0.9, label=f"cell {cell}"
                )
            panel.set_ylabel(with_unit(column.name, units.get(column.name)))
        panels[-1].set_xlabel(with_unit("time", units.get("time")))
        if 1 < len(cells) <= _NAMED:
            legend_above(panels[0])
        if len(cells) < len(measured.cells):
            figure.suptitle(f"{len(cells)} of {len(measured.cells):,} cells", fontsize=9)
    return figure


def records(problem: Any, found: Any, *, most: int = 12, units: Mapping[str, str] | None = None) -> Figure:
    """Records with the bands between which 90 % of measurements would lie, if they were repeated on the paths behind them.

    Args:
        problem: a `RecordProblem`.
        found: what `jumpax.inference.smoothed` gives.
        most: panels; of more cells and columns the first are drawn.
        units: of columns, and of "time".

    Returns:
        The figure, one panel for each column of each cell.
    """
    units = units or {}
    wanted = [(cell, column) for cell in range(len(found.cells)) for column in problem.records.columns][:most]
    columns = min(2, len(wanted))
    rows = -(-len(wanted) // columns)
    figure = new_figure(1.6 + 4.2 * columns, 0.4 + 2.9 * rows)
    with style():
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, (cell, column) in zip(panels, wanted):
            if column.name in found.measured:  # others have a law that cannot be drawn
                low, middle, high = found.quantiles(column.name)[:, cell]
                panel.fill_between(
                    found.times, low, high, color=PALETTE[0], alpha=0.2, linewidth=0, label="90 % of repetitions"
                )
                panel.plot(found.times, middle, color=PALETTE[0], label="median")
            seen = {"color": PALETTE[1], "marker": "o", "markersize": 3.5, "linestyle": ""}
            panel.plot(found.times, column.values[cell], label="record", **seen)
            where = f", cell {found.cells[cell]}" if len(found.cells) > 1 else ""
            panel.set_ylabel(with_unit(column.name + where, units.get(column.name)))
            panel.set_xlabel(with_unit("time", units.get("time")))
            legend_above(panel)
        for panel in panels[len(wanted) :]:
            panel.remove()
    return figure
