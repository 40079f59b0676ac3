"""Data and fit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jumpax._base.errors import InputError
from jumpax.plots.histogram import distribution
from jumpax.plots.look import NARROW, PALETTE, legend_above, new_figure, style, with_unit
from jumpax.plots.profiles import profile
from jumpax.plots.steps import convergence


def fitted(
    problem: Any,
    result: Any,
    predicted: Any = None,
    *,
    most: int = 12,
    columns: int = 2,
    units: Mapping[str, str] | None = None,
) -> Figure:
    """All data beside what was fitted to them, in one picture.

    Numbers along time have bars of one standard error. Counts of cells are histograms under the fitted law. With bands of
    `jumpax.inference.predictive` the panels of means show between which counts a path lies, and between which the mean.

    Args:
        problem: the `Problem`, or `Conditions`.
        result: its `FitResult`.
        predicted: the bands; of conditions by condition.
        most: panels; of more data sets, as many are drawn, evenly chosen, and the title says so.
        columns: of panels; 1 for a narrow screen.
        units: as in `Network.units`.

    Returns:
        The figure, one panel for each data set.

    Raises:
        InputError: the data cannot be drawn so.

    Examples:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, MasterEquation, Problem, fit, losses
        >>> model = jumpax.zoo.birth_death()
        >>> data = losses.LogLikelihood("X", [9, 12, 7, 10, 14, 8, 11])
        >>> problem = Problem(model.network, model.x0, data, {"birth": Free(5.0), "death": Fixed(1.0)}, settle=10.0,
        ...                   source=MasterEquation({"X": 60}))
        >>> len(fitted(problem, fit(problem)).axes)
        1
    """
    sets = _with_pictures(problem.compared(result.expected))
    if not sets:
        raise InputError(
            "these data have no picture: they are neither numbers along time nor counts of one species in cells"
        )
    return _panels(sets, predicted, most, columns, units or {})


def fit(result: Any, predicted: Any = None, *, most: int = 12, units: Mapping[str, str] | None = None) -> Figure:
    """All data beside what was fitted to them, as `fitted`, and its profiles; where there are neither, loss and parameters step by step.

    Args:
        result: a `FitResult`, which knows its data.
        predicted: bands of `jumpax.inference.predictive`; of conditions by condition.
        most: panels of data.
        units: default those of the network.

    Returns:
        The figure.

    Raises:
        InputError: `most` is less than 1.
    """
    sets = _with_pictures(result.compared)
    if sets or result.profiles:
        units = {**result.provenance.get("units", {}), **(units or {})}
        return _panels(sets, predicted, most, 2, units, [*result.profiles.values()])
    values = dict(zip(result.free, result.history.values.T, strict=True))
    upper, _ = convergence(result.history.loss, values, units=dict(result.units))
    return upper.figure  # type: ignore[return-value]


def _with_pictures(compared: Mapping[str, Sequence[Any]]) -> list[tuple[str, Any]]:
    """Data sets that can be drawn, with the condition that each is of."""
    pairs = ((where, one) for where, found in compared.items() for one in found)
    return [(where, one) for where, one in pairs if hasattr(one, "law") or one.measured.size]


def _panels(
    sets: Sequence[tuple[str, Any]],
    predicted: Any,
    most: int,
    columns: int,
    units: Mapping[str, str],
    profiles: Sequence[Any] = (),
) -> Figure:
    """A panel for each data set, then for each profile."""
    if min(most, columns) < 1:
        raise InputError(f"most and columns must be 1 or more; got {most!r} and {columns!r}")
    chosen = [sets[i] for i in np.unique(np.linspace(0, len(sets) - 1, min(most, len(sets))).astype(int))]
    wide, many = 5.8 if columns > 1 else NARROW, len(chosen) + len(profiles)
    columns = min(columns, many)
    rows = -(-many // columns)
    title_height = 1.12 if wide > NARROW else 1.22  # above a legend of one line or two
    figure = new_figure(wide + 4.2 * (columns - 1), 0.4 + 2.9 * rows)
    with style():
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, (where, one) in zip(panels, chosen):
            if hasattr(one, "law"):
                _cells(panel, one, units)
                title = one.place
            else:
                bands = predicted[where] if isinstance(predicted, Mapping) else predicted
                _series(panel, one, bands, units)
                title = ""
            panel.set_title(", ".join(part for part in (where, title) if part), fontsize=9, y=title_height)
        for panel, one in zip(panels[len(chosen) :], profiles):
            profile(one.values, one.log_likelihood, panel, name=one.name, unit=one.unit or None, threshold=one.drop)
        for panel in panels[many:]:
            panel.remove()
        if len(chosen) < len(sets):
            figure.suptitle(f"{len(chosen)} of {len(sets)} data sets", fontsize=9)
    return figure


def _cells(axes: Axes, one: Any, units: Mapping[str, str]) -> None:
    counts = np.repeat(np.arange(len(one.counts)), one.counts.astype(int))
    distribution(
        counts,
        {"fitted law": one.law},
        axes,
        species=one.species,
        unit=units.get(one.species, "molecules"),
        label="cells",
    )


def _series(axes: Axes, one: Any, bands: Any, units: Mapping[str, str]) -> None:
    """Measured and fitted numbers, with the bands of their species."""
    times = np.zeros(1) if one.times is None else one.times
    if bands is not None and one.species in bands.species and bands.steady == (one.times is None):
        place = bands.species.index(one.species)
        # at steady state, the bands have a width to be seen
        at, repeat = (np.array([-0.25, 0.25]), 2) if one.times is None else (bands.times, 1)
        share = bands.quantiles[-1] - bands.quantiles[0]
        for values, alpha, label in ((bands.counts, 0.14, "paths"), (bands.mean, 0.35, "mean")):
            low, high = (np.repeat(values[end, :, place], repeat) for end in (0, -1))
            axes.fill_between(
                at, low, high, color=PALETTE[0], alpha=alpha, linewidth=0, label=f"{share:.0%} of {label}"
            )
    mark, order = "o" if len(times) == 1 else "", np.argsort(times, kind="stable")
    axes.plot(times[order], one.fitted[order], color=PALETTE[0], marker=mark, linewidth=1.8, label="fit", zorder=3)
    axes.errorbar(times, one.measured, one.errors, color=PALETTE[1], marker="o", markersize=3.5, linestyle="",
                  linewidth=1.0, capsize=2, label="data", zorder=4)  # fmt: skip
    axes.set_ylabel(with_unit(one.name, units.get(one.species, "molecules") if one.species else None))
    axes.set_ylim(bottom=min(0.0, float(np.min(one.measured - one.errors))))
    if one.times is None:
        axes.set_xticks([0.0], ["steady state"])
        axes.set_xlim(-1, 1)
    else:
        axes.set_xlabel(with_unit("time", units.get("time")))
    legend_above(axes)
