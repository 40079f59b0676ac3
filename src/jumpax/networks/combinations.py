"""The law of a family by mass action: combinations of reactant molecules, reaction by reaction."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jumpax.networks.laws.product import Product


@final
@dataclass(frozen=True)
class Combinations:
    """`k_r prod_i x_i (x_i - 1) ... / n_ir!`, as one function of arrays. Static and equal by value.

    Args:
        rates: name of k.
        slots: for each molecule that a reaction takes, the first one first: number of its species per reaction, and how many
            of that species were taken before; -1 for a reaction that takes no more.
        shares: 1 / prod_i n_ir! per reaction.
    """

    rates: str
    slots: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, reactants: Int[np.ndarray, "species reactions"], rates: str) -> "Combinations":
        """The law of reactions that take so many molecules of each species."""
        taken = [
            [(i, before) for i in np.flatnonzero(column) for before in range(int(column[i]))] for column in reactants.T
        ]
        slots = []
        for slot in range(max(map(len, taken), default=0)):
            here = [molecules[slot] if slot < len(molecules) else (-1, 0) for molecules in taken]
            slots.append((tuple(int(i) for i, _ in here), tuple(before for _, before in here)))
        shares = tuple(1.0 / math.prod(math.factorial(int(n)) for n in column) for column in reactants.T)
        return cls(rates, tuple(slots), shares)

    def __call__(self, counts: Float[Array, " species"], theta: Mapping[str, Any]) -> Float[Array, " reactions"]:
        """The propensities."""
        kind = counts.dtype
        made = theta[self.rates] * jnp.asarray(self.shares, kind)
        for which, before in self.slots:
            species = np.array(which)
            left = counts[np.maximum(species, 0)] - jnp.asarray(before, kind)
            made = made * jnp.where(species >= 0, left, jnp.ones((), kind))
        return made

    def product(self, reaction: int, species: Sequence[str]) -> Product:
        """The propensity of one reaction, as a rate constant times numbers of molecules of these species."""
        taken: dict[str, int] = {}
        for which, _ in self.slots:
            if which[reaction] >= 0:
                name = species[which[reaction]]
                taken[name] = taken.get(name, 0) + 1
        return Product(self.shares[reaction], (self.rates, reaction), tuple(taken.items()))
