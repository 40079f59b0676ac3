"""Draws of a posterior whose likelihood is estimated by particle filters."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jumpax._base import random
from jumpax.inference.posterior.approach import approach, starts
from jumpax.inference.posterior.chains import Keys, Move, stand, step, warm_up
from jumpax.inference.posterior.filter_target import LOST, FilterTarget
from jumpax.inference.posterior.target import Points

ROUGH, POINTS, PLACES, REPEATS = 40, 64, 8, 8
"""Particles and points of the approach; points of the bulk, and filters at each, that tell the noise of the likelihood."""
NOISE = {False: 1.5, True: 0.8}
"""Variance of the log-likelihood that particles are chosen for, without a drift and with one: slopes need more particles.
Sherlock et al. 2015, doi:10.1214/14-AOS1278, and Nemeth, Sherlock & Fearnhead 2016, doi:10.1093/biomet/asw020, find 3.3 for many
parameters, where the cost is that of particles alone; fewer stuck chains are worth more here."""
WANTED = {False: 0.2, True: 0.35}
"""Share of accepted steps that the size is tuned to."""
FEWEST, MOST = 20, 20_000
"""Particles."""


class ByFilter(NamedTuple):
    """What the chains drew, and how."""

    points: Float[np.ndarray, "chains draws free"]
    log_prior: Float[np.ndarray, "chains draws"]
    log_likelihood: Float[np.ndarray, "chains draws"]
    moved: Float[np.ndarray, "chains draws"]
    particles: int
    noise: float
    """Variance of the log-likelihood where the bulk is."""
    lost: float
    """Share of the particles of the draws that were lost between records: they count as impossible."""
    seconds: float
    seconds_before: float


def by_filter(
    target: FilterTarget,
    drift: bool,
    particles: int | None,
    chains: int,
    warm: int,
    draws: int,
    key: tuple[Any, Any],
    told: Callable[[str, float], None],
) -> ByFilter:
    """Approach the bulk, choose the number of particles there, warm up, draw.

    Args:
        target: whose particles are ignored.
        drift: whether steps follow slopes.
        particles: None: by the noise in the bulk.
        chains: how many.
        warm: steps of the warm-up.
        draws: of each chain.
        key: words.
        told: what is done, and how much of it.
    """  # fmt: skip
    begin = time.perf_counter()
    generator = np.random.default_rng([int(word) for word in key] + [1])
    words = tuple(np.atleast_1d(np.uint32(word)) for word in key)
    first, second = (random.threefry2x32(words, (np.zeros_like(words[0]), np.full_like(words[0], i))) for i in (1, 2))  # type: ignore[arg-type]
    bulk = approach(
        target.of(particles or ROUGH), POINTS, generator, Keys(first, POINTS), lambda c: told("approach", c)
    )
    keys = Keys(second, chains)
    many, noise = _particles(target, particles, bulk.points, NOISE[drift], keys)
    own = target.of(many)
    state = stand(own, starts(bulk, chains, generator), keys.take(), drift)
    move = Move(bulk.root, 1.0 if drift else 2.0 / target.dimension**0.5, drift)
    adapted = warm_up(
        own, state, move, warm, generator, keys, WANTED[drift], lambda n, _: told("warm-up", (n + 1) / warm)
    )
    before, state, spent = time.perf_counter() - begin, adapted.state, Counter(own.tally)
    points, seen = np.empty((draws, chains, target.dimension)), np.empty((draws, 3, chains))
    for number in range(draws):
        state, moved, _ = step(own, state, adapted.move, generator, keys.take())
        points[number], seen[number] = state.points, (state.log_prior, state.log_likelihood, moved)
        told("draws", (number + 1) / draws)
    log_prior, log_likelihood, moved = (np.ascontiguousarray(column.T) for column in seen.swapaxes(0, 1))
    return ByFilter(
        points.swapaxes(0, 1), log_prior, log_likelihood, moved, many, noise, _lost(own, spent),
        time.perf_counter() - begin - before, before,
    )  # fmt: skip


def _lost(target: FilterTarget, spent: Counter[str]) -> float:
    """Share of the particles that were lost since."""
    tally = target.tally - spent
    particles = tally["filters"] * target.particles * len(target.problem.records.cells)
    return sum(number for what, number in tally.items() if what.startswith(LOST)) / max(1, particles)


def _particles(target: FilterTarget, asked: int | None, bulk: Points, wanted: float, keys: Keys) -> tuple[int, float]:
    """How many particles, and the variance of the log-likelihood with them, where the bulk is: three in four of its points have less.

    In the middle of the bulk alone the variance is several times less, and chains would stick where it is not.
    """
    many = 2 * ROUGH if asked is None else asked
    places = bulk[np.linspace(0, len(bulk) - 1, PLACES).round().astype(int)]
    while True:
        found = (
            target.of(many).estimate(np.repeat(places, REPEATS, 0), keys.take(PLACES * REPEATS), False).log_likelihood
        )
        noises = found.reshape(PLACES, REPEATS).var(1, ddof=1) if np.isfinite(found).all() else np.full(PLACES, np.inf)
        noise = float(np.quantile(noises, 0.75))
        if asked is not None or many >= MOST:
            return many, noise
        if noise <= 1.5 * wanted:  # the variance falls as 1 / particles
            chosen = int(np.clip(np.ceil(many * noise / wanted), FEWEST, MOST))
            return chosen, noise * many / chosen
        many = int(min(MOST, np.ceil(many * np.clip(noise / wanted, 1.5, 3.0))))
