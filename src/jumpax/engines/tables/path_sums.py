"""What paths gain by their events and by their rates, with a number for each reaction: `PathSums` of currents and activities."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, final

import jax
import numpy as np
from jaxtyping import PyTree

from jumpax.engines.native.operations import Number
from jumpax.engines.tables.gathered import INT, LONG, REAL, AbstractGathered, Columns
from jumpax.engines.tables.interface import Kernel
from jumpax.engines.tables.layout import Layout
from jumpax.engines.tables.terms import Constant
from jumpax.folds import AbstractFold
from jumpax.folds.dependence import record_of
from jumpax.networks import Network


class _Single(NamedTuple):
    """A reaction that is integrated by itself: constant * factor * x (y - same)."""

    reaction: int
    constant: int
    factor: float
    first: int
    second: int
    same: bool


@final
class Sums(AbstractGathered):
    """Sums over events, and integrals of propensities.

    Where all reactions of a term have one weight the term is integrated, else those that have one are, by themselves: before a count
    changes that they read.

    Args:
        fold: with `weights`.
        network: along whose paths.
        layout: of the network.
    """

    arrays: ClassVar = {
        "gain": REAL, "of_leaf": REAL, "since": REAL, "events": REAL, "integral": REAL, "first_reader": INT, "reader": INT,
        "of_single": REAL, "factor": REAL, "constant": INT, "first": INT, "second": INT, "same": INT, "began": REAL,
        "many": LONG,
    }  # fmt: skip

    def __init__(self, fold: AbstractFold, network: Network, layout: Layout):
        self.weights = np.array(fold.weights, float)
        self.structure = jax.tree.structure(record_of(fold, network, np.dtype(np.float64)))
        self.of_leaf = np.zeros((len(self.weights), layout.leaves))
        owner, reactions = self._owners(layout)
        self.singles: list[_Single] = []
        constants = {constant: number for number, constant in enumerate(layout.constants)}
        for leaf in range(layout.terms):
            own = reactions[owner == leaf]
            column = self.weights[:, own]
            if (column == column[:, :1]).all():
                self.of_leaf[:, leaf] = column[:, 0]
                continue
            chosen = np.unique(own[column.any(0)]).tolist()
            self.singles += [_single(network, reaction, constants) for reaction in chosen]

    def _owners(self, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
        """The leaf of each slot, and its reaction; laws of their own are leaves of their own."""
        tables, terms = layout.tables, layout.terms - len(layout.laws)
        ends = np.append(tables.first_pair[1:], len(tables.first_slot) - 1)
        many = tables.first_slot[ends] - tables.first_slot[tables.first_pair]
        owner = np.concatenate([np.repeat(np.arange(terms), many), terms + np.arange(len(layout.laws))])
        return owner, np.concatenate([tables.reaction, np.array(layout.laws, np.int64)]).astype(np.int64)

    def columns(self, layout: Layout) -> tuple[int, int]:
        """Two real numbers for each rate."""
        return 0, 2 * len(self.weights)

    def record(self, integers: Columns, reals: Columns, theta: Mapping[str, np.ndarray]) -> PyTree[np.ndarray]:
        """Pairs."""
        return jax.tree.unflatten(self.structure, reals)

    def made(self, layout: Layout) -> dict[str, np.ndarray]:
        """Weights, sums, and what is known of reactions that are integrated by themselves."""
        columns = zip(*self.singles) if self.singles else [[]] * len(_Single._fields)
        single = {name: np.array(column) for name, column in zip(_Single._fields, columns)}
        pairs = sorted({(s, i) for i, one in enumerate(self.singles) for s in (one.first, one.second)})
        readers = np.bincount([s for s, _ in pairs], minlength=layout.species + 1)
        nothing = np.zeros(len(self.weights))
        reaction = single.pop("reaction").astype(int)
        arrays = {
            "gain": self.weights.ravel(), "of_leaf": self.of_leaf.ravel(), "since": np.zeros(layout.leaves), "events": nothing,
            "integral": nothing, "first_reader": np.append(0, np.cumsum(readers)), "reader": np.array([i for _, i in pairs]),
            "of_single": self.weights[:, reaction].ravel(), "began": np.zeros(len(self.singles)),
            "many": np.array([len(self.singles)]), **single,
        }  # fmt: skip
        return {name: np.append(array, 0) for name, array in arrays.items()}

    def begin(self, kernel: Kernel) -> None:
        """Nothing yet."""
        w, now = kernel.w, kernel.w.get("time", 0)
        for rate in range(len(self.weights)):
            w.put(self.own("events"), rate, w.number(0.0))
            w.put(self.own("integral"), rate, w.number(0.0))
        with w.span(0, kernel.size.leaves) as leaf:
            w.put(self.own("since"), leaf, now)
        with w.span(0, w.get(self.own("many"), 0)) as single:
            w.put(self.own("began"), single, now)

    def fired(self, kernel: Kernel, term: Number, reaction: Number, now: tuple[Number, Number]) -> None:
        """What the reaction gains."""
        w, many = kernel.w, self.weights.shape[1]
        for rate in range(len(self.weights)):
            w.add(self.own("events"), rate, w.get(self.own("gain"), w.do("add", reaction, rate * many)))

    def leave_rate(self, kernel: Kernel, leaf: Number, now: Number) -> None:
        """Add what has been lived with the old propensity."""
        w, do = kernel.w, kernel.w.do
        lived = do("sub", now, w.get(self.own("since"), leaf))
        self._gain(kernel, "of_leaf", leaf, kernel.size.leaves, do("mul", w.get("rates", leaf), lived))
        w.put(self.own("since"), leaf, now)

    def leave_count(self, kernel: Kernel, species: Number, now: Number) -> None:
        """The same for reactions that are integrated by themselves."""
        w = kernel.w
        if self.singles:
            first, end = (w.get(self.own("first_reader"), w.do("add", species, i)) for i in (0, 1))
            with w.span(first, end) as place:
                self._leave(kernel, w.get(self.own("reader"), place), now)

    def _leave(self, kernel: Kernel, single: Number, now: Number) -> None:
        w, do = kernel.w, kernel.w.do
        lived = do("sub", now, w.get(self.own("began"), single))
        first, second = (w.get("counts", w.get(self.own(name), single)) for name in ("first", "second"))
        pairs = do("mul", w.real(first), w.real(do("sub", second, w.get(self.own("same"), single))))
        row = do("mul", do("mul", w.get("whole", 0), kernel.size.own_constants), kernel.size.constants)
        constant = w.get("constants", do("add", row, w.get(self.own("constant"), single)))
        rate = do("mul", do("mul", constant, w.get(self.own("factor"), single)), pairs)
        self._gain(kernel, "of_single", single, w.get(self.own("many"), 0), do("mul", rate, lived))
        w.put(self.own("began"), single, now)

    def _gain(self, kernel: Kernel, weights: str, place: Number, many: Number, gained: Number) -> None:
        w, do = kernel.w, kernel.w.do
        for rate in range(len(self.weights)):
            weight = w.get(self.own(weights), do("add", place, do("mul", many, rate)))
            w.add(self.own("integral"), rate, do("mul", weight, gained))

    def stop(self, kernel: Kernel, row: Number, now: Number) -> None:
        """Write both, up to now."""
        w = kernel.w
        with w.span(0, kernel.size.parts) as leaf:
            self.leave_rate(kernel, leaf, now)
        with w.span(0, w.get(self.own("many"), 0)) as single:
            self._leave(kernel, single, now)
        for rate in range(len(self.weights)):
            self.write(kernel, row, 2 * rate, w.get(self.own("events"), rate))
            self.write(kernel, row, 2 * rate + 1, w.get(self.own("integral"), rate))


def _single(network: Network, reaction: int, constants: Mapping[Constant, int]) -> _Single:
    law, nothing = network.reactions[reaction].law, len(network.species)
    product = law.product(network.reactions[reaction].reactants)
    assert product is not None  # other laws are leaves of their own
    taken = [network.numbers[name] for name, order in product.takes for _ in range(order)]
    first, second = (*taken, nothing, nothing)[:2]
    return _Single(
        reaction, constants[product.constant], product.factor, first, second, len(taken) == 2 and first == second
    )
