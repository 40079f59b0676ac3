"""Propensities at real counts."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jumpax.networks import Network


def rates(
    network: Network, counts: Float[Array, " species"], theta: Mapping[str, Any], time: Any, least: float = 0.0
) -> Float[Array, " reactions"]:
    """The laws of a network as they are written, for counts between whole numbers, too; nowhere negative.

    A + A -> ... at k A (A - 1) / 2 has that propensity, and 0 for less than one molecule, where the product is negative.

    Args:
        network: without families.
        counts: real numbers; negative ones are taken for 0.
        theta: a number each.
        time: a number.
        least: laws are looked at no lower than this: slopes of fractional powers are infinite at 0.
    """
    at = tuple(jnp.maximum(counts, least))
    made = network.propensities(at, theta, jnp.asarray(time, counts.dtype))
    return jnp.maximum(jnp.stack([jnp.asarray(a, counts.dtype) for a in made]), 0.0)
