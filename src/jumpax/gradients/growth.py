"""Growth of the second moment of what a tangent carries along a path: where its variance explodes."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree
from scipy import sparse

from jumpax._base.compiling import quick
from jumpax._base.shares import Chance
from jumpax._base.types import ParameterValues, Real
from jumpax.engines.program import Times
from jumpax.folds.fold import AbstractFold, Jump
from jumpax.gradients.lattice_tangent import LatticeTangent
from jumpax.gradients.trapezoidal_tangent import TrapezoidalTangent
from jumpax.networks import Network, check_network

MOST = 160
"""States on which `grows` follows the second moment."""

Tangent = TrapezoidalTangent | LatticeTangent


class Maps(NamedTuple):
    """What a fold does to a carried vector in some states, apart from its source."""

    rates: Float[np.ndarray, "states reactions"]
    """Propensities."""
    flow: Float[np.ndarray, "states carried carried"]
    """A, of v' = A v between events."""
    events: Float[np.ndarray, "states reactions carried carried"]
    """M, of v -> M v at an event."""


def second_moment_rate(
    tangent: Tangent, network: Network, theta: ParameterValues, states: Int[np.ndarray, "states species"]
) -> float:
    """Growth rate mu_2 of E[v v^T], v what the tangent carries along a path that stays within some states; 1/time.

    With v' = A(x) v between events and v -> M_r(x) v at an event, the parts P_x = E[v v^T; x] of the second moment follow

        P_x' = A P_x + P_x A^T - a_0(x) P_x + sum_r a_r(y) M_r(y) P_y M_r(y)^T,   y = x - zeta_r

    but for the source of v, and mu_2 is the largest real part of an eigenvalue. With all states of a network it is that of the
    tangent; with some of them a lower bound, for leaving them counts as an end: positive there is positive altogether. The
    score function's second moment never grows faster than a polynomial.

    Args:
        tangent: trapezoidal or lattice; without its controls.
        network: what reacts.
        theta: a value per parameter.
        states: counts, some thousand at most.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> rate = second_moment_rate(jumpax.TrapezoidalTangent(), model.network, model.theta, np.arange(80)[:, None])
        >>> rate < 0
        True
    """
    check_network(network, who="second_moment_rate")
    matrix = _operator(maps(tangent, network, theta, states), network, states)
    low, high = -1.0, 1.0
    while not _exceeds(matrix, len(states), low):
        low *= 4
    while _exceeds(matrix, len(states), high):
        high *= 4
    while high - low > 1e-6 * max(1.0, abs(low), abs(high)):
        middle = (low + high) / 2
        low, high = (middle, high) if _exceeds(matrix, len(states), middle) else (low, middle)
    return (low + high) / 2


