"""Backward sweeps over the events of a `VectorNetwork`: adjoints of the tangents, for a block of lanes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jumpax._base.types import Count, Flag, Real
from jumpax.engines.vector_rates import Leaves, Structure, along, change_of, fire, propensities
from jumpax.engines.vector_run import Block, Log, Plan, table_of
from jumpax.engines.vector_sections import Sections, runs, split
from jumpax.engines.vector_turn import BORDER, Lane, witness

_FEW_FEATURES = 32
"""Up to so many, a sum written out is faster than a matrix product."""


class Adjoint(NamedTuple):
    """Derivatives of a scalar with respect to the state of each lane, and what has been gathered for the params."""

    counts: Sections
    """lambda, (species, lanes)."""
    clock: Real
    """With respect to the time of the last event, (lanes,); for straight-through gradients."""
    source: tuple[Real | None, ...]
    """With respect to a count per time spent in it, in the interval of each lane; None for sections not observed."""
    leaves: Leaves
    weights: Real | None
    """With respect to W, by the counts at the starts of segments."""
    table: Real | None
    """With respect to W zeta, by what reactions changed."""


class Asked(NamedTuple):
    """Derivatives with respect to what was recorded, by sections; None for those not observed."""

    integrals: tuple[Float[Array, "borders section lanes"] | None, ...]
    counts: tuple[Float[Array, "borders section lanes"] | None, ...]


class Event(NamedTuple):
    """One turn of the log, (lanes,) each; see `Step`."""

    reaction: Count
    dt: Real
    wait: Real
    rate: Real


class Work(NamedTuple):
    """What a step back went through; results of the loop for the reason given at `Step`."""

    event: Event
    jump: Real
    inputs: Real | None
    middle: Sections
    inputs_again: Real | None


class Here(NamedTuple):
    """Where a sweep stands."""

    counts: Sections
    inputs: Real | None
    border: Count
    adjoint: Adjoint
    passed: Real | None
    """Derivatives with respect to u, summed over the later waits of the segment; (features, lanes)."""
    log: Real | None
    """These sums at all turns, (turns, features, lanes)."""
    work: Work


def ask(model: Structure, plan: Plan, integrals: Array, counts: Array | None) -> Asked:
    """Derivatives with respect to what was recorded, (borders, observed, lanes) each."""
    seen = np.array(plan.observed)

    def embed(values: Array | None) -> tuple[Array | None, ...]:
        out = []
        for first, end in zip(model.cuts[:-1], model.cuts[1:], strict=True):
            here = np.flatnonzero((seen >= first) & (seen < end))
            if values is None or not len(here):
                out.append(None)
                continue
            full = jnp.zeros((len(values), end - first, values.shape[2]), values.dtype)
            out.append(full.at[:, seen[here] - first].add(values[:, here]))
        return tuple(out)

    return Asked(embed(integrals), embed(counts))


def no_adjoint(model: Structure, block: Block, asked: Asked) -> Adjoint:
    """All zero."""
    zero = split(model.cuts, jnp.zeros_like(block.counts))
    weights = None if block.weights is None else jnp.zeros_like(block.weights)
    table = None if weights is None else jnp.zeros((len(weights), model.network.reactions), weights.dtype)
    source = tuple(None if g is None else jnp.zeros_like(z) for g, z in zip(asked.integrals, zero, strict=True))
    return Adjoint(zero, zero[0][0], source, jax.tree.map(jnp.zeros_like, block.leaves), weights, table)


def to_weights(model: Structure, adjoint: Adjoint) -> Real | None:
    """The derivative with respect to W."""
    if adjoint.weights is None or adjoint.table is None:
        return None
    return adjoint.weights + adjoint.table @ jnp.asarray(model.network.stoichiometry.T, adjoint.table.dtype)


def sweep(model: Structure, block: Block, asked: Asked, end: Lane, log: Log, adjoint: Adjoint) -> Adjoint:
    """The adjoint at the start of a segment from that at its end."""
    table = table_of(model, block.weights)

    def more(state: Any) -> Flag:
        return (state[0] > 0) & witness(state[1].work)

    def body(state: Any) -> Any:
        k, here = state
        k = k - 1
        event = Event(*(lax.dynamic_index_in_dim(leaf, k, 0, keepdims=False) for leaf in log[:4]))
        if here.log is not None:
            here = here._replace(log=lax.dynamic_update_index_in_dim(here.log, here.passed, k, 0))
        here = _cross(asked, event, _undo(model, table, event, here))
        return k, trapezoidal(model, block, here, event)

    nothing = None if end.inputs is None else jnp.zeros_like(end.inputs)
    counts, zero = split(model.cuts, end.counts), jnp.zeros_like(end.since)
    work = Work(Event(end.border, zero, zero, zero), zero, nothing, tuple(map(jnp.zeros_like, counts)), nothing)
    passed = None if nothing is None else jnp.zeros((len(log.dt), *nothing.shape), nothing.dtype)
    here = Here(counts, end.inputs, end.border, adjoint, nothing, passed, work)
    here = lax.while_loop(more, body, (log.taken, here))[1]
    return _with_weights(log, here)


def _with_weights(log: Log, here: Here) -> Adjoint:
    """What the segment adds to the derivative with respect to W.

    That is a sum of products of du and the counts, over the waits; by parts, the sum of du over later waits times what each
    reaction changes, and over all waits times the counts at the start.
    """
    adjoint = here.adjoint
    if here.passed is None or here.log is None or adjoint.weights is None or adjoint.table is None:
        return adjoint
    turns, features, lanes = here.log.shape
    fired = (log.reaction >= 0) & (np.arange(turns, dtype=np.int32)[:, None] < log.taken)
    number = jnp.where(fired, log.reaction, adjoint.table.shape[1]).reshape(-1)
    sums = jnp.moveaxis(here.log, 1, 0).reshape(features, turns * lanes)
    return adjoint._replace(
        weights=adjoint.weights + here.passed @ jnp.concatenate(here.counts).T,
        table=adjoint.table.at[:, number].add(sums, mode="drop"),
    )


def _undo(model: Structure, table: Real | None, event: Event, here: Here) -> Here:
    """Counts and features before the reaction of an event."""
    inputs = here.inputs
    if inputs is not None and table is not None:
        fired, number = (event.reaction >= 0)[None], jnp.maximum(event.reaction, 0)
        inputs = inputs - jnp.where(fired, table[:, number], inputs.dtype.type(0))
    return here._replace(counts=fire(model, here.counts, event.reaction, sign=-1), inputs=inputs)


def _cross(asked: Asked, event: Event, here: Here) -> Here:
    """Lanes that reached a border in this turn enter its interval, and take up what is asked of their counts there."""
    stops, adjoint = event.reaction == BORDER, here.adjoint
    at = here.border - stops

    def at_border(values: Array) -> Array:
        found = stops[None] & (np.arange(len(values), dtype=np.int32)[:, None] == at[None])
        return jnp.where(found[:, None], values, 0).sum(0)

    def enter(now: Any) -> Any:
        source, counts = now
        source = [
            None if s is None or g is None else jnp.where(stops[None], at_border(g), s)
            for s, g in zip(source, asked.integrals, strict=True)
        ]
        counts = [
            None if c is None or g is None else c + at_border(g) for c, g in zip(counts, asked.counts, strict=True)
        ]
        return source, counts

    taken = [None if g is None else c for c, g in zip(adjoint.counts, asked.counts, strict=True)]
    source, counts = lax.cond(jnp.any(stops), enter, lambda now: now, (list(adjoint.source), taken))
    counts = tuple(old if new is None else new for old, new in zip(adjoint.counts, counts, strict=True))
    return here._replace(border=at, adjoint=adjoint._replace(source=tuple(source), counts=counts))


def _numbered(model: Structure, reaction: Count, value: Real) -> tuple[Real, ...]:
    """The value at the reaction of each lane and zero elsewhere, by groups."""
    out, first = [], 0
    for size in model.groups:
        number = np.arange(first, first + size, dtype=np.int32)[:, None]
        out.append(jnp.where(number == reaction[None], value[None], value.dtype.type(0)))
        first += size
    return tuple(out)


def trapezoidal(model: Structure, block: Block, here: Here, event: Event) -> Here:
    """Adjoint of one step of the trapezoidal tangent: of the reaction, then of the wait before it.

    With c = lambda . zeta_r / (2 a_r), beta = 1/2 (1 where a = 0) and the source g, to second order in the wait h:

        q       = grad a^T (c e_r + h/2 beta zeta^T lambda) + h/2 g
        w       = c e_r + h beta zeta^T (lambda + q)
        lambda += grad a^T w + h g,   theta += (d a / d theta)^T w
    """
    old, dt = here.adjoint, event.dt
    real = dt.dtype

    def rates(laned: Any, shared: Any, counts: Any, inputs: Any) -> Any:
        return propensities(model, Leaves(laned, shared), counts, inputs)

    groups, pull = jax.vjp(rates, *block.leaves, here.counts, here.inputs)
    fired = (event.reaction >= 0) & (event.rate > 0)
    half = jnp.where(fired, real.type(0.5) / jnp.where(fired, event.rate, real.type(1)), real.type(0))
    jump = change_of(model, old.counts, event.reaction) * half
    jumps = _numbered(model, event.reaction, jump)
    shares = [jnp.where(a > 0, real.type(0.5), real.type(1)) for a in groups]

    def weigh(length: Real, values: Sections) -> tuple[Real, ...]:
        moved = along(model, values)
        return tuple(j + length[None] * (s * z) for j, s, z in zip(jumps, shares, moved, strict=True))

    def driven(values: Sections, length: Real) -> Sections:
        return tuple(v if g is None else v + length[None] * g for v, g in zip(values, old.source, strict=True))

    halfway = dt * real.type(0.5)
    _, _, moved, inputs = pull(weigh(halfway, old.counts))
    middle = driven(_through(model, block, moved, inputs), halfway)
    laned, shared, moved, again = pull(weigh(dt, _add(old.counts, middle)))
    adjoint = old._replace(
        counts=_add(old.counts, driven(_through(model, block, moved, again), dt)),
        leaves=jax.tree.map(jnp.add, old.leaves, Leaves(laned, shared)),
    )
    passed = None if here.passed is None else here.passed + again
    return here._replace(adjoint=adjoint, passed=passed, work=Work(event, jump, inputs, middle, again))


def _add(first: Sections, second: Sections) -> Sections:
    return tuple(a + b for a, b in zip(first, second, strict=True))


def _through(model: Structure, block: Block, counts: Sections, inputs: Real | None) -> Sections:
    """Derivative with respect to the counts, also by way of the features: W^T du as a sum over few features."""
    if block.weights is None or inputs is None:
        return counts
    out = []
    for part, weights in zip(counts, split(model.cuts, block.weights.T), strict=True):
        if len(inputs) > _FEW_FEATURES:
            part = part + weights @ inputs
        else:
            for column, value in zip(weights.T, inputs, strict=True):
                part = part + column[:, None] * value[None]
        out.append(part)
    return tuple(out)
