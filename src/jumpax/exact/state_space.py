"""The states that a network can reach, and where each reaction leads from each of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Int32

from jumpax._base.errors import InputError, TooLargeError, unknown_name
from jumpax._base.memory import check_memory
from jumpax.networks import NONE, ModelLike, Network, check_counts, check_network, numbers_of

Counts: TypeAlias = Mapping[str, Any] | Sequence[Any] | np.ndarray
Limits: TypeAlias = int | Mapping[str, int] | None

IMPOSSIBLE = -1
_BATCH = 4096  # most states looked at together
_TOGETHER = 2**24  # most counts of states and their neighbours held at once
_DRAWS = 2  # generic parameter values tried before a propensity counts as zero whatever the parameters are


@final
class StateSpace:
    """A finite set of states in lexicographic order, and the target of every reaction in every state.

    Attributes:
        network: the reactions.
        states: (states, species) int32, sorted.
        starts: indices of the states that it was grown from.
        targets: (reactions, states) int32: index of the state that the reaction leads to; `size` (the sink) where
            that lies beyond the limits; -1 where the reaction cannot fire, because its propensity is zero there
            whatever the parameters, or a count would become negative.

    Examples:
        >>> from jumpax.networks import MassAction, Network, Reaction
        >>> dimers = Network([Reaction("2 A <-> D", MassAction("k1"), MassAction("k2"))])
        >>> StateSpace.reachable(dimers, {"A": 5, "D": 0}).states.tolist()
        [[1, 2], [3, 1], [5, 0]]
    """

    network: Network
    states: Int32[np.ndarray, "states species"]
    starts: tuple[int, ...]
    targets: Int32[np.ndarray, "reactions states"]

    def __init__(self, network: Network, states: Int32[np.ndarray, "states species"], starts, targets, index):
        self.network, self.states, self.starts, self.targets, self._index = network, states, starts, targets, index

    @classmethod
    def reachable(
        cls,
        network: Network | ModelLike,
        x0: Counts | None = None,
        limits: Limits = None,
        *,
        max_states: int = 1_000_000,
    ) -> "StateSpace":
        """All states that can be reached from `x0` without any count passing its limit.

        Whether a reaction can fire is a matter of structure: it can where its propensity is not zero at generic
        positive parameters. Transitions past a limit lead to one more state, the sink, from which nothing returns.

        Args:
            network: with laws that do not depend on time; or a model, of which it takes the counts at the start too.
            x0: counts at the start, by name or in species order; arrays for several starts.
            limits: the largest count allowed, for all species or by name. A network that conserves its molecules
                needs none.
            max_states: refuse to go on beyond this number.

        Raises:
            InputError: counts or limits make no sense; `TooLargeError` for more than `max_states` states.
            UnsupportedError: a law depends on time.
        """
        network, _, x0 = numbers_of(network, NONE, x0)
        check_network(network, who="the master equation")
        start = np.atleast_2d(check_counts(network, x0))
        limit = check_limits(network, limits)
        if (start > limit).any():
            raise InputError(
                f"x0 is beyond the limits: {_named(network, start.max(axis=0))} > {_named(network, limit)}"
            )
        possible = _possible(network)
        change = network.stoichiometry.T.astype(np.int64)
        keys = _explore(network, start, possible, change, limit, max_states)
        states = np.frombuffer(b"".join(keys), np.int32).reshape(-1, len(network.species))
        states = states[np.lexsort(states.T[::-1])]
        index = {key: i for i, key in enumerate(_keys(states))}
        targets = np.empty((len(network.reactions), len(states)), np.int32)
        size = _batch(network)
        for low in range(0, len(states), size):
            batch = states[low : low + size]
            can = possible(batch)
            reached, inside = _reached(batch, can, change, limit)
            kind = np.where(can & (reached >= 0).all(axis=-1), len(states), IMPOSSIBLE)
            kind[inside] = [index[key] for key in _keys(reached[inside].astype(np.int32))]
            targets[:, low : low + size] = kind
        return cls(network, states, tuple(index[key] for key in _keys(start)), targets, index)

    @property
    def size(self) -> int:
        """Number of states, without the sink."""
        return len(self.states)

    def index(self, counts: Counts) -> int:
        """Place of a state in `states`; InputError if it is not one of them."""
        row = check_counts(self.network, counts)
        if row.ndim > 1:
            raise InputError("one state is asked for, not several")
        found = self._index.get(row.tobytes())
        if found is None:
            raise InputError(f"the state {_named(self.network, row)} is not among the {self.size} states of the space")
        return found

    def column(self, species: str) -> int:
        """Place of a species; InputError if there is none of that name."""
        if species not in self.network.species:
            raise InputError(unknown_name("species", species, self.network.species))
        return self.network.species.index(species)

    def describe_state(self, index: int) -> str:
        """One state in words."""
        return _named(self.network, self.states[index])

    def __repr__(self) -> str:
        return f"StateSpace({self.network!r}: {self.size} states)"


def _batch(network: Network) -> int:
    """How many states are looked at together."""
    return max(1, min(_BATCH, _TOGETHER // (len(network.species) * len(network.reactions))))


def _check_size(network: Network, states: int) -> None:
    """Whether so many states, with where each reaction leads from them, fit into memory."""
    check_memory(
        f"A space of {states:,} states and more, of {len(network.species):,} species and {len(network.reactions):,} reactions,",
        states * (250.0 + 16 * len(network.species) + 8 * len(network.reactions)),
        "Give smaller limits, or simulate",
        started=True,
    )


def check_space(space: Any) -> None:
    """Whether something is a state space.

    Raises:
        InputError: it is not, with how to make one.
    """
    if not isinstance(space, StateSpace):
        raise InputError(
            f"a StateSpace is needed here, such as StateSpace.reachable(network, x0, limits), not {type(space).__name__}"
        )


def check_limits(network: Network, limits: Limits) -> Int[np.ndarray, " species"]:
    """Largest allowed count of each species.

    Raises:
        InputError: unknown species, or what is no count.
    """
    top = np.iinfo(np.int32).max
    if isinstance(limits, Mapping):
        faults = [unknown_name("species", name, network.species) for name in limits if name not in network.species]
        if faults:
            raise InputError("limits: " + "; ".join(faults))
        given = [limits.get(name, top) for name in network.species]
    else:
        given = [top if limits is None else limits] * len(network.species)
    if any(not isinstance(value, int | np.integer) or not 0 <= value <= top for value in given):
        raise InputError(f"limits must be whole numbers from 0 to {top}, not {limits!r}")
    return np.array(given, np.int64)


def _possible(network: Network) -> Callable[[Int32[np.ndarray, "batch species"]], Bool[np.ndarray, "reactions batch"]]:
    """A function that says which reactions can fire in each state of a batch."""
    size = _batch(network)
    network_theta = np.random.default_rng(20240229).uniform(0.5, 1.5, (_DRAWS, len(network.parameters)))

    @jax.jit
    def nonzero(
        counts: Float[Array, "species batch"], draws: Float[Array, "draws parameters"]
    ) -> Bool[Array, "reactions batch"]:
        def one(values: Float[Array, " parameters"]) -> Bool[Array, "reactions batch"]:
            theta = dict(zip(network.parameters, values))
            zero = jnp.zeros((), counts.dtype)
            return jnp.stack(
                [jnp.broadcast_to(a != 0, counts[0].shape) for a in network.propensities(tuple(counts), theta, zero)]
            )

        return jax.vmap(one)(draws).any(axis=0)

    def possible(states: Int32[np.ndarray, "batch species"]) -> Bool[np.ndarray, "reactions batch"]:
        padded = np.zeros((states.shape[1], size))
        padded[:, : len(states)] = states.T
        with jax.enable_x64(True):
            return np.asarray(nonzero(padded, network_theta))[:, : len(states)]

    return possible


def _reached(
    states: Int32[np.ndarray, "batch species"],
    possible: Bool[np.ndarray, "reactions batch"],
    change: Int[np.ndarray, "reactions species"],
    limit: Int[np.ndarray, " species"],
) -> tuple[Int[np.ndarray, "reactions batch species"], Bool[np.ndarray, "reactions batch"]]:
    """Where each reaction leads from each state, and whether it gets there."""
    reached = states[None].astype(np.int64) + change[:, None]
    return reached, possible & (reached >= 0).all(axis=-1) & (reached <= limit).all(axis=-1)


def _explore(
    network: Network,
    start: Int32[np.ndarray, "starts species"],
    possible: Callable[[Int32[np.ndarray, "batch species"]], Bool[np.ndarray, "reactions batch"]],
    change: Int[np.ndarray, "reactions species"],
    limit: Int[np.ndarray, " species"],
    max_states: int,
) -> Iterable[bytes]:
    """Keys of all reachable states, breadth first, a batch at a time."""
    seen = set(_keys(start))
    pending = np.unique(start, axis=0)
    size = _batch(network)
    while len(pending):
        batch, pending = pending[:size], pending[size:]
        reached, inside = _reached(batch, possible(batch), change, limit)
        fresh = set(_keys(reached[inside].astype(np.int32))) - seen
        seen |= fresh
        _check_size(network, len(seen))
        added = np.frombuffer(b"".join(fresh), np.int32).reshape(-1, start.shape[1])
        pending = np.concatenate([pending, added])
        if len(seen) > max_states:
            states = np.frombuffer(b"".join(seen), np.int32).reshape(-1, start.shape[1])
            raise TooLargeError(
                f"more than max_states = {max_states:,} states can be reached; the largest counts so far are "
                f"{_named(network, states.max(axis=0))}. Give limits for the species that grow, or a larger max_states"
            )
    return seen


def _keys(states: Int32[np.ndarray, "states species"]) -> list[bytes]:
    """Rows as bytes: exact, hashable, of any number of species."""
    rows = np.ascontiguousarray(states, np.int32)
    return rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel().tolist()


def _named(network: Network, counts: Int[np.ndarray, " species"]) -> str:
    return ", ".join(f"{name} {count}" for name, count in zip(network.species, counts.tolist()))
