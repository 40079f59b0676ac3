"""Packages that only some rooms need, and how to get them."""

import importlib
import importlib.util

from jumpax._base.errors import UnsupportedError

EXTRAS: dict[str, tuple[str, ...]] = {
    "io": ("xarray", "h5netcdf", "h5py", "pandas"),
    "parquet": ("pandas", "pyarrow"),
    "viz": ("matplotlib",),
    "cli": ("cyclopts", "msgspec", "rich"),
    "models": ("libsbml", "antimony"),
    "petab": ("libsbml", "yaml"),
    "bngl": ("bionetgen",),
    "bayes": ("arviz", "blackjax"),
}
"""Modules by the name of the extra that brings them."""


def missing(extra: str) -> tuple[str, ...]:
    """Those modules of an extra that are not installed; nothing is imported."""
    return tuple(module for module in EXTRAS[extra] if importlib.util.find_spec(module) is None)


def need(extra: str, purpose: str, *modules: str) -> None:
    """Make sure that an extra is there.

    Args:
        extra: a name of `EXTRAS`.
        purpose: what it is wanted for, as the start of a sentence.
        modules: what is wanted of it; default all.

    Raises:
        UnsupportedError: with the command that installs it.

    Examples:
        >>> need("viz", "drawing a figure")
    """
    if absent := [module for module in missing(extra) if not modules or module in modules]:
        raise UnsupportedError(f"{purpose} needs {' and '.join(absent)}: pip install 'jumpax[{extra}]'")
