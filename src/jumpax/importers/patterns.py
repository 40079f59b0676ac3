"""Species of BioNetGen by their patterns."""

import re
from collections.abc import Iterable

from jumpax._base.errors import InputError, unknown_name

_MOLECULE = re.compile(r"([^().!~]+)(?:\((.*)\))?(.*)")
_SITE = re.compile(r"[^,]+")
_BOND = re.compile(r"!(\w+)")


def same_species(pattern: str, species: Iterable[str]) -> str:
    """The species of these that a pattern writes down: the same text, or the same but for the order of molecules and sites.

    Raises:
        InputError: none is.

    Examples:
        >>> same_species("B(a!9).A(s~u,b!9)", ["A(b,s~u)", "A(b!1,s~u).B(a!1)"])
        'A(b!1,s~u).B(a!1)'
    """
    named = {name: _ordered(name) for name in species}
    wanted = pattern.replace("$", "", 1).strip()
    if wanted in named:
        return wanted
    own = _ordered(wanted)
    if (found := next((name for name, order in named.items() if order == own), None)) is None:
        raise InputError(unknown_name("species", pattern, named))
    return found


def _ordered(name: str) -> str:
    """Molecules and sites in the order of their letters, bonds numbered as they come up: the same for few ways to write a species, not for all."""
    place, _, inner = "".join(name.split()).rpartition("::")
    molecules = []
    for molecule in inner.split("."):
        found = _MOLECULE.fullmatch(molecule)
        if found is None:
            return name
        sites = sorted(_SITE.findall(found.group(2) or ""), key=_loose)
        molecules.append(f"{found.group(1)}({','.join(sites)}){found.group(3)}")
    numbers: dict[str, str] = {}
    text = ".".join(sorted(molecules, key=_loose))
    return f"{place}::" + _BOND.sub(lambda bond: f"!{numbers.setdefault(bond.group(1), str(len(numbers) + 1))}", text)


def _loose(text: str) -> str:
    """A site or a molecule whatever the numbers of its bonds."""
    return _BOND.sub("!", text)