def grows(
    tangent: Tangent,
    network: Network,
    theta: ParameterValues,
    states: Int[np.ndarray, "states species"],
    rate: float,
) -> bool:
    """Whether `second_moment_rate` is larger than a rate, on some of the states: one sparse factorisation.

    Of more than `MOST` states half are the first ones, and half those in which the tangent grows fastest while nothing fires.
    """
    found = maps(tangent, network, theta, states)
    local = 2 * np.linalg.eigvals(found.flow).real.max(-1) - found.rates.sum(1)
    if (local > rate).any():
        return True
    kept = np.argsort(-local, kind="stable")
    kept = np.unique(np.concatenate([np.arange(len(states))[: MOST // 2], kept[: MOST - MOST // 2]]))
    few = Maps(*(leaf[kept] for leaf in found))
    return _exceeds(_operator(few, network, states[kept]), len(kept), rate)


def maps(tangent: Tangent, network: Network, theta: ParameterValues, states: np.ndarray) -> Maps:
    """What the fold of a tangent does in each of the states."""
    fold = tangent.carried(network, network.parameters[:1], Times((1.0,)))
    room = (1 << (len(states) - 1).bit_length()) - len(states)  # a power of two, so that few sizes are ever compiled
    padded = np.pad(states, ((0, room), (0, 0)), "edge").astype(np.int32)
    with jax.enable_x64(True):
        values = {name: np.float64(value) for name, value in theta.items()}
        made = _maps(fold, network)(padded, values)
    return Maps(*(np.asarray(leaf)[: len(states)] for leaf in made))


@functools.lru_cache(16)
def _maps(fold: AbstractFold, network: Network) -> Callable[..., tuple[Array, Array, Array]]:
    """Compiled, for an array of states."""

    def of(state: Int[Array, " species"], theta: Mapping[str, Array]) -> tuple[Array, Array, Array]:
        counts, now = tuple(state), jnp.zeros(())
        rates = tuple(
            jnp.asarray(a, now.dtype) for a in network.propensities(tuple(c * 1.0 for c in counts), theta, now)
        )
        leaves, structure = jax.tree.flatten(fold.init(counts, theta, now))
        carried = len(jax.tree.leaves(_weights(jax.tree.unflatten(structure, leaves))))

        def filled(vector: Float[Array, " carried"]) -> PyTree:
            return jax.tree.unflatten(structure, [*vector, *leaves[carried:]])

        def read(carry: PyTree) -> Float[Array, " carried"]:
            return jnp.stack(jax.tree.leaves(_weights(carry)))

        def flow(vector: Float[Array, " carried"]) -> Float[Array, " carried"]:
            def after(dt: Real) -> Float[Array, " carried"]:
                return read(fold.advance(filled(vector), counts, rates, theta, now, dt))

            return jax.jvp(after, (now,), (jnp.ones_like(now),))[1]

        def event(fired: Bool[Array, " reactions"], vector: Float[Array, " carried"]) -> Float[Array, " carried"]:
            return read(
                fold.event(filled(vector), counts, rates, theta, now, Jump(tuple(fired), now, Chance(now, now), ()))
            )

        def linear(function: Callable[[Array], Array]) -> Float[Array, "carried carried"]:
            at = jax.vmap(function)(jnp.concatenate([jnp.zeros((1, carried)), jnp.eye(carried)]))
            return (at[1:] - at[:1]).T

        each = jax.vmap(lambda fired: linear(functools.partial(event, fired)))(jnp.eye(len(rates), dtype=bool))
        return jnp.stack(rates), linear(flow), each

    return jax.jit(jax.vmap(of, (0, None)), compiler_options=quick())


def _weights(carry: PyTree) -> PyTree[Array]:
    """The part of a carry that is a vector: of the lattice tangent, the weights."""
    return getattr(carry, "weights", carry)


def _operator(found: Maps, network: Network, states: np.ndarray) -> Any:
    """The linear operator on all P_x at once, by columns of each matrix P_x."""
    many, size = len(states), found.flow.shape[-1]
    one, here = np.eye(size), np.arange(many)
    flow = np.einsum("sij,kl->sikjl", found.flow, one) + np.einsum("ij,skl->sikjl", one, found.flow)
    stay = found.rates.sum(1)[:, None, None] * np.eye(size**2)
    blocks, rows, columns = [flow.reshape(many, size**2, -1) - stay], [here], [here]
    number = {tuple(state): i for i, state in enumerate(states.tolist())}
    for r, jump in enumerate(network.stoichiometry.T):
        target = np.array([number.get(tuple(state), -1) for state in (states + jump).tolist()])
        known = (target >= 0) & (found.rates[:, r] > 0)
        m, rate = found.events[known, r], found.rates[known, r]
        blocks.append(np.einsum("s,sij,skl->sikjl", rate, m, m).reshape(-1, size**2, size**2))
        rows.append(target[known])
        columns.append(here[known])
    inner, values = np.arange(size**2), np.concatenate(blocks)
    row, column = (np.concatenate(part)[:, None, None] * size**2 for part in (rows, columns))
    places = [np.broadcast_to(at, values.shape).ravel() for at in (row + inner[:, None], column + inner)]
    return sparse.csc_matrix((values.ravel(), tuple(places)), shape=(many * size**2,) * 2)


def _exceeds(matrix: Any, states: int, rate: float) -> bool:
    """Whether the growth rate exceeds a number s.

    The operator K maps positive matrices to such but for the time that passes, so (s - K)^-1 exists and does so too exactly
    if s is beyond all eigenvalues: then, and only then, the P with (s - K) P = 1 are positive.
    """
    size = round((matrix.shape[0] / states) ** 0.5)
    from scipy.sparse.linalg import splu  # slow to import

    try:
        solved = splu((rate * sparse.identity(matrix.shape[0], format="csc") - matrix).tocsc())
    except RuntimeError:  # singular
        return True
    parts = solved.solve(np.tile(np.eye(size).ravel(), states)).reshape(states, size, size)
    parts = (parts + parts.transpose(0, 2, 1)) / 2
    return not (np.isfinite(parts).all() and np.linalg.eigvalsh(parts).min() > 0)
