"""Reactions between two molecules, as products of sums over species.

Networks that were written by rules have many reactions of one rate constant: each species with one pattern reacts with each
species with another. The sum of their propensities is then a product,

    k sum_(i, j) w_i v_j x_i (x_j - [i = j]) = k (P Q - C),   P = sum_i w_i x_i,   Q = sum_j v_j x_j,   C = sum_i w_i v_i x_i,

which an event changes by three whole numbers, however many reactions there are. Where the weights of the pairs are no such
product, rows of equal shape are; in the worst case a row of its own for each species: those are the partial propensities of
Ramaswamy, Gonzalez-Segredo and Sbalzarini 2009, doi:10.1063/1.3154624.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

LARGEST_WEIGHT = 2**20
"""Of a species in a sum; sums are then whole numbers below 2^63."""


class Pattern(NamedTuple):
    """A sum over species, each with a weight."""

    species: Int[np.ndarray, " entries"]
    weights: Int[np.ndarray, " entries"]


class Factored(NamedTuple):
    """Reactions whose propensities have the sum `unit * (P Q - C)`."""

    unit: float
    left: Pattern
    right: Pattern
    rows: Int[np.ndarray, " slots"]
    """Entry on the left, of each slot: a slot is a reaction, or half of one, between two entries."""
    columns: Int[np.ndarray, " slots"]
    """Entry on the right."""
    reactions: Int[np.ndarray, " slots"]
    shares: Float[np.ndarray, " slots"]
    """Of the weight of a pair, w_i v_j, in all slots of that pair; they add up to 1."""


class Pairs(NamedTuple):
    """Reactions between a species on the left and one on the right, of weights in units of the least one."""

    left: Int[np.ndarray, " reactions"]
    right: Int[np.ndarray, " reactions"]
    weights: Float[np.ndarray, " reactions"]
    """Propensity = constant * weight * x_left * (x_right - [left = right])."""
    reactions: Int[np.ndarray, " reactions"]

    def taken(self, which: np.ndarray) -> "Pairs":
        """Some of them."""
        return Pairs(*(column[which] for column in self))


def factored(pairs: Pairs) -> list[Factored]:
    """Reactions of one rate constant as few products; by the order in which their reactants are named, or a better one."""
    whole = ratios(pairs.weights)
    if whole is None:  # weights that are no small multiples of each other: apart
        values, number = np.unique(pairs.weights, return_inverse=True)
        return [made for i in range(len(values)) for made in factored(pairs.taken(number == i))]
    unit, weights = whole
    ways = [pairs, *_bipartite(pairs), *_square(pairs, weights)]
    made = [_rows(way, unit) for way in ways] + [_turned(_rows(_swapped(way), unit)) for way in ways]
    return min(made, key=len)


def ratios(weights: Float[np.ndarray, " reactions"]) -> tuple[float, np.ndarray] | None:
    """The largest number of which all weights are multiples, and the multiples."""
    least = float(weights.min())
    if not least > 0:
        return None
    for part in (1, 2, 3, 4, 6):
        multiples = weights / (least / part)
        whole = np.rint(multiples)
        if np.allclose(multiples, whole, rtol=1e-14, atol=0) and whole.sum() < LARGEST_WEIGHT:
            return least / part, whole.astype(np.int64)
    return None


def _swapped(pairs: Pairs) -> Pairs:
    return pairs._replace(left=pairs.right, right=pairs.left)


def _turned(parts: Iterable[Factored]) -> list[Factored]:
    return [p._replace(left=p.right, right=p.left, rows=p.columns, columns=p.rows) for p in parts]


def _bipartite(pairs: Pairs) -> list[Pairs]:
    """The pairs with species of one side on the left, if there are two sides."""
    neighbours: dict[int, set[int]] = {}
    for i, j in zip(pairs.left.tolist(), pairs.right.tolist()):
        neighbours.setdefault(i, set()).add(j)
        neighbours.setdefault(j, set()).add(i)
    side: dict[int, int] = {}
    for first in neighbours:
        if first in side:
            continue
        side[first], waiting = 0, [first]
        while waiting:
            here = waiting.pop()
            for other in neighbours[here]:
                if other not in side:
                    side[other] = 1 - side[here]
                    waiting.append(other)
                elif side[other] == side[here]:
                    return []
    turn = np.array([side[i] for i in pairs.left.tolist()]) == 1
    left, right = np.where(turn, pairs.right, pairs.left), np.where(turn, pairs.left, pairs.right)
    return [pairs._replace(left=left, right=right)]


def _square(pairs: Pairs, weights: Int[np.ndarray, " reactions"]) -> list[Pairs]:
    """All pairs of species of one kind, in both orders with half the weight, if each species reacts with itself too."""
    alike = pairs.left == pairs.right
    species = np.unique(pairs.left[alike])
    n = len(species)
    if not n or len(pairs.left) != n * (n + 1) // 2 or not np.isin([*pairs.left, *pairs.right], species).all():
        return []
    if (weights[~alike] != 2 * weights[alike][0]).any() or (weights[alike] != weights[alike][0]).any():
        return []
    other = pairs.taken(~alike)
    halves = other._replace(weights=other.weights / 2)
    parts = (pairs.taken(alike), halves, _swapped(halves))
    return [Pairs(*(np.concatenate(columns) for columns in zip(*parts)))]


def _rows(pairs: Pairs, unit: float) -> list[Factored]:
    """Rows of the matrix of weights that are multiples of each other, as one product each."""
    order = np.lexsort((pairs.right, pairs.left))
    pairs = pairs.taken(order)
    starts = np.flatnonzero(np.r_[True, (np.diff(pairs.left) != 0) | (np.diff(pairs.right) != 0)])
    totals = np.add.reduceat(pairs.weights, starts)
    weights = np.rint(totals / unit).astype(np.int64)
    left, right = pairs.left[starts], pairs.right[starts]
    of_pair = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(order)]))
    ends = np.r_[np.flatnonzero(np.diff(left)) + 1, len(left)]
    alike: dict[tuple[bytes, bytes], list[tuple[int, int, int]]] = {}
    begin = 0
    for end in ends.tolist():
        row = weights[begin:end]
        common = int(functools.reduce(np.gcd, row)) if len(row) > 1 else int(row[0])
        shape = right[begin:end].tobytes(), (row // common).tobytes()
        alike.setdefault(shape, []).append((begin, end, common))
        begin = end
    slots = np.searchsorted(of_pair, np.arange(len(starts) + 1))
    made = []
    for rows in alike.values():
        chosen = np.concatenate([np.arange(slots[begin], slots[end]) for begin, end, _ in rows])
        row = np.repeat(np.arange(len(rows)), [slots[end] - slots[begin] for begin, end, _ in rows])
        column = of_pair[chosen] - np.array([begin for begin, _, _ in rows])[row]
        begin, end, common = rows[0]
        made.append(
            Factored(
                unit=unit,
                left=Pattern(left[[begin for begin, _, _ in rows]], np.array([common for _, _, common in rows])),
                right=Pattern(right[begin:end], weights[begin:end] // common),
                rows=row,
                columns=column,
                reactions=pairs.reactions[chosen],
                shares=pairs.weights[chosen] / totals[of_pair[chosen]],
            )
        )
    return made
