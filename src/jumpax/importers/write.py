"""`write`: a model as a file of another tool."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jumpax._base.extras import need
from jumpax._base.files import check_file, write_whole
from jumpax.importers.antimony import to_antimony
from jumpax.importers.statement import Statement, statement
from jumpax.importers.to_net import to_net
from jumpax.importers.to_sbml import to_sbml
from jumpax.networks import ModelLike, Network

WRITERS: dict[str, Callable[[Statement], str]] = {
    ".xml": to_sbml,
    ".sbml": to_sbml,
    ".ant": to_antimony,
    ".net": to_net,
}
"""The writer by how the name of a file ends."""


def write(
    model: ModelLike | Network,
    path: str | os.PathLike[str],
    *,
    theta: Mapping[str, Any] | None = None,
    x0: Mapping[str, Any] | Sequence[Any] | None = None,
) -> Path:
    """Write a model as SBML (`.xml`, `.sbml`), Antimony (`.ant`), or a network of BioNetGen (`.net`).

    Laws become formulas of counts: those of files, `MassAction`, `Hill`, `MichaelisMenten`, and plain functions of
    operations that formulas have. Species are counted in items, in a compartment of size 1. `read` gives the same propensities
    back. A reversible reaction is written as two. Numbers, such as those of theta, have 15 digits in SBML and Antimony. A `.net`
    has no names of reactions, of observables only sums of counts with whole weights, and more functions and groups than the
    model has observables; `read` gives these as observables.

    Args:
        model: of the zoo, of a file, or a network.
        path: of the file; one that is there is replaced.
        theta: numbers that go before those of the model; all of them, for a network.
        x0: counts at the start, likewise.

    Returns:
        The path.

    Raises:
        UnsupportedError: everything that the format cannot say, at once: delays, families, events in `.net`, functions with
            other operations. Or libSBML is not installed.
        InputError: another ending of the path, a folder that does not exist, numbers that do not fit.

    Warns:
        JumpaxWarning: names that the format cannot have are others in the file.

    Examples:
        >>> import pathlib, tempfile
        >>> import jumpax
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = jumpax.write(jumpax.zoo.birth_death(), pathlib.Path(folder, "model.net"))
        ...     jumpax.read(file).theta
        {'birth': 100.0, 'death': 1.0}
    """
    file = check_file(path, tuple(WRITERS), "a model")
    if file.suffix.lower() != ".net":
        need("models", f"writing {file.suffix}")
    text = WRITERS[file.suffix.lower()](statement(model, theta, x0))
    return write_whole(file, lambda aside: aside.write_text(text, encoding="utf-8"))
