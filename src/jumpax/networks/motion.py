"""Continuous variables of a network in motion, and the integral of its total propensity along them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import jax.numpy as jnp

from jumpax._base import runge_kutta
from jumpax._base.runge_kutta import Slope, Slopes, Step
from jumpax._base.shares import pin
from jumpax._base.types import Real
from jumpax.networks.expressions.expression import evaluate

if TYPE_CHECKING:
    from jumpax.networks.network import Network


def slope(network: "Network", levels: tuple[Real, ...], theta: Mapping[str, Real]) -> Slope:
    """Rates of change of what flows, in the order of `Network.flows`, and the total propensity, while counts stay the same.

    Args:
        network: whose flows and laws are read.
        levels: counts, as floats.
        theta: parameters; what flows is read from the values.

    Returns:
        Function of values and the time; the total propensity is NaN where one propensity is negative.
    """

    def at(values: Slopes, time: Real) -> Slopes:
        here = {**theta, **dict(zip(network.flowing, values))}
        known = {**here, **dict(zip(network.species, levels, strict=True))}
        none = jnp.zeros_like(time)
        rates = tuple(jnp.asarray(evaluate(flow.rate, known, time), none.dtype) + none for flow in network.flows)
        total = none
        for propensity in network.propensities(levels, here, time):
            total = total + pin(propensity)
        return (*rates, total)

    return at


def step(
    network: "Network",
    levels: tuple[Real, ...],
    theta: Mapping[str, Real],
    time: Real,
    length: Real,
    first: Slopes | None = None,
) -> Step:
    """A step of a length from the values in theta: of what flows, and of the integral of the total propensity, which comes last."""
    move = slope(network, levels, theta)
    values = (*(theta[name] for name in network.flowing), jnp.zeros_like(time))
    return runge_kutta.step(move, values, move(values, time) if first is None else first, time, length)
