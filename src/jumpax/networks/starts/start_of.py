"""What is given as counts at the start: a law of them, or not."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.networks.network import Network
from jumpax.networks.parameters import check_counts
from jumpax.networks.starts.count_law import AbstractCountLaw
from jumpax.networks.starts.independent import Independent
from jumpax.networks.starts.start import AbstractStart
from jumpax.networks.starts.start_table import StartTable

Start: TypeAlias = Mapping[str, object] | Sequence[object] | np.ndarray | AbstractStart
"""Counts, or laws of them, by name or in the order of the species."""


def start_of(network: Network, x0: object, round_counts: bool = False) -> AbstractStart | None:
    """The law of the counts at the start, in the order of the network; None where they are given.

    Args:
        network: what reacts.
        x0: counts or laws by species, a `StartTable`, or counts.
        round_counts: round fractional counts instead of refusing them.

    Raises:
        InputError: unknown and missing species, counts per path beside a law, classes instead of laws.
        UnsupportedError: two species with stochastic rounding.
    """
    if isinstance(x0, type) and issubclass(x0, AbstractStart | AbstractCountLaw):
        raise InputError(f"x0: {x0.__name__} is a class; give one of its kind, {x0.__name__}(...)")
    if isinstance(x0, AbstractCountLaw):
        raise InputError(
            f"x0: {type(x0).__name__} is the law of one count: say of which, x0={{{network.species[0]!r}: ...}}"
        )
    if isinstance(x0, StartTable):
        return x0.ordered(network.species)
    if isinstance(x0, AbstractStart):
        return x0
    if isinstance(x0, list | tuple) and len(x0) == len(network.species):
        x0 = dict(zip(network.species, x0, strict=True))
    if not isinstance(x0, Mapping):
        return None
    laws = {name: law for name, law in x0.items() if isinstance(law, AbstractCountLaw)}
    if not laws:
        return None
    if clashes := [p for law in laws.values() for p in law.parameters if p in network.species]:
        raise InputError(f"x0: {', '.join(map(repr, clashes))} is a species; the law of a start reads parameters only")
    rest = check_counts(network, {**x0, **dict.fromkeys(laws, 0)}, round_counts=round_counts)
    if rest.ndim > 1:
        raise InputError(
            "x0 has counts for each path beside laws: put the states into a StartTable, or draw all of them yourself"
        )
    start = Independent(network.species, tuple(laws.get(n, int(c)) for n, c in zip(network.species, rest, strict=True)))
    if sum(not law.scored for law in laws.values()) > 1:
        raise UnsupportedError(
            "StochasticRounding is for one species: its two neighbours are both simulated. For more, take Poisson(...), or numbers"
        )
    return start
