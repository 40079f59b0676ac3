"""One self-contained HTML file for people: text, tables, figures."""

import dataclasses
import datetime
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jumpax._base.errors import InputError
from jumpax._base.files import check_file, write_whole
from jumpax.results.attributes import flatten
from jumpax.results.picture import Picture, picture

if TYPE_CHECKING:
    import jinja2

_SHORT = 24
"""Letters of a cell that stays on one line; a word longer than that may be broken, since it has no other place to break."""


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: its heading.
        text: paragraphs, separated by empty lines; plain text, nothing in it is markup.
        table: columns of equal length by their heading; those without an entry are left out.
        figures: images by their caption: a matplotlib Figure, the bytes of a PNG, or two of these, the second for narrow screens.
            A Figure of one column of panels is drawn a second time for them; other images are moved sideways.
        verbatim: lines that are kept as they are, such as the reactions of a network.
    """

    title: str
    text: str = ""
    table: Mapping[str, Sequence[Any]] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    verbatim: str = ""


def write_report(
    file: str | os.PathLike[str],
    title: str,
    sections: Sequence[Section],
    *,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write a report that needs nothing but itself: style and images are inside, there is no script.

    It is made for screens from 400 pixels on, light and dark, and for paper.

    Args:
        file: name ending in `.html`; an old file is replaced at once, when the new one is whole.
        title: of the whole report.
        sections: its parts, in order.
        provenance: where the numbers come from; shown at the end.

    Returns:
        The file.

    Raises:
        InputError: unknown suffix, no such folder, columns of different length, or an image that is neither.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rates = Section("Rates", table={"name": ["k"], "value": [1.0]})
        ...     file = write_report(f"{folder}/report.html", "Decay", [rates])
        ...     "<span>k</span>" in file.read_text(encoding="utf-8")
        True
    """
    from jumpax import __version__

    path = check_file(file, (".html", ".htm"), "a report")
    shown = [dataclasses.replace(section, table=_filled(section.table)) for section in sections]
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = (
        _room(picture)
        .get_template("report.html")
        .render(title=title, sections=shown, provenance=flatten(provenance or {}), version=__version__, written=now)
    )
    return write_whole(path, lambda aside: aside.write_text(page, encoding="utf-8"))


def fragment(section: Section, dpi: int = 150) -> str:
    """Text, table and figures of a section as HTML, for a page that is there already."""
    room = _room(functools.partial(picture, dpi=dpi, narrow_too=False))
    shown = dataclasses.replace(section, table=_filled(section.table))
    return str(room.get_template("section.html").module.body(shown))  # type: ignore[attr-defined]


def _room(pictures: Callable[..., Picture]) -> "jinja2.Environment":
    """Where the templates are; all that comes from outside is escaped."""
    import jinja2

    room = jinja2.Environment(
        loader=jinja2.PackageLoader("jumpax.results"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    room.filters |= {"paragraphs": _paragraphs, "rows": _rows, "numeric": _numeric, "picture": pictures}
    return room


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if part.strip()]


class Cell(NamedTuple):
    """Text, and how it stands."""

    text: str
    kind: str


def _filled(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Without columns that are empty."""
    if len({len(values) for values in columns.values()}) > 1:
        raise InputError(f"columns of a table differ in length: { {name: len(v) for name, v in columns.items()} }")
    return {name: values for name, values in columns.items() if any(_text(value) for value in values)}


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[list[tuple[str, Cell]]]:
    """Row by row each heading with its cell."""
    marks = ["number " if _numeric(values) else "" for values in columns.values()]
    return [
        [(name, Cell(text := _text(value), mark + _kind(text))) for name, mark, value in zip(columns, marks, row)]
        for row in zip(*columns.values())
    ]


def _kind(text: str) -> str:
    if len(text) <= _SHORT:
        return "short"
    return "long" if max(map(len, text.split())) > _SHORT else "words"


def _numeric(values: Sequence[Any]) -> bool:
    """Whether they are numbers, which stand on the right."""
    return all(_is_number(value) for value in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _text(value: Any) -> str:
    """A value as it stands in a table: four significant digits, an en dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, int | np.integer) or not _is_number(value):
        return str(value)
    return f"{float(value):.4g}"
