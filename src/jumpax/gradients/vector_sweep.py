"""Backward sweeps over the events of a `VectorNetwork`: adjoints of the tangents, for a block of lanes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jumpax._base.types import Count, Flag, Real
from jumpax.engines.vector_rates import Leaves, Structure, along, change_of, fire, propensities
from jumpax.engines.vector_run import Block, Log, Plan, table_of
from jumpax.engines.vector_turn import BORDER, Lane, witness

_FEW_FEATURES = 32
"""Up to so many, a sum written out is faster than a matrix product."""


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
    """With respect to W, by the counts at the starts of segments."""
    table: Real | None
    """With respect to W zeta, by what reactions changed."""


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
    passed: Real | None
    """Derivatives with respect to u, summed over the later waits of the segment; (features, lanes)."""
    work: "Work"


class Work(NamedTuple):
    """What a step back went through; kept for the reason given at `Step`."""

    jump: Real
    inputs: Real | None
    middle: Real
    inputs_again: Real | None


def no_adjoint(model: Structure, block: Block) -> Adjoint:
    """All zero."""
    zero = jnp.zeros_like(block.counts)
    weights = None if block.weights is None else jnp.zeros_like(block.weights)
    table = None if weights is None else jnp.zeros((len(weights), model.network.reactions), weights.dtype)
    return Adjoint(zero, zero[0], zero, jax.tree.map(jnp.zeros_like, block.leaves), weights, table)


def to_weights(model: Structure, adjoint: Adjoint) -> Real | None:
    """The derivative with respect to W."""
    if adjoint.weights is None or adjoint.table is None:
        return None
    return adjoint.weights + adjoint.table @ jnp.asarray(model.network.stoichiometry.T, adjoint.table.dtype)


def sweep(model: Structure, plan: Plan, block: Block, asked: Asked, end: Lane, log: Log, adjoint: Adjoint) -> Adjoint:
    """The adjoint at the start of a segment from that at its end."""
    table = table_of(model, block.weights)

    def more(state: Any) -> Flag:
        return (state[0] > 0) & witness(state[1].work)

    def body(state: Any) -> Any:
        k, here = state
        event = Event(*(lax.dynamic_index_in_dim(leaf, k - 1, 0, keepdims=False) for leaf in log[:4]))
        here = _cross(asked, event, _undo(model, table, event, here))
        return k - 1, trapezoidal(model, block, here, event)

    nothing = None if end.inputs is None else jnp.zeros_like(end.inputs)
    work = Work(jnp.zeros_like(end.since), nothing, jnp.zeros_like(end.counts), nothing)
    here = Here(end.counts, end.inputs, end.border, adjoint, nothing, work)
    here = lax.while_loop(more, body, (log.taken, here))[1]
    if here.passed is None or here.adjoint.weights is None:
        return here.adjoint
    begun = here.adjoint.weights + here.passed @ here.counts.T
    return here.adjoint._replace(weights=begun)


def _undo(model: Structure, table: Real | None, event: Event, here: Here) -> Here:
    """Counts and features before the reaction of an event.

    The derivative with respect to W is a sum of products of du and the counts, over the waits; by parts, it is the sum of du
    over later waits times what each reaction changes, and at the start of a segment times all counts.
    """
    inputs, adjoint = here.inputs, here.adjoint
    if inputs is not None and table is not None:
        fired, number = (event.reaction >= 0)[None], jnp.maximum(event.reaction, 0)
        inputs = inputs - jnp.where(fired, table[:, number], inputs.dtype.type(0))
        passed = jnp.where(fired, here.passed, inputs.dtype.type(0))
        adjoint = adjoint._replace(table=adjoint.table.at[:, number].add(passed))  # type: ignore[union-attr]
    return here._replace(counts=fire(model, here.counts, event.reaction, -1), inputs=inputs, adjoint=adjoint)


def _cross(asked: Asked, event: Event, here: Here) -> Here:
    """Lanes that reached a border in this step enter its interval, and take up what is asked of their counts there."""
    stops = event.reaction == BORDER

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

    def weigh(length: Real, values: Real) -> tuple[Real, ...]:
        moved = along(model, values)
        return tuple(j + length[None] * (s * z) for j, s, z in zip(jumps, shares, moved, strict=True))

    halfway = dt * real.type(0.5)
    _, _, moved, inputs = pull(weigh(halfway, old.counts))
    middle = _through(block, moved, inputs) + halfway[None] * old.source
    laned, shared, moved, again = pull(weigh(dt, old.counts + middle))
    adjoint = old._replace(
        counts=old.counts + _through(block, moved, again) + dt[None] * old.source,
        leaves=jax.tree.map(jnp.add, old.leaves, Leaves(laned, shared)),
    )
    passed = None if here.passed is None else here.passed + again
    return here._replace(adjoint=adjoint, passed=passed, work=Work(jump, inputs, middle, again))


def _through(block: Block, counts: Real, inputs: Real | None) -> Real:
    """Derivative with respect to the counts, also by way of the features: W^T du as a sum over few features."""
    if block.weights is None or inputs is None:
        return counts
    if len(inputs) > _FEW_FEATURES:
        return counts + block.weights.T @ inputs
    for row, value in zip(block.weights, inputs, strict=True):
        counts = counts + row[:, None] * value[None]
    return counts
