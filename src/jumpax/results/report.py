"""One self-contained HTML file for people: text, tables, figures."""

import base64
import dataclasses
import datetime
import html
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jumpax._base.errors import InputError
from jumpax._base.files import check_file, write_whole
from jumpax.results.attributes import flatten
from jumpax.results.report_style import STYLE

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: its heading.
        text: paragraphs, separated by empty lines; plain text, nothing in it is markup.
        table: columns of equal length by their heading.
        figures: images by their caption: a matplotlib Figure, or the bytes of a PNG.
    """

    title: str
    text: str = ""
    table: Mapping[str, Sequence[Any]] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def write_report(
    file: str | os.PathLike[str],
    title: str,
    sections: Sequence[Section],
    *,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write a report that needs nothing but itself: style and images are inside, there is no script.

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
        ...     "<td>k</td>" in file.read_text(encoding="utf-8")
        True
    """
    path = check_file(file, (".html", ".htm"), "a report")
    parts = [f"<h1>{_escape(title)}</h1>"]
    if len(sections) > 1:
        items = (f'<li><a href="#section-{n}">{_escape(s.title)}</a></li>' for n, s in enumerate(sections, 1))
        parts.append(f"<nav><ol>{''.join(items)}</ol></nav>")
    parts += [_section(number, section) for number, section in enumerate(sections, 1)]
    if provenance:
        rows = flatten(provenance)
        table = _table({"setting": list(rows), "value": [_cell(value) for value in rows.values()]})
        parts.append(f"<section><h2>Provenance</h2>\n{table}</section>")
    written = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts.append(f"<footer>Written by jumpax, {written}.</footer>")
    page = _PAGE.format(title=_escape(title), style=STYLE, body="\n".join(parts))
    return write_whole(path, lambda aside: aside.write_text(page, encoding="utf-8"))


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _section(number: int, section: Section) -> str:
    return f'<section id="section-{number}">\n<h2>{_escape(section.title)}</h2>\n{fragment(section)}\n</section>'


def fragment(section: Section, dpi: int = 150) -> str:
    """Text, table and figures of a section as HTML."""
    paragraphs = [p.strip() for p in section.text.split("\n\n") if p.strip()]
    parts = [f"<p>{_escape(p)}</p>" for p in paragraphs]
    if section.table:
        parts.append(_table(section.table))
    parts += [_figure(caption, image, dpi) for caption, image in section.figures.items()]
    return "\n".join(parts)


def _table(columns: Mapping[str, Sequence[Any]]) -> str:
    """A table; columns of numbers are aligned on the right."""
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise InputError(f"columns of a table differ in length: { {name: len(v) for name, v in columns.items()} }")
    marks = [' class="number"' if all(_is_number(v) for v in values) else "" for values in columns.values()]
    head = "".join(f"<th{mark}>{_escape(name)}</th>" for name, mark in zip(columns, marks))
    rows = [
        "<tr>" + "".join(f"<td{mark}>{_escape(_cell(value))}</td>" for value, mark in zip(row, marks)) + "</tr>"
        for row in zip(*columns.values())
    ]
    body = "\n".join(rows)
    return f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _figure(caption: str, image: Any, dpi: int) -> str:
    data = base64.b64encode(_png(caption, image, dpi)).decode("ascii")
    text = _escape(caption)
    return f'<figure><img src="data:image/png;base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def _png(caption: str, image: Any, dpi: int) -> bytes:
    if isinstance(image, bytes) and image.startswith(_PNG):
        return image
    draw = getattr(image, "savefig", None)
    if not callable(draw):
        raise InputError(
            f"figure {caption!r}: give a matplotlib Figure or the bytes of a PNG, not {type(image).__name__}"
        )
    buffer = io.BytesIO()
    draw(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    """A value as it stands in a table: four significant digits, an en dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, int | np.integer) or not _is_number(value):
        return str(value)
    return f"{float(value):.4g}"


def _escape(text: object) -> str:
    return html.escape(str(text), quote=True)
