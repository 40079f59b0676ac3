"""The score of rate constants in the loop over tables: a number of firings and one integral for each constant."""

import functools
from collections.abc import Callable, Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from jumpax._base import random
from jumpax._base.types import Real
from jumpax.engines.native.operations import Number
from jumpax.engines.tables.constants import names_of, value_of
from jumpax.engines.tables.gathered import INT, LONG, REAL, AbstractGathered, Columns
from jumpax.engines.tables.interface import WORD, Kernel
from jumpax.engines.tables.laws import Laws
from jumpax.engines.tables.layout import Layout
from jumpax.engines.tables.links import Links
from jumpax.engines.tables.terms import Constant
from jumpax.folds import Score
from jumpax.folds.lasting import share


class Scores(AbstractGathered):
    """`Score`. For a constant c, d ln c / d theta times (firings - integral of the propensities with c).

    The integral of a propensity is brought up to date when that changes, and at stops. Where waits do not count, the time is
    replaced by the sum over events of 1 / a_0: the score then has - d a_0 / a_0 at each event.
    """

    arrays: ClassVar = {
        "column": INT, "score": REAL, "since": REAL, "clock": REAL, "many": LONG, "slope": REAL, "slope_column": INT,
        "slope_first": INT, "total": REAL, "links": REAL, "moments": WORD,
    }  # fmt: skip
    timely: ClassVar = True

    def __init__(self, fold: Score, layout: Layout, laws: Laws | None):
        self.fold, self.laws = fold, laws
        self.wrt, self.read, self.layout = fold.wrt, fold.read, layout
        reads = [set(names_of(constant)) for constant in layout.constants]
        self.constants = tuple(c for c, names in enumerate(reads) if names & set(self.read))
        linked = fold.linked or any(reads[c] & set(fold.network.moved) for c in self.constants)
        self.links = Links(fold, [layout.constants[c] for c in self.constants]) if linked else None

    def columns(self, layout: Layout) -> tuple[int, int]:
        """One for each constant, and one for each parameter that other laws read; the scores, where events change some of these."""
        return 0, len(self.wrt) if self.links else len(self.constants) + len(self.wrt)

    def record(self, integers: Columns, reals: Columns, theta: Mapping[str, np.ndarray]) -> PyTree[np.ndarray]:
        """The score of each parameter."""
        if self.links:
            return tuple(reals)
        count = len(self.constants)
        slopes = _log_slopes(tuple(self.layout.constants[c] for c in self.constants), self.wrt, theta)
        out = []
        for p in range(len(self.wrt)):
            total = np.array(reals[count + p])
            for c in range(count):
                if (slope := slopes[c][p]) is not None:
                    total += reals[c] * np.reshape(slope, (-1, 1))
            out.append(total)
        return tuple(out)

    def made(self, layout: Layout) -> dict[str, np.ndarray]:
        """Scores, the time up to which they are known, derivatives of other laws."""
        place = {constant: column for column, constant in enumerate(self.constants)}
        last = len(self.constants) + len(self.read)
        column = np.full(layout.leaves, last, np.int32)
        column[: layout.terms - len(layout.laws)] = [place.get(c, last) for c in layout.tables.constant.tolist()]
        slope_column, first = self._slopes(last)
        return {
            "column": column, "score": np.zeros(last + 1), "since": np.zeros(layout.leaves), "clock": np.zeros(1),
            "many": np.array([last]), "slope": np.zeros(len(slope_column)), "slope_column": slope_column,
            "slope_first": first, "moments": np.zeros(4), "total": np.zeros(len(self.wrt)),
            "links": np.zeros(max(len(self.wrt) * len(self.fold.network.moved), 1)),
        }  # fmt: skip

    def _slopes(self, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The column of each argument of the other laws, and where those of a law begin."""
        if self.laws is None:
            return np.zeros(1, np.int32), np.zeros(1, np.int32)
        names = self.fold.network.parameters
        column = np.full(len(self.laws.argument) + 1, last, np.int32)
        for number, kind in enumerate(self.laws.kind):
            first = self.laws.first[number]
            for j in range(
                self.laws.kinds[kind].species, self.laws.kinds[kind].species + self.laws.kinds[kind].parameters
            ):
                name = names[self.laws.argument[first + j]]
                if name in self.read:
                    column[first + j] = len(self.constants) + self.read.index(name)
        return column, np.append(self.laws.first, len(self.laws.argument)).astype(np.int32)

    def _clock(self, kernel: Kernel, now: Number) -> Number:
        return now if self.fold.waiting else kernel.w.get(self.own("clock"), 0)

    def begin(self, kernel: Kernel) -> None:
        """Nothing yet."""
        w = kernel.w
        with w.span(0, w.do("add", w.get(self.own("many"), 0), 1)) as column:
            w.put(self.own("score"), column, w.number(0.0))
        w.put(self.own("clock"), 0, w.number(0.0))
        if self.links:
            self.links.begin(self, kernel)
        start = w.get("time", 0) if self.fold.waiting else w.number(0.0)
        with w.span(0, kernel.size.leaves) as leaf:
            w.put(self.own("since"), leaf, start)
        if self.laws is not None:
            if self.laws.timed:
                words = kernel.printed(lambda a, b, path: random.seed((a, b), path, random.FOLD), kernel.seeds)
                for i, word in enumerate(words):
                    w.put(self.own("moments"), i, word)
            with w.span(kernel.size.terms, kernel.size.parts) as leaf:
                self.enter_rate(kernel, leaf)

    def fired(self, kernel: Kernel, term: Number, reaction: Number, now: tuple[Number, Number]) -> None:
        """One more firing of the constant, or the derivative of the logarithm of another law."""
        w, do = kernel.w, kernel.w.do
        w.add(self.own("score"), w.get(self.own("column"), term), w.number(1.0))
        if not self.fold.waiting:
            total = w.get("rates", do("sub", kernel.size.nodes, 1))
            w.add(self.own("clock"), 0, do("div", w.number(1.0), total))
        if self.laws is not None:
            with kernel.code.when(do("ge", term, kernel.size.terms)):
                rate = w.get("rates", term)
                self._all(kernel, term, lambda slope: do("div", slope, rate))
            if self.laws.timed:
                assert kernel.thinning is not None
                with kernel.code.when(kernel.thinning.timed(kernel, term)):
                    at = self.laws.at(kernel, do("sub", term, kernel.size.terms), now[0])
                    self._at(kernel, term, now[0], lambda slope: do("div", slope, at))

    def _all(self, kernel: Kernel, leaf: Number, gain: Callable[[Number], Number]) -> None:
        """Add to the columns of all arguments of another law, by its derivatives."""
        w, do = kernel.w, kernel.w.do
        number = do("sub", leaf, kernel.size.terms)
        first, end = (w.get(self.own("slope_first"), do("add", number, i)) for i in (0, 1))
        with w.span(first, end) as argument:
            w.add(
                self.own("score"), w.get(self.own("slope_column"), argument), gain(w.get(self.own("slope"), argument))
            )

    def _at(self, kernel: Kernel, leaf: Number, time: Number, gain: Callable[[Number], Number]) -> None:
        """Add to the columns of all arguments of a law that reads the time, by its derivatives at one."""
        w, do = kernel.w, kernel.w.do
        number = do("sub", leaf, kernel.size.terms)

        def add(number: Number, argument: int, slope: Number) -> None:
            column = w.get(self.own("slope_column"), do("add", w.get("law_first", number), argument))
            w.add(self.own("score"), column, gain(slope))

        self.laws.slopes(kernel, number, add, time)  # type: ignore[union-attr]  # there are some

    def leave_timed(self, kernel: Kernel, leaf: Number, now: Number) -> None:
        """Subtract the derivatives at one moment, drawn uniformly, of the time that has been lived."""
        if self.laws is None or not self.laws.timed:
            return
        assert kernel.thinning is not None
        w, do = kernel.w, kernel.w.do
        since = w.get(self.own("since"), leaf)
        lived = do("sub", now, since)
        some = do("and_", kernel.thinning.timed(kernel, leaf), do("gt", lived, w.number(0.0)))
        with kernel.code.when(some):
            words = [w.get(self.own("moments"), i) for i in range(4)]
            moment, *after = kernel.printed(_moment, [*words, since, lived])
            for i, word in enumerate(after):
                w.put(self.own("moments"), i, word)
            self._at(kernel, leaf, moment, lambda slope: do("neg", do("mul", slope, lived)))
            w.put(self.own("since"), leaf, now)

    def leave_rate(self, kernel: Kernel, leaf: Number, now: Number) -> None:
        """Subtract what has been lived with the old propensity."""
        w, do = kernel.w, kernel.w.do
        clock = self._clock(kernel, now)
        lived = do("sub", clock, w.get(self.own("since"), leaf))
        w.put(self.own("since"), leaf, clock)
        w.add(self.own("score"), w.get(self.own("column"), leaf), do("neg", do("mul", w.get("rates", leaf), lived)))
        if self.laws is not None:
            with kernel.code.when(do("ge", leaf, kernel.size.terms)):
                self._all(kernel, leaf, lambda slope: do("neg", do("mul", slope, lived)))

    def enter_rate(self, kernel: Kernel, leaf: Number) -> None:
        """Derivatives of another law in the new state."""
        assert self.laws is not None
        w, do = kernel.w, kernel.w.do

        def keep(number: Number, argument: int, slope: Number) -> None:
            w.put(self.own("slope"), do("add", w.get("law_first", number), argument), slope)

        self.laws.slopes(kernel, do("sub", leaf, kernel.size.terms), keep)

    def happens(self, kernel: Kernel, number: Number, now: tuple[Number, Number]) -> None:
        """Bring all integrals up to now."""
        self._leave_all(kernel, now[0])
        if self.links:
            self.links.flush(self, kernel)
            self.links.change(self, kernel, number, now[0])

    def happened(self, kernel: Kernel) -> None:
        """Derivatives of other laws anew."""
        if self.laws is not None:
            with kernel.w.span(kernel.size.terms, kernel.size.parts) as leaf:
                self.enter_rate(kernel, leaf)

    def _leave_all(self, kernel: Kernel, now: Number) -> None:
        with kernel.w.span(0, kernel.size.parts) as leaf:
            self.leave_timed(kernel, leaf, now)
            self.leave_rate(kernel, leaf, now)

    def stop(self, kernel: Kernel, row: Number, now: Number) -> None:
        """Write all columns, up to now."""
        w = kernel.w
        self._leave_all(kernel, now)
        if self.links:
            self.links.flush(self, kernel)
        shown, many = ("total", len(self.wrt)) if self.links else ("score", w.get(self.own("many"), 0))
        with w.span(0, many) as column:
            self.write(kernel, row, column, w.get(self.own(shown), column))


def _moment(*given: Array) -> list[Array]:
    """A moment of a stretch of time, and the words after it."""
    *words, since, lived = given
    word, after = random.draw(random.Stream(*words))
    return [since + share((word,), lived) * lived, *after]


def _log_slopes(
    constants: tuple[Constant, ...], wrt: tuple[str, ...], theta: Mapping[str, np.ndarray]
) -> list[list[np.ndarray | None]]:
    """Derivatives of the logarithm of each constant by each parameter, for each path or for all; None where there is none."""
    out = []
    for constant in constants:
        row: list[np.ndarray | None] = []
        for name in wrt:
            if name not in names_of(constant):
                row.append(None)
            elif isinstance(constant, str):
                with np.errstate(divide="ignore"):
                    row.append(1.0 / np.asarray(theta[name], np.float64))
            else:
                row.append(_slope(constant, name, theta))
        out.append(row)
    return out


def _slope(constant: Constant, name: str, theta: Mapping[str, np.ndarray]) -> np.ndarray:
    """D ln c / d theta of an expression."""
    read = names_of(constant)
    with jax.enable_x64(True):
        values = np.broadcast_arrays(*(np.asarray(theta[n], np.float64) for n in read))
        function = functools.partial(_logarithm, constant, read)
        where = read.index(name)
        slope: Callable[..., Array] = jax.grad(function, where)
        for _ in range(values[0].ndim):
            slope = jax.vmap(slope)
        return np.asarray(slope(*map(jnp.asarray, values)))


def _logarithm(constant: Constant, read: tuple[str, ...], *values: Real) -> Real:
    return jnp.log(value_of(constant, dict(zip(read, values, strict=True))))
