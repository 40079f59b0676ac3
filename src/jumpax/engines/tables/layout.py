"""Everything that the loop over tables reads, as flat arrays."""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from jumpax.engines.tables.factored import Pattern
from jumpax.engines.tables.terms import Constant, Terms, terms_of
from jumpax.networks import Network

FAN = 8
"""Children of a node of the tree of propensities: as many as fit into a register of AVX-512."""
NONE, ONE = 0, 1
"""Numbers of the sums that are always 0 and always 1."""
SMALLEST_BLOCK = 8
"""Entries of a sum that are looked through one by one."""


class Tables(NamedTuple):
    """Arrays of the kernel, in its order: int32 unless said otherwise."""

    # terms: a = constant * unit * (S[left] S[right] - S[both])
    constant: Int[np.ndarray, " terms"]
    unit: Float[np.ndarray, " terms"]
    left: Int[np.ndarray, " terms"]
    """Number of a sum; likewise the two others."""
    right: Int[np.ndarray, " terms"]
    both: Int[np.ndarray, " terms"]
    left_pattern: Int[np.ndarray, " terms"]
    right_pattern: Int[np.ndarray, " terms"]
    both_block: Int[np.ndarray, " terms"]
    """The first of the sums over what blocks on the left have in common with the right; -1 if there is nothing."""
    both_entry: Int[np.ndarray, " terms"]
    """Where the two arrays below begin for the entries on the left."""
    first_pair: Int[np.ndarray, " terms"]
    # what entries on the left weigh on the right, and the number of the sum over their block there
    other_weight: Int[np.ndarray, " overlaps"]
    other_block: Int[np.ndarray, " overlaps"]
    # patterns
    first_entry: Int[np.ndarray, " patterns"]
    entries: Int[np.ndarray, " patterns"]
    block: Int[np.ndarray, " patterns"]
    """Entries of a block."""
    first_block: Int[np.ndarray, " patterns"]
    """Number of the sum over the first block; those of the others follow."""
    species: Int[np.ndarray, " entries"]
    weight: Int[np.ndarray, " entries"]
    # pairs of entries, and the reactions between them
    first_slot: Int[np.ndarray, " pairs+1"]
    reaction: Int[np.ndarray, " slots"]
    share: Float[np.ndarray, " slots"]
    # sums, for a start: entries in a row of a sum
    sum_start: Int[np.ndarray, " sums+1"]
    sum_species: Int[np.ndarray, " members"]
    sum_weight: Int[np.ndarray, " members"]
    # reactions: where their parts of the lists below begin
    starts: Int[np.ndarray, "reactions+1 4"]
    change_species: Int[np.ndarray, " changes"]
    change: Int[np.ndarray, " changes"]
    touched_sum: Int[np.ndarray, " touched"]
    sum_change: Int[np.ndarray, " touched"]
    touched_term: Int[np.ndarray, " touched"]
    touched_node: Int[np.ndarray, " touched"]
    children: Int[np.ndarray, " nodes"]
    """Of inner nodes of the tree, where they begin; -1 for nodes that only fill a row."""


class Layout(NamedTuple):
    """Tables with what is known of them."""

    tables: Tables
    constants: tuple[Constant, ...]
    laws: tuple[int, ...]
    species: int
    sums: int
    terms: int
    """Terms and reactions with laws of their own: the first leaves of the tree."""
    leaves: int
    nodes: int
    """Leaves included; the root is the last."""
    levels: int
    reactions: int


class _Sums:
    """Sums over species, each of them once."""

    def __init__(self, species: int):
        nothing, one = np.zeros(0, np.int64), np.ones(1, np.int64)
        self.members = [Pattern(nothing, nothing), Pattern(np.array([species]), one)]
        self.known = {self._key(p): number for number, p in enumerate(self.members)}

    def _key(self, pattern: Pattern) -> tuple[bytes, bytes]:
        return pattern.species.astype(np.int64).tobytes(), pattern.weights.astype(np.int64).tobytes()

    def number(self, pattern: Pattern) -> int:
        """Of a sum."""
        key = self._key(pattern)
        if key not in self.known:
            self.known[key] = len(self.members)
            self.members.append(pattern)
        return self.known[key]

    def append(self, patterns: list[Pattern]) -> int:
        """Sums with numbers that follow each other; the first of them."""
        if len(patterns) == 1:
            return self.number(patterns[0])
        self.members += patterns
        return len(self.members) - len(patterns)


