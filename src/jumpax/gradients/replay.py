"""Replay: logged paths as a differentiable function of theta, for straight-through gradients in reverse mode."""

import functools
from collections.abc import Callable, Mapping
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from jumpax._base import random
from jumpax._base.errors import UnsupportedError
from jumpax._base.types import Numeric, ParameterValues, Word
from jumpax.engines import EventLog
from jumpax.engines.event_log import check_log
from jumpax.engines.program import Steps, Times
from jumpax.engines.stops import stops_of
from jumpax.folds import RelaxedTangent, Snapshots
from jumpax.folds.relaxed_tangent import OVERRUN
from jumpax.gradients.straight_through import StraightThrough
from jumpax.networks import Network, check_network


def replay(
    estimator: StraightThrough,
    network: Network,
    log: EventLog,
    key: PRNGKeyArray | int,
    times: object = None,
    *,
    steps: object = None,
) -> Callable[[ParameterValues], Float[Array, "paths stops species"]]:
    """Counts of logged paths at stops as a function of theta, with the derivative of a straight-through estimator.

    The function has the logged counts as value, whatever theta near that of the log, and JAX differentiates it:
    `jax.grad` of a loss of it costs a few passes over the events for any number of parameters, where the fold of the
    estimator costs one tangent each. It takes the Gumbel numbers from the words that the fold alone would have drawn:
    in float64 both agree path by path to rounding. Memory: the events of all paths, padded to the longest, times
    species and reactions.

    Args:
        estimator: relaxation, temperature and horizon.
        network: that of the log.
        log: from `simulate(..., record=Events())`; for a logistic horizon until 10 widths after the last time.
        key: that of the simulation.
        times: stops.
        steps: stops after numbers of events, instead of times.

    Raises:
        InputError: times and steps that do not make sense.
        UnsupportedError: explicitly time-dependent rates; uniformization.

    Examples:
        >>> import jax, jumpax
        >>> model = jumpax.zoo.association(start=(20, 20), k_on=0.05, k_off=1.0)
        >>> paths = jumpax.simulate(
        ...     model.network, model.theta, model.x0, steps=[50], paths=100, key=0, record=jumpax.Events()
        ... )
        >>> counts = replay(jumpax.StraightThrough(relaxation="propensity"), model.network, paths.log, 0, steps=[50])
        >>> slope = jax.grad(lambda theta: counts(theta)[:, 0, 2].mean())(model.theta)
        >>> bool(abs(slope["k_off"] + 3.28) < 0.2)
        True
    """
    check_network(network, who="replay")
    check_log(network, log)
    stops = stops_of(times, steps, log.start, Snapshots())
    if estimator.horizon == "uniformization":
        raise UnsupportedError("an event log has no null events: replay has horizons logistic, exact and state")
    fold = estimator.fold(network, (), stops)
    assert isinstance(fold, RelaxedTangent)
    events = np.diff(log.offsets)
    here = np.arange(max(1, events.max())) < events[:, None]
    reactions, ends = np.zeros(here.shape, np.int32), np.full(here.shape, np.inf)
    reactions[here], ends[here] = log.reactions, log.times
    starts = np.concatenate([np.full((len(events), 1), log.start), ends[:, :-1]], 1)
    waits = np.where(here, ends - np.where(here, starts, 0.0), 0.0)
    paths = (np.arange(len(events), dtype=np.uint32), log.start_counts, reactions, ends, waits, here)
    arguments = random.key_words(key), log.start, paths
    return lambda theta: _replay(fold, stops, *arguments, {k: jnp.asarray(v, float) for k, v in theta.items()})


Logged: TypeAlias = tuple[Array, ...]
"""Of one path or of all: number, counts at the start; of each event its reaction, when it ended a wait, that wait, whether it is there."""


@functools.partial(jax.jit, static_argnums=(0, 1))
def _replay(
    fold: RelaxedTangent,
    stops: Times | Steps,
    words: tuple[Word, Word],
    start: Numeric,
    paths: Logged,
    theta: Mapping[str, Array],
) -> Float[Array, "paths stops species"]:
    """Counts of all paths."""
    return jax.vmap(lambda one: _one(fold, stops, words, start, one, theta))(paths)


