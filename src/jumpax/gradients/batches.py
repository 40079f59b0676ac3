"""Batches under `jax.vmap`, however deep, as one leading axis."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def over_batches(work: Callable[..., Any]) -> Callable[..., Any]:
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
    def many(*arguments: Any) -> Any:
        return work(*arguments)

    @many.def_vmap
    def _more(size: int, batched: Any, *arguments: Any) -> tuple[Any, Any]:
        rows = jax.tree.map(
            lambda leaf, has: leaf if has else jnp.broadcast_to(leaf, (size, *leaf.shape)), arguments, tuple(batched)
        )
        made = many(*jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[0] * leaf.shape[1], *leaf.shape[2:]), rows))
        made = jax.tree.map(lambda leaf: leaf.reshape(size, leaf.shape[0] // size, *leaf.shape[1:]), made)
        return made, jax.tree.map(lambda _: True, made)

    def one(*arguments: Any) -> Any:
        made = many(*jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], arguments))
        return jax.tree.map(lambda leaf: leaf[0], made)

    return one
