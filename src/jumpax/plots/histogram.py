"""A histogram of counts, with laws drawn over it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes

from jumpax._base.errors import InputError
from jumpax.plots.look import PALETTE, axes_or_new, legend_above, style, with_unit

_MOST_BARS = 60


def distribution(
    counts: Int[np.ndarray, " paths"],
    laws: Mapping[str, Float[Any, " states"]] | None = None,
    axes: Axes | None = None,
    *,
    species: str = "count",
    unit: str = "molecules",
    label: str = "paths",
) -> Axes:
    """Histogram of counts as probability per count, and laws of the count as lines over it.

    Bars are as wide as one count, or a whole number of counts where there would be more than 60 of them.

    Args:
        counts: one per path (or per cell); negative ones, of paths cut short, are refused.
        laws: probabilities of 0, 1, 2, ... by what they are called: "exact", "fitted".
        axes: where to draw; default a new figure.
        species: what is counted.
        unit: of the counts.
        label: what the histogram is made of.

    Returns:
        The axes.

    Raises:
        InputError: no counts, or counts that are no whole numbers from 0 on.

    Examples:
        >>> import numpy as np
        >>> distribution(np.array([0, 1, 1, 2]), {"exact": np.array([0.25, 0.5, 0.25])}).get_ylabel()
        'probability per count'
    """
    values = np.asarray(counts)
    if values.ndim != 1 or not values.size or not np.issubdtype(values.dtype, np.integer) or values.min() < 0:
        raise InputError("counts must be a list of whole numbers >= 0, one per path (Paths.valid tells which are)")
    low, high = int(values.min()), int(values.max())
    width = max(1, -(-(high - low + 1) // _MOST_BARS))
    edges = np.arange(low, high + width + 1, width) - 0.5
    heights = np.histogram(values, edges)[0] / (len(values) * width)
    with style():
        axes = axes_or_new(axes)
        axes.bar(edges[:-1], heights, width, align="edge", color="#C9D3DC", edgecolor="white",
                 linewidth=0.6 if len(heights) <= 40 else 0.0, label=label)  # fmt: skip
        for number, (name, law) in enumerate((laws or {}).items()):
            probabilities = np.asarray(law, float)
            most = np.flatnonzero(probabilities > 1e-4 * probabilities.max())[-1] + 2
            places = np.arange(min(len(probabilities), most))
            marker = "o" if len(places) <= 40 else ""
            axes.plot(places, probabilities[: len(places)], marker=marker, markersize=3.5, linewidth=1.4,
                      color=PALETTE[number % len(PALETTE)], label=name)  # fmt: skip
        axes.set_xlabel(with_unit(species, unit))
        axes.set_ylabel("probability per count")
        axes.set_ylim(bottom=0)
        legend_above(axes)
    return axes
