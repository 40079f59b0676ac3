"""Numbers measured on many cells together, as formulas of mean counts."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax.inference.losses.compared import Compared, series
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.standardised import Standardised
from jumpax.inference.observed import species_faults, time_faults
from jumpax.networks import Network
from jumpax.networks.expressions.expression import Call, Expression, Name, evaluate, names
from jumpax.networks.expressions.hill import steady
from jumpax.observables import Moments

_LINEAR = ("add", "subtract", "negate")
_SPREAD = "spread of the row"


@final
@dataclass(frozen=True)
class Signal:
    """What is measured, in formulas of mean counts, parameters, and numbers of each row.

    Attributes:
        name: of the observable.
        formula: of what is measured.
        noise: of the standard deviation (of the scale, for "laplace") on the scale on which it scatters.
        scale: "lin", "log" or "log10".
        law: "normal" or "laplace".
        columns: names in the formulas that are numbers of each row.
    """

    name: str
    formula: Expression
    noise: Expression
    scale: str
    law: str
    columns: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Species and parameters that it reads."""
        return tuple(dict.fromkeys(n for e in (self.formula, self.noise) for n in names(e) if n not in self.columns))


@final
@dataclass(frozen=True)
class Measured:
    """Rows of one signal.

    Attributes:
        signal: what they are of.
        times: when; infinite at steady state.
        values: what was measured.
        columns: numbers of each row, by name.
    """

    signal: Signal
    times: Float[np.ndarray, " rows"]
    values: Float[np.ndarray, " rows"]
    columns: Mapping[str, Float[np.ndarray, " rows"]]


