"""Paths against time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jumpax._base.errors import InputError, unknown_name
from jumpax.plots.grid import Grid, grid_of
from jumpax.plots.look import PALETTE, QUIET, axes_or_new, legend_above, new_figure, style, with_unit


def trajectories(
    result: Any,
    species: str | Sequence[str] | None = None,
    axes: Axes | None = None,
    *,
    shown: int = 3,
    band: float = 0.9,
    units: Mapping[str, str] | None = None,
) -> Axes:
    """Counts against time: the mean, a band that holds the share `band` of the paths, and a few paths.

    Counts are joined from stop to stop by straight lines. Where some paths were not followed to the end, mean and band
    would be biased and are left out.

    Args:
        result: `Paths`, or a data set that `jumpax.results` made.
        species: which ones, in which order; default all.
        axes: where to draw; default a new figure (`axes.figure`).
        shown: number of single paths.
        band: share of the paths inside the band, from 0 (no band) to below 1.
        units: as in `Network.units`; only `"time"` and species matter.

    Returns:
        The axes.

    Raises:
        InputError: unknown species, or a band outside [0, 1).

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> paths = jumpax.simulate(model.network, model.theta, model.x0, times=[0.0, 1.0, 2.0], paths=9, key=0)
        >>> trajectories(paths, units=model.network.units).get_ylabel()
        'X (molecules)'
    """
    grid = grid_of(result)
    chosen = _chosen(grid, species)
    if not 0 <= band < 1:
        raise InputError(f"band must be a share of the paths, from 0 to below 1; got {band}")
    units = {**grid.units, **(units or {})}
    with style():
        axes = axes_or_new(axes)
        for number, name in enumerate(chosen):
            counts, colour = grid.counts[..., grid.species.index(name)], PALETTE[number % len(PALETTE)]
            _draw(axes, grid.stops, counts, f" of {name}" if len(chosen) > 1 else "", colour, shown, band)
        kinds = {units.get(name, "molecules") for name in chosen}
        what = chosen[0] if len(chosen) == 1 else "count"
        axes.set_ylabel(with_unit(what, kinds.pop() if len(kinds) == 1 else None))
        axes.set_xlabel(with_unit("time", units.get("time")) if grid.clock == "time" else "events")
        axes.set_ylim(bottom=0)
        if len(grid.stops) > 1:
            axes.set_xlim(grid.stops[0], grid.stops[-1])
        _explain(axes, bool(np.isnan(grid.counts).any()), len(grid.counts), shown, band)
        legend_above(axes)
    return axes


MOST = 12
"""Panels, if nobody says which species to draw."""


def trajectory_panels(
    result: Any,
    species: str | Sequence[str] | None = None,
    *,
    shown: int = 3,
    band: float = 0.9,
    units: Mapping[str, str] | None = None,
) -> Figure:
    """One panel per species, over a common time, for species whose counts differ in size; see `trajectories`.

    Of more than twelve species the first are drawn, and the title says so, unless `species` names others.

    Raises:
        InputError: unknown species.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.telegraph()
        >>> paths = jumpax.simulate(model.network, model.theta, model.x0, times=[0.0, 1.0, 2.0], paths=9, key=0)
        >>> len(trajectory_panels(paths).axes)
        3
    """
    chosen = every = _chosen(grid_of(result), species)
    if not every:
        raise InputError("there are no species, so there is nothing to draw")
    if species is None:
        chosen = every[:MOST]
    figure = new_figure(6.4, 1.4 + 1.7 * len(chosen))
    with style():
        panels = figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
    for name, panel in zip(chosen, panels):
        trajectories(result, name, panel, shown=shown, band=band, units=units)
        panel.label_outer()
        if panel is not panels[0]:
            panel.get_legend().remove()
    if len(chosen) < len(every):
        figure.suptitle(f"{len(chosen)} of {len(every):,} species", fontsize=9)
    return figure


def _chosen(grid: Grid, species: str | Sequence[str] | None) -> tuple[str, ...]:
    chosen = grid.species if species is None else (species,) if isinstance(species, str) else tuple(species)
    if faults := [unknown_name("species", name, grid.species) for name in chosen if name not in grid.species]:
        raise InputError("; ".join(faults))
    return chosen


def _draw(axes: Axes, stops: np.ndarray, counts: np.ndarray, name: str, colour: str, shown: int, band: float) -> None:
    """One species; its name is left out where it is the only one."""
    mark = "o" if len(stops) == 1 else ""
    for path in counts[:shown]:
        axes.plot(stops, path, marker=mark, color=colour, linewidth=0.7, alpha=0.55, zorder=2)
    cut = int(np.isnan(counts).any(axis=1).sum())
    if cut:
        axes.plot([], [], color=colour, label=f"paths{name} ({cut} of {len(counts)} incomplete)")
        return
    if band > 0 and len(counts) > 1:
        low, high = np.quantile(counts, [(1 - band) / 2, (1 + band) / 2], axis=0)
        axes.fill_between(stops, low, high, color=colour, alpha=0.16, linewidth=0, zorder=1)
    axes.plot(stops, counts.mean(axis=0), marker=mark, color=colour, linewidth=2.0, label=f"mean{name}", zorder=3)


def _explain(axes: Axes, cut: bool, paths: int, shown: int, band: float) -> None:
    """What is the same for all species, once, in grey."""
    if band > 0 and paths > 1 and not cut:
        axes.fill_between([], [], [], color=QUIET, alpha=0.25, linewidth=0, label=f"{band:.0%} of {paths:,} paths")
    if shown and not cut:
        axes.plot([], [], color=QUIET, linewidth=0.7, label="single paths" if shown > 1 else "one path")
