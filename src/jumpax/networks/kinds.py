"""What is given where a network is meant: a word on each thing that is easily taken for one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from jumpax._base.errors import InputError
from jumpax._base.types import ParameterValues
from jumpax.networks.family import Family
from jumpax.networks.needs import ALL, PLAIN, Need, check_needs
from jumpax.networks.network import Network
from jumpax.networks.reaction import Reaction

_MODEL = "a model, which has a network and its numbers"


@runtime_checkable
class ModelLike(Protocol):
    """A network with numbers of its own: of the zoo, or of a file."""

    @property
    def network(self) -> Network:
        """What reacts."""
        ...

    @property
    def theta(self) -> ParameterValues:
        """A value per parameter."""
        ...

    @property
    def x0(self) -> Mapping[str, object]:
        """Counts at the start."""
        ...


@runtime_checkable
class ObservedModel(ModelLike, Protocol):
    """A model that says what is observed of its counts."""

    def observed(self, theta: ParameterValues) -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
        """Functions of counts by name, where parameters have these values."""
        ...


def check_network(given: object, treats: Collection[Need] = PLAIN, who: str = "this") -> None:
    """Whether something is a `Network` all of whose needs are treated.

    Args:
        given: anything.
        treats: what `who` treats.
        who: asks for it, as the subject of a sentence.

    Raises:
        InputError: it is not, with what to do about it.
        UnsupportedError: it needs more.

    Examples:
        >>> check_network("birth_death")
        Traceback (most recent call last):
        jumpax._base.errors.InputError: a Network is needed here, not 'birth_death': jumpax.read(path) reads a file, \
jumpax.zoo has models by name; both have .network
    """
    if isinstance(given, Network):
        check_needs(given, treats, who)
        return
    if isinstance(given, Family):
        told = "a family of reactions: write jumpax.Network(families=[...]) around it"
    elif _is_model(given):
        told = f"{_MODEL} (a {type(given).__name__}): pass model.network, with model.theta and model.x0"
    elif isinstance(given, str):
        told = f"{given!r}: jumpax.read(path) reads a file, jumpax.zoo has models by name; both have .network"
    elif isinstance(given, Reaction) or (isinstance(given, Sequence) and all(isinstance(r, Reaction) for r in given)):
        told = "reactions: write jumpax.Network([...]) around them"
    else:
        told = f"{given!r}" if isinstance(given, type) else f"an object of type {type(given).__name__}"
    raise InputError(f"a Network is needed here, not {told}")


NONE: Mapping[str, Any] = MappingProxyType({})
"""Numbers that are not asked for."""


def numbers_of(given: Any, theta: Any, x0: Any) -> tuple[Network, Mapping[str, Any], Any]:
    """A network with its numbers, of a network or a model: what is given by name goes before the numbers of a model.

    Args:
        given: network or model.
        theta: what was given; None: nothing; `NONE`: not asked for.
        x0: the same.

    Raises:
        InputError: a network, which has no numbers of its own, without them.
    """
    asked = {name: value for name, value in (("theta", theta), ("x0", x0)) if value is not NONE}
    if isinstance(given, Network) or not (_is_model(given) and hasattr(given, "theta") and hasattr(given, "x0")):
        check_network(given, ALL)
        if missing := [name for name, value in asked.items() if value is None]:
            raise InputError(
                f"{' and '.join(missing)} missing: a network has no numbers of its own, as models of jumpax.zoo and of files have"
            )
        return given, theta, x0
    found: dict[str, Any] = {
        name: getattr(given, name)
        if value is None
        else {**getattr(given, name), **value}
        if isinstance(value, Mapping)
        else value
        for name, value in asked.items()
    }
    return given.network, found.get("theta", NONE), found.get("x0", NONE)


def _is_model(given: object) -> bool:
    """Whether it has a network, which is not looked at: reading it may be refused."""
    return not isinstance(given, type) and (
        hasattr(type(given), "network") or "network" in getattr(given, "__dataclass_fields__", {})
    )
