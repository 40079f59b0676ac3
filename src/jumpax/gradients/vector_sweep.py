"""Backward sweeps over the events of a `VectorNetwork`: adjoints of the tangents, for a block of lanes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jumpax._base.types import Count, Real
from jumpax.engines.vector_rates import Leaves, Structure, along, change_of, fire, propensities
from jumpax.engines.vector_run import Block, Log, Plan, table_of
from jumpax.engines.vector_turn import BORDER, Lane


class Adjoint(NamedTuple):
    """Derivatives of a scalar with respect to the state of each lane, and what has been gathered for the params."""

    counts: Real
    """lambda, (species, lanes)."""
    clock: Real
    """With respect to the time of the last event, (lanes,); for straight-through gradients."""
    source: Real
    """With respect to a count per time spent in it, in the interval of each lane; (species, lanes)."""
    leaves: Leaves
    weights: Real | None
    """With respect to W."""


class Asked(NamedTuple):
    """Derivatives with respect to what was recorded, embedded in all species."""

    integrals: Float[Array, "borders species lanes"]
    counts: Float[Array, "borders species lanes"]


class Event(NamedTuple):
    """One turn of the log, (lanes,) each; see `Step`."""

    reaction: Count
    dt: Real
    wait: Real
    rate: Real


class Here(NamedTuple):
    """Where a sweep stands."""

    counts: Real
    inputs: Real | None
    border: Count
    adjoint: Adjoint


def no_adjoint(block: Block) -> Adjoint:
    """All zero."""
    zero = jnp.zeros_like(block.counts)
    weights = None if block.weights is None else jnp.zeros_like(block.weights)
    return Adjoint(zero, zero[0], zero, jax.tree.map(jnp.zeros_like, block.leaves), weights)


def sweep(model: Structure, plan: Plan, block: Block, asked: Asked, end: Lane, log: Log, adjoint: Adjoint) -> Adjoint:
    """The adjoint at the start of a segment from that at its end."""
    table = table_of(model, block.weights)

    def body(state: Any) -> Any:
        k, here = state
        step = jax.tree.map(lambda leaf: lax.dynamic_index_in_dim(leaf, k - 1, 0, keepdims=False), log[:4])
        step = Event(*step)
        here = _cross(asked, step, _undo(model, table, step, here))
        return k - 1, here._replace(adjoint=trapezoidal(model, block, here, step))

    here = Here(end.counts, end.inputs, end.border, adjoint)
    return lax.while_loop(lambda state: state[0] > 0, body, (log.taken, here))[1].adjoint


def _undo(model: Structure, table: Real | None, step: Event, here: Here) -> Here:
    """Counts and features before the reaction of a step."""
    inputs = here.inputs
    if inputs is not None and table is not None:
        fired = (step.reaction >= 0)[None]
        inputs = inputs - jnp.where(fired, table[:, jnp.maximum(step.reaction, 0)], inputs.dtype.type(0))
    return here._replace(counts=fire(model, here.counts, step.reaction, -1), inputs=inputs)


def _cross(asked: Asked, step: Event, here: Here) -> Here:
    """Lanes that reached a border in this step enter its interval, and take up what is asked of their counts there."""
    stops = step.reaction == BORDER

    def enter(_: Any) -> Here:
        at = here.border - stops
        many = asked.counts.shape[0]
        found = stops[None] & (np.arange(many, dtype=np.int32)[:, None] == at[None])
        source = jnp.where(found[:, None], asked.integrals, 0).sum(0)
        adjoint = here.adjoint._replace(
            source=jnp.where(stops[None], source, here.adjoint.source),
            counts=here.adjoint.counts + jnp.where(found[:, None], asked.counts, 0).sum(0),
        )
        return here._replace(border=at, adjoint=adjoint)

    return lax.cond(jnp.any(stops), enter, lambda _: here, None)


def _numbered(model: Structure, reaction: Count, value: Real) -> tuple[Real, ...]:
    """The value at the reaction of each lane and zero elsewhere, by groups."""
    out, first = [], 0
    for size in model.groups:
        number = np.arange(first, first + size, dtype=np.int32)[:, None]
        out.append(jnp.where(number == reaction[None], value[None], value.dtype.type(0)))
        first += size
    return tuple(out)


def trapezoidal(model: Structure, block: Block, here: Here, step: Event) -> Adjoint:
    """Adjoint of one step of the trapezoidal tangent: of the reaction, then of the wait before it.

    With c = lambda . zeta_r / (2 a_r), beta = 1/2 (1 where a = 0) and the source g, to second order in the wait h:

        q       = grad a^T (c e_r + h/2 beta zeta^T lambda) + h/2 g
        w       = c e_r + h beta zeta^T (lambda + q)
        lambda += grad a^T w + h g,   theta += (d a / d theta)^T w
    """
    old, dt = here.adjoint, step.dt
    real = dt.dtype

    def rates(laned: Any, shared: Any, counts: Any, inputs: Any) -> Any:
        return propensities(model, Leaves(laned, shared), counts, inputs)

    groups, pull = jax.vjp(rates, *block.leaves, here.counts, here.inputs)
    fired = (step.reaction >= 0) & (step.rate > 0)
    half = jnp.where(fired, real.type(0.5) / jnp.where(fired, step.rate, real.type(1)), real.type(0))
    jumps = _numbered(model, step.reaction, change_of(model, old.counts, step.reaction) * half)
    shares = [jnp.where(a > 0, real.type(0.5), real.type(1)) for a in groups]

    def weigh(length: Real, values: Real) -> tuple[Real, ...]:
        moved = along(model, values)
        return tuple(j + length[None] * (s * z) for j, s, z in zip(jumps, shares, moved, strict=True))

    def back(weights: tuple[Real, ...]) -> tuple[Any, Any, Real, Real | None]:
        laned, shared, counts, inputs = pull(weights)
        if block.weights is not None:
            counts = counts + block.weights.T @ inputs
        return laned, shared, counts, inputs

    halfway = dt * real.type(0.5)
    q = back(weigh(halfway, old.counts))[2] + halfway[None] * old.source
    laned, shared, moved, inputs = back(weigh(dt, old.counts + q))
    weights = None if old.weights is None else old.weights + inputs @ here.counts.T  # type: ignore[operator]
    return old._replace(
        counts=old.counts + moved + dt[None] * old.source,
        leaves=jax.tree.map(jnp.add, old.leaves, Leaves(laned, shared)),
        weights=weights,
    )
