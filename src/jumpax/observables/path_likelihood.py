"""Likelihood of a complete path."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax.engines import EventLog
from jumpax.engines.event_log import check_log
from jumpax.networks import Network, check_network


def log_likelihood(network: Network, theta: Mapping[str, Any], log: EventLog, end: float) -> Float[Array, " paths"]:
    """Log-likelihood of every path of an event log, observed from its start to time `end`.

    ln L = sum over events of ln a_r(x) - integral of a_0(x(t)) dt, the last, unfinished interval included. Exact, and an
    ordinary JAX function of theta (its gradient is the score).

    Args:
        network: what reacts; rates may not depend on time explicitly.
        theta: one value per parameter.
        log: from `simulate(..., record=Events())`.
        end: time up to which the paths were observed, not before their last event.

    Returns:
        (paths,) natural logarithms; densities are in units of 1/time per event.

    Raises:
        InputError: when an event lies after `end`, or rates depend on time.

    Source: Gillespie 1977, doi:10.1021/j100540a008.
    """
    check_network(network, who="jumpax.log_likelihood")
    check_log(network, log)
    if log.times.size and log.times.max() > end:
        raise InputError(f"the last event, at {log.times.max():g}, lies after end = {end:g}")
    owner, before, durations, reactions = _intervals(network, log, end)
    kind = jnp.result_type(float)
    values = {name: jnp.asarray(theta[name], kind) for name in network.parameters}
    counts = tuple(jnp.asarray(column, kind) for column in before.T)
    rates = jnp.stack(network.propensities(counts, values, jnp.zeros(len(before), kind)))
    exposure = rates.sum(0) * jnp.asarray(durations, kind)
    fired = reactions >= 0
    chosen = jnp.take_along_axis(rates, jnp.asarray(np.maximum(reactions, 0))[None], 0)[0]
    terms = jnp.where(fired, jnp.log(jnp.where(fired, chosen, 1.0)), 0.0) - exposure
    return jax.ops.segment_sum(terms, jnp.asarray(owner), len(log.offsets) - 1)


def _intervals(network: Network, log: EventLog, end: float) -> tuple[np.ndarray, ...]:
    """Path, counts, duration and closing reaction (-1 for the last) of every interval of every path."""
    owner, before, durations, reactions = [], [], [], []
    for path in range(len(log.offsets) - 1):
        times, fired = log.of(path)
        changes = np.vstack([np.zeros((1, len(network.species)), int), network.stoichiometry.T[fired]])
        owner.append(np.full(len(times) + 1, path))
        before.append(log.start_counts[path] + np.cumsum(changes, 0))
        durations.append(np.diff(np.concatenate([[log.start], times, [end]])))
        reactions.append(np.concatenate([fired, [-1]]))
    return np.concatenate(owner), np.concatenate(before), np.concatenate(durations), np.concatenate(reactions)