class _Patterns:
    """Sums that entries are chosen from, in blocks."""

    def __init__(self, sums: _Sums):
        self.sums, self.known = sums, dict[int, int]()
        self.entries: list[Pattern] = []
        self.blocks: list[tuple[int, int]] = []

    def number(self, pattern: Pattern) -> int:
        """Of a pattern."""
        total = self.sums.number(pattern)
        if total not in self.known:
            self.known[total] = len(self.entries)
            size = max(SMALLEST_BLOCK, math.isqrt(len(pattern.species)))
            self.entries.append(pattern)
            self.blocks.append((size, self.sums.append(_blocks(pattern, size))))
        return self.known[total]


def _blocks(pattern: Pattern, size: int) -> list[Pattern]:
    return [
        Pattern(pattern.species[i : i + size], pattern.weights[i : i + size])
        for i in range(0, len(pattern.species), size)
    ]


@functools.lru_cache(maxsize=32)
def layout_of(network: Network) -> Layout:
    """The tables of a network."""
    found = terms_of(network)
    sums = _Sums(len(network.species))
    patterns = _Patterns(sums)
    parts = _terms(found, sums, patterns)
    members = _matrix(sums.members, len(network.species) + 1)
    sizes = _tree(len(found.terms) + len(found.laws))
    arrays = {**parts, **_entries(patterns), **_slots(found), **_members(members)}
    arrays |= _touched(network, found, parts, members, sizes)
    kinds = {"unit": np.float64, "share": np.float64, "sum_change": np.int64}
    tables = Tables(**{n: np.ascontiguousarray(arrays[n], kinds.get(n, np.int32)) for n in Tables._fields})
    return Layout(
        tables, found.constants, found.laws, len(network.species), len(sums.members),
        len(found.terms) + len(found.laws), sizes[0], sum(sizes), len(sizes), network.reaction_count,
    )  # fmt: skip


def _terms(found: Terms, sums: _Sums, patterns: _Patterns) -> dict[str, list]:
    """Columns of the terms."""
    columns: dict[str, list] = {name: [] for name in (
        "constant", "unit", "left", "right", "both", "left_pattern", "right_pattern", "both_block", "both_entry",
        "first_pair", "other_weight", "other_block",
    )}  # fmt: skip
    pair = 0
    for constant, part in found.terms:
        left, right = patterns.number(part.left), patterns.number(part.right)
        weights, blocks = _common(part.left, part.right, patterns, right)
        common = Pattern(part.left.species, part.left.weights * weights)
        size = patterns.blocks[left][0]
        first = -1
        if weights.any():
            first = sums.append([_some(p) for p in _blocks(common, size)])
        row = {
            "constant": constant, "unit": part.unit, "left": sums.number(part.left), "right": sums.number(part.right),
            "both": sums.number(_some(common)), "left_pattern": left, "right_pattern": right, "both_block": first,
            "both_entry": len(columns["other_weight"]), "first_pair": pair,
        }  # fmt: skip
        for name, value in row.items():
            columns[name].append(value)
        if weights.any():
            columns["other_weight"] += weights.tolist()
            columns["other_block"] += blocks.tolist()
        pair += len(part.left.species) * len(part.right.species)
    return columns


def _some(pattern: Pattern) -> Pattern:
    """Without what weighs nothing."""
    return Pattern(pattern.species[pattern.weights != 0], pattern.weights[pattern.weights != 0])


