"""`posterior`: draws of what is known of the parameters, after the data."""

import os
from collections.abc import Mapping
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from jumpax._base import random
from jumpax._base.errors import InputError, unknown_name
from jumpax._base.extras import need
from jumpax._base.progress import Told, telling
from jumpax.engines.program import check_positive
from jumpax.engines.provenance import provenance
from jumpax.inference.conditions import Conditions
from jumpax.inference.posterior.by_density import by_density, stacked
from jumpax.inference.posterior.by_filter import by_filter
from jumpax.inference.posterior.cost import is_cheap
from jumpax.inference.posterior.diagnostics import LARGEST_RHAT, LEAST_ESS
from jumpax.inference.posterior.filter_target import FilterTarget
from jumpax.inference.posterior.log_density import LogDensity, log_density
from jumpax.inference.posterior.result import Posterior
from jumpax.inference.problem import Problem
from jumpax.inference.progress import PosteriorProgress
from jumpax.inference.record_problem import RecordProblem
from jumpax.inference.resuming import resuming
from jumpax.networks import Network

Method = Literal["nuts", "mala", "pmmh"]
CHAINS, DRAWS, WARM = (
    {"nuts": 4, "mala": 16, "pmmh": 16},
    {"nuts": 1000, "mala": 1000, "pmmh": 2000},
    {"nuts": 500, "mala": 150, "pmmh": 200},
)
"""Defaults: chains of filters run beside each other."""
MOST_LOST = 1e-3
"""Share of the particles that may be lost without a word."""


