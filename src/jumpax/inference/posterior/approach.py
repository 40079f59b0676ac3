"""From the prior to the bulk of the posterior, while data come in by and by."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import SimulationError
from jumpax.inference.posterior.chains import Keys, stand
from jumpax.inference.posterior.target import AbstractTarget, Points

TRIES, ROUNDS = 8, 60
"""Times that the prior is drawn from until there are points; most rounds after that."""
FIRST, FASTER = 1e-4, 3.0
"""Coldness of the first round, and by what it grows where the points agree with the data so far."""
HALVINGS = 4
"""There are 2^4 times as many points at first, with estimates as much rougher: few data are estimated easily, and many places may
agree with them."""
CARRY, ENOUGH = 0.2, 0.6
"""Share of the points that must carry the weight: logarithms of weights are scaled down until they do, and by this much at most before
more of the data come in."""
DEGREES = 5.0
"""Of the Student law about each point from which the next ones are drawn."""


class Bulk(NamedTuple):
    """About where the posterior is."""

    points: Points
    """Spread as it is."""
    root: Float[np.ndarray, "free free"]
    """Of their covariance."""


def approach(
    target: AbstractTarget, many: int, generator: np.random.Generator, keys: Keys, told: Callable[[float], None]
) -> Bulk:
    """The bulk of a posterior, in outline: a beginning for chains, not a result.

    Rounds of importance sampling: points are drawn, weighted by prior and likelihood, and the next ones are drawn from a mixture of
    Student laws about them. The data come in with a coldness from 0 to 1 (`AbstractTarget.estimate`), and as they do there are fewer
    points, with better estimates. Each round has estimates of its own, so that a lucky one is forgotten with the next. Of several places
    that explain the data, those that are narrow are easily lost.

    Args:
        target: of which.
        many: points of the last round.
        generator: of the points.
        keys: for at least 2^`HALVINGS` times as many chains.
        told: the coldness of each round.

    Raises:
        SimulationError: no point of the prior could explain the data.

    Source: Cappé et al. 2004, doi:10.1198/106186004X12803 (population Monte Carlo); Beaumont et al. 2009, doi:10.1093/biomet/asp052
    (its kernels).
    """
    coldness = FIRST
    points, logs = _first(target, many << HALVINGS, generator, keys)
    for _ in range(ROUNDS):
        scale, weights = _weights(logs)
        told(coldness)
        root = _root(points, weights)
        if coldness >= 1 and scale >= ENOUGH:
            break
        if scale >= ENOUGH:
            coldness = min(1.0, FASTER * coldness)
        points, log_density = _drawn(points, weights, root, many << _doublings(coldness), generator)
        found = stand(_rough(target, coldness), points, keys.take(len(points)), False, coldness)
        logs = found.log_posterior - log_density
        if not np.isfinite(logs).any():
            raise SimulationError(
                "no point near the best ones can explain the records: their estimated likelihood is zero. Take more particles"
            )
    _, weights = _weights(logs)
    return Bulk(points[_chosen(weights, many, generator)], _root(points, weights))


def _doublings(coldness: float) -> int:
    return round(HALVINGS * np.log(coldness) / np.log(FIRST))


def _rough(target: AbstractTarget, coldness: float) -> AbstractTarget:
    return target.with_noise(2.0 ** _doublings(coldness))


def starts(bulk: Bulk, chains: int, generator: np.random.Generator) -> Points:
    """Points at which chains begin, different ones as far as there are."""
    distinct = np.unique(bulk.points, axis=0)
    return np.resize(generator.permutation(distinct), (chains, distinct.shape[1]))


def _first(
    target: AbstractTarget, many: int, generator: np.random.Generator, keys: Keys
) -> tuple[Points, Float[np.ndarray, " points"]]:
    """Points of the prior, as many as are possible, with logarithms of their weights."""
    points, logs = list[Points](), list[np.ndarray]()
    for _ in range(TRIES):
        drawn = target.draw(generator, many)
        found = stand(_rough(target, FIRST), drawn, keys.take(many), False, FIRST)
        possible = np.isfinite(found.log_posterior)
        points.append(drawn[possible])
        logs.append(found.log_likelihood[possible])
        if 4 * sum(map(len, points)) >= many:
            break
    if sum(map(len, points)) <= 2 * target.dimension:
        raise SimulationError(
            f"of {TRIES * many:,} points drawn from the prior {sum(map(len, points))} can explain the records, by their estimated "
            "likelihood. Narrow the prior to where the model comes near them, take more particles, or a law of measurement with more noise"
        )
    return np.concatenate(points), np.concatenate(logs)


def _weights(logs: Float[np.ndarray, " points"]) -> tuple[float, Float[np.ndarray, " points"]]:
    """By how much logarithms of weights have to be scaled down for enough points to carry the weight; and these weights."""

    def scaled(scale: float) -> Float[np.ndarray, " points"]:
        weights = np.exp(scale * (logs - logs.max()))
        return weights / weights.sum()

    def enough(scale: float) -> bool:
        return float(1 / (scaled(scale) ** 2).sum()) >= CARRY * len(logs)

    if enough(1.0):
        return 1.0, scaled(1.0)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if enough(middle) else (low, middle)
    return low, scaled(low)


def _chosen(weights: Float[np.ndarray, " points"], many: int, generator: np.random.Generator) -> np.ndarray:
    """The middles of equal shares of the weight, at random: systematic resampling."""
    heights = (np.arange(many) + generator.random()) / many
    return np.searchsorted(np.cumsum(weights), heights).clip(max=len(weights) - 1)


def _root(points: Points, weights: Float[np.ndarray, " points"]) -> Float[np.ndarray, "free free"]:
    """Of the covariance of weighted points."""
    off = points - weights @ points
    spread = (weights[:, None] * off).T @ off / (1 - (weights**2).sum())
    return np.linalg.cholesky(spread + 1e-12 * np.diag(np.diag(spread)) + 1e-24 * np.eye(points.shape[1]))


def _drawn(
    points: Points,
    weights: Float[np.ndarray, " points"],
    root: Float[np.ndarray, "free free"],
    many: int,
    generator: np.random.Generator,
) -> tuple[Points, Float[np.ndarray, " points"]]:
    """Points of a mixture of Student laws about weighted points, and the logarithms of its density there, up to a constant.

    The width is Silverman's for as many points as carry the weight: 1 for one, the less the more there are.
    """  # fmt: skip
    free, carrying = points.shape[1], 1 / (weights**2).sum()
    width = (4 / (carrying * (free + 2))) ** (1 / (free + 4))
    z = generator.standard_normal((many, free)) * np.sqrt(DEGREES / generator.chisquare(DEGREES, many))[:, None]
    made = points[_chosen(weights, many, generator)] + width * z @ root.T
    own, centres = (np.linalg.solve(width * root, one.T).T for one in (made, points))
    squares = (own**2).sum(1)[:, None] + (centres**2).sum(1)[None] - 2 * own @ centres.T
    logs = -0.5 * (DEGREES + free) * np.log1p(np.maximum(squares, 0.0) / DEGREES)
    most = logs.max(1, keepdims=True)
    return made, np.log(np.exp(logs - most) @ weights) + most[:, 0]
