"""Draws of a posterior whose density is exact."""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jumpax._base.errors import SimulationError
from jumpax.inference.posterior.log_density import LogDensity
from jumpax.inference.posterior.nuts import Drawn, Nuts
from jumpax.inference.posterior.refusals import Refusal

LARGER, TIMES = 2.0, 3
"""By how much the space of the master equation is enlarged where it cuts the posterior off, and how often."""
INSIDE = 0.99
"""Share of the posterior whose ellipsoid no point without a law may touch."""
MENDED, TRUE = "leak", ("impossible records", "parameters")
"""The cause that a larger space mends; and those that are no fault: the density is zero there."""


class ByDensity(NamedTuple):
    """What the chains drew, and of which density."""

    drawn: tuple[Drawn, ...]
    density: LogDensity
    enlarged: int
    """How often the space was too small."""
    refused: Counter[str]
    """Points without a law, by cause, after the warm-up."""
    inside: dict[str, str]
    """What was said of such points within the bulk of the draws, by cause."""
    seconds: float
    seconds_before: float


def by_density(
    density: LogDensity, chains: int, warm_up: int, draws: int, key: jax.Array, told: Callable[[str, float], None]
) -> ByDensity:
    """Chains of NUTS; anew on a larger space, while points that leak out of it lie where the posterior is.

    Raises:
        SimulationError: they still do after `TIMES` times.
    """
    worst = ""
    for enlarged in range(TIMES + 1):
        found = _chains(density, chains, warm_up, draws, key, told)._replace(enlarged=enlarged)
        if MENDED not in found.inside:
            return found
        worst = found.inside[MENDED]
        density = density.enlarged(LARGER) if enlarged < TIMES else density
    raise SimulationError(
        f"the posterior reaches beyond the space of the master equation, though its limits were raised {TIMES} times: {worst}. Give larger "
        "limits, a prior that keeps to smaller counts, or method='mala', which knows no limits"
    )


def _chains(
    density: LogDensity, chains: int, warm_up: int, draws: int, key: jax.Array, told: Callable[[str, float], None]
) -> ByDensity:
    """All chains on one space; fewer, if points that leak are seen in the bulk of the first ones."""
    sampler, drawn, refused = Nuts(density, warm_up), list[Drawn](), Counter[str]()
    points, inside = list[Refusal](), dict[str, str]()
    begin, before = time.perf_counter(), 0.0
    for number in range(chains):
        own, since = jax.random.fold_in(key, number), [time.perf_counter()]

        def warmed(since: list[float] = since) -> None:
            density.forget()
            since.append(time.perf_counter())

        def drew(many: int, number: int = number) -> None:
            told("draws", (number + many / draws) / chains)

        start = density.start(jax.random.fold_in(own, 1))
        drawn.append(sampler(start, draws, jax.random.fold_in(own, 2), drew, warmed))
        before += since[1] - since[0]
        refused += density.refused
        points += density.last_refused
        inside = touching(points, drawn)
        if MENDED in inside:
            break
    return ByDensity(tuple(drawn), density, 0, refused, inside, time.perf_counter() - begin - before, before)


def touching(refused: list[Refusal], drawn: list[Drawn]) -> dict[str, str]:
    """What was said of points without a law within the bulk of the draws, by cause; where the density is truly zero none are."""
    refused = [one for one in refused if one.cause not in TRUE and np.isfinite(one.u).all()]
    if not refused:
        return {}
    from scipy.stats import chi2

    points = np.concatenate([one.points for one in drawn])
    free = points.shape[1]
    root = np.linalg.cholesky(np.cov(points.T).reshape(free, free) + 1e-12 * np.eye(free))
    off = np.linalg.solve(root, (np.stack([one.u for one in refused]) - points.mean(0)).T)
    inside = (off**2).sum(0) <= chi2.ppf(INSIDE, free)
    return {one.cause: one.message for one, here in zip(refused, inside, strict=True) if here}


def stacked(drawn: tuple[Drawn, ...]) -> tuple[Float[np.ndarray, "chains draws ..."], ...]:
    """The leaves of all chains."""
    return tuple(np.stack(leaves) for leaves in zip(*drawn, strict=True))
