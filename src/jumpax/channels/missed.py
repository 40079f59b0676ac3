"""Sojourns in records in which short events are missed: a delay equation, solved window by window."""

import functools
from typing import NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jumpax.channels.exponential import exponential
from jumpax.channels.gating import Gating
from jumpax.channels.sojourns import AbstractSojourns, between

NODES = 16
"""Of a window of one dead time, at least: enough for rates of 16 / dead time."""


class Windows(NamedTuple):
    """Where durations lie among windows of one dead time, the first of which begins when a dwell is seen."""

    later: Bool[np.ndarray, " durations"]
    """Whether beyond the first window."""
    shape: Float[np.ndarray, "durations nodes"]
    """Weights of the nodes of a window at the end of the dwell."""
    place: Int[np.ndarray, " durations"]
    """Which of the distinct numbers of steps from the first window to the one before the last."""
    bits: Bool[np.ndarray, "bits numbers"]
    """Of these numbers, the lowest first."""


def prepared(durations: Float[np.ndarray, " durations"], dead_time: float, nodes: int) -> Windows:
    """Durations as `ResolvedSojourns` takes them."""
    seen = np.maximum(durations - dead_time, 0.0) / dead_time
    window = np.floor(seen).astype(int)
    numbers, place = np.unique(np.maximum(window - 1, 0), return_inverse=True)
    bits = numbers >> np.arange(int(numbers.max(initial=0)).bit_length())[:, None] & 1 > 0
    return Windows(window >= 1, _interpolation(seen - window, nodes), place, bits)


@final
class ResolvedSojourns(AbstractSojourns):
    """Only stays of at least the dead time are seen: a level goes on being seen until another lasts that long.

    Let x(u) be the law of the state, and of still being seen at level a, a time u after the dwell was seen to begin,
    which is the dead time after it began. Stays at other levels count while they are shorter than the dead time d; one
    that began d ago without ending leaves: `x' = Q x - K x(u - d)`, with K = exp(Q_bb d) Q_bc into levels b other than
    a from the states c of all others. This is exact, for any number of levels. Over a window of length d the solution
    is a polynomial through Chebyshev nodes, collocated; one matrix takes it from a window to the next, and its powers to any.

    Source: Hawkes, Jalali and Colquhoun 1990, doi:10.1098/rsta.1990.0129 (the same law by Laplace transforms, two levels).
    """

    def __init__(self, gating: Gating, flow: Float[Array, "states states"], dead_time: float, nodes: int = NODES):
        self.gating, self.dead_time, self.nodes = gating, dead_time, nodes
        followed = jnp.abs(jnp.diag(flow)).max() * dead_time <= nodes
        self.flow = jnp.where(followed, flow, jnp.nan)
        moving = between(gating, self.flow)
        self._staying = exponential((self.flow - moving) * dead_time)
        self.jumps = self._staying @ moving
        self._gathered = self._solved(self.flow - moving, self._inner(moving))[-len(gating.levels) :]
        """Of stays at other levels that begin in a window, what is there at its end; from the nodes of the window."""

    def since(self, law):
        """See the contract."""
        return self._staying @ law

    def within(self, level, durations):
        """See the contract."""
        size, members = len(self.gating.levels), np.flatnonzero(self.gating.inside[level])
        first, onward, content = self._windows(level)
        carried, logs = _powers(onward[content], first[content][:, members].T, durations.bits)
        early = jnp.einsum("tn,nsm->tsm", durations.shape, first.reshape(self.nodes, size, size)[:, :, members])
        read = jnp.einsum("tn,nsc->tsc", durations.shape, onward.reshape(self.nodes, size, len(content)))
        late = jnp.einsum("tsc,tmc->tsm", read, carried[durations.place])
        made = jnp.where(durations.later[:, None, None], late, early)
        whole = jnp.zeros((len(made), size, size)).at[:, :, members].set(made)
        return whole, jnp.where(durations.later, logs[durations.place], 0.0)

    def _windows(self, level: int):
        """The solution at the nodes of the first window from each state, and of a later one from the content of the one before.

        The content, the third of what is returned, is the level itself at the end, and at all nodes the states from which
        other levels are reached. What is at other levels as a window begins is integrated anew from these: carried along,
        its rounding errors would die out no faster than stays there do, and outlive a short-lived level.
        """
        size, nodes, levels = len(self.gating.levels), self.nodes, self.gating.levels
        reached = self.gating.joined & (levels[:, None] != levels[None]) & (levels[:, None] != level)
        kept = np.zeros((nodes, size), bool)
        kept[-1], kept[1:, reached.any(0)] = levels == level, True
        content = np.flatnonzero(kept.ravel())
        forced = self._inner(-self.outside(level) * self.jumps)
        begun = self.outside(level) * self._gathered
        begun = begun.at[:, -size:].add(jnp.diag(jnp.asarray(self.gating.inside[level])))
        start = jnp.eye(nodes * size)[:, :size]
        right = forced + start @ begun
        made = self._solved(self.flow, jnp.concatenate([start, right[:, content]], 1))
        return made[:, :size], made[:, size:], content

    def _solved(
        self, flow: Float[Array, "states states"], right: Float[Array, "all columns"]
    ) -> Float[Array, "all columns"]:
        """Values at the nodes of a window of `x' = flow x + f`, from x at the first and f at the others."""
        size = len(self.gating.levels)
        slope = _differentiation(self.nodes) / self.dead_time
        slope[0] = np.eye(self.nodes)[0]
        return jnp.linalg.solve(jnp.kron(jnp.asarray(slope), jnp.eye(size)) - self._inner(flow), right)

    def _inner(self, matrix: Float[Array, "states states"]) -> Float[Array, "all all"]:
        """The same at all nodes but the first."""
        return jnp.kron(jnp.diag(jnp.r_[0.0, jnp.ones(self.nodes - 1)]), matrix)


