"""How well particles agree with what was measured."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jumpax.filters.on_host import Host, host_function
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
def _programs(laws: _Laws) -> tuple[Callable[..., list[Host]] | None, Callable[..., tuple[Array, ...]]]:
    """The logarithm of the density, and its derivatives if any are wanted: for the host, if all operations are known, and for XLA.

    Arguments are arrays of lanes: for each column what was measured and what is there, and the parameters.
    """
    many = len(laws.laws)

    def log_density(
        measured: Sequence[Float[Array, " lanes"]],
        signals: Sequence[Float[Array, " lanes"]],
        values: Sequence[Float[Array, " lanes"]],
    ) -> Float[Array, " lanes"]:
        return laws.records.log_density(measured, signals, dict(zip(laws.names, values, strict=True)))

    def both(*given: Float[Array, " lanes"]) -> tuple[Float[Array, " lanes"], ...]:
        measured, signals, values = given[:many], given[many : 2 * many], given[2 * many :]
        if not laws.wrt:
            return (log_density(measured, signals, values),)
        found, pull = jax.vjp(lambda values: log_density(measured, signals, values), values)
        (slopes,) = pull(jnp.ones_like(found))
        return found, *(slopes[laws.names.index(name)] for name in laws.wrt)

    return host_function(both, 2 * many + len(laws.names)), jax.jit(both)


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
        every: row of each particle, which stand row by row.
        wrt: parameters whose derivatives are wanted, of those that laws read.
    """

    records: Records
    theta: Mapping[str, Float[np.ndarray, " rows"]]
    cell: Int[np.ndarray, " rows"]
    every: Int[np.ndarray, " lanes"]
    wrt: tuple[str, ...] = ()

    @functools.cached_property
    def _measured(self) -> Float[np.ndarray, "times columns rows"]:
        return self.records.measured[:, :, self.cell]

    @functools.cached_property
    def _values(self) -> Float[np.ndarray, "names rows"]:
        rows = [self.theta[name] for name in self.records.parameters]
        return np.stack(rows) if rows else np.zeros((0, len(self.cell)))

    @functools.cached_property
    def _both(self) -> tuple[Callable[..., list[Host]] | None, Callable[..., tuple[Array, ...]]]:
        laws = tuple(column.law for column in self.records.columns)
        return _programs(_Laws(laws, self.records.parameters, self.wrt, self.records))

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
        on_host, compiled = self._both
        columns, there = self.records.columns, np.asarray(signals, np.float64)
        if on_host and row is self.every:  # what is the same for all particles of a row is computed once
            rows = len(self.cell)
            given = [each[:, None] for each in (*self._measured[time], *self._values)]
            given[len(columns) : len(columns)] = there.reshape(len(columns), rows, -1)
            made = [
                own if own.size == lanes else np.broadcast_to(own, (rows, lanes // rows)) for own in on_host(*given)
            ]
            made = [own.reshape(-1) for own in made]
        else:
            given = [*self._measured[time][:, row], *there, *self._values[:, row]]
            made = on_host(*given) if on_host else _in_chunks(compiled, given)
        found[:] = made[0]
        sound = found < np.inf
        unsound = ~sound
        if not sound.all():
            found[unsound] = -np.inf
        if slopes is not None:
            for column, slope in enumerate(made[1:]):
                slopes[:, column] = np.where(found > -np.inf, slope, 0.0)
        return Weighed(found, slopes, unsound)


def _in_chunks(
    program: Callable[..., tuple[Array, ...]], given: list[Float[np.ndarray, " lanes"]]
) -> list[Float[np.ndarray, " lanes"]]:
    """What XLA makes of lanes, always as many at a time; those that are not there are ones."""
    calls, lanes = [], len(given[0])
    with jax.enable_x64(True):
        for first in range(0, lanes, CHUNK):
            some = np.ones((len(given), CHUNK))
            for own, column in zip(some, given, strict=True):
                own[: lanes - first] = column[first : first + CHUNK]
            calls.append(program(*some))
    return [np.concatenate([np.asarray(part) for part in parts])[:lanes] for parts in zip(*calls, strict=True)]
