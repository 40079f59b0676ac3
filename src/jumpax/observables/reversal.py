"""Which reaction undoes which."""

from collections import defaultdict
from collections.abc import Iterable

from jumpax._base.errors import InputError, unknown_name
from jumpax.networks import Network, equation


def reversal(network: Network, reactions: Iterable[int] | None = None) -> dict[int, int]:
    """For each reaction the one with reactants and products swapped, among all or some reactions.

    Where several reactions have the same equation (two heat baths, say), the first is undone by the first, the second by the
    second; `A <-> B` written twice does the expected.

    Raises:
        InputError: naming all reactions that nothing undoes.

    Examples:
        >>> from jumpax.networks import zoo
        >>> reversal(zoo.birth_death().network)
        {0: 1, 1: 0}
    """
    sides = [(frozenset(r.reactants), frozenset(r.products)) for r in network.reactions]
    places: defaultdict[tuple, list[int]] = defaultdict(list)
    for number, side in enumerate(sides):
        places[side].append(number)
    found, missing = {}, []
    for number in range(len(sides)) if reactions is None else reactions:
        back = places.get(sides[number][::-1], [])
        rank = places[sides[number]].index(number)
        if rank < len(back):
            found[number] = back[rank]
        else:
            missing.append(network.reactions[number])
    if missing:
        named = "; ".join(f"{r.name!r} needs {_reversed(r.equation)!r}" for r in missing)
        raise InputError(f"reactions without a reverse: {named}. Add them, with however small a rate")
    return found


def _reversed(equation: str) -> str:
    left, right = equation.split(" -> ")
    return f"{right} -> {left}"


def _standard(name: str) -> str:
    """An equation as networks write it; what is none, as it is."""
    try:
        return equation.write(*equation.parse(name))
    except InputError:
        return name


def numbers(network: Network, names: Iterable[str]) -> tuple[int, ...]:
    """Places of reactions by name; an equation may be written in any way that a `Reaction` reads.

    Raises:
        InputError: for names that the network does not have.

    Examples:
        >>> from jumpax.networks import MassAction, Reaction
        >>> numbers(Network([Reaction("0 -> X", MassAction("k"))]), ["0->X"])
        (0,)
    """
    known = [r.name for r in network.reactions]
    names = [name if name in known else _standard(name) for name in names]
    if faults := [unknown_name("reaction", name, map(str, known)) for name in names if name not in known]:
        raise InputError("; ".join(faults))
    return tuple(known.index(name) for name in names)
