"""Draws of a posterior whose density is exact."""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jumpax._base.errors import SimulationError
from jumpax.inference.posterior.log_density import LogDensity
from jumpax.inference.posterior.nuts import Drawn, nuts

LARGER, TIMES = 2.0, 3
"""By how much the space of the master equation is enlarged where it cuts the posterior off, and how often."""
INSIDE = 0.99
"""Share of the posterior whose ellipsoid no point without a law may touch."""
HARMLESS = ("parameters",)
"""Causes that a larger space does not mend: points beyond the range of numbers, which have no prior probability to speak of."""


class ByDensity(NamedTuple):
    """What the chains drew, and of which density."""

    drawn: tuple[Drawn, ...]
    density: LogDensity
    enlarged: int
    """How often the space was too small."""
    seconds: float
    seconds_before: float


def by_density(
    density: LogDensity, chains: int, warm_up: int, draws: int, key: jax.Array, told: Callable[[str, float], None]
) -> ByDensity:
    """Chains of NUTS; anew on a larger space, while points without a law lie where the posterior is.

    Raises:
        SimulationError: they still do after `TIMES` times.
    """
    for enlarged in range(TIMES + 1):
        begin, before, drawn = time.perf_counter(), 0.0, list[Drawn]()
        for number in range(chains):
            own = jax.random.fold_in(key, number)
            start, since = density.start(jax.random.fold_in(own, 1)), [time.perf_counter()]

            def warmed(density: LogDensity = density, since: list[float] = since) -> None:
                density.forget()
                since.append(time.perf_counter())

            done = (number / chains, 1 / (chains * draws))
            drawn.append(
                nuts(
                    density, start, warm_up, draws, jax.random.fold_in(own, 2),
                    lambda n, done=done: told("draws", done[0] + n * done[1]), warmed,
                )
            )  # fmt: skip
            before += since[1] - since[0]
            if touching(density, drawn):
                break
        else:
            return ByDensity(tuple(drawn), density, enlarged, time.perf_counter() - begin - before, before)
        worst = touching(density, drawn)
        if enlarged == TIMES:
            break
        density = density.enlarged(LARGER)
    raise SimulationError(
        f"the posterior reaches beyond the space of the master equation, though its limits were raised {TIMES} times: {worst}. Give larger "
        "limits, a prior that keeps to smaller counts, or method='mala', which knows no limits"
    )


def touching(density: LogDensity, drawn: list[Drawn]) -> str:
    """What was said of a point without a law within the bulk of the draws; empty if there is none."""
    refused = [one for one in density.last_refused if one.cause not in HARMLESS and np.isfinite(one.u).all()]
    if not refused:
        return ""
    from scipy.stats import chi2

    points = np.concatenate([one.points for one in drawn])
    root = np.linalg.cholesky(
        np.cov(points.T).reshape(density.dimension, density.dimension) + 1e-12 * np.eye(density.dimension)
    )
    off = np.linalg.solve(root, (np.stack([one.u for one in refused]) - points.mean(0)).T)
    inside = (off**2).sum(0) <= chi2.ppf(INSIDE, density.dimension)
    return refused[int(np.argmax(inside))].message if inside.any() else ""


def stacked(drawn: tuple[Drawn, ...]) -> tuple[Float[np.ndarray, "chains draws ..."], ...]:
    """The leaves of all chains."""
    return tuple(np.stack(leaves) for leaves in zip(*drawn, strict=True))