def posterior(
    problem: RecordProblem | Problem | Conditions,
    *,
    key: PRNGKeyArray | int,
    method: Method | None = None,
    chains: int | None = None,
    draws: int | None = None,
    warm_up: int | None = None,
    particles: int | None = None,
    lag: int | None = None,
    max_events: int | None = None,
    progress: bool | Told = False,
    save: str | os.PathLike | None = None,
    resume: str | os.PathLike | None = None,
) -> Posterior:
    """Draws of the posterior of all free parameters: p(theta | data) proportional to p(data | theta) p(theta).

    - `"nuts"`: the likelihood by the master equation (`log_density`), the draws by NUTS (BlackJAX). Exact but for the leak of the space.
      Where the posterior touches points that the space does not hold, the space is enlarged, and all is drawn anew.
    - `"mala"`: the likelihood by particle filters, whose estimate is unbiased; Langevin steps along the slope that the same filter
      estimates (Fisher's identity). The drift is kept with its estimate, so that the law of the chains is the posterior, whatever the
      noise of either.
    - `"pmmh"`: the same by random walks, for records that are exact, or slopes that tell little.

    Chains of filters run beside each other in one engine. They begin in the bulk, which rounds of importance sampling find from the prior
    while the data come in by and by; size and covariance of the steps are learnt in the warm-up, and held after it.

    Args:
        problem: records of single paths (`RecordProblem`), or snapshots, of several conditions, too, with the source `MasterEquation`; all free parameters with priors.
        key: of the random numbers.
        method: None: NUTS where the space of the master equation is small enough, by its size alone, and nothing is asked of filters; else
            `"mala"`, or `"pmmh"` for exact records.
        chains: how many.
        draws: of each chain.
        warm_up: steps before them.
        particles: of each cell; None: as many as make the variance of the log-likelihood about 1.
        lag: of the slopes, as `filters.particle_filter` takes it.
        max_events: of one path between two records, by default a million; one that has more counts as impossible, which is told.
        progress: True for a bar in terminals and notebooks; or a function that is told `PosteriorProgress`.
        save: file to keep every estimate of filters in, or every warm-up and block of draws of NUTS, as soon as it is there; one that
            is there is replaced.
        resume: such a file: the chains go on from there, and are bit for bit those without an interruption. Everything else must be as
            it was. `save` may be the same file.

    Raises:
        InputError: parameters without priors; settings that do not fit the method; a file to resume from that is not there, or is of
            another posterior: names all that differs.
        SimulationError: no point of the prior can explain the data, or the posterior reaches beyond every space that was tried.
        UnsupportedError: ArviZ or BlackJAX is not installed (`pip install 'jumpax[bayes]'`).

    Source: Andrieu, Doucet & Holenstein 2010, doi:10.1111/j.1467-9868.2009.00736.x; Dahlin, Lindsten & Schön 2015,
    doi:10.1007/s11222-014-9510-0.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> trace = jumpax.Records([1.0, 2.0, 3.0], {"X": [7.1, 13.5, 9.2]}, jumpax.records.Normal(1.0))
        >>> rates = {"birth": jumpax.Free.box(1.0, 50.0), "death": jumpax.Fixed(1.0)}
        >>> problem = jumpax.RecordProblem(model.network, {"X": 0}, trace, rates)
        >>> found = jumpax.posterior(problem, key=0, method="pmmh", chains=4, draws=50, warm_up=20, particles=50)
        >>> found["birth"].shape
        (4, 50)
    """
    need("bayes", "a posterior")
    if not isinstance(problem, RecordProblem | Problem | Conditions):
        raise InputError(
            "posterior needs a RecordProblem(network, x0, records, parameters), or a Problem or Conditions with MasterEquation, not "
            f"{type(problem).__name__}"
        )
    if method not in (None, *get_args(Method)):
        raise InputError(unknown_name("method", method, get_args(Method)))
    asked = {"particles": particles, "lag": lag, "max_events": max_events}
    chosen = _chosen(problem, method, any(value is not None for value in asked.values()))
    useless = {"nuts": ("particles", "lag", "max_events"), "pmmh": ("lag",), "mala": ()}[chosen]
    if given := [name for name in useless if asked[name] is not None]:
        raise InputError(f"method={chosen!r} has no use for {' and '.join(given)}: leave that out, or take 'mala'")
    words = random.key_words(key)
    many = check_positive("chains", CHAINS[chosen] if chains is None else chains)
    length = check_positive("draws", DRAWS[chosen] if draws is None else draws)
    warm = check_positive("warm_up", WARM[chosen] if warm_up is None else warm_up)
    if chosen != "nuts" and not isinstance(problem, RecordProblem):
        raise InputError(f"method={chosen!r} filters records of single paths, which these are not: take 'nuts'")
    number = None if particles is None else check_positive("particles", particles)
    settings = {"key": key, "method": chosen, "chains": many, "draws": length, "warm_up": warm, **asked}
    with telling(progress) as tell, resuming(problem, "posterior", settings, save, resume):

        def told(what: str, share: float) -> None:
            tell(PosteriorProgress(what, share))

        if not isinstance(problem, RecordProblem) or chosen == "nuts":
            return _by_density(log_density(problem), many, warm, length, words, told)
        target = FilterTarget(problem, 1, lag, {"max_events": 1_000_000 if max_events is None else max_events})
        return _by_filter(target, chosen == "mala", number, many, warm, length, words, told)


def _chosen(problem: RecordProblem | Problem | Conditions, method: Method | None, filters: bool) -> Method:
    """The method: the one asked for; else that of filters, if they are asked anything, or if the exact density is not cheap."""
    if method is not None:
        return method
    if isinstance(problem, Problem | Conditions) or (not filters and is_cheap(problem)):
        return "nuts"
    smooth = problem.law is None or problem.law.rounded is None  # a start at a real number has no slope along a path
    return "mala" if smooth and not problem.records.exact else "pmmh"


def _by_density(density: LogDensity, chains: int, warm: int, draws: int, words: Any, told: Any) -> Posterior:
    key = jax.random.wrap_key_data(jnp.array(words, jnp.uint32), impl="threefry2x32")
    found = by_density(density, chains, warm, draws, key, told)
    points, log_posterior, acceptance, steps, divergent = stacked(found.drawn)
    problem = found.density.problem
    with jax.enable_x64(True):
        prior = np.asarray(jax.jit(jax.vmap(found.density.log_prior))(points.reshape(-1, points.shape[2])))
    notes = {"times the space was enlarged": found.enlarged, "points without a density": dict(found.refused)}
    doubts = {}
    if divergent.any():
        doubts["divergent"] = (
            f"{int(divergent.sum())} of {divergent.size} draws of NUTS diverged: the posterior has places that its steps cannot follow; "
            "see their pairs, and take other parameters"
        )
    if found.inside:
        told_of = "; ".join(f"{cause}: {message}" for cause, message in found.inside.items())
        doubts["holes"] = f"the density is missing at points where the posterior is ({told_of})"
    stats = {"acceptance_rate": acceptance, "n_steps": steps, "diverging": divergent}
    return _result(
        problem, points, log_posterior, log_posterior - prior.reshape(log_posterior.shape), stats, "NUTS on the exact density",
        doubts, notes, (found.seconds, found.seconds_before), words,
    )  # fmt: skip


