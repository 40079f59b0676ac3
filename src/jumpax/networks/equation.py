"""Reaction equations as text: `A + 2 B -> C`."""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from jumpax._base.errors import InputError

Side = tuple[tuple[str, int], ...]

_PLAIN = re.compile(r"[^\s.*\-0-9+<>=→⇌∅][^\s+<>=→⇌]*")  # a name that needs no closer look
_SPACE = re.compile(r"\s")
_ARROW = re.compile(r"<->|->")
_NOTHING = ("0", "∅")
_FOREIGN = re.compile(r"<-|=>|→|⇌")  # arrows of other notations: better refused than taken for names


def parse(text: str) -> tuple[Side, Side, bool]:
    """Reactants, products and whether the arrow points both ways.

    Raises:
        InputError: with the text and a mark under the place that cannot be read.
    """
    if not isinstance(text, str):
        raise InputError(f"a reaction is written as text such as 'A + B -> C', not {text!r}")
    arrows = list(_ARROW.finditer(text))
    if len(arrows) != 1:
        place = arrows[1].start() if arrows else len(text)
        raise _fault(text, place, "a second arrow" if arrows else "there is no arrow -> or <->")
    arrow = arrows[0]
    reactants = _side(text, 0, arrow.start())
    products = _side(text, arrow.end(), len(text))
    return reactants, products, arrow.group() == "<->"


def write(reactants: Side, products: Side, reversible: bool = False) -> str:
    """The equation in its standard form; `parse` reads it back."""
    return f"{_write_side(reactants)} {'<->' if reversible else '->'} {_write_side(products)}"


def side(counts: Mapping[str, int] | Side) -> Side:
    """Species and multiplicities, given by name, as one side of an equation that `parse` could read.

    Raises:
        InputError: a name that an equation cannot have, or a multiplicity that is not a whole number above 0.
    """
    pairs: Iterable[tuple[str, int]] = counts.items() if isinstance(counts, Mapping) else counts
    made = tuple(pairs)
    for name, count in made:
        if not isinstance(name, str) or not (_PLAIN.fullmatch(name) or parse(f"{name} -> 0")[0] == ((name, 1),)):
            raise InputError(f"{name!r} cannot be the name of a species")
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            raise InputError(f"the multiplicity of {name!r} must be a whole number above 0, not {count!r}")
    if len(made) > 1 and len(dict(made)) < len(made):
        raise InputError(
            f"a species comes twice among {', '.join(repr(name) for name, _ in made)}; add its molecules up"
        )
    return made if all(type(count) is int for _, count in made) else tuple((name, int(count)) for name, count in made)


def _write_side(side: Side) -> str:
    return " + ".join(name if count == 1 else f"{count} {name}" for name, count in side) or "∅"


def _side(text: str, start: int, end: int) -> Side:
    """Species and multiplicities between two places of the text; a species named twice is added up."""
    if text[start:end].strip() in ("", *_NOTHING):
        return ()
    counts: dict[str, int] = {}
    place = start
    for piece in text[start:end].split("+"):
        at = place + len(piece) - len(piece.lstrip())
        name, count = _term(text, piece.strip(), at)
        counts[name] = counts.get(name, 0) + count
        place += len(piece) + 1
    return tuple(counts.items())


def _term(text: str, term: str, at: int) -> tuple[str, int]:
    if not term:
        raise _fault(text, at, "a species is missing here")
    if term in _NOTHING:
        raise _fault(text, at, f"{term!r} means nothing, and stands alone on its side")
    digits = re.match(r"[0-9]*", term).group()  # type: ignore[union-attr]
    name = term[len(digits) :].lstrip()
    at_name = at + len(term) - len(name)
    if not name:
        raise _fault(text, at, f"{term} of what? A species is missing here")
    if _SPACE.search(name):
        raise _fault(text, at_name, f"{name!r} has white space in it; is there a + missing?")
    if name[0] in ".*-0123456789" or _FOREIGN.search(name):
        raise _fault(text, at_name, f"{name!r} cannot be the name of a species (multiplicities are whole: 2 A or 2A)")
    if digits and int(digits) == 0:
        raise _fault(text, at, "a multiplicity of 0")
    return name, int(digits or 1)


def _fault(text: str, place: int, what: str) -> InputError:
    return InputError(f"cannot read the reaction {text!r}: {what}\n    {text}\n    {' ' * place}^")
