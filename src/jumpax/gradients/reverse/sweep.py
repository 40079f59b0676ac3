"""Backward sweeps over the events of paths: adjoints of the tangents, for a block of lanes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jumpax._base.types import Count, Flag, Real
from jumpax.engines.arrays.rates import Structure, fire
from jumpax.engines.arrays.run import Block, Log, Plan, table_of
from jumpax.engines.arrays.sections import split
from jumpax.engines.arrays.turn import BORDER, NOTHING, Lane, witness
from jumpax.gradients.reverse.steps import Adjoint, Event, Here, Method, Work, growth, step_back

SMALL, _SELDOM = 32, 64
"""The flow is looked at at each turn in networks of up to so many species; else at the last and once in so many turns."""
_MOST_STEPS = 10_000.0


class Asked(NamedTuple):
    """Derivatives with respect to what was recorded, by sections; None for those not observed."""

    integrals: tuple[Float[Array, "borders section lanes"] | None, ...]
    counts: tuple[Float[Array, "borders section lanes"] | None, ...]


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
    lanes = zero[0][0]
    weights = None if block.weights is None else jnp.zeros_like(block.weights)
    table = None if weights is None else jnp.zeros((len(weights), model.network.reactions), weights.dtype)
    source = tuple(None if g is None else jnp.zeros_like(z) for g, z in zip(asked.integrals, zero, strict=True))
    return Adjoint(zero, lanes, lanes, source, jax.tree.map(jnp.zeros_like, block.leaves), weights, table, lanes)


def to_weights(model: Structure, adjoint: Adjoint) -> Real | None:
    """The derivative with respect to W."""
    if adjoint.weights is None or adjoint.table is None:
        return None
    return adjoint.weights + adjoint.table @ jnp.asarray(model.network.stoichiometry.T, adjoint.table.dtype)


class Pace(NamedTuple):
    """Which turn of the log is next, and which of the steps that its wait is parted into."""

    turn: Count
    """One more than its number."""
    step: Count
    steps: Count
    """How many, (lanes,)."""


Parts = list[Real | None]
"""Sections of numbers by species; None for what nothing is asked of."""


def sweep(
    model: Structure, method: Method, block: Block, asked: Asked, end: Lane, log: Log, adjoint: Adjoint
) -> Adjoint:
    """The adjoint at the start of a segment from that at its end."""
    table, turns = table_of(model, block.weights), len(log.dt)

    def load(pace: Pace) -> Event:
        event = Event(*(lax.dynamic_index_in_dim(leaf, pace.turn - 1, 0, keepdims=False) for leaf in log[:4]))
        return event._replace(reaction=jnp.where(pace.step == 0, event.reaction, NOTHING))

    def body(state: tuple[Pace, Event, Here]) -> tuple[Pace, Event, Here]:
        pace, event, here = state
        if here.log is not None:
            row = jnp.where(pace.step == 0, pace.turn - 1, turns)
            here = here._replace(log=lax.dynamic_update_index_in_dim(here.log, here.passed, row, 0))
        here = _cross(asked, method.exact, event, _undo(model, table, event, here))
        steps = pace.steps
        if method.relaxation is None:
            here, steps = _part(model, method, block, here, event, pace, log.taken)
            event = event._replace(dt=jnp.where(pace.step < steps, event.dt, 0) / steps.astype(event.dt.dtype))
        last = pace.step + 1 >= jnp.max(steps)
        pace = Pace(pace.turn - last, jnp.where(last, 0, pace.step + 1), steps)
        return pace, load(pace), step_back(model, method, block, here, event)

    def more(state: tuple[Pace, Event, Here]) -> Flag:
        return (state[0].turn > 0) & witness(state[2].work) & witness(state[0].steps)

    pace = Pace(log.taken, jnp.int32(0), jnp.ones_like(end.border))
    here = lax.while_loop(more, body, (pace, load(pace), _start(model, method, end, turns, adjoint)))[2]
    return _with_weights(log, here)


def _start(model: Structure, method: Method, end: Lane, turns: int, adjoint: Adjoint) -> Here:
    """The end of a segment."""
    nothing = None if end.inputs is None else jnp.zeros_like(end.inputs)
    counts, zero = split(model.cuts, end.counts), jnp.zeros_like(end.since)
    numbers = (zero,) * (1 if method.relaxation is None else 5)
    work = Work(Event(end.border, zero, zero, zero), numbers, nothing, tuple(map(jnp.zeros_like, counts)), nothing)
    passed = None if nothing is None else jnp.zeros((turns + 1, *nothing.shape), nothing.dtype)
    due = tuple(map(jnp.zeros_like, counts)) if method.exact else None
    return Here(counts, end.inputs, end.border, end.events, adjoint, due, nothing, passed, work)


def _part(
    model: Structure, method: Method, block: Block, here: Here, event: Event, pace: Pace, turns: Count
) -> tuple[Here, Count]:
    """Into how many steps a wait is parted, by a look at the flow: at each turn, or now and then in large networks."""
    often = 1 if len(model.network.species) <= SMALL else _SELDOM
    look = (pace.step == 0) & ((pace.turn % often == 0) | (pace.turn == turns))
    old = here.adjoint.growth
    now = lax.cond(look, lambda: growth(model, block, here), lambda: old)
    steps = jnp.ceil(jnp.minimum(event.dt * now / method.reach, _MOST_STEPS)).astype(jnp.int32)
    steps = jnp.where(pace.step == 0, jnp.maximum(steps, 1), pace.steps)
    return here._replace(adjoint=here.adjoint._replace(growth=now)), steps


def _with_weights(log: Log, here: Here) -> Adjoint:
    """What the segment adds to the derivative with respect to W.

    That is a sum of products of du and the counts, over the waits; by parts, the sum of du over later waits times what each
    reaction changes, and over all waits times the counts at the start.
    """
    adjoint = here.adjoint
    if here.passed is None or here.log is None or adjoint.weights is None or adjoint.table is None:
        return adjoint
    log_of_sums = here.log[:-1]
    turns, features, lanes = log_of_sums.shape
    fired = (log.reaction >= 0) & (np.arange(turns, dtype=np.int32)[:, None] < log.taken)
    number = jnp.where(fired, log.reaction, adjoint.table.shape[1]).reshape(-1)
    sums = jnp.moveaxis(log_of_sums, 1, 0).reshape(features, turns * lanes)
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
    counts = fire(model, here.counts, event.reaction, sign=-1)
    return here._replace(counts=counts, inputs=inputs, events=here.events - (event.reaction >= 0))


def _cross(asked: Asked, exact: bool, event: Event, here: Here) -> Here:
    """Lanes that reached a border in this turn enter its interval, and take up what is asked of their counts there."""
    stops, adjoint = event.reaction == BORDER, here.adjoint
    at = here.border - stops

    def at_border(values: Array) -> Array:
        found = stops[None] & (np.arange(len(values), dtype=np.int32)[:, None] == at[None])
        return jnp.where(found[:, None], values, 0).sum(0)

    def enter(now: tuple[Parts, Parts]) -> tuple[Parts, Parts]:
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
    due = None
    if exact:
        due = tuple(
            jnp.zeros_like(c) if g is None else at_border(g) for c, g in zip(adjoint.counts, asked.counts, strict=True)
        )
    return here._replace(border=at, adjoint=adjoint._replace(source=tuple(source), counts=counts), due=due)
