"""All reactions of a network as one function of arrays: what is drawn and differentiated where there are families."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jumpax.networks.family import Shape
from jumpax.networks.network import Network


@final
@dataclass(frozen=True)
class Stacked:
    """The reactions of a network in order, first those with laws of their own, then those of its families.

    Examples:
        >>> from jumpax.networks import zoo
        >>> stacked = Stacked(zoo.birth_death().network)
        >>> [group.tolist() for group in stacked.propensities(jnp.array([4.0]), {"birth": 3.0, "death": 0.5})]
        [[3.0, 2.0]]
    """

    network: Network
    direct: bool = False
    """Whether features are computed from the counts every time, rather than kept up to date: then what W is made of may differ
    from path to path."""

    @property
    def species(self) -> tuple[str, ...]:
        """As the network has them."""
        return self.network.species

    @property
    def reactions(self) -> int:
        """How many there are."""
        return self.network.reaction_count

    @property
    def stoichiometry(self) -> Int[np.ndarray, "species reactions"]:
        """As the network has it."""
        return self.network.stoichiometry

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Of the parameters, for one path."""
        return self.network.shapes

    @functools.cached_property
    def changes(self) -> tuple[tuple[Int[np.ndarray, " reactions"], Int[np.ndarray, " reactions"]], ...]:
        """The stoichiometry by slots: for each reaction a species that it changes, and by how much (0: no more)."""
        some = self.stoichiometry != 0
        out = []
        for slot in range(int(some.sum(0).max())):
            here = some & (np.cumsum(some, 0) == slot + 1)
            which = here.argmax(0)
            amount = np.where(here.any(0), self.stoichiometry[which, np.arange(self.reactions)], 0)
            out.append((which, amount))
        return tuple(out)

    @property
    def width(self) -> int:
        """How many features are kept up to date."""
        return 0 if self.direct else sum(family.width for family in self.network.families)

    @functools.cached_property
    def _rows(self) -> tuple[Int[np.ndarray, " species"], ...]:
        """Numbers of the species of each family."""
        number = {name: index for index, name in enumerate(self.species)}
        return tuple(np.array([number[name] for name in family.species]) for family in self.network.families)

    def propensities(
        self, counts: Float[Array, " species"], theta: Mapping[str, Any], u: Any = None
    ) -> tuple[Any, ...]:
        """Propensities of one path, in groups."""
        groups, first = [], 0
        if self.direct and any(family.features is not None for family in self.network.families):
            u = self._features(theta).astype(counts.dtype) @ counts
        if self.network.reactions:
            groups.append(jnp.stack(self.network.laws(tuple(counts), theta, jnp.zeros((), counts.dtype))))
        for family, rows in zip(self.network.families, self._rows, strict=True):
            own = {name: theta[name] for name in family.shapes}
            features = () if family.features is None else (u[first : first + family.width],)
            first += family.width
            made = family.propensities(_taken(counts, rows), own, *features)
            groups += made if isinstance(made, tuple | list) else [made]
        return tuple(groups)

    @property
    def features(self) -> Callable[[Mapping[str, Any]], Float[Array, "features species"]] | None:
        """The function of theta that gives W of all families; None if none of them has features."""
        return self._features if self.width else None

    def _features(self, theta: Mapping[str, Any]) -> Float[Array, "features species"]:
        parts = []
        for family, rows in zip(self.network.families, self._rows, strict=True):
            if family.features is None:
                continue
            shared = {name: theta[name] for name in family.shapes if name in theta}
            own = jnp.asarray(family.features(shared), float)
            whole = np.array_equal(rows, np.arange(len(self.species)))
            parts.append(own if whole else jnp.zeros((len(own), len(self.species)), own.dtype).at[:, rows].set(own))
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def _taken(counts: Any, rows: Int[np.ndarray, " taken"]) -> Any:
    """Counts of a family's species: as a slice where they follow each other."""
    if not np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return counts[rows]
    return counts if len(rows) == len(counts) else counts[int(rows[0]) : int(rows[0]) + len(rows)]