def _one(
    fold: RelaxedTangent,
    stops: Times | Steps,
    words: tuple[Word, Word],
    start: Numeric,
    path: Logged,
    theta: Mapping[str, Array],
) -> Float[Array, "stops species"]:
    """Counts of one path at the stops."""
    number, counts, reactions, ends, waits, here = path
    zeta = jnp.asarray(fold.network.stoichiometry, float)

    def event(
        carry: tuple[Array, random.Stream, Array], logged: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, random.Stream, Array], tuple[Array, Array]]:
        x, stream, t = carry
        reaction, wait, there = logged
        rates = _rates(fold, x, theta)
        drawn = []
        for _ in range(fold.words):
            word, stream = random.draw(stream)
            drawn.append(random.exponential(word, None, rates.dtype))
        won = jnp.arange(len(rates)) == reaction
        soft = _soft(fold, won, rates, jnp.stack(drawn) if drawn else None)
        step = jnp.where(there, zeta @ (won + (soft - lax.stop_gradient(soft))), 0.0)  # whole numbers, exactly
        unit = lax.stop_gradient(wait * rates.sum())
        t = t + jnp.where(there, unit / jnp.where(there, rates.sum(), 1.0), 0.0)
        return (x + step, stream, t), (step, t)

    x0 = jnp.asarray(counts, float)
    first = (x0, random.seed(words, number, random.FOLD), jnp.asarray(start, float))
    _, (changes, clock) = lax.scan(event, first, (reactions, waits, here))
    states = x0[None] + jnp.concatenate([jnp.zeros((1, len(counts))), jnp.cumsum(changes, 0)])
    if isinstance(stops, Steps):
        return states[jnp.minimum(jnp.array(stops.values), here.sum())]
    asked = jnp.array(stops.values)
    at = states[jnp.searchsorted(ends, asked, side="right")]
    if fold.horizon == "state":
        return at
    if fold.horizon == "exact":
        return at - _late(fold, jnp.concatenate([jnp.full(1, start), clock]), ends, asked, at, theta)
    late = clock - lax.stop_gradient(clock) if fold.waiting_times else jnp.zeros_like(clock)
    distance = ((jnp.where(here, ends, 0.0) + late)[None] - asked[:, None]) / fold.width
    known = here[None] & (ends[None] <= asked[:, None] + OVERRUN * fold.width)
    sigma = jnp.where(known, jax.nn.sigmoid(-distance), 0.0)
    smooth = sigma @ changes
    return lax.stop_gradient(at) + (smooth - lax.stop_gradient(smooth))


def _rates(fold: RelaxedTangent, x: Float[Array, " species"], theta: Mapping[str, Array]) -> Float[Array, " reactions"]:
    """Propensities at real counts."""
    return jnp.stack(fold.network.propensities(tuple(x), theta, jnp.zeros(())))


def _late(
    fold: RelaxedTangent,
    clock: Float[Array, " moments"],
    ends: Float[Array, " events"],
    asked: Float[Array, " stops"],
    at: Float[Array, "stops species"],
    theta: Mapping[str, Array],
) -> Float[Array, "stops species"]:
    """Zero, with the derivative of the counts at fixed times through the last event before each."""

    def one(time: Float[Array, ""], x: Float[Array, " species"]) -> Float[Array, " species"]:
        last = jnp.searchsorted(ends, time, side="right")
        before = jnp.where(last > 0, ends[jnp.maximum(last - 1, 0)], lax.stop_gradient(clock[0]))
        rates = _rates(fold, x, theta)
        total = rates.sum()
        rest = lax.stop_gradient((time - before) * total) / jnp.where(total > 0, total, 1.0)
        moment = clock[last] + rest
        drift = lax.stop_gradient(jnp.asarray(fold.network.stoichiometry, float) @ rates)
        return drift * (moment - lax.stop_gradient(moment))

    return jax.vmap(one)(asked, at)


def _soft(
    fold: RelaxedTangent,
    won: Bool[Array, " reactions"],
    rates: Float[Array, " reactions"],
    drawn: Float[Array, " drawn"] | None,
) -> Float[Array, " reactions"]:
    """A vector whose derivative is that of the choice."""
    some, relaxation = rates > 0, fold.relaxation
    logs = jnp.where(some, jnp.log(jnp.where(some, rates, 1.0)), 0.0)
    hard = lax.stop_gradient(rates)
    if relaxation.rounds:
        assert drawn is not None

        def one(e: Float[Array, " reactions"]) -> Float[Array, " reactions"]:
            ahead = hard * jnp.where(won, e, 0.0).sum()
            share = jnp.where(won, 1.0, ahead / (hard.sum() * e + ahead))
            noise = jnp.log(jnp.where(some, share, 1.0)) - lax.stop_gradient(logs)
            return jax.nn.softmax((logs + noise) / relaxation.temperature, where=some)

        return jax.vmap(one)(drawn.reshape(relaxation.rounds, -1)).mean(0)
    soft = jax.nn.softmax(logs, where=some)
    if relaxation.kind == "propensity":
        return soft
    half = jnp.where(some, jnp.log((lax.stop_gradient(soft) + won) / 2 + ~some), 0.0)
    return 2 * jax.nn.softmax(half + logs - lax.stop_gradient(logs), where=some) - soft / 2
