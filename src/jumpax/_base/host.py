"""What is not traced is computed by NumPy: every little program of XLA would take some 20 ms to compile."""

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import core
from jaxtyping import PyTree

from jumpax._base.types import Numeric


def is_traced(tree: PyTree) -> bool:
    """Whether a tree has numbers that are not known yet."""
    return any(isinstance(leaf, core.Tracer) for leaf in jax.tree.leaves(tree))


def is_staged() -> bool:
    """Whether JAX is at work on a program that runs later, so that even known numbers become part of it."""
    return isinstance(jax.device_put(np.float32(0)), core.Tracer)


def library_of(*trees: PyTree) -> ModuleType:
    """`jax.numpy` for what is traced, else `numpy`."""
    return jnp if is_traced(trees) else np


def array_of(value: Numeric, dtype: np.dtype | type[np.generic]) -> Any:
    """A number or array as an array of a type: on the host, unless it is traced.

    Examples:
        >>> array_of(1.5, "float32").dtype
        dtype('float32')
    """
    return jnp.asarray(value).astype(dtype) if is_traced(value) else np.asarray(value).astype(dtype)
