"""Figures of results; pyplot, with its global state and windows, is never touched.

The public names stand in `__init__.pyi`. Matplotlib is loaded, and asked for, when one of them is first used.
"""

from typing import TYPE_CHECKING

import lazy_loader

from jumpax._base.extras import need as _need

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """A public name, or a module of the room."""
        if name in __all__:
            _need("viz", "drawing a figure")
        return _load(name)
