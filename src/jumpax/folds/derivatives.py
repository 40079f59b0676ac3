"""Derivatives of the rate laws, shared by the folds that carry a gradient."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base.types import Count, Flag, Real
from jumpax.networks import Network


def levels(counts: Sequence[Count], like: Real) -> tuple[Real, ...]:
    """Counts as floating numbers of the type of `like`.

    They pass through a select, so that a compiler cannot share the engine's own products of counts with the fold: how a
    shared product is rounded depends on what else reads it, and paths must not depend on folds.
    """
    return tuple(jnp.where(c >= 0, c.astype(like.dtype), jnp.full_like(like, jnp.nan)) for c in counts)


def _propensity(network: Network, index: int, counts: Sequence[Real], theta: Mapping[str, Real], now: Real) -> Real:
    reaction = network.reactions[index]
    values = dict(zip(network.species, counts, strict=True))
    return jnp.asarray(reaction.propensity(values, theta, now), counts[0].dtype)


def parameter_derivatives(
    network: Network, wrt: Sequence[str], counts: Sequence[Real], theta: Mapping[str, Real], now: Real
) -> list[dict[str, Real]]:
    """Derivatives d a_r / d theta_p for each reaction r, for the names of `wrt` that its law reads; elementwise.

    Shapes: one scalar (or one entry per lane) for each (r, p); units 1/time over the unit of the parameter.
    """
    out = []
    for index, reaction in enumerate(network.reactions):
        row = {}
        for name in reaction.law.parameters:
            if name in wrt:

                def law(value: Real, name: str = name, index: int = index) -> Real:
                    return _propensity(network, index, counts, {**theta, name: value}, now)

                row[name] = jax.jvp(law, (theta[name],), (jnp.ones_like(theta[name]),))[1]
        out.append(row)
    return out


def count_derivatives(
    network: Network, counts: Sequence[Real], theta: Mapping[str, Real], now: Real
) -> list[dict[int, Real]]:
    """Derivatives d a_r / d x_d for each reaction r and the species d that its law reads, by the law's smooth extension."""
    out = []
    for index in range(len(network.reactions)):
        row = {}
        for d in map(network.species.index, network.reads(index)):

            def law(value: Real, d: int = d, index: int = index) -> Real:
                return _propensity(network, index, (*counts[:d], value, *counts[d + 1 :]), theta, now)

            row[d] = jax.jvp(law, (counts[d],), (jnp.ones_like(counts[d]),))[1]
        out.append(row)
    return out


def chosen(flags: Sequence[Flag], values: Sequence[Real | Count | None], like: Real | Count) -> Real | Count:
    """The value of the reaction that fired; 0 if none did or it has none."""
    total = jnp.zeros_like(like)
    for flag, value in zip(flags, values, strict=True):
        if value is not None:
            total = total + jnp.where(flag, value, np.zeros((), like.dtype))
    return total
