"""What a turn of a lane does, and its codes."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base.clock import Time
from jumpax._base.status import Status
from jumpax._base.types import Count, Flag, Real
from jumpax.engines.completions import Begun
from jumpax.engines.flowing import Flowed


class Decision(NamedTuple):
    """What a turn does.

    An engine on arrays must keep these as results of its loop body: XLA copies the producers of a value into each of
    its consumers unless the value is itself a result, and would then draw every wait once per array of the state.
    """

    propensities: tuple[Real, ...]
    arrival: Time
    horizon: Real
    """Time lived in the present state after this turn."""
    dt: Real
    """Time that this turn advances."""
    outcome: "Count | Fate"
    """Number of the reaction that fires, or one of the codes below; or the same as flags."""
    begun: Begun | None = None
    """What becomes of reactions under way, in networks with delays."""
    flowed: Flowed | None = None
    """What becomes of continuous variables, in networks with them."""


NULL, STOP, FAULT, NOTHING = -1, -2, -3, -4
"""Outcomes of a turn without a reaction: a null event of a bounded program; the stop is reached; something is wrong;
the path stands, or lives on to the cap of its fold."""


class Fate(NamedTuple):
    """An outcome as flags: vector registers with masks have no need of codes that are compared again and again."""

    happens: Flag
    """An event, of a reaction or null."""
    reached: tuple[Flag, ...]
    """For each number of a reaction: whether that reaction fires, or one after it."""
    status: Count
    """Status after the turn, as far as counts and folds have no say in it."""

    @property
    def fired(self) -> tuple[Flag, ...]:
        """One flag per reaction."""
        return single(self.reached)


def single(reached: Sequence[Flag]) -> tuple[Flag, ...]:
    """Which reaction fires, of the flags of all up to it."""
    return (*(flag & ~later for flag, later in itertools.pairwise(reached)), reached[-1])


def encode(fate: Count | Fate) -> Count:
    """Number of the reaction, or code, of a fate."""
    if not isinstance(fate, Fate):
        return fate
    code = jnp.where(fate.status == np.int32(Status.FAULTY), np.int32(FAULT), np.int32(NOTHING))
    code = jnp.where(fate.status == np.int32(Status.PARKED), np.int32(STOP), code)
    number = sum((flag.astype(jnp.int32) for flag in fate.reached), jnp.full_like(code, NULL))
    return jnp.where(fate.happens, number, code)


def decode(outcome: Count, reactions: int, status: Count) -> Fate:
    """The flags of an outcome of a lane with this status."""
    reached = tuple(outcome >= np.int32(number) for number in range(reactions))
    status = jnp.where(outcome == np.int32(STOP), np.int32(Status.PARKED), status)
    status = jnp.where(outcome == np.int32(FAULT), np.int32(Status.FAULTY), status)
    return Fate(outcome >= np.int32(NULL), reached, status)
