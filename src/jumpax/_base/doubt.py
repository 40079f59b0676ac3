"""Warnings at the line of whoever called jumpax."""

import sys
import warnings

from jumpax._base.errors import JumpaxWarning


def doubt(message: str) -> None:
    """Warn at the nearest line that is not of jumpax, however deep in it the doubt came up.

    Warns:
        JumpaxWarning: the message.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "jumpax":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, JumpaxWarning, stacklevel=level)
