"""How well particles agree with what was measured."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from jumpax.records import AbstractMeasurement, Records

CHUNK = 4096
"""Lanes of one call: always as many, so that one program serves all runs, and no lane knows of how many others there are."""


@final
@dataclass(frozen=True)
class _Laws:
    """What a compiled density depends on; equal for records with equal laws."""

    laws: tuple[AbstractMeasurement, ...]
    names: tuple[str, ...]
    wrt: tuple[str, ...]
    records: Records = field(compare=False)


@functools.lru_cache(maxsize=64)
def _compiled(laws: _Laws) -> Callable[..., Any]:
    """The logarithm of the density, and its derivatives if any are wanted: one program."""
    many = len(laws.laws)

    def log_density(measured: Any, signals: Any, values: Any) -> Any:
        return laws.records.log_density(measured, signals, dict(zip(laws.names, values, strict=True)))

    def both(given: Any) -> Any:
        measured, signals, values = given[:many], tuple(given[many : 2 * many]), tuple(given[2 * many :])
        if not laws.wrt:
            return log_density(measured, signals, values), None
        found, pull = jax.vjp(lambda values: log_density(measured, signals, values), values)
        (slopes,) = pull(jnp.ones_like(found))
        return found, jnp.stack([slopes[laws.names.index(name)] for name in laws.wrt], -1)

    return jax.jit(both)


class Weighed(NamedTuple):
    """Of each lane."""

    log_density: Float[np.ndarray, " lanes"]
    slopes: Float[np.ndarray, "lanes parameters"] | None
    """Derivatives of it, 0 where it is -inf."""
    unsound: Bool[np.ndarray, " lanes"]
    """Where it is no number, for which -inf stands."""


@final
@dataclass(frozen=True, eq=False)
class Weigher:
    """Densities of records given the signals of lanes, in float64.

    Args:
        records: what was measured.
        theta: parameters of the laws, (rows,) each.
        cell: of each row.
        wrt: parameters whose derivatives are wanted, of those that laws read.
    """

    records: Records
    theta: Mapping[str, Float[np.ndarray, " rows"]]
    cell: Int[np.ndarray, " rows"]
    wrt: tuple[str, ...] = ()

    @functools.cached_property
    def _measured(self) -> Float[np.ndarray, "times columns rows"]:
        return self.records.measured[:, :, self.cell]

    @functools.cached_property
    def _values(self) -> Float[np.ndarray, "names rows"]:
        rows = [self.theta[name] for name in self.records.parameters]
        return np.stack(rows) if rows else np.zeros((0, len(self.cell)))

    @functools.cached_property
    def seen(self) -> Bool[np.ndarray, "times rows"]:
        """Whether anything was measured."""
        return np.asarray(~np.isnan(self._measured).all(1))

    @functools.cached_property
    def exact(self) -> Bool[np.ndarray, "times rows"]:
        """Whether something was measured without error."""
        columns = [i for i, column in enumerate(self.records.columns) if column.law.exact]
        return np.asarray(~np.isnan(self._measured[:, columns]).all(1)) if columns else np.zeros_like(self.seen)

    def agrees(
        self, time: int, row: Int[np.ndarray, " lanes"], signals: Float[np.ndarray, "columns lanes"]
    ) -> Bool[np.ndarray, " lanes"]:
        """Whether lanes have what was measured without error."""
        found = np.ones(len(row), bool)
        for number, column in enumerate(self.records.columns):
            if column.law.exact:
                measured = self._measured[time, number][row]
                found &= np.isnan(measured) | (measured == signals[number])
        return found

    def __call__(
        self, time: int, row: Int[np.ndarray, " lanes"], signals: Float[np.ndarray, "columns lanes"]
    ) -> Weighed:
        """Of the records at a time, for lanes of rows."""
        lanes, wide = signals.shape[1], len(self.wrt)
        found, slopes = np.zeros(lanes), np.zeros((lanes, wide)) if wide else None
        if not self.seen[time].any() or not lanes:
            return Weighed(found, slopes, np.zeros(lanes, bool))
        columns = self.records.columns
        laws = _Laws(tuple(c.law for c in columns), self.records.parameters, self.wrt, self.records)
        parts = [slice(first, min(first + CHUNK, lanes)) for first in range(0, lanes, CHUNK)]
        with jax.enable_x64(True):
            calls = [_compiled(laws)(self._padded(time, row[part], signals[:, part])) for part in parts]
        for part, (own, slope) in zip(parts, calls, strict=True):
            found[part] = np.asarray(own)[: part.stop - part.start]
            if slopes is not None:
                slopes[part] = np.asarray(slope)[: part.stop - part.start]
        unsound = ~(found < np.inf)
        if unsound.any():
            found[unsound] = -np.inf
        if slopes is not None:
            slopes = np.where((found > -np.inf)[:, None], slopes, 0.0)
        return Weighed(found, slopes, unsound)

    def _padded(self, time: int, row: Any, signals: Any) -> Float[np.ndarray, "given lanes"]:
        """Records, signals and parameters of a chunk of lanes, one under the other; lanes that are not there have ones."""
        many, lanes = len(signals), len(row)
        given = np.ones((2 * many + len(self._values), CHUNK))
        given[:many, :lanes] = self._measured[time][:, row]
        given[many : 2 * many, :lanes] = signals
        given[2 * many :, :lanes] = self._values[:, row]
        return given
