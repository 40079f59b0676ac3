"""An item of a paper: a figure or a table, computed part by part."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure

Settings = Mapping[str, Any]
Part = Callable[[], Any]


@dataclasses.dataclass(frozen=True)
class Item:
    """One figure or table.

    Attributes:
        title: what it shows, one line.
        settings: every number that defines it, seeds included; what JSON can hold.
        tiny: those that differ in a run of seconds, which shows only that everything works.
        parts: from settings to named parts, each a function without arguments whose result JSON can hold (arrays and
            numbers of NumPy and JAX too). Parts are saved as they are done and are independent of each other.
        combine: from settings and the results of all parts to what is compared and drawn.
        draw: from settings and what `combine` gave to a figure; None for a table.
        sampled: whether numbers come from random paths; if not, a tiny run can be compared with what was expected too.
    """

    title: str
    settings: Settings
    tiny: Settings
    parts: Callable[[Settings], Mapping[str, Part]]
    combine: Callable[[Settings, Mapping[str, Any]], Mapping[str, Any]]
    draw: Callable[[Settings, Mapping[str, Any]], Figure] | None = None
    sampled: bool = True

    def chosen(self, tiny: bool) -> dict[str, Any]:
        """The settings of a full or of a tiny run."""
        return {**self.settings, **(self.tiny if tiny else {})}
