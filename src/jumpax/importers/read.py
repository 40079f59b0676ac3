"""`read`: a model from a file."""

import os
from collections.abc import Callable
from pathlib import Path

from jumpax._base.errors import InputError
from jumpax.importers.antimony import read_antimony
from jumpax.importers.bionetgen import read_net
from jumpax.importers.model import FileModel
from jumpax.importers.sbml import read_sbml

READERS: dict[str, Callable[[Path], FileModel]] = {
    ".xml": read_sbml,
    ".sbml": read_sbml,
    ".ant": read_antimony,
    ".txt": read_antimony,
    ".net": read_net,
}
"""The reader by how the name of a file ends."""


def read(path: str | os.PathLike[str]) -> FileModel:
    """A model from a file: SBML Level 2 and 3 (`.xml`, `.sbml`), Antimony (`.ant`, `.txt`), BioNetGen (`.net`).

    The model is read as a discrete one. Species are counts of molecules; a law of the file is the propensity, in
    reactions per time, with no combinatorial factor added. Where `hasOnlySubstanceUnits` is false a species in a formula
    is its count / the size of its compartment. Boundary and constant species do not change. Parameters of a reaction
    are called `reaction.parameter`. A law `forward - backward` of a reversible reaction becomes two reactions. Numbers
    are taken as they stand: no units are converted. `docs/models.md` lists what is read and what is refused.

    Args:
        path: of the file.

    Returns:
        Network, theta and x0, with assignment rules as observables of the counts, and events.

    Raises:
        InputError: the file cannot be read, or everything that is wrong with it, at once.
        UnsupportedError: everything in it that is not read, and wrong, at once; no part is passed over in silence.
            Or the library that reads it is not installed.

    Source: Hucka et al. 2019, SBML Level 3, doi:10.1515/jib-2019-0021.

    Example:
        >>> import pathlib, tempfile
        >>> import jumpax
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "decay.ant")
        ...     _ = file.write_text("species A; A -> ; k * A; A = 10; k = 0.5")
        ...     model = jumpax.read(file)
        >>> model.network.species, model.theta, model.x0
        (('A',), {'k': 0.5}, {'A': 10})
    """
    file = Path(path)
    if file.suffix.lower() not in READERS:
        raise InputError(f"how to read {file} is not known; a model file ends in {', '.join(READERS)} (or .toml)")
    return READERS[file.suffix.lower()](file)
