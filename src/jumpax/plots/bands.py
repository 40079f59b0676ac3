"""What a fitted model predicts, and what a filter saw coming."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jumpax._base.errors import InputError
from jumpax.plots.look import PALETTE, legend_above, new_figure, style, with_unit

LEVELS = (0.05, 0.5, 0.95)
"""Of predictions of records."""


def bands(found: Any, *, most: int = 12, units: Mapping[str, str] | None = None) -> Figure:
    """Between which counts a path lies, and between which the mean, a panel for each species.

    Args:
        found: `Predicted`.
        most: panels; of more species the first, and the title says so.
        units: of species, and of "time"; default those of the network.

    Returns:
        The figure.

    Raises:
        InputError: `most` is less than 1.
    """
    units = {**found.provenance.get("units", {}), **(units or {})}
    names = found.species[: _checked(most)]
    figure, panels = _stacked(len(names))
    share = found.quantiles[-1] - found.quantiles[0]
    with style():
        for place, (panel, name) in enumerate(zip(panels, names)):
            for values, alpha, label in ((found.counts, 0.14, "paths"), (found.mean, 0.35, "means")):
                _band(panel, found.times, values[0, :, place], values[-1, :, place], alpha, f"{share:.0%} of {label}")
            if 0.5 in found.quantiles:
                middle = found.mean[found.quantiles.index(0.5), :, place]
                panel.plot(found.times, middle, color=PALETTE[0], marker="o" * (len(middle) == 1), label="mean")
            panel.set_ylabel(with_unit(name, units.get(name, "molecules")))
        panels[-1].set_xlabel(with_unit("time", units.get("time")) + (" (steady state)" if found.steady else ""))
        legend_above(panels[0])
        _told(figure, len(names), len(found.species), "species")
    return figure


def filtered(found: Any, *, most: int = 12, units: Mapping[str, str] | None = None) -> Figure:
    """Effective numbers of particles after each record; above them, if the particles were kept, the records in what was predicted of them.

    Args:
        found: `Filtered`; of several chains the first is drawn.
        most: panels of records; of more cells and columns the first.
        units: of columns, and of "time".

    Returns:
        The figure.

    Raises:
        InputError: `most` is less than 1.
    """
    units = units or {}
    predicted = found.foreseen(LEVELS)
    measured = found.seen if predicted else {}
    wanted = [(cell, name) for cell in range(len(found.cells)) for name in predicted]
    chosen = wanted[: _checked(most)]
    figure, panels = _stacked(len(chosen) + 1)
    with style():
        for panel, (cell, name) in zip(panels, chosen):
            low, middle, high = predicted[name][:, 0, cell]
            _band(panel, found.times, low, high, 0.2, "90 % predicted")
            panel.plot(found.times, middle, color=PALETTE[0], label="median")
            panel.plot(
                found.times,
                measured[name][cell],
                color=PALETTE[1],
                marker="o",
                markersize=3.5,
                linestyle="",
                label="record",
            )
            where = f", cell {found.cells[cell]}" if len(found.cells) > 1 else ""
            panel.set_ylabel(with_unit(name + where, units.get(name)))
        last = panels[-1]
        for cell, values in zip(found.cells[:most], found.effective[0]):
            last.plot(found.times, values, marker="o", markersize=3, linewidth=0.9, label=f"cell {cell}")
        last.set_ylabel("effective particles")
        last.set_ylim(0, 1.05 * found.particles)
        last.set_xlabel(with_unit("time", units.get("time")))
        if chosen:
            legend_above(panels[0])
        _told(figure, len(chosen), len(wanted), "columns of cells")
    return figure


def _checked(most: int) -> int:
    if most < 1:
        raise InputError(f"most must be 1 or more; got {most!r}")
    return most


def _stacked(rows: int) -> tuple[Figure, list[Axes]]:
    """Panels above each other, along one time."""
    figure = new_figure(6.4, 1.2 + 2.0 * rows)
    with style():
        return figure, list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])


def _band(axes: Axes, times: np.ndarray, low: np.ndarray, high: np.ndarray, alpha: float, label: str) -> None:
    """Between two numbers along time; of one time, a width to be seen."""
    at = times if len(times) > 1 else times[0] + np.array([-0.25, 0.25])
    ends = [np.broadcast_to(end, at.shape) for end in (low, high)]
    axes.fill_between(at, ends[0], ends[1], color=PALETTE[0], alpha=alpha, linewidth=0, label=label)


def _told(figure: Figure, shown: int, known: int, what: str) -> None:
    if shown < known:
        figure.suptitle(f"{shown} of {known:,} {what}", fontsize=9)
