"""A start at a real number: paths from the whole numbers beside it, with the same words, weighed.

E(m) = (1 - w) E[f | n] + w E[f | n + 1],   n = floor(m),  w = m - n
d E / d theta = (1 - w) d E[f | n] / d theta + w d E[f | n + 1] / d theta + (d m / d theta) (E[f | n + 1] - E[f | n])
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jumpax.gradients.chunk import Chunk, Totals
from jumpax.networks.starts import AbstractStart


def mixed_values(start: AbstractStart, chunks: Sequence[Chunk]) -> Float[Array, "paths asked entries"]:
    """Values of each path and its neighbour, weighed: (paths, asked, entries)."""
    low, high = (chunk.values for chunk in chunks)
    return low + _share(start, chunks[0]) * (high - low)


def mixed_totals(start: AbstractStart, chunks: Sequence[Chunk], each: Sequence[Totals]) -> Totals:
    """Gradient contributions of both, weighed, and what their difference says of the real number.

    The three parts come from the same words, so that their errors may add up: squares are taken as if they did, from above.
    """
    first, share = chunks[0], _share(start, chunks[0])
    slope = _slope(start, first)
    step = first.totals((chunks[1].values - chunks[0].values)[..., None] * slope[None, None, None])
    low, high = each

    def above(a: Array, b: Array, c: Array) -> Array:
        return ((1 - share) * jnp.sqrt(a) + share * jnp.sqrt(b) + jnp.sqrt(c)) ** 2

    tail = None
    if step.tail is not None:
        nothing = jnp.zeros_like(step.tail)
        below, beyond = (nothing if one.tail is None else one.tail for one in (low, high))
        tail = above(below, beyond, step.tail)
    return Totals(
        (1 - share) * low.gradient + share * high.gradient + step.gradient, above(low.square, high.square, step.square),
        above(low.peak, high.peak, step.peak), tail,
    )  # fmt: skip


def _share(start: AbstractStart, chunk: Chunk) -> Float[Array, ""]:
    real = jnp.asarray(start.real(chunk.theta), chunk.values.dtype)
    return real - jnp.floor(real)


def _slope(start: AbstractStart, chunk: Chunk) -> Float[Array, " parameters"]:
    """D m / d theta, (parameters,)."""
    kind = chunk.values.dtype
    moving = {name: chunk.theta[name] for name in chunk.wrt if name in start.parameters}
    found = jax.grad(lambda own: jnp.asarray(start.real({**chunk.theta, **own}), kind))(moving)
    return jnp.stack([found[name].astype(kind) if name in found else jnp.zeros((), kind) for name in chunk.wrt])
