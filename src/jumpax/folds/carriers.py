"""Carriers: the neighbours of a state that a lattice weight belongs to."""

import dataclasses
import functools

import numpy as np

from jumpax.networks import Network

NONE = -1
"""Carrier of a reaction that changes no count."""
Jump = tuple[int, ...]
"""What a reaction adds to the counts."""


@dataclasses.dataclass(frozen=True)
class Carriers:
    """The distinct jumps of a network; a reaction and its reverse share one, so that reaction q jumps by s_q eta_l.

    Args:
        network: what reacts.
        split: names of reactions that shall not share the carrier of their reverse.

    Examples:
        >>> from jumpax import networks
        >>> carriers = Carriers(networks.zoo.telegraph().network)
        >>> carriers.directions, carriers.of, carriers.sign
        (((-1, 1, 0), (0, 0, 1)), (0, 0, 1, 1), (1, -1, 1, -1))
    """

    network: Network
    split: tuple[str, ...] = ()

    @functools.cached_property
    def jumps(self) -> tuple[Jump, ...]:
        """What each reaction adds to the counts."""
        return tuple(tuple(int(z) for z in column) for column in self.network.stoichiometry.T)

    @functools.cached_property
    def directions(self) -> tuple[Jump, ...]:
        """The jump eta_k of each carrier."""
        found = []
        for reaction, jump in zip(self.network.reactions, self.jumps, strict=True):
            shares = _reverse(jump) in found and reaction.name not in self.split
            if any(jump) and jump not in found and not shares:
                found.append(jump)
        return tuple(found)

    @functools.cached_property
    def of(self) -> tuple[int, ...]:
        """Carrier of each reaction, or NONE."""
        known = {jump: k for k, jump in enumerate(self.directions)}
        return tuple(known.get(jump, known.get(_reverse(jump), NONE)) for jump in self.jumps)

    @functools.cached_property
    def sign(self) -> tuple[int, ...]:
        """Of each reaction, 1 if it jumps along its carrier, else -1."""
        return tuple(1 if jump in self.directions or not any(jump) else -1 for jump in self.jumps)

    @functools.cached_property
    def along(self) -> dict[tuple[int, int], int]:
        """By (carrier k, reaction q), if q reads a count that eta_k changes: 1 if q jumps by eta_k, -1 by -eta_k, else 0."""
        out = {}
        for k, eta in enumerate(self.directions):
            touched = {self.network.species[d] for d in np.flatnonzero(eta)}
            for q, jump in enumerate(self.jumps):
                if any(jump) and touched & set(self.network.reads(q)):
                    out[k, q] = int(jump == eta) - int(jump == _reverse(eta))
        return out

    def forward(self, k: int) -> list[int]:
        """Numbers of the reactions that jump by eta_k."""
        return [q for q, jump in enumerate(self.jumps) if jump == self.directions[k]]

    def backward(self, k: int) -> list[int]:
        """Numbers of the reactions of the carrier k that jump by -eta_k."""
        return [q for q, (own, s) in enumerate(zip(self.of, self.sign, strict=True)) if (own, s) == (k, -1)]


def _reverse(jump: Jump) -> Jump:
    return tuple(-z for z in jump)
