"""The carry of a fold keeps its kinds of numbers: engines hold it in places of one size, and would take the bits of one kind for another."""

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from jumpax._base.errors import InputError
from jumpax.folds.fold import AbstractFold
from jumpax.folds.together import Together


def carried(fold: AbstractFold, before: PyTree, after: PyTree) -> PyTree:
    """The carry after a hook, whose kinds are looked at while it is traced.

    Raises:
        InputError: it has others than the carry before, as `init` made them.
    """
    if isinstance(fold, Together) and isinstance(after, tuple) and len(after) == len(fold.folds):
        return tuple(carried(*each) for each in zip(fold.folds, before, after, strict=True))
    if (was := _kinds(before)) != (now := _kinds(after)):
        raise InputError(
            f"the fold {type(fold).__name__} begins with a carry of {was} and goes on with {now}: `init` must return what the other "
            "hooks return, for a sum of times 0.0 and not 0"
        )
    return after


def _kinds(carry: PyTree) -> str:
    leaves, structure = jax.tree.flatten(carry)
    return f"{structure.unflatten([jnp.result_type(leaf).name for leaf in leaves])}".replace("'", "")
