"""What happens to the law of the states while the record stays at a level, and as it moves on to the next."""

import abc
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax.channels.exponential import exponential
from jumpax.channels.gating import Gating, balanced


class AbstractSojourns(abc.ABC):
    """Transition matrices of a record at given rates.

    Attributes:
        gating: the scheme.
        flow: Q of `dp/dt = Q p`.
        jumps: (states, states): density of seeing the record move on to the state (row) from a state of another level.
    """

    gating: Gating
    flow: Float[Array, "states states"]
    jumps: Float[Array, "states states"]

    @abc.abstractmethod
    def within(self, level: int, durations: Any) -> tuple[Float[Array, "many states states"], Float[Array, " many"]]:
        """Law of the state at the end of dwells seen so far, from the states in which they were seen to begin.

        Args:
            level: of the dwells.
            durations: what the function `prepared` of the same module makes of them.

        Returns:
            matrices, and logarithms of what they are to be multiplied by: constants to derivatives.
        """

    @abc.abstractmethod
    def since(self, law: Float[Array, " states"]) -> Float[Array, " states"]:
        """The law once a dwell is seen to have begun, from one at its real beginning."""

    def outside(self, level: int) -> Float[Array, "states 1"]:
        """1 for the states of other levels."""
        return jnp.asarray(1.0 - self.gating.inside[level])[:, None]

    def entries(self) -> Float[Array, " states"]:
        """The stationary law of the state as a dwell is seen to begin, all levels together.

        A dwell of a level from x leaves `x' = Q x - K x(t - dead time)`, K being the jumps to other levels, of which the
        integral over all times is `(K - Q)^-1 x`.
        """
        size = len(self.gating.levels)
        chain = jnp.zeros((size, size))
        for level, inside in enumerate(self.gating.inside):
            leaving = self.outside(level) * self.jumps
            members = np.flatnonzero(inside)
            chain += (
                jnp.zeros((size, size)).at[:, members].set(leaving @ jnp.linalg.inv(leaving - self.flow)[:, members])
            )
        return balanced(chain - jnp.eye(size))


@final
class PlainSojourns(AbstractSojourns):
    """All events are seen: `exp(Q_aa t)`."""

    def __init__(self, gating: Gating, flow: Float[Array, "states states"]):
        self.gating, self.flow = gating, flow
        self.jumps = between(gating, flow)

    def within(self, level, durations):
        """See the contract."""
        members = np.flatnonzero(self.gating.inside[level])
        block, size = self.flow[np.ix_(members, members)], len(self.gating.levels)
        decay = _slowest(block)
        made = exponential((block + decay * jnp.eye(len(members)))[None] * durations[:, None, None])
        every = np.arange(len(durations))
        whole = jnp.zeros((len(durations), size, size)).at[np.ix_(every, members, members)].set(made)
        return whole, -decay * durations

    def since(self, law):
        """See the contract."""
        return law


def prepared(durations: Float[np.ndarray, " durations"]) -> Float[np.ndarray, " durations"]:
    """Durations as `PlainSojourns` takes them."""
    return durations


def between(gating: Gating, flow: Float[Array, "states states"]) -> Float[Array, "states states"]:
    """The rates of transitions between levels."""
    return jnp.where(jnp.asarray(gating.levels[:, None] != gating.levels[None]), flow, 0.0)


def _slowest(block: Float[Array, "states states"]) -> Float[Array, ""]:
    """The rate at which a class is left in the end, by squaring; a scale only, so that long dwells do not underflow."""
    held = jax.lax.stop_gradient(block)
    fastest = jnp.maximum(jnp.abs(jnp.diag(held)).max(), 1e-300)

    def square(_, now):
        power, log = now
        power = power @ power
        top = power.max()
        return power / top, 2 * log + jnp.log(top)

    _, log = jax.lax.fori_loop(0, 50, square, (exponential(held / fastest), jnp.zeros(())))
    return -log / 2.0**50 * fastest
