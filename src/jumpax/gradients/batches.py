"""Batches under `jax.vmap`, however deep, as one leading axis."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from jumpax._base.trees import Tree
from jumpax._base.types import Numeric


def over_batches(work: Callable[..., Tree]) -> Callable[..., Tree]:
    """The function of single arguments that `work` computes for many at once.

    `work` gets arguments whose leaves have a leading axis, and returns such a tree. It is traced once: with an axis of length
    1, or, under any nesting of `jax.vmap`, with all axes as one. What it branches on therefore stays a number: `lax.cond` runs
    one branch, where plain `jax.vmap` would run both.

    Examples:
        >>> total = over_batches(lambda x: x.sum() + jnp.zeros(len(x)))
        >>> [int(x) for x in jax.vmap(total)(jnp.arange(3.0))]
        [3, 3, 3]
    """

    @jax.custom_batching.custom_vmap
    def many(*arguments: PyTree[Array]) -> Tree:
        return work(*arguments)

    @many.def_vmap
    def _more(size: int, batched: Sequence[PyTree[bool]], *arguments: PyTree[Array]) -> tuple[Tree, PyTree[bool]]:
        rows = jax.tree.map(
            lambda leaf, has: leaf if has else jnp.broadcast_to(leaf, (size, *leaf.shape)), arguments, tuple(batched)
        )
        made = many(*jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[0] * leaf.shape[1], *leaf.shape[2:]), rows))
        made = jax.tree.map(lambda leaf: leaf.reshape(size, leaf.shape[0] // size, *leaf.shape[1:]), made)
        return made, jax.tree.map(lambda _: True, made)

    def one(*arguments: PyTree[Numeric]) -> Tree:
        made = many(*jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], arguments))
        return jax.tree.map(lambda leaf: leaf[0], made)

    return one
