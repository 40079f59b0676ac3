"""Scores where events change parameters: the chain rule from the parameters of a time to those that were given."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, final

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base.types import Count, Flag, Real
from jumpax.engines.native.operations import Number
from jumpax.engines.tables.constants import names_of, value_of
from jumpax.engines.tables.interface import Kernel, Scores
from jumpax.engines.tables.terms import Constant
from jumpax.folds import Score
from jumpax.folds.fold import Change
from jumpax.networks.expressions.expression import names

Rows: TypeAlias = tuple[tuple[Real, ...], ...]
"""Derivatives of the parameters that events change, one row each, with respect to those that were given."""


@final
class Links:
    """Carries the columns of `Scores` over to the parameters that were given.

    Columns are gathered while parameters stay. Before they change, and at stops, each is multiplied by what it is the score of: the
    derivative of a constant's logarithm, or that of a parameter of the time, with respect to a parameter that was given.

    Args:
        fold: the score.
        constants: rate constants, of which the first columns are.
    """

    def __init__(self, fold: Score, constants: Sequence[Constant]):
        self.fold, self.constants, network = fold, tuple(constants), fold.network
        self.columns = len(self.constants) + len(fold.read)
        real, count, flag = (jax.ShapeDtypeStruct((), np.dtype(kind)) for kind in ("float64", "int32", "bool"))
        theta = dict.fromkeys(network.parameters, real)
        rows = ((real,) * len(fold.wrt),) * len(network.moved)
        scores = (real,) * self.columns, (real,) * len(fold.wrt)
        read = {name for _, _, value in fold.chain.assigned for name in names(value)}
        self.known = tuple(number for number, name in enumerate(network.species) if name in read)
        counts, flags = (count,) * len(self.known), (flag,) * len(network.events)
        self._flushed = jax.make_jaxpr(self._flush)(theta, rows, *scores)
        self._changed = jax.make_jaxpr(self._change)(counts, theta, real, rows, flags)
        order = sorted(range(len(network.parameters)), key=lambda i: network.parameters[i])  # as JAX flattens a dict
        self.theta = [("theta_now", i) for i in order]

    # what is traced

    def _flush(
        self, theta: Mapping[str, Real], rows: Rows, columns: Sequence[Real], totals: Sequence[Real]
    ) -> list[Real]:
        """The scores with respect to what was given, with those of the columns."""
        out = list(totals)
        for constant, gained in zip(self.constants, columns, strict=False):
            for name in names_of(constant):
                if name in self.fold.read:
                    self._add(out, name, rows, gained * _log_slope(constant, name, theta))
        for name, gained in zip(self.fold.read, columns[len(self.constants) :], strict=True):
            self._add(out, name, rows, gained)
        return out

    def _add(self, out: list[Real], name: str, rows: Rows, gained: Real) -> None:
        moved = self.fold.network.moved
        for place, wrt in enumerate(self.fold.wrt):
            if name in moved:
                link = rows[moved.index(name)][place]
                # what does not depend on it adds nothing, though the score of a constant that is 0 is none
                out[place] = out[place] + jnp.where(link == 0, jnp.zeros_like(link), gained * link)
            elif name == wrt:
                out[place] = out[place] + gained

    def _change(
        self, counts: tuple[Count, ...], theta: Mapping[str, Real], now: Real, rows: Rows, flags: tuple[Flag, ...]
    ) -> Rows:
        known = dict(zip(self.known, counts, strict=True))
        every: Any = tuple(known.get(number) for number in range(len(self.fold.network.species)))  # others are not read
        return self.fold.chain.changed(rows, now, Change(flags, every, theta))

    # what is written

    def begin(self, scores: Scores, kernel: Kernel) -> None:
        """Each parameter is its own."""
        w, network = kernel.w, self.fold.network
        for place in range(len(self.fold.wrt)):
            w.put(scores.own("total"), place, w.number(0.0))
        for row, name in enumerate(network.moved):
            for place, wrt in enumerate(self.fold.wrt):
                w.put(scores.own("links"), row * len(self.fold.wrt) + place, w.number(float(name == wrt)))

    def flush(self, scores: Scores, kernel: Kernel) -> None:
        """Carry the columns over, which begin anew."""
        w = kernel.w
        given = [*self.theta, *self._rows(scores), *((scores.own("score"), i) for i in range(self.columns))]
        for place, value in enumerate(kernel.called(self._flushed, [*given, *self._totals(scores)])):
            w.put(scores.own("total"), place, value)
        with w.span(0, self.columns) as column:
            w.put(scores.own("score"), column, w.number(0.0))

    def change(self, scores: Scores, kernel: Kernel, number: Number, now: Number) -> None:
        """What an event makes of the derivatives, before it changes anything."""
        do, network = kernel.w.do, self.fold.network
        flags = [do("eq", number, event) for event in range(len(network.events))]
        counts = [("counts", i) for i in self.known]
        made = kernel.called(self._changed, [*counts, *self.theta, now, *self._rows(scores), *flags])
        for place, value in zip(self._rows(scores), made, strict=True):
            kernel.w.put(*place, value)

    def _rows(self, scores: Scores) -> list[tuple[str, int]]:
        many = len(self.fold.network.moved) * len(self.fold.wrt)
        return [(scores.own("links"), i) for i in range(many)]

    def _totals(self, scores: Scores) -> list[tuple[str, int]]:
        return [(scores.own("total"), i) for i in range(len(self.fold.wrt))]


def _log_slope(constant: Constant, name: str, theta: Mapping[str, Real]) -> Real:
    """D ln c / d theta."""
    if isinstance(constant, str):
        return 1.0 / theta[name]
    value, slope = jax.value_and_grad(lambda one: value_of(constant, {**theta, name: one}))(theta[name])
    return slope / value
