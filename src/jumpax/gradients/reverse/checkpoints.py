"""Runs of all blocks of paths as one function with a derivative in reverse mode: lanes are kept, segments drawn again."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PyTree

from jumpax._base import clock
from jumpax._base.errors import UnsupportedError
from jumpax._base.memory import check_memory
from jumpax._base.status import FIRST_FAULT
from jumpax._base.trees import Tree
from jumpax._base.types import Word
from jumpax.engines.arrays.rates import Structure, filled
from jumpax.engines.arrays.run import Block, Kept, Outcome, Plan, run, segment_again
from jumpax.gradients.reverse.steps import Adjoint, Method
from jumpax.gradients.reverse.sweep import ask, no_adjoint, sweep, to_weights

Own: TypeAlias = tuple[Array, Array, list[Array]]
"""What a block has of its own: its number, counts at the start, leaves; of all blocks, with one more axis in front."""


class Setting(NamedTuple):
    """What is static in a call."""

    model: Structure
    plan: Plan
    method: Method
    own: tuple[str, ...]
    """Names of the parameters that have a value for each path."""
    real: np.dtype
    """Type of real numbers."""
    paths: int
    size: int
    """Lanes of a block."""

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.paths // self.size)


Saved: TypeAlias = tuple[list[Array], Array, tuple[Word, Word], Kept, Array]
"""From the way forward for the way back: leaves, counts at the start, words, lanes that were kept, status."""


def _split(setting: Setting, leaf: Array) -> Array:
    """(paths, ...) as (blocks, ..., lanes), the last path repeated where there is none."""
    rest = setting.blocks * setting.size - len(leaf)
    if rest:
        leaf = jnp.concatenate([leaf, jnp.repeat(leaf[-1:], rest, 0)])
    return jnp.moveaxis(leaf.reshape(setting.blocks, setting.size, *leaf.shape[1:]), 1, -1)


def _join(setting: Setting, leaf: Array) -> Array:
    """(blocks, ..., lanes) as (paths, ...)."""
    leaf = jnp.moveaxis(leaf, -1, 1)
    return leaf.reshape(-1, *leaf.shape[2:])[: setting.paths]


def _block(
    setting: Setting, leaves: Sequence[Array], weights: Array | None, words: tuple[Word, Word], own: Own
) -> Block:
    """One block of paths from the shared leaves and what is of its own: number, start, leaves."""
    number, counts, laned = own
    mine = iter(laned)
    values = [next(mine) if kind == "path" else leaf for kind, leaf in zip(setting.model.kinds, leaves, strict=True)]
    index = number * setting.size + jnp.arange(setting.size)
    start = jax.tree.map(jnp.asarray, clock.split(np.array(setting.plan.start), counts.dtype))
    return Block(
        filled(setting.model.kinds, values, setting.size), weights, counts, index.astype(jnp.uint32),
        index < setting.paths, words, start,
    )  # fmt: skip


def _own(setting: Setting, leaves: Sequence[Array], counts: Array) -> Own:
    """What each block has of its own: its number, counts at the start, leaves; one more axis in front."""
    laned = [_split(setting, x) for kind, x in zip(setting.model.kinds, leaves, strict=True) if kind == "path"]
    return jnp.arange(setting.blocks), _split(setting, counts), laned


def _weights(setting: Setting, leaves: Sequence[Array]) -> Array | None:
    """W, if there are features."""
    network, model = setting.model.network, setting.model
    if network.features is None:
        return None
    theta = zip(model.names, leaves, strict=True)
    return network.features({name: v for name, v in theta if name not in setting.own}).astype(setting.real)


def _results(setting: Setting, outcome: Outcome) -> tuple[Array, ...]:
    """Integrals and counts at borders, events, status, one row per path; ones for a faulty path, where functions have slopes."""
    sound = (outcome.status < FIRST_FAULT)[:, None, None]
    found = [jnp.where(sound, leaf, 1) for leaf in (outcome.records.integrals, outcome.records.counts)]
    return jax.tree.map(lambda x: _join(setting, x), (*found, outcome.lane.events, outcome.status))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def paths_of(
    setting: Setting, leaves: list[Array], counts: Float[Array, "paths species"], words: tuple[Word, Word]
) -> tuple[Array, ...]:
    """Integrals and counts at borders, events, status; one row per path."""
    return _draw(setting._replace(plan=dataclasses.replace(setting.plan, kept=0)), leaves, counts, words)[0]


@functools.partial(jax.jit, static_argnums=0)
def _draw(
    setting: Setting, leaves: list[Array], counts: Float[Array, "paths species"], words: tuple[Word, Word]
) -> tuple[tuple[Array, ...], Kept]:
    """Results, and lanes kept."""
    weights = _weights(setting, leaves)

    def one(own: Own) -> Outcome:
        return run(setting.model, setting.plan, _block(setting, leaves, weights, words, own))

    outcome = lax.map(one, _own(setting, leaves, counts))
    return _results(setting, outcome), outcome.kept


def _forward(
    setting: Setting, leaves: list[Array], counts: Float[Array, "paths species"], words: tuple[Word, Word]
) -> tuple[tuple[Array, ...], Saved]:
    species, plan = counts.shape[1], setting.plan
    check_memory(
        f"{setting.paths:,} paths x {plan.kept} checkpoints x {species:,} species, kept for the gradient,",
        1.5 * counts.dtype.itemsize * setting.paths * plan.kept * (species + setting.model.features + 20),
        "Ask for fewer paths at once (with keys of their own)",
    )
    out, kept = _draw(setting, leaves, counts, words)
    return out, (leaves, counts, words, kept, out[3])


def _without_faults(block: Block, kept: Kept, sound: Array) -> tuple[Block, Kept]:
    """The block with a sound path in the place of each other one: where a state is not sound, 0 times a slope may be NaN."""
    lane = jnp.where(sound, jnp.arange(len(sound)), jnp.argmax(sound))

    def pick(tree: Tree) -> Tree:
        picked: Any = jax.tree.map(lambda leaf: leaf[..., lane], tree)
        return picked

    leaves = block.leaves._replace(laned=pick(block.leaves.laned))
    block = block._replace(leaves=leaves, counts=pick(block.counts), index=pick(block.index))
    return block, kept._replace(lanes=pick(kept.lanes), used=jnp.where(sound.any(), kept.used, 0))


def _adjoint(setting: Setting, block: Block, sound: Array, kept: Kept, asked: Sequence[Array]) -> Adjoint:
    """The adjoint of a block of paths at their start; zero for those that are not sound."""
    model, plan = setting.model, setting.plan
    cotangents = ask(model, plan, *(jnp.where(sound[None, None], leaf, 0) for leaf in asked))
    block, kept = _without_faults(block, kept, sound)

    def segment(state: tuple[Array, Adjoint]) -> tuple[Array, Adjoint]:
        number, adjoint = state[0] - 1, state[1]
        end, log = segment_again(model, plan, block, kept, number)
        return number, sweep(model, setting.method, block, cotangents, end, log, adjoint)

    start = (kept.used, no_adjoint(model, block, cotangents))
    return lax.while_loop(lambda state: state[0] > 0, segment, start)[1]


def _parted(model: Structure, adjoint: Adjoint) -> tuple[list[Array], list[Array]]:
    """Derivatives with respect to shared leaves, summed over the lanes, and to those of the paths."""
    laned, shared = iter(adjoint.leaves.laned), iter(adjoint.leaves.shared)
    common, own = [], []
    for kind in model.kinds:
        if kind == "path":
            own.append(next(laned))
        elif kind != "unused":
            common.append(next(laned).sum(-1) if kind == "spread" else next(shared))
    return common, own


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def _derivatives(setting: Setting, saved: Saved, cotangents: tuple[Array, Array]) -> list[Array]:
    """Derivatives with respect to the leaves; NaN where a faulty path was asked for one."""
    leaves, counts, words, kept, status = saved
    model = setting.model
    weights = _weights(setting, leaves)

    def one(total: PyTree[Array], given: tuple) -> tuple[PyTree[Array], list[Array]]:
        own, asked, kept, status = given
        block = _block(setting, leaves, weights, words, own)
        sound = block.alive & (status < FIRST_FAULT)
        wanted = functools.reduce(jnp.logical_or, [(leaf != 0).any((0, 1)) for leaf in asked])
        lost = jnp.where(block.alive & ~sound & wanted, jnp.nan, 0).astype(counts.dtype)
        adjoint = _adjoint(setting, block, sound, kept, asked)
        common, mine = _parted(model, adjoint)
        mine = [leaf + jnp.broadcast_to(lost, leaf.shape) for leaf in mine]
        return jax.tree.map(lambda *parts: sum(parts) + lost.sum(), total, (common, to_weights(model, adjoint))), mine

    zero = [jnp.zeros_like(x) for kind, x in zip(model.kinds, leaves, strict=True) if kind in ("spread", "shared")]
    nothing = None if weights is None else jnp.zeros_like(weights)
    asked, status = (jax.tree.map(lambda x: _split(setting, x), tree) for tree in (cotangents, status))
    (common, down), own = lax.scan(one, (zero, nothing), (_own(setting, leaves, counts), asked, kept, status))
    common, own, out = iter(common), iter(own), []
    for kind, leaf in zip(model.kinds, leaves, strict=True):
        if kind == "path":
            out.append(_join(setting, next(own)))
        else:
            out.append(jnp.zeros_like(leaf) if kind == "unused" else next(common))
    if weights is not None:
        _, pull = jax.vjp(lambda leaves: _weights(setting, leaves), leaves)
        out = jax.tree.map(jnp.add, out, pull(down)[0])
    return out


@_derivatives.defjvp
def _refuse(*_: object) -> NoReturn:
    raise UnsupportedError(
        "second derivatives of paths are not available: the derivative of a path is not that of a smooth function. "
        "Use a Gauss-Newton or Fisher matrix from first derivatives."
    )


def _backward(
    setting: Setting, saved: Saved, cotangents: tuple[Array | np.ndarray, ...]
) -> tuple[list[Array], None, None]:
    """Derivatives with respect to the leaves; none to counts at the start and the key."""
    return _derivatives(setting, saved, (jnp.asarray(cotangents[0]), jnp.asarray(cotangents[1]))), None, None


paths_of.defvjp(_forward, _backward)
