"""From unconstrained numbers to parameters: what a density gains, and what rounding spoils."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jumpax.inference.parameters import LOG_BOX, Numbers, Structure


def log_jacobian(structure: Structure, numbers: Numbers, u: Float[Array, " free"]) -> Float[Array, ""]:
    """Logarithm of the derivative of the parameters, added up."""
    total = jnp.zeros((), u.dtype)
    for i, scale in enumerate(structure.scales):
        both = jax.nn.log_sigmoid(u[i]) + jax.nn.log_sigmoid(-u[i])
        low, high = float(numbers.lower[i]), float(numbers.upper[i])
        if scale in ("log", "log_below"):
            total = total + u[i]
        elif scale == "logit":
            total = total + both + math.log(high - low)
        elif scale == LOG_BOX:
            width = math.log(high / low)
            total = total + both + math.log(width) + math.log(low) + width * jax.nn.sigmoid(u[i])
    return total


def sound(structure: Structure, numbers: Numbers, u: Float[Array, " free"], values: dict[str, Any]) -> Bool[Array, ""]:
    """Whether all values are finite, and those of free parameters between their bounds, as rounded."""
    good = jnp.isfinite(u).all()
    for value in values.values():
        good &= jnp.isfinite(jnp.asarray(value)).all()
    for i, name in enumerate(structure.free):
        good &= (values[name] > float(numbers.lower[i])) & (values[name] < float(numbers.upper[i]))
    return good
