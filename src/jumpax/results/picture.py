"""Images inside a page."""

import base64
import io
from typing import Any, NamedTuple

from jumpax._base.errors import InputError

_PNG = b"\x89PNG\r\n\x1a\n"
_NARROW = 4.2
"""Width in inches of a figure on a narrow screen, so that its letters are as large as those around it."""


class Picture(NamedTuple):
    """Addresses that hold the images themselves."""

    wide: str
    narrow: str
    """For narrow screens; empty if there is none."""


def picture(image: Any, caption: str, dpi: int = 150, narrow_too: bool = True) -> Picture:
    """A matplotlib Figure, the bytes of a PNG, or two of these, the second for narrow screens.

    Raises:
        InputError: it is neither.
    """
    wide, narrow = image if isinstance(image, tuple) and len(image) == 2 else (image, image)
    if not narrow_too or (narrow is wide and not _one_column(wide)):
        return Picture(_address(_png(wide, caption, dpi)), "")
    return Picture(_address(_png(wide, caption, dpi)), _address(_narrowed(narrow, caption, dpi)))


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _png(image: Any, caption: str, dpi: int) -> bytes:
    if isinstance(image, bytes) and image.startswith(_PNG):
        return image
    if not callable(draw := getattr(image, "savefig", None)):
        raise InputError(
            f"figure {caption!r}: give a matplotlib Figure or the bytes of a PNG, not {type(image).__name__}"
        )
    buffer = io.BytesIO()
    draw(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def _one_column(image: Any) -> bool:
    """Whether it is a figure whose panels stand one below the other, so that it may be narrower."""
    places = [axes.get_subplotspec() for axes in getattr(image, "axes", ())]
    return bool(places) and all(place is not None and place.get_gridspec().ncols == 1 for place in places)


def _narrowed(image: Any, caption: str, dpi: int) -> bytes:
    """A figure of one column drawn anew with less width; it is left as it was."""
    if not _one_column(image):
        return _png(image, caption, dpi)
    size = tuple(image.get_size_inches())
    if size[0] <= _NARROW:
        return _png(image, caption, dpi)
    try:
        image.set_size_inches(_NARROW, size[1])
        return _png(image, caption, dpi)
    finally:
        image.set_size_inches(*size)
