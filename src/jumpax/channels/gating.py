"""A gating scheme as matrices: levels of the states, the generator, and the laws from which records begin."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from jumpax._base import given
from jumpax._base.errors import InputError, unknown_name
from jumpax.exact import StateSpace
from jumpax.exact.first_order import check_propensities
from jumpax.exact.state_space import IMPOSSIBLE, check_space
from jumpax.networks import check_theta

Theta: TypeAlias = Mapping[str, Any]
Level: TypeAlias = Mapping[str, float] | Callable[[Mapping[str, Any]], Any]
"""The conductance of one channel in a state, by species (0 for those left out), or a function of the counts."""


@final
class Gating:
    """A state space whose states are seen through their conductance.

    Levels are numbered from 0 in order of the size of the conductance, so that what does not conduct is level 0.

    Attributes:
        space: the states.
        conductances: (levels,) in order of size.
        levels: (states,): the number of the level of each state.
        inside: (levels, states) 1 where the state has the level.

    Raises:
        InputError: reactions lead out of the space, there are several closed classes, `level` makes no sense.
    """

    space: StateSpace
    conductances: Float[np.ndarray, " levels"]
    levels: Int[np.ndarray, " states"]
    inside: Float[np.ndarray, "levels states"]

    def __init__(self, space: StateSpace, level: Level):
        check_space(space)
        self.space = space
        values = _conductance(space, level)
        distinct = np.unique(values)
        self.conductances = distinct[np.argsort(np.abs(distinct), kind="stable")]
        self.levels = np.array([int(np.flatnonzero(self.conductances == value)[0]) for value in values])
        self.inside = (self.levels[None] == np.arange(len(distinct))[:, None]).astype(float)
        self._reaction, self._source = np.nonzero(space.targets >= 0)
        self._target = space.targets[self._reaction, self._source]
        _check_closed(space, self.joined)

    @property
    def joined(self) -> Bool[np.ndarray, "states states"]:
        """Whether a reaction leads to a state (row) from another (column)."""
        found = np.zeros((self.space.size + 1,) * 2, bool)
        found[self._target, self._source] = True
        return found[:-1, :-1] & ~np.eye(self.space.size, dtype=bool)

    def values(self, theta: Theta) -> dict[str, Float[Array, ""]]:
        """Parameters in float64, traced ones as they are.

        Raises:
            InputError: float64 is not enabled; theta does not fit the network.
        """
        if not jax.config.read("jax_enable_x64"):
            raise InputError(
                "likelihoods of records need float64: call jax.config.update('jax_enable_x64', True) before they are made"
            )
        unknown = {name: 1.0 for name, value in dict(theta).items() if isinstance(value, Tracer)}
        check_theta(self.space.network, {**theta, **unknown})
        values = {name: jnp.asarray(theta[name], jnp.float64) for name in self.space.network.parameters}
        if shaped := [name for name, value in values.items() if value.shape]:
            raise InputError(f"one number per parameter is needed, but {', '.join(shaped)} are arrays; use jax.vmap")
        return values

    def generator(self, values: dict[str, Float[Array, ""]]) -> Float[Array, "states states"]:
        """The matrix Q of `dp/dt = Q p`, 1/s; columns add up to 0. NaN where the propensities are those of no chain."""
        size, table = self.space.size, self._propensities(values)
        sound = jnp.isfinite(table) & (table >= 0) & ((self.space.targets != IMPOSSIBLE) | (table == 0))
        table = jnp.where(sound.all(), table, jnp.nan)
        moving = self._target != self._source
        rate = jnp.where(moving, table[self._reaction, self._source], 0.0)
        off = jnp.zeros((size, size)).at[self._target, self._source].add(rate)
        return off - jnp.diag(off.sum(0))

    def check(self, values: dict[str, Float[Array, ""]]) -> None:
        """Where a result is NaN: whether the propensities are those of a chain.

        Raises:
            SimulationError: one is negative, not finite, or leads to a negative count.
        """
        check_propensities(self.space, np.asarray(self._propensities(values)))

    def _propensities(self, values: dict[str, Float[Array, ""]]) -> Float[Array, "reactions states"]:
        counts = tuple(jnp.asarray(self.space.states.T, jnp.float64))
        rates = self.space.network.propensities(counts, values, jnp.zeros((), jnp.float64))
        return jnp.stack([jnp.broadcast_to(rate, (self.space.size,)) for rate in rates])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gating) and self.space is other.space and np.array_equal(self.levels, other.levels)

    def __hash__(self) -> int:
        return hash((id(self.space), self.levels.tobytes()))


def balanced(flow: Float[Array, "states states"]) -> Float[Array, " states"]:
    """The law p with `flow p = 0` and sum 1; differentiable as often as wanted.

    States that are left for good, as rates of 0 make them, have exactly 0, which rounding would miss.
    """
    scale = jnp.abs(jnp.diag(flow)).max()
    ones = jnp.ones(len(flow))
    law = jnp.linalg.solve(flow / jnp.where(scale > 0, scale, 1.0) + ones[:, None] * ones[None], ones)
    reached = (flow > 0) | jnp.eye(len(flow), dtype=bool)
    reached = jax.lax.fori_loop(
        0, len(flow).bit_length(), lambda _, now: now.astype(float) @ now.astype(float) > 0, reached
    )
    return jnp.where((reached & ~reached.T).any(0), 0.0, law)


def _conductance(space: StateSpace, level: Level) -> Float[np.ndarray, " states"]:
    """Of each state."""
    counts = {name: column.astype(np.float64) for name, column in zip(space.network.species, space.states.T)}
    if isinstance(level, Mapping):
        if unknown := [name for name in level if name not in counts]:
            raise InputError(f"level: {unknown_name('species', unknown[0], counts)}")
        made: Any = sum((float(size) * counts[name] for name, size in level.items()), np.zeros(space.size))
    else:
        given.check_function(level, "level", "As in lambda counts: counts['O'], or {'O': 1}")
        made = given.observe(level, counts, "level")
    values = np.asarray(made, np.float64)
    if values.shape not in ((), (space.size,)) or not np.isfinite(values).all():
        raise InputError(f"level must give one finite number for each of {space.size} states, not shape {values.shape}")
    values = _rounded(np.broadcast_to(values, (space.size,)))
    if len(np.unique(values)) < 2:
        raise InputError(f"all {space.size} states have the same level; say which species conduct, as in {{'O': 1}}")
    return values


def _rounded(values: Float[np.ndarray, " states"]) -> Float[np.ndarray, " states"]:
    """To nine digits behind the first of the largest, in any unit: what differs by rounding alone is one level."""
    largest = np.abs(values).max()
    if largest == 0:
        return values
    place = 9 - int(np.floor(np.log10(largest)))
    return np.array([round(value, place) for value in values.tolist()])


def _check_closed(space: StateSpace, joined: Bool[np.ndarray, "states states"]) -> None:
    """Whether the space is never left, and one part of it is where every path ends up."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    out = (space.targets == space.size).any(axis=0)
    if out.any():
        raise InputError(
            f"a reaction leads out of the space from the state {space.describe_state(int(np.argmax(out)))}; raise the limits, or leave "
            "them out: channels are conserved"
        )
    count, label = cast(Any, connected_components(csr_array(joined.T), directed=True, connection="strong"))
    target, source = np.nonzero(joined)
    final_class = np.setdiff1d(np.arange(count), label[source[label[source] != label[target]]])
    if len(final_class) > 1:
        raise InputError(
            f"there are {len(final_class)} sets of states that are never left, so no stationary law; "
            "take a space grown from one of them"
        )
