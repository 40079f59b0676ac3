"""The reactions of a network by rate constant: what adds up to the total propensity."""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

from jumpax.engines.tables.factored import Factored, Pairs, Pattern, factored, ratios
from jumpax.networks import Combinations, Network
from jumpax.networks.expressions.expression import Expression
from jumpax.networks.laws.product import Product

Constant: TypeAlias = str | tuple[str, int] | Expression | None
"""What parameters bring: a name, a name and the number of an entry of its array, an expression, or None for 1."""


class Term(NamedTuple):
    """Part of the total propensity: constant * unit * (P Q - C), see `factored`."""

    constant: int
    """Number of the constant."""
    parts: Factored


class Terms(NamedTuple):
    """All of it."""

    constants: tuple[Constant, ...]
    terms: tuple[Term, ...]
    laws: tuple[int, ...]
    """Numbers of the reactions that have other laws; each is a part of its own."""


class _Same(NamedTuple):
    """Reactions of one constant that take equally many molecules."""

    first: list[int]
    second: list[int]
    weights: list[float]
    reactions: list[int]


def terms_of(network: Network) -> Terms:
    """The reactions of a network in groups."""
    species = {name: number for number, name in enumerate(network.species)}
    constants: dict[Constant, int] = {}
    groups: dict[tuple[int, int], _Same] = {}
    laws = []
    for reaction, product in enumerate(_products(network)):
        taken = () if product is None else tuple(name for name, order in product.takes for _ in range(order))
        if product is None or len(taken) > 2 or not product.factor > 0:
            laws.append(reaction)
            continue
        constant = constants.setdefault(product.constant, len(constants))
        first, second = (*(species[name] for name in taken), len(species), len(species))[:2]
        group = groups.setdefault((constant, len(taken)), _Same([], [], [], []))
        group.first.append(first)
        group.second.append(second)
        group.weights.append(product.factor)
        group.reactions.append(reaction)
    made = [Term(constant, part) for (constant, order), same in groups.items() for part in _parts(order, same)]
    return Terms(tuple(constants), tuple(made), tuple(laws))


def _products(network: Network) -> Iterator[Product | None]:
    """Each propensity as a product, where it is one."""
    for reaction in network.reactions:
        yield reaction.law.product(reaction.reactants)
    for family in network.families:
        law = family.propensities
        for number in range(family.reactions):
            yield law.product(number, family.species) if isinstance(law, Combinations) else None


def _parts(order: int, same: _Same) -> list[Factored]:
    pairs = Pairs(np.array(same.first), np.array(same.second), np.array(same.weights, float), np.array(same.reactions))
    return factored(pairs) if order == 2 else _alone(order, pairs)


def _alone(order: int, pairs: Pairs) -> list[Factored]:
    """Reactions of one molecule, or of none: the other one is always there."""
    whole = ratios(pairs.weights)
    if whole is None:
        values, number = np.unique(pairs.weights, return_inverse=True)
        return [made for i in range(len(values)) for made in _alone(order, pairs.taken(number == i))]
    unit, weights = whole
    kinds = pairs.left if order else np.arange(len(pairs.left))  # what needs no molecule has an entry for each reaction
    _, first, row = np.unique(kinds, return_index=True, return_inverse=True)
    sums = np.bincount(row, weights).astype(np.int64)
    by_row = np.argsort(row, kind="stable")
    always = Pattern(pairs.right[:1], np.array([1]))
    return [
        Factored(
            unit=unit,
            left=Pattern(pairs.left[first], sums),
            right=always,
            rows=row[by_row],
            columns=np.zeros(len(row), np.int64),
            reactions=pairs.reactions[by_row],
            shares=weights[by_row] / sums[row[by_row]],
        )
    ]