@final
class Measurements(AbstractLoss):
    """Numbers that are formulas of mean counts, as those of samples of many cells are, with noise of a given law.

    loss = - sum over rows of log p(measured | formula(E[x], parameters), noise(E[x], parameters)), all constants included: the
    negative log-likelihood of PEtab, with the means of the exact process in the place of the rate equation. Formulas that are
    not linear are those of the means, not the means of formulas: a ratio of two blots is one of two sums over cells. The
    simulated noise adds a bias O(1/paths), most of which is taken off.

    Args:
        parts: rows by signal; all have times, or all are at steady state.
        species: those of the network.

    Examples:
        >>> from jumpax.networks.expressions.expression import Name, Number
        >>> rows = Measured(Signal("A", Name("A"), Number(1.0), "lin", "normal"), np.array([1.0]), np.array([3.0]), {})
        >>> loss = Measurements([rows], ("A",))
        >>> print(f"{loss.value(jnp.array([[2.0]]), {}, 1):.4f}")   # 1/2 + log(2 pi) / 2
        1.4189
    """

    density = True
    signals: tuple[Signal, ...] = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    rows: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """Where the time of each row stands among all, by signal."""
    species: tuple[str, ...] = eqx.field(static=True)
    read: tuple[str, ...] = eqx.field(static=True)
    """Names of parameters."""
    measured: tuple[Float[np.ndarray, " rows"], ...]
    columns: tuple[dict[str, Float[np.ndarray, " rows"]], ...]

    def __init__(self, parts: Sequence[Measured], species: Sequence[str]):
        every = dict.fromkeys(n for part in parts for n in part.signal.names)
        self.species = tuple(n for n in every if n in species) or tuple(species[:1])
        self.read = tuple(n for n in every if n not in species)
        self.signals = tuple(part.signal for part in parts)
        joined = sorted({float(t) for part in parts for t in part.times})
        self.times = None if joined == [math.inf] else tuple(joined)
        self.rows = tuple(tuple(joined.index(float(t)) for t in part.times) for part in parts)
        self.measured = tuple(np.asarray(part.values, float) for part in parts)
        self.columns = tuple({n: np.asarray(c, float) for n, c in part.columns.items()} for part in parts)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those that formulas read."""
        return self.read

    def observable(self, network: Network) -> Moments:
        """Means of the species that formulas read."""
        return Moments(*self.species, order=1)

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no time may lie before the start."""
        return species_faults(self.species, network) + time_faults(self.times, start)

    def seen(self, expected: Any, values: Mapping[str, Any]) -> Float[Array, "batches times names"]:
        """Mean counts, and beside them the parameters, which do not change along time."""
        means = jnp.asarray(expected[..., 0], float)  # the master equation is in float64, whatever JAX computes in
        given = [jnp.broadcast_to(jnp.asarray(values[n], means.dtype), means.shape[:-1]) for n in self.read]
        return jnp.concatenate([means, jnp.stack(given, -1)], -1) if given else means

    def value(self, expected: Any, values: Mapping[str, Any], paths: Any) -> Float[Array, ""]:
        """Minus the log-likelihood."""
        total: Any = 0.0
        for i, signal in enumerate(self.signals):
            middle, spread = self._law(i, expected)
            measured = jnp.asarray(self.measured[i], middle.dtype)
            away = (_scaled(signal, measured) - middle) / spread
            least = 0.5 * away**2 + 0.5 * math.log(2 * math.pi) if signal.law == "normal" else abs(away) + math.log(2)
            total = total + (least + jnp.log(spread)).sum() + _stretch(signal, measured)
        return total

    def whitened(self, expected: Any, jacobian: Any, paths: Any) -> Float[Array, "batches entries free"]:
        """Jacobian of middle and spread of each row, in units of their information."""
        found = []
        for i, signal in enumerate(self.signals):
            _, spread = self._law(i, expected)
            middle, log_spread = self._slopes(i, expected)
            more = log_spread * (math.sqrt(2) if signal.law == "normal" else 1.0)
            roots = jnp.stack([middle / spread[:, None], more])
            own = jacobian[:, np.array(self.rows[i])]
            rows = jnp.einsum("ane,knef->kanf", roots, own)
            found.append(rows.reshape(rows.shape[0], rows.shape[1] * rows.shape[2], rows.shape[3]))
        return jnp.concatenate(found, 1)

    def _law(self, i: int, expected: Any) -> tuple[Any, Any]:
        """Middle and spread of the rows of a signal, on its scale."""
        return self._at(i, jnp.asarray(expected)[np.array(self.rows[i])], self.columns[i])

    def _at(self, i: int, given: Any, columns: Mapping[str, Any]) -> tuple[Any, Any]:
        """The same, of what is seen in each row."""
        signal, place = self.signals[i], dict(zip((*self.species, *self.read), range(given.shape[-1]), strict=True))
        values = {n: given[..., k] for n, k in place.items()}
        values |= {n: jnp.asarray(c, given.dtype) for n, c in columns.items()}

        def of(expression: Expression) -> Any:
            made = evaluate(_steady(expression), values, 0.0)
            return jnp.broadcast_to(jnp.asarray(made, given.dtype), given.shape[:-1])

        return _scaled(signal, of(signal.formula)), of(signal.noise)

    def _slopes(self, i: int, expected: Any) -> tuple[Any, Any]:
        """Derivatives of middle and logarithm of the spread with respect to what is seen."""

        def both(given: Any, columns: Mapping[str, Any]) -> tuple[Any, Any]:
            middle, spread = self._at(i, given, columns)
            return middle, jnp.log(spread)

        columns = {n: jnp.asarray(c) for n, c in self.columns[i].items()}
        return jax.vmap(jax.jacrev(both))(jnp.asarray(expected)[np.array(self.rows[i])], columns)

    @property
    def obstacle(self) -> str:
        """Which observables are too far from sums of squares, and why."""
        told = [f"{s.name!r}, whose {why}" for s in self.signals if (why := _bent(s, self.read))]
        return "; ".join(dict.fromkeys(told))

    @functools.cached_property
    def linear(self) -> AbstractLoss | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Itself, if all formulas are linear in mean counts, with noise that is known, normal and even.

        If some scatter on logarithmic scales, the same with their standard deviation times what was measured.
        """
        if self.obstacle:
            return None
        if all(s.scale == "lin" for s in self.signals):
            return self
        return Measurements([self._evened(i) for i in range(len(self.signals))], self.species)

    def _evened(self, i: int) -> Measured:
        """Rows of a signal, with even noise that is as wide as theirs near what was measured."""
        signal, measured = self.signals[i], self.measured[i]
        columns, when = dict(self.columns[i]), (math.inf,) if self.times is None else self.times
        if signal.scale != "lin":
            spread = np.broadcast_to(np.asarray(evaluate(signal.noise, columns, 0.0)), measured.shape)
            columns[_SPREAD] = spread * measured * (math.log(10) if signal.scale == "log10" else 1.0)
            signal = dataclasses.replace(signal, noise=Name(_SPREAD), scale="lin", columns=(*signal.columns, _SPREAD))
        return Measured(signal, np.array(when)[np.array(self.rows[i])], measured, columns)

    def residuals(self, expected: Any) -> Float[Array, "times numbers"]:
        """(formula - measured) / noise, each row in a column of its own."""
        many = 1 if self.times is None else len(self.times)
        found = []
        for i, rows in enumerate(self.rows):
            middle, spread = self._law(i, expected)
            own = jnp.zeros((many, len(rows)), middle.dtype)
            found.append(own.at[np.array(rows), np.arange(len(rows))].set((middle - self.measured[i]) / spread))
        return jnp.concatenate(found, 1)

    def standardised(self, expected: Any, jacobian: Any) -> tuple[Standardised, ...]:
        """Of signals with normal noise that no parameter changes: those whose noise is estimated cannot be judged by it."""
        found = []
        for i, signal in enumerate(self.signals):
            if signal.law != "normal" or {*names(signal.noise)} & {*self.read}:
                continue
            middle, spread = (np.asarray(x, np.float64) for x in self._law(i, expected))
            slopes = np.asarray(self._slopes(i, expected)[0], np.float64) / spread[:, None]
            own = np.einsum("ne,nef->nf", slopes, np.asarray(jacobian, np.float64)[np.array(self.rows[i])])
            away = (middle - np.asarray(_scaled(signal, self.measured[i]))) / spread
            found.append(Standardised(f"{len(away)} numbers of {signal.name!r}", away, own, 0.0))
        return tuple(found)

    def compared(self, expected: Any) -> tuple[Compared, ...]:
        """The numbers of each signal."""
        found = []
        for i, signal in enumerate(self.signals):
            middle, spread = (np.asarray(x, np.float64) for x in self._law(i, expected))
            fitted = {"lin": lambda x: x, "log": np.exp, "log10": lambda x: 10.0**x}[signal.scale](middle)
            error = spread * {"lin": 1.0, "log": fitted, "log10": fitted * math.log(10)}[signal.scale]
            when = None if self.times is None else np.array(self.times)[np.array(self.rows[i])]
            found.append(series(signal.name, self._mean_of(signal), when, self.measured[i], error, fitted))
        return tuple(found)

    def _mean_of(self, signal: Signal) -> str:
        """The species whose mean a signal is; empty if it is something else."""
        formula = signal.formula
        return formula.name if isinstance(formula, Name) and formula.name in self.species else ""

    def notes(self, expected: Any, paths: float) -> dict[str, Any]:
        """How many numbers, and what they are taken for."""
        many = sum(len(one) for one in self.measured)
        return {
            "data": f"{many} numbers, taken as formulas of the mean counts of many cells, each with noise of its own"
        }


@functools.lru_cache(1024)
def _steady(expression: Expression) -> Expression:
    return steady(expression)


def _scaled(signal: Signal, values: Any) -> Any:
    """On the scale on which it scatters."""
    if signal.scale == "lin":
        return values
    return jnp.log(values) / (math.log(10) if signal.scale == "log10" else 1.0)


def _stretch(signal: Signal, values: Any) -> Any:
    """Minus the logarithm of how much the scale stretches, summed over rows."""
    if signal.scale == "lin":
        return 0.0
    return (jnp.log(values) + (math.log(math.log(10)) if signal.scale == "log10" else 0.0)).sum()


def _bent(signal: Signal, parameters: Sequence[str]) -> str:
    """Why it is far from a sum of squares; empty if it is not."""
    if {*names(signal.noise)} & {*parameters}:
        return "noise is estimated"
    if {*names(signal.noise)} - {*signal.columns}:
        return "noise depends on counts"
    if signal.law != "normal":
        return f"noise is of the law {signal.law}"
    known = (*signal.columns, *parameters)
    return "" if _linear(signal.formula, known) else "formula is not linear in counts"


def _linear(expression: Expression, known: Sequence[str]) -> bool:
    """Whether it is linear in the names that are not known, from its form."""
    if not isinstance(expression, Call) or not {*names(expression)} - {*known}:
        return True
    moving = [argument for argument in expression.arguments if {*names(argument)} - {*known}]
    if expression.operator == "divide":
        return moving == [expression.arguments[0]] and _linear(moving[0], known)
    if expression.operator == "multiply":
        return len(moving) == 1 and _linear(moving[0], known)
    return expression.operator in _LINEAR and all(_linear(argument, known) for argument in moving)
