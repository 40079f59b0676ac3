"""Exact paths of a `VectorNetwork`, with pathwise gradients in reverse mode."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jumpax._base import random
from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax.engines.vector_rates import Leaves, Structure, structure
from jumpax.engines.vector_run import Block, Plan, run, segment_again
from jumpax.folds.relaxation import Relaxation
from jumpax.gradients.straight_through import StraightThrough
from jumpax.gradients.trapezoidal_tangent import TrapezoidalTangent
from jumpax.gradients.vector_steps import Method
from jumpax.gradients.vector_sweep import SMALL, ask, no_adjoint, sweep, to_weights
from jumpax.networks import VectorNetwork

LANES = 128
"""Paths that run together in one block."""
TURNS = 128
"""Turns of a segment: what is logged at a time in the backward pass."""


class VectorPaths(NamedTuple):
    """What was asked of exact paths."""

    windows: Float[Array, "paths windows species"]
    """Time averages of the counts over the windows."""
    counts: Float[Array, "paths times species"]
    """Counts at the times, right-continuous."""
    events: Int[Array, " paths"]
    """Reactions fired."""
    status: Int[Array, " paths"]
    """`jumpax.Status`; a fault from 4 on. Windows and counts that a faulty path did not reach are NaN."""


def vector_paths(
    network: VectorNetwork,
    params: Mapping[str, Any],
    x0: Any,
    *,
    paths: int,
    key: PRNGKeyArray | int,
    windows: Sequence[tuple[float, float]] = (),
    times: Sequence[float] = (),
    per_path: Sequence[str] = (),
    observe: Sequence[str | int] | None = None,
    gradient: Any = "trapezoidal",
    start: float = 0.0,
    max_events: int = 1_000_000,
    checkpoints: int = 32,
    lanes: int = LANES,
) -> VectorPaths:
    """Draw exact paths; windows and counts are differentiable functions of params."""
    stops, borders = _borders(windows, times, start)
    method = _method(gradient, times, len(network.species) <= SMALL)
    seen = _observed(network, observe)
    model = structure(network, params, tuple(per_path), paths, seen)
    real = jnp.zeros((), float).dtype
    leaves = [jnp.asarray(leaf, real) for leaf in jax.tree.leaves(dict(params))]
    counts = jnp.broadcast_to(jnp.asarray(x0, real), (paths, len(network.species)))
    plan = Plan(seen, borders, float(start), max_events, TURNS, checkpoints)
    size = min(lanes, 16 * -(-paths // 16))
    setting = _Setting(model, plan, method, tuple(per_path), paths, size)
    integrals, at, events, status = _paths(setting, leaves, counts, random.key_words(key))
    lengths = np.array([[a < b <= c for b in borders] for a, c in windows], float).reshape(-1, len(borders))
    lengths /= np.array([c - a for a, c in windows])[:, None]
    means = [sum(w * integrals[:, j] for j, w in enumerate(row) if w) for row in lengths]
    empty = jnp.zeros((paths, 0, len(seen)), real)
    return VectorPaths(
        jnp.stack(means, 1) if means else empty,
        at[:, np.array(stops, int)] if stops else empty,
        events,
        status,
    )


def window_means(network: VectorNetwork, params: Mapping[str, Any], x0: Any, **options: Any) -> Array:
    """Time averages of `vector_paths`."""
    return vector_paths(network, params, x0, **options).windows


def _borders(windows: Any, times: Any, start: float) -> tuple[list[int], tuple[float, ...]]:
    ends = sorted({float(t) for pair in windows for t in pair if t > start} | {float(t) for t in times})
    return [ends.index(float(t)) for t in times], tuple(ends)


def _method(gradient: Any, times: Any, small: bool) -> Method:
    """The adjoint asked for."""
    if isinstance(gradient, str) and gradient == "trapezoidal":
        return Method(None, 4, 0.3) if small else Method(None, 2, 0.15)
    if isinstance(gradient, TrapezoidalTangent | StraightThrough) and gradient.control is not None:
        raise UnsupportedError("controls are not available for vector networks: leave out control=...")
    if isinstance(gradient, TrapezoidalTangent):
        return Method(None, 4, gradient.reach)
    if isinstance(gradient, StraightThrough):
        if gradient.relaxation == "conditional":
            raise UnsupportedError(
                "the relaxation 'conditional' is not available for vector networks; its limit of low temperature is "
                "'reinmax'"
            )
        if len(times) and gradient.horizon != "state":
            raise UnsupportedError(
                "straight-through gradients of vector networks are those of windows; for counts at times give "
                "StraightThrough(horizon='state'), which is wrong in transients, or gradient='trapezoidal'"
            )
        return Method(Relaxation(gradient.relaxation, gradient.temperature))
    raise InputError(
        f"gradient must be 'trapezoidal', TrapezoidalTangent(...) or StraightThrough(...); got {gradient!r}"
    )


def _observed(network: VectorNetwork, observe: Any) -> tuple[int, ...]:
    if observe is None:
        return tuple(range(len(network.species)))
    out = []
    for name in observe:
        if isinstance(name, str):
            if name not in network.species:
                raise InputError(unknown_name("species", name, network.species))
            name = network.species.index(name)
        out.append(int(name))
    return tuple(out)


class _Setting(NamedTuple):
    """What is static in a call."""

    model: Structure
    plan: Plan
    method: Method
    per_path: tuple[str, ...]
    paths: int
    size: int
    """Lanes of a block."""

    @property
    def blocks(self) -> int:
        return -(-self.paths // self.size)


def _split(setting: _Setting, leaf: Array) -> Array:
    """(paths, ...) as (blocks, ..., lanes), the last path repeated where there is none."""
    rest = setting.blocks * setting.size - len(leaf)
    if rest:
        leaf = jnp.concatenate([leaf, jnp.repeat(leaf[-1:], rest, 0)])
    return jnp.moveaxis(leaf.reshape(setting.blocks, setting.size, *leaf.shape[1:]), 1, -1)


def _join(setting: _Setting, leaf: Array) -> Array:
    """(blocks, ..., lanes) as (paths, ...)."""
    leaf = jnp.moveaxis(leaf, -1, 1)
    return leaf.reshape(-1, *leaf.shape[2:])[: setting.paths]


def _block(setting: _Setting, leaves: Sequence[Array], weights: Any, words: Any, own: Any) -> Block:
    """One block of paths from the shared leaves and what is of its own: number, start, leaves."""
    number, counts, laned_own = own
    laned, shared, mine = [], [], iter(laned_own)
    for kind, leaf in zip(setting.model.kinds, leaves, strict=True):
        if kind == "path":
            laned.append(next(mine))
        elif kind == "spread":
            laned.append(jnp.broadcast_to(leaf[:, None], (*leaf.shape, setting.size)))
        elif kind == "shared":
            shared.append(leaf)
    index = number * setting.size + jnp.arange(setting.size)
    return Block(
        Leaves(tuple(laned), tuple(shared)), weights, counts, index.astype(jnp.uint32), index < setting.paths, words
    )


def _own(setting: _Setting, leaves: Sequence[Array], counts: Array) -> Any:
    laned = [_split(setting, x) for kind, x in zip(setting.model.kinds, leaves, strict=True) if kind == "path"]
    return jnp.arange(setting.blocks), _split(setting, counts), laned


def _weights(setting: _Setting, leaves: Sequence[Array]) -> Any:
    network, model = setting.model.network, setting.model
    if network.features is None:
        return None
    params = jax.tree.unflatten(model.tree, leaves)
    return network.features({k: v for k, v in params.items() if k not in setting.per_path})


def _results(setting: _Setting, outcome: Any) -> Any:
    records = outcome.records
    return jax.tree.map(
        lambda x: _join(setting, x), (records.integrals, records.counts, outcome.lane.events, outcome.status)
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _paths(setting: _Setting, leaves: Any, counts: Any, words: Any) -> Any:
    """Integrals and counts at borders, events, status; one row per path."""
    return _draw(setting._replace(plan=dataclasses.replace(setting.plan, kept=0)), leaves, counts, words)[0]


@functools.partial(jax.jit, static_argnums=0)
def _draw(setting: _Setting, leaves: Any, counts: Any, words: Any) -> Any:
    weights = _weights(setting, leaves)

    def one(own: Any) -> Any:
        return run(setting.model, setting.plan, _block(setting, leaves, weights, words, own))

    outcome = lax.map(one, _own(setting, leaves, counts))
    return _results(setting, outcome), outcome.kept


def _forward(setting: _Setting, leaves: Any, counts: Any, words: Any) -> Any:
    out, kept = _draw(setting, leaves, counts, words)
    return out, (leaves, counts, words, kept)


@functools.partial(jax.jit, static_argnums=0)
def _backward(setting: _Setting, saved: Any, cotangents: Any) -> Any:
    leaves, counts, words, kept = saved
    model, plan = setting.model, setting.plan
    weights = _weights(setting, leaves)

    asked_all = tuple(_split(setting, g) for g in cotangents[:2])

    def one(total: Any, given: Any) -> Any:
        own, asked, kept = given
        alive = own[0] * setting.size + jnp.arange(setting.size) < setting.paths
        asked = ask(model, plan, *(jnp.where(alive[None, None], leaf, 0) for leaf in asked))
        block = _block(setting, leaves, weights, words, own)

        def segment(state: Any) -> Any:
            number, adjoint = state[0] - 1, state[1]
            end, log = segment_again(model, plan, block, kept, number)
            return number, sweep(model, setting.method, block, asked, end, log, adjoint)

        start = (kept.used, no_adjoint(model, block, asked))
        _, adjoint = lax.while_loop(lambda state: state[0] > 0, segment, start)
        laned, mine = iter(adjoint.leaves.laned), []
        shared = iter(adjoint.leaves.shared)
        common = []
        for kind in model.kinds:
            if kind == "path":
                mine.append(next(laned))
            elif kind == "spread":
                common.append(next(laned).sum(-1))
            elif kind == "shared":
                common.append(next(shared))
        total = jax.tree.map(jnp.add, total, (common, to_weights(model, adjoint)))
        return total, mine

    own = _own(setting, leaves, counts)
    zero = [jnp.zeros_like(x) for kind, x in zip(model.kinds, leaves, strict=True) if kind in ("spread", "shared")]
    nothing = None if weights is None else jnp.zeros_like(weights)
    (common, down), mine = lax.scan(one, (zero, nothing), (own, asked_all, kept))
    common, mine, out = iter(common), iter(mine), []
    for kind, leaf in zip(model.kinds, leaves, strict=True):
        if kind == "path":
            out.append(_join(setting, next(mine)))
        else:
            out.append(jnp.zeros_like(leaf) if kind == "unused" else next(common))
    if weights is not None:
        _, pull = jax.vjp(lambda leaves: _weights(setting, leaves), leaves)
        out = jax.tree.map(jnp.add, out, pull(down)[0])
    return out, None, None


_paths.defvjp(_forward, _backward)
