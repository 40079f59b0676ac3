"""Markov chains on likelihoods that are estimated: pseudo-marginal Metropolis steps, with a drift or without."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt32

from jumpax._base import random
from jumpax.inference.posterior.target import AbstractTarget, Points

MOST = 4.0
"""Longest drift, in units of the step: slopes far out are large and tell nothing of the bulk."""


class State(NamedTuple):
    """Where chains stand, and all that was estimated there: it is kept until a step is accepted."""

    points: Points
    log_prior: Float[np.ndarray, " chains"]
    log_likelihood: Float[np.ndarray, " chains"]
    slopes: Points
    """Of the logarithm of the posterior; 0 without a drift."""

    @property
    def log_posterior(self) -> Float[np.ndarray, " chains"]:
        """Up to a constant."""
        return self.log_prior + self.log_likelihood


@dataclasses.dataclass(frozen=True)
class Move:
    """How a step is proposed: u' = u + (h^2 / 2) C g(u) + h C^(1/2) z, with z normal.

    Where `drift` is False the second term is left out. g is the slope *that was estimated at u together with the likelihood
    there*, shortened to `MOST` steps. Given what is stored it is a fixed vector, so that the step leaves the posterior as it
    is, however wrong g may be: that costs efficiency, never exactness.

    Source: Andrieu & Roberts 2009, doi:10.1214/07-AOS574; Dahlin, Lindsten & Schön 2015, doi:10.1007/s11222-014-9510-0.
    """

    root: Float[np.ndarray, "free free"]
    """Lower triangular root of C."""
    size: float
    """H."""
    drift: bool

    def shift(self, slopes: Points) -> Points:
        """The mean of z' in u' = u + h C^(1/2) z', (h / 2) C^(T/2) g."""
        if not self.drift:
            return np.zeros_like(slopes)
        shift = 0.5 * self.size * slopes @ self.root
        length = np.linalg.norm(shift, axis=1, keepdims=True)
        return shift * np.minimum(1.0, MOST / np.maximum(length, 1e-300))


def stand(
    target: AbstractTarget, points: Points, keys: UInt32[np.ndarray, "chains 2"], drift: bool, coldness: float = 1.0
) -> State:
    """Estimates at points; those of prior probability zero are not simulated."""
    log_prior, slopes = target.log_prior(points)
    possible = np.isfinite(log_prior)
    log_likelihood, gradient = np.full(len(points), -np.inf), np.zeros_like(points)
    if possible.any():
        found = target.estimate(points[possible], keys[possible], drift, coldness)
        log_likelihood[possible] = np.where(np.isnan(found.log_likelihood), -np.inf, found.log_likelihood)
        if drift:
            gradient[possible] = slopes[possible] + found.slopes
    log_prior = np.where(possible, log_prior, -np.inf)
    return State(points, log_prior, log_likelihood, np.where(np.isfinite(gradient), gradient, 0.0))


def step(
    target: AbstractTarget,
    state: State,
    move: Move,
    generator: np.random.Generator,
    keys: np.ndarray,
    coldness: float = 1.0,
) -> tuple[State, Bool[np.ndarray, " chains"], Float[np.ndarray, " chains"]]:
    """One step of every chain.

    Returns:
        Where they stand, whether they moved, and the probability with which they did.
    """
    z = generator.standard_normal(state.points.shape) + move.shift(state.slopes)
    there = stand(target, state.points + move.size * z @ move.root.T, keys, move.drift, coldness)
    with np.errstate(invalid="ignore"):  # -inf - -inf
        ratio = there.log_posterior - state.log_posterior
    forth = 0.5 * ((z - move.shift(state.slopes)) ** 2).sum(1)
    back = 0.5 * ((-z - move.shift(there.slopes)) ** 2).sum(1)
    ratio = ratio + forth - back
    possible = np.isfinite(there.log_posterior)
    chance = np.where(possible, np.exp(np.minimum(np.where(np.isnan(ratio), np.inf, ratio), 0.0)), 0.0)
    moved = generator.random(len(chance)) < chance
    wide = moved[:, None]
    return (
        State(
            np.where(wide, there.points, state.points), np.where(moved, there.log_prior, state.log_prior),
            np.where(moved, there.log_likelihood, state.log_likelihood), np.where(wide, there.slopes, state.slopes),
        ), moved, chance,
    )  # fmt: skip


class Keys:
    """Keys for estimates, each used once."""

    def __init__(self, key: tuple[Any, Any], chains: int):
        self._key, self._next, self._chains = key, 0, chains

    def take(self, many: int | None = None) -> UInt32[np.ndarray, "chains 2"]:
        """One for each chain, which depends on the key, on the number of the chain and on how often some were taken before."""
        chain = np.arange(self._chains if many is None else many, dtype=np.uint32)
        made = random.threefry2x32(self._key, (chain, np.full_like(chain, self._next)))  # type: ignore[arg-type]
        self._next += 1
        return np.stack(made, 1)


class Adapted(NamedTuple):
    """Chains after their warm-up."""

    state: State
    move: Move
    accepted: float
    """Share of the last half."""


def warm_up(
    target: AbstractTarget,
    state: State,
    move: Move,
    steps: int,
    generator: np.random.Generator,
    keys: Keys,
    wanted: float,
    told: Callable[[int, float], None],
) -> Adapted:
    """Steps whose size and covariance are learnt: the first from how many are accepted, the second from where all chains have been.

    Both are held afterwards: chains that go on learning need not have the posterior as their law.

    Args:
        target: of the posterior.
        state: where chains stand.
        move: how steps are proposed at first.
        steps: how many.
        generator: of the proposals.
        keys: of the estimates.
        wanted: share of accepted steps.
        told: the number of a step, and the share of accepted ones so far.
    """  # fmt: skip
    visited, chances = [state.points], list[float]()
    learnt = {steps // 4, steps // 2, (3 * steps) // 4}
    for number in range(steps):
        state, _, chance = step(target, state, move, generator, keys.take())
        visited.append(state.points)
        chances.append(float(chance.mean()))
        size = move.size * math.exp((chances[-1] - wanted) * 4.0 / (number + 10) ** 0.6)
        move = dataclasses.replace(move, size=size)
        if number in learnt:
            recent = np.concatenate(visited[len(visited) // 2 :])
            move = dataclasses.replace(move, root=root_of(recent, move.root))
        told(number, float(np.mean(chances[len(chances) // 2 :])))
    return Adapted(state, move, float(np.mean(chances[len(chances) // 2 :])) if chances else math.nan)


def root_of(points: Points, before: Float[np.ndarray, "free free"]) -> Float[np.ndarray, "free free"]:
    """Root of the covariance of points; drawn a little to the one before, so that it has full rank."""
    many, free = points.shape
    if many < 2:
        return before
    weight = free / (free + 0.1 * many)
    covariance = (1 - weight) * np.cov(points.T).reshape(free, free) + weight * before @ before.T
    return np.linalg.cholesky(covariance + 1e-12 * np.diag(np.diag(covariance)) + 1e-24 * np.eye(free))
