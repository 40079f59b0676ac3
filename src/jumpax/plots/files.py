"""Figures as PNG files that say where they come from."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from jumpax._base.files import check_file, write_whole

DPI = 150


def check_target(file: str | os.PathLike[str]) -> Path:
    """Whether a figure could be saved there: to be asked before the work, not after it.

    Raises:
        InputError: unknown suffix, or a folder that does not exist.
    """
    return check_file(file, (".png",), "a figure")


def png_bytes(figure: Figure, provenance: Mapping[str, Any] | None = None, *, dpi: int = DPI) -> bytes:
    """A figure as PNG; the provenance stands in it as a text chunk `provenance`, in JSON."""
    metadata = {"Software": "jumpax"}
    if provenance is not None:
        metadata["provenance"] = json.dumps(dict(provenance), sort_keys=True, default=str)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def save_figure(
    figure: Figure, file: str | os.PathLike[str], provenance: Mapping[str, Any] | None = None, *, dpi: int = DPI
) -> Path:
    """Write a figure as PNG with its provenance, aside first and then renamed.

    Args:
        figure: of a size in inches.
        file: name ending in `.png`.
        provenance: for example `Paths.provenance`.
        dpi: dots per inch.

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
    data = png_bytes(figure, provenance, dpi=dpi)
    return write_whole(path, lambda aside: aside.write_bytes(data))