def _common(left: Pattern, right: Pattern, patterns: _Patterns, number: int) -> tuple[np.ndarray, np.ndarray]:
    """What the species on the left weigh on the right, and the sum over their block there."""
    place = {species: entry for entry, species in enumerate(right.species.tolist())}
    entries = np.array([place.get(species, -1) for species in left.species.tolist()])
    weights = np.where(entries >= 0, right.weights[entries], 0)
    if right.species[0] == patterns.sums.members[ONE].species[0]:  # the molecule that is always there
        weights = np.zeros_like(weights)
    size, first = patterns.blocks[number]
    return weights, np.where(weights > 0, first + entries // size, NONE)


def _entries(patterns: _Patterns) -> dict[str, np.ndarray]:
    """Columns of the patterns and of their entries."""
    lengths = [len(pattern.species) for pattern in patterns.entries] or [0]
    nothing = [np.zeros(0, np.int64)]
    return {
        "first_entry": np.cumsum([0, *lengths[:-1]]),
        "entries": np.array(lengths),
        "block": np.array([size for size, _ in patterns.blocks]),
        "first_block": np.array([first for _, first in patterns.blocks]),
        "species": np.concatenate([p.species for p in patterns.entries] or nothing),
        "weight": np.concatenate([p.weights for p in patterns.entries] or nothing),
    }


def _slots(found: Terms) -> dict[str, np.ndarray]:
    """Reactions of pairs, and running sums of their shares."""
    many, reactions, shares = [np.zeros(1, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for _, part in found.terms:
        width = len(part.right.species)
        pair = part.rows * width + part.columns
        order = np.argsort(pair, kind="stable")
        many.append(np.bincount(pair, minlength=len(part.left.species) * width))
        reactions.append(part.reactions[order])
        sums = np.cumsum(part.shares[order])
        begins = np.cumsum(many[-1]) - many[-1]
        shares.append(sums - np.repeat(np.r_[0.0, sums][begins], many[-1]))
    return {
        "first_slot": np.cumsum(np.concatenate(many)),
        "reaction": np.concatenate(reactions),
        "share": np.concatenate(shares),
    }


def _matrix(members: list[Pattern], species: int) -> sparse.csr_array:
    """The sums as a matrix, (sums, species); what is there several times is added up."""
    rows = np.repeat(np.arange(len(members)), [len(p.species) for p in members])
    columns = np.concatenate([p.species for p in members])
    weights = np.concatenate([p.weights for p in members])
    return sparse.csr_array((weights, (rows, columns)), (len(members), species), dtype=np.int64)


def _members(matrix: sparse.csr_array) -> dict[str, np.ndarray]:
    return {"sum_start": matrix.indptr, "sum_species": matrix.indices, "sum_weight": matrix.data}


def _tree(terms: int) -> list[int]:
    """How many nodes each level has, the leaves first; whole families of children but for the root."""
    sizes = [max(FAN, -(-terms // FAN) * FAN)]
    while sizes[-1] > FAN:
        parents = sizes[-1] // FAN
        sizes.append(-(-parents // FAN) * FAN)
    return [*sizes, 1]


def _touched(
    network: Network, found: Terms, parts: dict[str, list], members: sparse.csr_array, sizes: list[int]
) -> dict[str, np.ndarray]:
    """What each reaction changes, as lists of its own."""
    entries, shape = network.changes, (len(network.species), network.reaction_count)
    changes = sparse.csc_array((entries.amounts, entries.species, entries.starts), shape, dtype=np.int64)
    sums = (members[:, :-1] @ changes).tocsc()
    sums.eliminate_zeros()
    many = len(found.terms)
    read = np.array([parts[name] for name in ("left", "right", "both")], np.int64).T.reshape(many, 3)
    readers, which = np.nonzero(read > ONE)
    leaves = _marks(readers, read[readers, which], (sizes[0], len(members.indptr) - 1)) @ abs(sums)
    if found.laws:
        species = {name: number for number, name in enumerate(network.species)}
        rows = [[species[name] for name in network.reads(reaction)] for reaction in found.laws]
        readers = many + np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        counts = np.array([number for row in rows for number in row], np.int64)
        leaves = leaves + _marks(readers, counts, (sizes[0], len(network.species))) @ abs(changes)
    nodes, children = _ancestors(leaves.tocsc(), sizes)
    columns = [changes, sums, leaves.tocsc(), nodes]
    for column in columns:
        column.sort_indices()
    starts = np.stack([column.indptr for column in columns], 1)
    return {
        "starts": starts, "change_species": changes.indices, "change": changes.data,
        "touched_sum": sums.indices, "sum_change": sums.data, "touched_term": columns[2].indices,
        "touched_node": nodes.indices, "children": children,
    }  # fmt: skip


def _marks(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """A matrix with ones at some places."""
    return sparse.csr_array((np.ones(len(rows), np.int64), (rows, columns)), shape)


def _ancestors(leaves: sparse.csc_array, sizes: list[int]) -> tuple[sparse.csc_array, np.ndarray]:
    """The inner nodes above the leaves that each reaction touches, lower ones first, and where children begin."""
    below, levels, children, first = leaves, [], [], 0
    for lower, upper in itertools.pairwise(sizes):
        parent = np.arange(lower) // FAN
        up = sparse.csr_array((np.ones(lower, np.int64), (parent, np.arange(lower))), (upper, lower))
        below = up @ below
        levels.append(below)
        nodes = np.arange(upper)
        children.append(np.where(nodes < lower // FAN, first + FAN * nodes, -1))
        first += lower
    return sparse.csc_array(sparse.vstack(levels)), np.concatenate(children)
