"""A posterior whose likelihood comes from a particle filter."""

import copy
import functools
from collections import Counter
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt32

from jumpax.engines.journal import answered, as_array, as_value, lasting
from jumpax.filters import Filtered, particle_filter
from jumpax.inference.posterior.prior import Prior
from jumpax.inference.posterior.target import AbstractTarget, Noisy, Points
from jumpax.inference.record_problem import RecordProblem
from jumpax.records.tempered import Tempered

POWER = "jumpax: power"
"""The parameter by which laws of measurement are tempered."""
LOST = "lost particles, "
"""How their numbers are called in the tally, with what happened to them."""
LEAST = 4
"""Fewest particles of a rough filter."""


@final
class FilterTarget(AbstractTarget):
    """Prior, and filters with so many particles: all chains, cells and particles are paths of one call.

    `tally` counts filters, events of their paths, and what was lost, of all that were made from this one by `of`.

    Args:
        problem: with priors.
        particles: of each cell.
        lag: of the slopes, as `particle_filter` takes it.
        options: more for `particle_filter`: `max_events`, `threads`, `precision`, `engine`.
    """

    def __init__(self, problem: RecordProblem, particles: int, lag: int | None = None, options: Any = None):
        self.problem, self.particles, self.lag, self.options = problem, particles, lag, dict(options or {})
        self.prior = prior = Prior(problem)
        self._tempered = problem.records.with_laws(lambda law: Tempered(law, POWER))
        self.tally = Counter[str]()
        needed = {*problem.structure.network, *problem.records.parameters}
        self._theta = tuple(name for name in problem.structure.names if name in needed)
        fixed = set(problem.structure.fixed)
        self._moving = tuple(name for name in self._theta if name not in fixed)

        def of(names: tuple[str, ...], u: Any) -> tuple[Any, ...]:
            found = prior.values(u)[2]
            return tuple(jnp.asarray(found[name], float) for name in names)

        self._log_prior = jax.jit(jax.vmap(jax.value_and_grad(prior)))
        self._values = jax.jit(jax.vmap(functools.partial(of, self._theta)))
        self._slopes = jax.jit(jax.vmap(jax.jacfwd(lambda u: jnp.stack(of(self._moving, u)))))

    @property
    def dimension(self) -> int:
        """Free parameters."""
        return len(self.prior.names)

    def draw(self, generator: np.random.Generator, many: int) -> Points:
        """From the prior."""
        return self.prior.draw(generator, many)

    def log_prior(self, points: Points) -> tuple[Float[np.ndarray, " chains"], Points]:
        """In float64."""
        return _together(self._log_prior, points)

    def estimate(
        self, points: Points, keys: UInt32[np.ndarray, "chains 2"], slopes: bool, coldness: float = 1.0
    ) -> Noisy:
        """By one run of filters, with densities of measurement to the power of `coldness`; recorded, if a journal is open."""
        settings = (self.particles, self.lag, self.options, slopes, coldness)
        noisy, tally = answered(
            lambda: ("filters", lasting(self.problem), settings, points, keys),
            lambda: self._estimated(points, keys, slopes, coldness),
            lambda: (Noisy(np.zeros(0), np.zeros(0) if slopes else None), 0),
        )
        self.tally.update(as_value(tally))
        return noisy

    def _estimated(
        self, points: Points, keys: UInt32[np.ndarray, "chains 2"], slopes: bool, coldness: float
    ) -> tuple[Noisy, np.ndarray]:
        """The estimates, and what is to be counted."""
        found = self.filtered(points, keys, slopes, keep=False, coldness=coldness)
        tally = {"filters": len(points), "events": int(found.events), "refused points": len(found.refused)}
        tally |= {f"{LOST}{cause}": int(many.sum()) for cause, many in found.lost.items()}
        if not slopes:
            return Noisy(found.total, None), as_array(tally)
        by_name = np.stack([found.gradient[name].sum(1) for name in self._moving], 1)
        return Noisy(found.total, np.einsum("cp,cpf->cf", by_name, _together(self._slopes, points))), as_array(tally)

    def filtered(
        self, points: Points, keys: Any, slopes: bool = False, keep: bool = True, coldness: float = 1.0
    ) -> Filtered:
        """The filters at some points."""
        problem = self.problem
        theta = dict(zip(self._theta, _together(self._values, points), strict=True))
        records = problem.records
        if coldness < 1:
            records, theta = self._tempered, theta | {POWER: coldness}
        return particle_filter(
            problem.network, records, theta, problem.x0, particles=self.particles, key=keys, start=problem.start,
            gradient=self._moving if slopes else (), lag=self.lag, keep=keep, **self.options,
        )  # fmt: skip

    def with_noise(self, factor: float) -> "FilterTarget":
        """The variance is about one over the number of particles."""
        return self.of(max(LEAST, round(self.particles / factor)))

    def of(self, particles: int) -> "FilterTarget":
        """The same with other particles."""
        other = copy.copy(self)
        other.particles = particles
        return other


def _together(function: Any, points: Points) -> Any:
    """A compiled function of points, in float64; of as many as a power of two, so that few sizes are ever compiled."""
    many = len(points)
    padded = np.concatenate([points, np.repeat(points[-1:], (1 << (many - 1).bit_length()) - many, 0)])
    with jax.enable_x64(True):
        return jax.tree.map(lambda leaf: np.asarray(leaf)[:many], function(padded))
