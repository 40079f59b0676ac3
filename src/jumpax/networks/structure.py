"""What follows from the equations alone: who depends on whom, and what is conserved."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd

import numpy as np
from jaxtyping import Int

from jumpax._base.memory import check_memory

Row = dict[int, int]
Column = tuple[tuple[int, int], ...]


def dependency_graph(reads: Sequence[Sequence[int]], changes: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """For each reaction the reactions whose propensity depends on a count that it changes, in order.

    Args:
        reads: for each reaction the species that its law reads.
        changes: for each reaction the species that it changes.
    """
    readers: dict[int, list[int]] = {}
    for reaction, species in enumerate(reads):
        for index in species:
            readers.setdefault(index, []).append(reaction)
    return tuple(tuple(sorted({r for index in species for r in readers.get(index, ())})) for species in changes)


def conservation_laws(changes: Iterable[Column], species: int) -> Int[np.ndarray, "laws species"]:
    """Integer basis of the weights y whose sum y_i c_i is 0 for each change c, by exact arithmetic.

    Rows are nonnegative where enough of such laws exist (conserved totals, the smallest first, by Farkas' algorithm);
    otherwise the basis is completed from the rational null space. Each row is free of common divisors.

    Args:
        changes: pairs of the number of a species and what is added to its count, in the order of the species.
        species: how many there are.

    Raises:
        TooLargeError: they are too many.
    """
    columns = {column for column in changes if column}
    columns -= {tuple((i, -v) for i, v in column) for column in columns if column[0][1] < 0}
    rows = [dict(column) for column in sorted(columns, key=_dense_order)]
    kernel = _null_space(rows, species)
    check_memory(
        f"{len(kernel):,} conserved sums of {species:,} species",
        8.0 * len(kernel) * species,
        "Leave out species that do not change",
    )
    totals = sorted(_totals(rows, species, 4 * species + 64), key=lambda row: (len(row), sorted(row)))
    basis = _independent([*totals, *kernel], len(kernel))
    laws = np.zeros((len(basis), species), dtype=np.int64)
    for index, row in enumerate(basis):
        laws[index, list(row)] = list(row.values())
    return laws


def _dense_order(column: Column) -> list[tuple[int, int, int]]:
    """A key by which changes are sorted as they would be with their zeros written out."""
    return [*((1, -i, v) if v > 0 else (-1, i, v) for i, v in column), (0, 0, 0)]


def _null_space(rows: list[Row], width: int) -> list[Row]:
    """Integer basis of the vectors y with row . y = 0 for all rows, by Gauss-Jordan elimination in rational numbers."""
    pivots: dict[int, dict[int, Fraction]] = {}
    for row in rows:
        rest = _reduce({i: Fraction(v) for i, v in row.items()}, pivots)
        if not rest:
            continue
        pivot = min(rest)
        rest = {i: v / rest[pivot] for i, v in rest.items()}
        for index, other in pivots.items():
            if pivot in other:
                pivots[index] = _minus(other, rest, other[pivot])
        pivots[pivot] = rest
    basis = []
    for free in (i for i in range(width) if i not in pivots):
        vector = {free: Fraction(1)} | {p: -row[free] for p, row in pivots.items() if free in row}
        common = np.lcm.reduce([v.denominator for v in vector.values()])
        basis.append(_primitive({i: int(v * int(common)) for i, v in sorted(vector.items())}))
    return basis


def _independent(rows: list[Row], rank: int) -> list[Row]:
    """The first rows that are linearly independent, at most `rank` of them."""
    pivots: dict[int, dict[int, Fraction]] = {}
    chosen = []
    for row in rows:
        if len(chosen) == rank:
            break
        rest = _reduce({i: Fraction(v) for i, v in row.items()}, pivots)
        if rest:
            pivot = min(rest)
            pivots[pivot] = {i: v / rest[pivot] for i, v in rest.items()}
            chosen.append(row)
    return chosen


def _reduce(row: dict[int, Fraction], pivots: dict[int, dict[int, Fraction]]) -> dict[int, Fraction]:
    """The row without the pivots' columns."""
    while found := [i for i in row if i in pivots]:
        for index in found:
            if index in row:
                row = _minus(row, pivots[index], row[index])
    return row


def _minus(row: dict[int, Fraction], other: dict[int, Fraction], factor: Fraction) -> dict[int, Fraction]:
    result = dict(row)
    for index, value in other.items():
        left = result.pop(index, 0) - factor * value
        if left:
            result[index] = left
    return result


def _totals(changes: list[Row], species: int, limit: int) -> list[Row]:
    """Nonnegative laws of minimal support (Farkas); those found so far are dropped when there are more than `limit`."""
    laws: dict[int, Row] = {i: {i: 1} for i in range(species)}
    holders = [{i} for i in range(species)]  # for each species the laws that it is in
    for change in changes:
        touched = set[int]().union(*(holders[i] for i in change))
        effects = {n: sum(laws[n].get(i, 0) * v for i, v in change.items()) for n in sorted(touched)}
        up = [(laws[n], e) for n, e in effects.items() if e > 0]
        down = [(laws[n], -e) for n, e in effects.items() if e < 0]
        if len(laws) - len(up) - len(down) + len(up) * len(down) > limit:
            return []
        for n in (n for n, e in effects.items() if e):
            for i in laws.pop(n):
                holders[i].remove(n)
        for law in _minimal([_add(a, ea, b, eb) for a, ea in up for b, eb in down], laws.values()):
            number = species = species + 1
            laws[number] = law
            for i in law:
                holders[i].add(number)
    return list(laws.values())


def _add(a: Row, effect_a: int, b: Row, effect_b: int) -> Row:
    """The combination of two laws whose effects cancel."""
    indices = sorted(a.keys() | b.keys())
    return _primitive({i: effect_b * a.get(i, 0) + effect_a * b.get(i, 0) for i in indices})


def _primitive(row: Row) -> Row:
    """The row over its greatest common divisor, with a positive first entry."""
    divisor = gcd(*row.values()) * (1 if row[min(row)] > 0 else -1)
    return {i: v // divisor for i, v in row.items()}


def _minimal(new: list[Row], kept: Iterable[Row]) -> list[Row]:
    """Those of the new laws whose support contains no other support; the kept ones are minimal already."""
    chosen: list[Row] = []
    by_first: dict[int, list[Row]] = {}
    for law in kept if new else ():
        by_first.setdefault(next(iter(law)), []).append(law)
    for law in sorted(new, key=len):
        if not any(other.keys() <= law.keys() for i in law for other in by_first.get(i, ())):
            chosen.append(law)
            by_first.setdefault(next(iter(law)), []).append(law)
    return chosen
