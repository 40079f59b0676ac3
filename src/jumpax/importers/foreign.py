"""Model files that are not read, by their format, and what to do with them."""

import contextlib
from pathlib import Path
from xml.parsers import expat

from jumpax._base.errors import InputError, UnsupportedError

_SUFFIXES = {
    ".bngl": (
        "rules of BioNetGen (BNGL), not a network; BioNetGen makes the network from them: with the line "
        "generate_network({{overwrite=>1}}) in it run `bionetgen run -i {name} -o out` (pip install bionetgen, and Perl) and "
        "read out/{stem}.net, or run `perl BNG2.pl {name}` and read {stem}.net. With that package installed (pip install "
        "'jumpax[bngl]', and Perl), or BNGPATH set to the folder of BNG2.pl, .bngl files are read as they are"
    ),
    ".cps": "a file of COPASI; export it there, or by `CopasiSE --exportSBML {stem}.xml {name}`, and read {stem}.xml",
    ".omex": "a COMBINE archive; unpack it (it is a zip file) and read the model in it",
    ".sedml": "SED-ML, which describes a simulation; read the model that it names",
    ".cellml": "CellML, whose models have equations and no reactions; write the reactions in Antimony (.ant) or SBML",
    ".psc": "a file of PySCeS or StochPy; export it as SBML with PySCeS, or write the reactions in Antimony (.ant)",
    ".ka": "rules of Kappa, which may have no finite network; write the reactions in Antimony (.ant) or SBML",
}  # fmt: skip
"""What a file is, by how its name ends."""

_ROOTS = {
    "Model": (
        "a model of StochKit (StochSS), not SBML; write its reactions in Antimony (.ant), where a line `A + B -> C; k*A*B` is a "
        "reaction of the type mass-action (k*A*(A - 1)/2 for 2 A) and `A = 10` an InitialPopulation, or export it as SBML"
    ),
    "COPASI": "a file of COPASI; export it there as SBML",
    "sedML": _SUFFIXES[".sedml"],
    "model": "CellML or another format whose root is <model>, not SBML, whose root is <sbml>",
}  # fmt: skip
"""What a file in XML is, by its first element."""


def refuse_suffix(file: Path) -> None:
    """Refuse a file whose name says that it has another format.

    Raises:
        UnsupportedError: what it is, and what to do.
    """
    if (what := _SUFFIXES.get(file.suffix.lower())) is not None:
        raise UnsupportedError(f"{file} is {what.format(name=file.name, stem=file.stem)}")


def refuse_xml(text: str, origin: str) -> None:
    """Refuse a text in XML that is not SBML.

    Raises:
        UnsupportedError: what it is, and what to do.
        InputError: it is unknown.
    """
    root = _root(text)
    if root in _ROOTS:
        raise UnsupportedError(f"{origin} is {_ROOTS[root]}")
    if root != "sbml":
        raise InputError(f"{origin} is not SBML: its first element is <{root}>")


def _root(text: str) -> str:
    """The name of the first element, without a prefix."""
    found: list[str] = []
    parser = expat.ParserCreate("utf-8")

    def start(name: str, _: object) -> None:
        found.append(name.rpartition(":")[2])
        raise StopIteration

    parser.StartElementHandler = start
    with contextlib.suppress(StopIteration):
        parser.Parse(text.encode(), True)
    return found[0]
