"""What a filter is asked, checked on the host before anything is compiled."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer

from jumpax._base.errors import InputError, UnsupportedError, first_few, unknown_name
from jumpax._base.types import Numeric, Precision, dtype_of
from jumpax.networks import ModelLike, Need, Network, check_counts, check_needs, check_theta, numbers_of
from jumpax.networks.starts import AbstractStart, Start, start_of, uniforms
from jumpax.records import Firings, Records, Total


@final
@dataclass(frozen=True, eq=False)
class Question:
    """A network, records, a start, and numbers by chain.

    A row is a chain with a cell; only chains whose numbers make sense have rows.
    """

    network: Network
    records: Records
    theta: Mapping[str, Float[np.ndarray, " chains"]]
    refused: Mapping[int, str]
    """Why a chain has no rows."""
    law: AbstractStart | None
    counts: Int[np.ndarray, "cells species"] | None
    wrt: tuple[str, ...]

    @property
    def chains(self) -> int:
        """How many were asked for."""
        return len(next(iter(self.theta.values()))) if self.theta else 1

    @functools.cached_property
    def good(self) -> Int[np.ndarray, " good"]:
        """Chains that have rows."""
        return np.array([c for c in range(self.chains) if c not in self.refused], np.int64)

    @functools.cached_property
    def cell(self) -> Int[np.ndarray, " rows"]:
        """Of each row."""
        return np.tile(np.arange(len(self.records.cells)), len(self.good))

    @functools.cached_property
    def rows(self) -> dict[str, Float[np.ndarray, " rows"]]:
        """Parameters of each row."""
        return {name: np.repeat(value[self.good], len(self.records.cells)) for name, value in self.theta.items()}

    @functools.cached_property
    def counted(self) -> tuple[int, ...]:
        """Numbers of the reactions whose firings were measured."""
        names = [reaction.name for reaction in self.network.reactions]
        found = [
            names.index(n) for c in self.records.columns if isinstance(c.signal, Firings) for n in c.signal.reactions
        ]
        return tuple(sorted(set(found)))

    @functools.cached_property
    def firings(self) -> Int[np.ndarray, "columns counted"]:
        """Which of these each column measures: 1 or 0."""
        names = [self.network.reactions[r].name for r in self.counted]
        own = [c.signal.reactions if isinstance(c.signal, Firings) else () for c in self.records.columns]
        return np.array([[int(name in reactions) for name in names] for reactions in own], np.int64).reshape(
            len(own), -1
        )

    @functools.cached_property
    def totals(self) -> Int[np.ndarray, "columns species"]:
        """Which species each column measures."""
        own = [c.signal.species if isinstance(c.signal, Total) else () for c in self.records.columns]
        return np.array([[species.count(s) for s in self.network.species] for species in own], np.int64)

    @property
    def scored(self) -> tuple[str, ...]:
        """Parameters of the network whose derivatives are wanted."""
        return tuple(name for name in self.wrt if name in self.network.parameters)

    @property
    def measured(self) -> tuple[str, ...]:
        """Parameters of the laws of measurement whose derivatives are wanted."""
        return tuple(name for name in self.wrt if name in self.records.parameters)

    def begin(
        self, key: tuple[np.ndarray, np.ndarray], path: Integer[np.ndarray, " lanes"], row: Int[np.ndarray, " lanes"]
    ) -> Int[np.ndarray, "lanes species"]:
        """Counts at the start of lanes, each with its own key."""
        if not len(row):
            return np.zeros((0, len(self.network.species)), np.int32)
        if self.law is None:
            assert self.counts is not None
            return self.counts[self.cell[row]]
        numbers = [np.asarray(n, np.float64) for n in self.law.numbers(self.rows)]
        own = [n[row] if n.ndim and np.ptp(n) > 0 else n.reshape(-1)[0] for n in numbers]
        return self.law.draw(uniforms(key, path, self.law.many), own).astype(np.int32)  # type: ignore[arg-type]

    def begin_scores(
        self, counts: Int[np.ndarray, "lanes species"], row: Int[np.ndarray, " lanes"]
    ) -> Float[np.ndarray, "lanes parameters"] | None:
        """Derivatives of the logarithm of the probability of these counts at the start; None where that has none."""
        names = tuple(name for name in self.wrt if self.law is not None and name in self.law.scored)
        if not names:
            return None
        assert self.law is not None
        with jax.enable_x64(True):
            rest = {name: self.rows[name][row] for name in self.law.parameters}
            own = {name: rest.pop(name) for name in names}
            slopes = _start_slopes(self.law, np.asarray(counts, np.float64), own, rest)
        found = np.zeros((len(row), len(self.wrt)))
        for name, slope in slopes.items():
            found[:, self.wrt.index(name)] = np.asarray(slope)
        return found


@functools.partial(jax.jit, static_argnums=0)
def _start_slopes(
    law: AbstractStart, counts: Float[Array, "lanes species"], own: dict[str, Array], rest: dict[str, Array]
) -> dict[str, Array]:
    def log_probability(
        own: dict[str, Array], rest: dict[str, Array], counts: Float[Array, " species"]
    ) -> Float[Array, ""]:
        return jnp.asarray(law.log_probability(counts, own | rest))

    return jax.vmap(jax.grad(log_probability))(own, rest, counts)


def question(
    network: Network | ModelLike,
    records: Records,
    theta: Mapping[str, Numeric | Sequence[float]] | None,
    x0: Start | None,
    start: float,
    gradient: Sequence[str],
    precision: Precision,
) -> Question:
    """What is asked.

    Raises:
        InputError: what does not fit together. Numbers that make no sense are no error: their chains are refused, with the reason.
        UnsupportedError: events, delays, families; a gradient that the start does not have.
    """
    network, theta, x0 = numbers_of(network, theta, x0)
    check_needs(network, {Need.TIME}, "particle_filter, which begins paths anew at each record,")
    if not isinstance(records, Records):
        raise InputError(f"records must be jumpax.Records, not {type(records).__name__}")
    if faults := records.faults(network, start):
        raise InputError("the records do not fit the network:\n" + "\n".join(f"- {fault}" for fault in faults))
    law = start_of(network, x0)
    counts = None
    if law is None:
        counts = np.broadcast_to(
            check_counts(network, x0, len(records.cells)), (len(records.cells), len(network.species))
        )
    known = tuple(dict.fromkeys((*network.parameters, *(law.parameters if law else ()), *records.parameters)))
    values, bad = _by_chain(network, theta, known)
    refused = _refused(network, records, law, values, bad, precision)
    wrt = (gradient,) if isinstance(gradient, str) else tuple(gradient)
    if unknown := [name for name in wrt if name not in known]:
        raise InputError("gradient: " + "; ".join(unknown_name("parameter", name, known) for name in unknown))
    if law and (rough := [name for name in wrt if name in law.parameters and name not in law.scored]):
        raise UnsupportedError(
            f"no gradient with respect to {', '.join(rough)}: StochasticRounding has no score; take Poisson(...)"
        )
    return Question(network, records, values, refused, law, counts, wrt)


def _by_chain(
    network: Network, theta: object, known: tuple[str, ...]
) -> tuple[dict[str, Float[np.ndarray, " chains"]], dict[str, Bool[np.ndarray, " chains"]]]:
    """Parameters, (chains,) each, and where they are no numbers for a network."""
    if not isinstance(theta, Mapping):
        raise InputError(f"theta must map the names of parameters to numbers, not be {type(theta).__name__}")
    sound: dict[str, Any] = {}
    for name, value in theta.items():
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            sound[name] = value  # which `check_theta` names
            continue
        wrong = ~np.isfinite(array) | ((array < 0) if name in network.nonnegative else False)
        sound[name] = np.where(wrong, 1.0, array)
    lengths = {len(value) for value in sound.values() if np.ndim(value) == 1}
    chains = max(lengths, default=1)
    faults = first_few((n for n in known if n not in theta), lambda n: f"parameter {n!r} is missing")
    if len(lengths) > 1 or 0 in lengths:
        faults.append(f"its arrays have lengths {sorted(lengths)}; give one number, or one for each chain")
    if faults:
        raise InputError("theta does not fit:\n" + "\n".join(f"- {fault}" for fault in faults))
    check_theta(network, sound, chains, tuple(name for name in known if name not in network.parameters))
    values = {name: np.broadcast_to(np.asarray(theta[name], np.float64), (chains,)) for name in known}
    bad = {n: ~np.isfinite(v) | ((v < 0) if n in network.nonnegative else False) for n, v in values.items()}
    return values, bad


def _refused(
    network: Network, records: Records, law: AbstractStart | None, values: Mapping[str, np.ndarray],
    bad: Mapping[str, np.ndarray], precision: Precision,
) -> dict[int, str]:  # fmt: skip
    """Why chains have numbers that make no sense."""
    kind, chains = np.finfo(dtype_of(precision)), len(next(iter(values.values()))) if values else 1
    found: list[list[str]] = [
        [f"{name} = {value[chain]:g}" for name, value in values.items() if bad[name][chain]] for chain in range(chains)
    ]
    for name in network.parameters:
        size = np.abs(values[name])
        for chain in np.flatnonzero((size > kind.max) | ((size > 0) & (size < kind.tiny))):
            found[chain].append(f"{name} = {values[name][chain]:g} is outside {precision}")
    if law is not None:
        for what, wrong in law.faults([np.asarray(number, np.float64) for number in law.numbers(values)]):
            for chain in np.flatnonzero(np.broadcast_to(wrong, chains)):
                found[chain].append(what)
    for chain in range(chains):
        found[chain] += records.wrong({name: values[name][chain] for name in records.parameters})
    return {chain: "; ".join(dict.fromkeys(told)) for chain, told in enumerate(found) if told}
