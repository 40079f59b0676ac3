"""What a condition changes at time 0, after another one before it: preequilibration."""

from collections.abc import Callable, Mapping

from jumpax._base.errors import UnsupportedError
from jumpax.importers.counts import whole
from jumpax.inference.parameters import Derived, Fixed, Parameter
from jumpax.inference.petab.model import Asked, Formula
from jumpax.inference.petab.table import given
from jumpax.networks import Network
from jumpax.networks.event import Event, Value
from jumpax.networks.expressions.expression import Name


def changed_at_zero(
    asked: Asked,
    before: Mapping[str, str],
    now: Mapping[str, str],
    meant_before: Callable[[str], Parameter],
    meant_now: Callable[[str], Parameter],
    rounded: bool,
) -> Network:
    """The network with an event at time 0 that makes the one condition of the other.

    Args:
        asked: the model.
        before: what the first condition sets, as words.
        now: what the second sets.
        meant_before: of the name of a parameter in the first.
        meant_now: the same in the second.
        rounded: whether counts that are not whole are rounded.

    Raises:
        UnsupportedError: changes that no event makes here.
        InputError: counts that are not whole.
    """
    network = asked.model.network
    if network.time_dependent:
        raise UnsupportedError("a preequilibration of a model whose rates depend on time, which begins at 0")
    do: dict[str, Value] = {}
    for target in dict.fromkeys((*before, *now)):
        if target in network.species:
            if target in now:
                do[target] = _count(asked, target, now[target], rounded)
        elif target in network.parameters and meant_before(target) != meant_now(target):
            do[target] = _value(target, meant_now(target))
    return network.with_events((*network.events, Event.at(0.0, do))) if do else network


def _count(asked: Asked, species: str, word: str, rounded: bool) -> int:
    """Molecules that a species is set to."""
    value, molecules = given(word), asked.molecules(species)
    if value is None or molecules is None:
        raise UnsupportedError(f"species {species!r} set to {word!r} after a preequilibration; numbers are read")
    return whole(value * molecules, converted=molecules != 1.0, rounded=rounded)


def _value(name: str, meant: Parameter) -> Value:
    """What a parameter is set to."""
    if isinstance(meant, Fixed):
        return meant.value
    if isinstance(meant, Derived) and isinstance(meant.formula, Formula) and isinstance(meant.formula.expression, Name):
        return meant.formula.expression.name
    raise UnsupportedError(
        f"{name!r}, which the preequilibration sets and which is estimated after it: name another parameter for one of them"
    )
