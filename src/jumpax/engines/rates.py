"""Propensities of a state, and a number that their sum does not exceed until the next event."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp

from jumpax._base.shares import cumulate, pin
from jumpax._base.types import Count, Real
from jumpax.engines.program import Program
from jumpax.networks.ceiling import ceilings

INFINITY = float("inf")


def propensities(
    program: Program, counts: Sequence[Count], theta: Mapping[str, Real], now: Real, pinned: bool
) -> tuple[Real, ...]:
    """Propensities of all reactions; if pinned, NaN where a law gives a negative number."""
    levels = tuple(c.astype(program.dtype) for c in counts)
    values = (jnp.asarray(a, program.dtype) for a in program.network.propensities(levels, theta, now))
    return tuple(pin(a) if pinned else a for a in values)


def ceiling(program: Program, counts: Sequence[Count], theta: Mapping[str, Real], now: Real, pinned: bool) -> Real:
    """What the total propensity does not exceed until the next event, found from the laws; infinite if nothing is found."""
    levels = tuple(c.astype(program.dtype) for c in counts)
    tops = ceilings(program.network, levels, theta, now)
    steady = propensities(program, counts, theta, now, pinned)
    total = cumulate([a if top is None else pin(top) for a, top in zip(steady, tops, strict=True)])[-1]
    return jnp.where(total < INFINITY, total, jnp.full_like(total, INFINITY))  # what is not a number, too
