"""`read`: a model from a file."""

import os
from collections.abc import Callable
from pathlib import Path

from jumpax._base.errors import InputError
from jumpax.importers import foreign
from jumpax.importers.antimony import read_antimony
from jumpax.importers.bionetgen import read_net
from jumpax.importers.bngl import read_bngl
from jumpax.importers.counts import Counting
from jumpax.importers.model import FileModel
from jumpax.importers.sbml import read_sbml

READERS: dict[str, Callable[[Path, Counting], FileModel]] = {
    ".xml": read_sbml,
    ".sbml": read_sbml,
    ".ant": read_antimony,
    ".txt": read_antimony,
    ".net": read_net,
    ".bngl": read_bngl,
}
"""The reader by how the name of a file ends; it takes the path, and how amounts become counts."""
_MOLECULES = (".net", ".bngl")
"""What has numbers of molecules, in no other unit."""


def read(
    path: str | os.PathLike[str], *, round_counts: bool = False, molecules_per_unit: float | None = None
) -> FileModel:
    """A model from a file: SBML of all Levels (`.xml`, `.sbml`), Antimony (`.ant`, `.txt`), BioNetGen (`.net`, `.bngl`).

    Rules (`.bngl`) are read where BioNetGen is installed, which makes the network of them. The model is read as a
    discrete one. Species are counts of molecules; a law of the file is the propensity, in reactions per time, with no
    combinatorial factor added. Where `hasOnlySubstanceUnits` is false a species in a formula is its count / the size of its
    compartment. Boundary and constant species do not change. Parameters of a reaction are called `reaction.parameter`. A law
    `forward - backward` of a reversible reaction becomes two reactions.

    Where the file declares a unit of substance (mole, nmol, ...) counts are molecules all the same: its amounts are
    multiplied by the molecules in that unit. Laws are evaluated in the units of the file, so parameters keep them, and
    their values are multiplied alike. Where it declares none, numbers are taken as molecules; in Level 2, whose silent
    unit is the mole, too, unless no amount would reach 1. `FileModel.notes` says so. `docs/models.md` lists what is read
    and what is refused.

    Args:
        path: of the file.
        round_counts: round amounts to whole molecules, halves upwards as BioNetGen's simulator does, instead of
            refusing them, what events set included. What comes from moles may miss a whole number by a thousandth of it without that.
        molecules_per_unit: molecules in one unit of substance, whatever the file declares: for models written for differential
            equations in arbitrary units, or in a volume of a litre. Amounts, and values of laws, are multiplied by it.

    Returns:
        Network, theta and x0, with assignment rules as observables of the counts, events, and notes on units and rounding.

    Raises:
        InputError: the file cannot be read, or everything that is wrong with it, at once.
        UnsupportedError: everything in it that is not read, and wrong, at once; no part is passed over in silence.
            Or the format is not read (what to do is said), or the library that reads it is not installed.

    Warns:
        JumpaxWarning: an amount is rounded to zero; a law looks like a net rate and is not split.

    Source: Hucka et al. 2019, SBML Level 3, doi:10.1515/jib-2019-0021.

    Examples:
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
        foreign.refuse_suffix(file)
        raise InputError(f"how to read {file} is not known; a model file ends in {', '.join(READERS)} (or .toml)")
    if molecules_per_unit is not None and file.suffix.lower() in _MOLECULES:
        raise InputError(f"{file} has numbers of molecules already; molecules_per_unit is for SBML and Antimony")
    return READERS[file.suffix.lower()](file, Counting(round_counts, molecules_per_unit))
