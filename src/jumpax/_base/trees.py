"""Trees of arrays, leaf by leaf."""

import functools
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jumpax._base.types import Flag

Tree = TypeVar("Tree")


def select(flag: Flag, new: Tree, old: Tree) -> Tree:
    """`new` where the flag is set, leaf by leaf.

    Examples:
        >>> import jax.numpy as jnp
        >>> [leaf.tolist() for leaf in select(jnp.array([True, False]), (1, 2.0), (3, 4.0))]
        [[1, 3], [2.0, 4.0]]
    """
    chosen: Any = jax.tree.map(functools.partial(jnp.where, flag), new, old)
    return chosen
