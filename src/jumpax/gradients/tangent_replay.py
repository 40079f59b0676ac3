"""Replay of logged paths with the trapezoidal tangent: its gradients in reverse mode, for many parameters."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax.engines import EventLog
from jumpax.engines.event_log import check_log
from jumpax.engines.program import check_times
from jumpax.folds import Tangent
from jumpax.networks import Network, check_network


class Pieces(NamedTuple):
    """Paths cut where the tangent steps, padded to the longest; a piece ends with an event, at a stop, or at a cap."""

    states: np.ndarray
    """Counts during the piece, (paths, pieces, species)."""
    lengths: np.ndarray
    reactions: np.ndarray
    """The reaction that ends it, or -1."""
    stops: np.ndarray
    """Number of the piece that ends at each stop, (paths, stops)."""


def replay_tangent(
    network: Network, log: EventLog, theta: Mapping[str, Any], times: object, reach: float = 0.3
) -> Callable[[Mapping[str, Any]], Float[Array, "paths stops species"]]:
    """Counts of logged paths as a function of theta: constant, with the derivative of `TrapezoidalTangent`.

    `jax.grad` of the mean of a smooth observable of these counts is the estimate of the forward mode, path by path to
    rounding (in float64), by steps that are the adjoints of its own. It costs a few passes over the events whatever the
    number of parameters, where the forward mode carries species times parameters numbers. Memory: pieces of all paths,
    padded to the longest, times the species. Not an option of `expectation`, whose compiled paths keep no events: draw a
    log at each theta, outside `jax.jit`.

    Args:
        network: that of the log.
        log: from `simulate(..., record=Events())`, to the last time or beyond.
        theta: that of the log; the derivative is taken there, and is not right elsewhere.
        times: stops.
        reach: longest step, as in `folds.Tangent`.

    Returns:
        Function of theta: a mapping of scalars.

    Raises:
        InputError: for times that do not make sense, a reach that is not positive, or parameters that are missing.
        UnsupportedError: explicitly time-dependent rates.

    Example:
        >>> import jax, jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> paths = jumpax.simulate(
        ...     model.network, model.theta, model.x0, times=[1.0], paths=50, key=0, record=jumpax.Events()
        ... )
        >>> counts = replay_tangent(model.network, paths.log, model.theta, [1.0])
        >>> slope = jax.grad(lambda theta: counts(theta).mean())(model.theta)
        >>> bool(abs(slope["birth"] - 0.632) < 0.03)
        True
    """
    check_network(network, who="replay_tangent")
    check_log(network, log)
    if missing := [name for name in network.parameters if name not in theta]:
        raise InputError(f"theta lacks {missing}; give the values that the log was drawn with")
    fold = Tangent(network, (), reach)
    pieces = _cut(fold, log, theta, np.array(check_times(times, log.start)))
    return lambda theta: _replay(network, pieces, {k: jnp.asarray(v, float) for k, v in theta.items()})


def _cut(fold: Tangent, log: EventLog, theta: Mapping[str, Any], stops: np.ndarray) -> Pieces:
    """Pieces of all paths; an event at the very time of a stop comes before it."""
    paths = len(log.start_counts)
    owner = np.repeat(np.arange(paths), np.diff(log.offsets))
    early = log.times <= stops[-1]
    path = np.concatenate([owner[early], np.repeat(np.arange(paths), len(stops))])
    end = np.concatenate([log.times[early], np.tile(stops, paths)])
    reaction = np.concatenate([log.reactions[early], np.full(paths * len(stops), -1)])
    order = np.lexsort((reaction < 0, end, path))
    path, end, reaction = path[order], end[order], reaction[order]
    first = np.searchsorted(path, np.arange(paths))
    length = np.diff(end, prepend=log.start)
    length[first] = end[first] - log.start
    jumps = np.where(reaction[:, None] >= 0, fold.network.stoichiometry.T[reaction], 0)
    before = np.cumsum(jumps, 0) - jumps
    states = before - before[first][path] + log.start_counts[path]
    many, cap = _steps(fold, states, theta, length)
    last = np.cumsum(many) - 1
    lengths = np.repeat(cap, many)
    lengths[last] = length - (many - 1) * cap
    reactions = np.full(len(lengths), -1)
    reactions[last] = reaction
    begins = np.concatenate([[0], last + 1])[np.append(first, len(path))]
    here = np.arange(np.diff(begins).max()) < np.diff(begins)[:, None]
    padded = [np.zeros((*here.shape, states.shape[1])), np.zeros(here.shape), np.full(here.shape, -1)]
    for out, flat in zip(padded, (np.repeat(states, many, 0), lengths, reactions), strict=True):
        out[here] = flat
    at = last[reaction < 0].reshape(paths, len(stops)) - begins[:-1, None]
    return Pieces(padded[0], padded[1], padded[2], at)


def _steps(
    fold: Tangent, states: np.ndarray, theta: Mapping[str, Any], length: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Into how many steps the fold would part each length, and the length of all but the last."""
    counts = tuple(jnp.asarray(column, jnp.int32) for column in states.T)
    real = tuple(c.astype(float) for c in counts)
    values = {k: jnp.full(len(states), v, float) for k, v in theta.items()}
    rates = fold.network.propensities(real, values, jnp.zeros(len(states)))
    cap = np.asarray(fold.cap((), counts, rates, values), float)
    many = np.maximum(1, np.ceil(length / cap)).astype(int)
    return many, np.where(many > 1, cap, 0.0)


@functools.partial(jax.jit, static_argnums=0)
def _replay(network: Network, pieces: Pieces, theta: Any) -> Float[Array, "paths stops species"]:
    """Counts of all paths at the stops; their derivative is the tangent."""
    kind = jnp.zeros((), float).dtype
    zeta = jnp.asarray(network.stoichiometry, kind)

    def piece(u: Any, now: tuple[Any, Any, Any]) -> tuple[Any, Any]:
        state, dt, reaction = now

        def rates(move: Any, values: Any) -> Any:
            return jnp.stack(network.propensities(tuple(state + move), values, jnp.zeros((), kind)))

        plain = lax.stop_gradient(rates(jnp.zeros_like(u), theta))
        share = jnp.where(plain > 0, 0.5, 1.0).astype(kind)
        # each term is zero and has the derivative of its term in the Taylor series of the fold
        term = _zero(dt * (zeta @ (share * rates(u, theta))))
        u = u + term
        for order in (2.0, 3.0, 4.0):
            term = _zero(dt / order * (zeta @ (share * rates(term, lax.stop_gradient(theta)))))
            u = u + term
        weights = jnp.where((jnp.arange(len(plain)) == reaction) & (plain > 0), 0.5 / jnp.where(plain > 0, plain, 1), 0)
        u = u + _zero(zeta @ (weights * rates(u, theta)))
        return u, u

    def one(path: Pieces) -> Any:
        states = jnp.asarray(path.states, kind)
        start = jnp.zeros(states.shape[-1], kind)
        _, moved = lax.scan(piece, start, (states, jnp.asarray(path.lengths, kind), path.reactions))
        return (states + moved)[path.stops]

    return jax.vmap(one)(pieces)


def _zero(value: Any) -> Any:
    """Zero, with a derivative."""
    return value - lax.stop_gradient(value)
