"""What a lane of a network with continuous variables holds of them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base.clock import Time
from jumpax._base.trees import select
from jumpax._base.types import Count, Flag, Real
from jumpax.networks import Network

TOLERANCE = {"float32": 2.0**-20, "float64": 2.0**-34}
"""Error of a step, relative to each variable or to what it gains, and to the unit exponential: 1e-6 and 6e-11."""
LARGEST_STEP = 2.0**60
SMALLEST = {"float32": 1.0, "float64": 2.0**-53}
"""A step breaks the flow if this much of it does not move the clock, whose numbers are pairs: in float64 one beyond a bit of the time."""

MOST_STEPS = 2**20
"""Tried between two jumps. More are those of a flow that is very stiff, or of a variable whose rate is rounding errors alone."""


class Flowing(NamedTuple):
    """Where the next step of the flow begins, at `Lane.time`. What is seen at a stop within a step is in `Happening.values`."""

    base: tuple[Time, ...]
    """Values, in the order of `Network.flows`: each the sum of two numbers, so that many small steps add up."""
    spent: Time
    """The integral of the total propensity since the last reaction."""
    length: Real
    """Of the next step, if nothing limits it."""
    tried: Count
    """Steps since the last reaction or event."""
    fault: Count
    """What went wrong, a code of `Status`; or RUNNING."""


class Flowed(NamedTuple):
    """What a turn does to continuous variables."""

    state: Flowing
    """After it."""
    values: tuple[Real, ...]
    """Where the turn ends."""
    held: tuple[Flag, ...]
    """`Happening.held` there."""
    moves: Flag
    """Whether the next step begins there, since a step has ended or something happens."""
    length: Real
    """Of the step that was tried."""
    end: Real
    """The part of it after which the turn ends."""


def at_rest(values: Sequence[Real]) -> Flowing:
    """At the start of a path."""
    nothing = jnp.zeros_like(values[0])
    base = tuple(Time(value, nothing) for value in values)
    none = jnp.zeros_like(nothing, np.int32)
    return Flowing(base, Time(nothing, nothing), nothing + 1.0, none, none)


def resumed(flowing: Flowing, values: Sequence[Real], changed: Flag) -> Flowing:
    """After an event: from the values that it has set."""
    base = [
        select(changed & (one.high != value), Time(value, jnp.zeros_like(value)), one)
        for one, value in zip(flowing.base, values)
    ]
    return flowing._replace(base=tuple(base))


def begun_anew(flowing: Flowing, here: Flag) -> Flowing:
    """With the wait for the next reaction begun anew, where that is so."""
    return flowing._replace(spent=Time(*(jnp.where(here, jnp.zeros_like(part), part) for part in flowing.spent)))


def known(network: Network, theta: Mapping[str, Real], values: Sequence[Real]) -> dict[str, Real]:
    """Parameters, with these values of what flows."""
    return {**theta, **dict(zip(network.flowing, values))}
