"""The one style of all figures."""

import contextlib
from collections.abc import Iterator
from typing import Any, final

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jumpax.plots.files import png_bytes

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
"""Colours that people with any kind of colour vision tell apart. Source: Wong 2011, doi:10.1038/nmeth.1618."""

NARROW = 4.8
"""Width of a figure, in inches, up to which legends have two columns."""
INK, QUIET = "#22262A", "#6B747C"

_SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The settings of matplotlib for as long as a figure is made; they are put back afterwards.

    Examples:
        >>> with style():
        ...     figure = new_figure()
        >>> len(figure.axes)
        0
    """
    with matplotlib.rc_context(_SETTINGS):
        yield


@final
class _Shown(Figure):
    """A figure that notebooks show, though pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        return png_bytes(self, dpi=100)


def new_figure(width: float = 6.4, height: float = 3.8) -> Figure:
    """An empty figure of a size in inches, which belongs to nobody but the caller."""
    with style():
        return _Shown((width, height), layout="constrained")


def axes_or_new(axes: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    if axes is not None:
        return axes
    with style():
        return new_figure().add_subplot()


def with_unit(what: str, unit: str | None) -> str:
    """A label such as `time (min)`."""
    return f"{what} ({unit})" if unit else what


def legend_above(axes: Axes, most: int = 4) -> None:
    """A legend over the axes, where it hides nothing, in so many columns at most."""
    columns = most if axes.get_figure(root=True).get_figwidth() > NARROW else min(most, 2)  # type: ignore[union-attr]
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), borderaxespad=0.0, ncols=columns, columnspacing=1.6)
