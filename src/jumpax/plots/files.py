"""Figures as PNG, SVG and PDF files that say where they come from."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from jumpax._base.files import check_file, write_whole

DPI = 150
_TOLD = {".png": ("Software", "provenance"), ".svg": ("Creator", "Description"), ".pdf": ("Creator", "Subject")}
"""By format: the entries of its metadata that have the name of the program, and the provenance in JSON."""


def check_target(file: str | os.PathLike[str]) -> Path:
    """Whether a figure could be saved there: to be asked before the work, not after it.

    Raises:
        InputError: unknown suffix, or a folder that does not exist.
    """
    return check_file(file, tuple(_TOLD), "a figure")


def png_bytes(figure: Figure, provenance: Mapping[str, Any] | None = None, *, dpi: int = DPI) -> bytes:
    """A figure as PNG; the provenance stands in it as a text chunk `provenance`, in JSON."""
    return _bytes(figure, ".png", provenance, dpi)


def _bytes(figure: Figure, suffix: str, provenance: Mapping[str, Any] | None, dpi: int) -> bytes:
    program, origin = _TOLD[suffix]
    metadata = {program: "jumpax"}
    if provenance is not None:
        metadata[origin] = json.dumps(dict(provenance), sort_keys=True, default=str)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:], dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def save_figure(
    figure: Figure, file: str | os.PathLike[str], provenance: Mapping[str, Any] | None = None, *, dpi: int = DPI
) -> Path:
    """Write a figure as PNG, SVG or PDF with its provenance, aside first and then renamed.

    Args:
        figure: of a size in inches.
        file: name ending in `.png`, `.svg` or `.pdf`.
        provenance: for example `Paths.provenance`.
        dpi: dots per inch of a PNG.

    Returns:
        The file.

    Raises:
        InputError: unknown suffix, or a folder that does not exist.

    Examples:
        >>> import tempfile
        >>> from jumpax.plots import new_figure
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_figure(new_figure(), f"{folder}/empty.png", {"seed": 1}).stat().st_size > 0
        True
    """
    path = check_target(file)
    data = _bytes(figure, path.suffix.lower(), provenance, dpi)
    return write_whole(path, lambda aside: aside.write_bytes(data))