def _powers(
    matrix: Float[Array, "content content"],
    start: Float[Array, "members content"],
    bits: Bool[np.ndarray, "bits numbers"],
) -> tuple[Float[Array, "numbers members content"], Float[Array, " numbers"]]:
    """`matrix^n start` for whole numbers n, by squaring, and the logarithms of the scales that were taken out."""

    def onward(now: tuple, bit: Bool[Array, " numbers"]):
        made, logs, power, log = now
        scale = jax.lax.stop_gradient(jnp.abs(power).max())
        power, log = power / scale, log + jnp.log(scale)
        made = jnp.where(bit[:, None, None], made @ power.T, made)
        return (made, jnp.where(bit, logs + log, logs), power @ power, 2 * log), None

    made = jnp.broadcast_to(start[None], (bits.shape[1], *start.shape))
    (made, logs, _, _), _ = jax.lax.scan(
        onward, (made, jnp.zeros(bits.shape[1]), matrix, jnp.zeros(())), jnp.asarray(bits)
    )
    return made, logs


@functools.cache
def _chebyshev(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Extreme points of a Chebyshev polynomial on [0, 1], and their barycentric weights."""
    order = np.arange(nodes)
    weights = np.where(order % 2, -1.0, 1.0)
    weights[[0, -1]] /= 2
    return np.sin(np.pi * order / (2 * (nodes - 1))) ** 2, weights


def _differentiation(nodes: int) -> Float[np.ndarray, "nodes nodes"]:
    """Derivatives at the nodes of the polynomial through them.

    Source: Berrut and Trefethen 2004, doi:10.1137/S0036144502417715.
    """
    at, weights = _chebyshev(nodes)
    gaps = at[:, None] - at[None] + np.eye(nodes)
    made = weights[None] / weights[:, None] / gaps
    np.fill_diagonal(made, 0.0)
    np.fill_diagonal(made, -made.sum(1))
    return made


def _interpolation(points: Float[np.ndarray, " points"], nodes: int) -> Float[np.ndarray, "points nodes"]:
    """Weights of the nodes in the value of the polynomial at points in [0, 1]."""
    at, weights = _chebyshev(nodes)
    gaps = points[:, None] - at[None]
    exact = gaps == 0
    made = weights[None] / np.where(exact, 1.0, gaps)
    made = np.where(exact.any(1)[:, None], exact.astype(float), made)
    return made / made.sum(1, keepdims=True)
