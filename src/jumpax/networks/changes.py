"""What reactions change, without the zeros: the sparse form of the stoichiometry."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, final

import numpy as np
from jaxtyping import Int

from jumpax.networks.family import Family

if TYPE_CHECKING:
    from jumpax.networks.reaction import Reaction


@final
@dataclass(frozen=True, eq=False)
class Changes:
    """Compressed columns: one firing of reaction `r` adds `amounts[starts[r]:starts[r + 1]]` to these `species`, in their order.

    Examples:
        >>> from jumpax.networks import zoo
        >>> changes = zoo.birth_death().network.changes
        >>> changes.species.tolist(), changes.amounts.tolist(), changes.starts.tolist()
        ([0, 0], [1, -1], [0, 1, 2])
    """

    species: Int[np.ndarray, " entries"]
    amounts: Int[np.ndarray, " entries"]
    starts: Int[np.ndarray, " reactions_and_end"]

    @property
    def reactions(self) -> Int[np.ndarray, " entries"]:
        """The number of the reaction of each entry."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def columns(self) -> set[tuple[tuple[int, int], ...]]:
        """The different ones, as pairs of species and amount."""
        pairs = list(zip(self.species.tolist(), self.amounts.tolist(), strict=True))
        starts = self.starts.tolist()
        return {tuple(pairs[begin:end]) for begin, end in pairwise(starts)}


def changes_of(reactions: Sequence["Reaction"], families: Iterable[Family], numbers: Mapping[str, int]) -> Changes:
    """What reactions and then families change.

    Args:
        reactions: that go one way.
        families: whose species are among the numbers.
        numbers: of the species by name.
    """
    reaction, species, amounts = _entries(reactions, numbers)
    parts, first = [(reaction, species, amounts)], len(reactions)
    for family in families:
        column, row = np.nonzero(family.stoichiometry.T)
        own = np.array([numbers[name] for name in family.species])
        parts.append((first + column, own[row], family.stoichiometry[row, column]))
        first += family.reactions
    reaction, species, amounts = (np.concatenate(part) for part in zip(*parts, strict=True))
    reaction, species, amounts = _summed(reaction, species, amounts, len(numbers))
    starts = np.zeros(first + 1, np.int64)
    np.cumsum(np.bincount(reaction, minlength=first), out=starts[1:])
    for array in (species, amounts, starts):
        array.flags.writeable = False
    return Changes(species, amounts, starts)


def _entries(reactions: Sequence["Reaction"], numbers: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each term of each equation the number of its reaction and of its species, and what it adds."""
    sides = [*chain.from_iterable((r.reactants, r.products) for r in reactions)]
    side = np.repeat(np.arange(len(sides)), np.fromiter(map(len, sides), np.int64, len(sides)))
    terms = [*chain.from_iterable(sides)]
    species = np.fromiter((numbers[name] for name, _ in terms), np.int64, len(terms))
    amounts = np.fromiter((count for _, count in terms), np.int64, len(terms))
    return side // 2, species, np.where(side % 2, amounts, -amounts)


def _summed(
    reaction: np.ndarray, species: np.ndarray, amounts: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries by reaction and species, those of one place added up and those that cancel left out."""
    place = reaction * width + species
    order = np.argsort(place, kind="stable")
    place, amounts = place[order], amounts[order]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    total = np.add.reduceat(amounts, first) if len(first) else amounts
    place, total = place[first][total != 0], total[total != 0]
    return place // width, place % width, total
