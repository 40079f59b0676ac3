"""What is given where a network is meant: a word on each thing that is easily taken for one."""

from collections.abc import Sequence
from typing import Any

from jumpax._base.errors import InputError
from jumpax.networks.network import Network
from jumpax.networks.reaction import Reaction
from jumpax.networks.vector_network import VectorNetwork

_MODEL = "a model, which has a network and its numbers"


def check_network(given: Any) -> None:
    """Whether something is a `Network`.

    Raises:
        InputError: it is not, with what to do about it.

    Example:
        >>> check_network("birth_death")
        Traceback (most recent call last):
        jumpax._base.errors.InputError: a Network is needed here, not 'birth_death': jumpax.read(path) reads a file, \
jumpax.zoo has models by name; both have .network
    """
    if isinstance(given, Network):
        return
    if isinstance(given, VectorNetwork):
        told = "a VectorNetwork: jumpax.vector_paths and jumpax.window_means draw its paths, with gradients"
    elif _is_model(given):
        more = (
            "; its events are heeded by jumpax.simulate_events(model, ...) only" if getattr(given, "events", ()) else ""
        )
        told = f"{_MODEL} (a {type(given).__name__}): pass model.network, with model.theta and model.x0{more}"
    elif isinstance(given, str):
        told = f"{given!r}: jumpax.read(path) reads a file, jumpax.zoo has models by name; both have .network"
    elif isinstance(given, Reaction) or (isinstance(given, Sequence) and all(isinstance(r, Reaction) for r in given)):
        told = "reactions: write jumpax.Network([...]) around them"
    else:
        told = f"{given!r}" if isinstance(given, type) else f"an object of type {type(given).__name__}"
    raise InputError(f"a Network is needed here, not {told}")


def check_vector_network(given: Any) -> None:
    """Whether something is a `VectorNetwork`.

    Raises:
        InputError: it is not, with what to do about it.
    """
    if isinstance(given, VectorNetwork):
        return
    if isinstance(given, Network) or _is_model(given):
        told = "a Network" if isinstance(given, Network) else _MODEL
        told += ": jumpax.simulate and jumpax.expectation take networks; or write its propensities as one function of arrays"
    else:
        told = f"{given!r}" if isinstance(given, type) else f"an object of type {type(given).__name__}"
    raise InputError(f"a VectorNetwork is needed here, not {told}")


def _is_model(given: Any) -> bool:
    """Whether it has a network, which is not looked at: reading it may be refused."""
    return not isinstance(given, type) and (
        hasattr(type(given), "network") or "network" in getattr(given, "__dataclass_fields__", {})
    )