def _by_filter(
    target: FilterTarget, drift: bool, particles: int | None, chains: int, warm: int, draws: int, words: Any, told: Any
) -> Posterior:
    found = by_filter(target, drift, particles, chains, warm, draws, words, told)
    name = "particle MALA" if drift else "particle Metropolis (PMMH)"
    notes = {
        "particles": found.particles, "variance of the log-likelihood": round(found.noise, 3), "accepted": round(float(found.moved.mean()), 3),
        **{key: many for key, many in target.tally.items() if many},
    }  # fmt: skip
    doubts = {}
    if found.noise > 3:
        doubts["noise"] = (
            f"the log-likelihood has a variance of {found.noise:.3g} with {found.particles} particles: chains stay where it happened to be "
            "high; take more"
        )
    if found.lost > MOST_LOST:
        doubts["lost"] = (
            f"{found.lost:.2g} of the particles were lost between records (see the notes) and count as impossible, though they need not be: the "
            "posterior is biased against parameters with such paths. Raise max_events"
        )
    stats = {"moved": found.moved}
    return _result(
        target.problem, found.points, found.log_prior + found.log_likelihood, found.log_likelihood, stats, name, doubts, notes,
        (found.seconds, found.seconds_before), words,
    )  # fmt: skip


def _result(
    problem: Any,
    points: Any,
    log_posterior: Any,
    log_likelihood: Any,
    stats: Mapping[str, Any],
    name: str,
    doubts: dict[str, str],
    notes: Mapping[str, Any],
    seconds: tuple[float, float],
    words: Any,
) -> Posterior:
    structure, numbers = problem.structure, problem.numbers
    names = [n for n in structure.names if n not in structure.fixed]
    with jax.enable_x64(True):
        values = jax.jit(jax.vmap(lambda u: [structure.values(u, numbers)[n] for n in names]))(
            points.reshape(-1, points.shape[2])
        )
    drawn = {n: np.asarray(v).reshape(points.shape[:2]) for n, v in zip(names, values, strict=True)}
    made = Posterior(
        drawn, points, log_posterior, log_likelihood, dict(stats), name,
        {n: float(numbers.fixed[n]) for n in structure.fixed}, dict(problem.units), doubts, dict(notes), *seconds,
        provenance(_network(problem), words, "float64", name),
    )  # fmt: skip
    doubts |= _distrust(made, structure.free)
    return made


def _network(problem: Any) -> Network:
    """Of the first condition."""
    return next(iter(problem.parts.values())).network if isinstance(problem, Conditions) else problem.network


def _distrust(made: Posterior, free: tuple[str, ...]) -> dict[str, str]:
    """What the chains say of themselves; derived numbers that stay the same are none of theirs."""
    doubts = {}
    moving = {n: made.trust[n] for n, draws in made.draws.items() if n in free or np.ptp(draws) > 0}
    apart = {n: t.rhat for n, t in moving.items() if not t.rhat <= LARGEST_RHAT}
    few = {n: min(t.ess_bulk, t.ess_tail) for n, t in moving.items() if not min(t.ess_bulk, t.ess_tail) >= LEAST_ESS}
    if made.chains == 1:
        doubts["chains"] = "one chain cannot be compared with others: take chains=2 or more"
    elif apart:
        told = ", ".join(f"{n} {value:.4f}" for n, value in apart.items())
        doubts["chains"] = f"the chains have not mixed: R-hat above {LARGEST_RHAT} ({told}); draw more"
    if few:
        told = ", ".join(f"{n} {value:.0f}" for n, value in few.items())
        doubts["few"] = f"fewer than {LEAST_ESS:.0f} effective draws ({told}): quantiles are rough; draw more"
    return doubts
