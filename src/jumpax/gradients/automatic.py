"""`gradient="auto"`: which estimator a problem gets, and why."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jumpax._base import random
from jumpax._base.errors import UnsupportedError
from jumpax._base.types import Word
from jumpax.engines.program import Steps
from jumpax.gradients.controlled_score import ControlledScore
from jumpax.gradients.coupled_difference import CoupledDifference
from jumpax.gradients.curvature import Curvature, curvature, events_per_path, moved
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.exact_gradient import ExactGradient, exact_cost
from jumpax.gradients.lattice_coverage import covering_split
from jumpax.gradients.lattice_tangent import LatticeTangent
from jumpax.gradients.measure import Measured, measure
from jumpax.gradients.sampling import Sampling
from jumpax.gradients.score_function import ScoreFunction
from jumpax.gradients.trapezoidal_tangent import TrapezoidalTangent

TAIL = 0.1
"""Share of the squared deviations, carried by one path, from which a tangent is rejected: its variance is not known."""
REACH = 0.3
"""Distance in log parameters after which a choice is made anew."""
CLEAR = 3.0
"""Standard errors by which an estimate has to differ from the unbiased one to count as biased."""
LARGEST = 64
"""Reactions beyond which only the score function is considered: tangents would take long to compile."""
LOOKED_AT = 1000
"""Paths on which no rule of the lattice tangent may be missing; else it is not unbiased, and not considered."""
FEW = 12
"""Parameters up to which one more pair of paths for each is considered."""

SECONDS_PER_EVENT, SECONDS_PER_STATE = 1e-8, 5e-9
"""Of an event of a path that carries gradients, and of one state in one term of the master equation's series: rough."""

log = logging.getLogger("jumpax")


class Pilot(NamedTuple):
    """One candidate, as the pilot saw it."""

    estimator: AbstractEstimator
    measured: Measured
    error: float
    """Expected relative error in the planned time, root mean square over components; noise and bias."""
    bias: float
    """Largest relative bias over components that is believed or was seen."""
    rejected: str = ""
    """Why it was not considered; empty if it was."""


class Choice(NamedTuple):
    """The estimator of a problem, and what it was chosen from."""

    estimator: AbstractEstimator
    reason: str
    """One line."""
    theta: Mapping[str, float]
    """Where it was chosen."""
    wrt: tuple[str, ...]
    curvature: Curvature | None = None
    pilots: tuple[Pilot, ...] = ()

    @property
    def bias(self) -> float:
        """Bound on the relative bias that is believed; 0 for an unbiased estimator."""
        return max((p.bias for p in self.pilots if p.estimator == self.estimator), default=0.0)


@dataclasses.dataclass(frozen=True)
class Automatic:
    """How the estimator of an expectation is chosen; what `gradient="auto"` stands for.

    1. The master equation, where it takes less time than the paths would.
    2. Otherwise curvature indices of the problem, from some plain paths, say how far tangents can be trusted: the relative
       bias of the trapezoidal tangent is taken to be 0.3 kappa^2, that of coupled differences 0.02 (h / 0.3)^2.
       The lattice tangent is considered only if none of its rules is missing on 1,000 paths.
    3. A pilot of all candidates that are left gives variance and cost. A tangent of which one path carries more than a tenth
       of the squared deviations is rejected. Score function and, unless rejected, lattice tangent are pooled to an unbiased
       reference; what differs from it by more than 3 standard errors counts as bias.
    4. The least squared relative error in the planned time wins: that of as many paths as were asked for, by the score
       function.

    Args:
        pilot: most paths of the pilot, for each candidate; no more than a sixteenth of those asked for, but at least 384.
        exact: whether the master equation may be used.

    The constants were tuned on reversible association and repressilators; see the page on choosing a gradient for how
    the rule does elsewhere.
    """

    pilot: int = 1024
    exact: bool = True

    def choose(
        self, sampling: Sampling, wrt: tuple[str, ...], theta: Mapping[str, Any], words: tuple[Word, Word]
    ) -> Choice:
        """The estimator for a problem at theta, which has to be numbers.

        Raises:
            UnsupportedError: no estimator can treat the problem.
        """
        values = {name: float(value) for name, value in theta.items()}
        made = self._choose(sampling, wrt, values, words)
        log.info("gradient: %s", made.reason)
        return made

    def _choose(
        self, sampling: Sampling, wrt: tuple[str, ...], theta: dict[str, float], words: tuple[Word, Word]
    ) -> Choice:
        if self.exact:
            exact = _exact(sampling, wrt, theta, events_per_path(sampling, theta, _salted(words, 0)))
            if exact is not None:
                return Choice(exact, "ExactGradient: the master equation is small enough", theta, wrt)
        if isinstance(sampling.stops, Steps):
            reason = "ScoreFunction(): unbiased; the others need stops in time, these are numbers of events"
            return Choice(ScoreFunction(), reason, theta, wrt)
        if len(sampling.network.reactions) > LARGEST:
            reason = f"ScoreFunction(): unbiased; more than {LARGEST} reactions, for which no pilot is made"
            return Choice(ScoreFunction(), reason, theta, wrt)
        paths = min(self.pilot, max(384, sampling.paths // 16))
        found = curvature(sampling, theta, _salted(words, 0))
        reference = measure(sampling, ScoreFunction(), wrt, theta, _salted(words, 1), paths)
        tried: list[tuple[AbstractEstimator, Measured]] = [(ScoreFunction(), reference)]
        split = lattice_split(sampling, theta, _salted(words, 0))
        for number, candidate in enumerate(candidates(wrt, theta, found, split)):
            try:
                tried.append((candidate, measure(sampling, candidate, wrt, theta, _salted(words, 2 + number), paths)))
            except UnsupportedError as refusal:
                log.debug("gradient: %r refused: %s", candidate, refusal)
        pilots = judged(tried, sampling.paths * reference.seconds, found, np.array([theta[name] for name in wrt]))
        best = min((p for p in pilots if not p.rejected), key=lambda p: p.error)
        return Choice(best.estimator, _reason(best, pilots[0], paths, found), theta, wrt, found, tuple(pilots))


def lattice_split(sampling: Sampling, theta: Mapping[str, Any], words: tuple[Word, Word]) -> tuple[str, ...] | None:
    """Reactions that the lattice tangent has to split to be unbiased; None where it cannot be, or does not apply."""
    network, stops = sampling.network, sampling.stops
    if isinstance(stops, Steps):
        return None
    times = [t - sampling.start for t in stops.values]
    try:
        return covering_split(network, theta, sampling.counts, times, LOOKED_AT, jnp.stack(words))
    except UnsupportedError:
        return None


def candidates(
    wrt: tuple[str, ...], theta: Mapping[str, float], found: Curvature, split: tuple[str, ...] | None
) -> list[AbstractEstimator]:
    """Estimators worth a pilot, beside the score function; `split` is that of `lattice_split`."""
    out: list[AbstractEstimator] = [ControlledScore()]
    if split is not None:
        out.append(LatticeTangent(split, control="martingale"))
    linear = found.bend < 1e-3
    if prior(TrapezoidalTangent(), found) < 0.5 and found.roughness < 0.3 and (linear or found.dark < 0.1):
        out.append(TrapezoidalTangent(control="martingale"))
    if len(wrt) <= FEW and all(theta[name] > 0 for name in wrt):
        out.append(CoupledDifference(control="martingale"))
    return out


def prior(estimator: AbstractEstimator, found: Curvature) -> float:
    """Relative bias to expect before anything was measured: an order of magnitude."""
    if isinstance(estimator, TrapezoidalTangent):
        nonlinear = 0.3 * found.dark**2 if found.bend > 1e-3 else 0.0
        return 0.3 * found.kappa**2 + nonlinear + found.roughness
    if isinstance(estimator, CoupledDifference):
        return 0.02 * (estimator.step / 0.3) ** 2
    return 0.0


def judged(
    tried: Sequence[tuple[AbstractEstimator, Measured]],
    seconds: float,
    found: Curvature,
    theta: Float[np.ndarray, " parameters"],
) -> list[Pilot]:
    """Candidates with the relative error that each leaves after so many seconds; the first must be unbiased."""
    unit = np.where(theta != 0, np.abs(theta), 1.0)
    tails = [
        (m.heaviest > TAIL and not isinstance(e, ScoreFunction)) or not np.isfinite(m.error).all() for e, m in tried
    ]
    pooled = [m for (e, m), tail in zip(tried, tails, strict=True) if e.unbiased and not tail]
    target, target_error = _pool(pooled)
    size = _size(target * unit) / unit
    out = []
    for (estimator, m), tail in zip(tried, tails, strict=True):
        expected = prior(estimator, found) * np.abs(target)
        off = np.abs(m.gradient - target)
        clear = (
            np.zeros_like(off)
            if estimator.unbiased
            else np.where(off > CLEAR * np.hypot(m.error, target_error), off, 0)
        )
        bias = np.maximum(expected, clear) / size
        error = np.sqrt(np.mean(m.work / seconds / size**2 + bias**2))
        why = "one path carries too much of its variance" if tail else ""
        out.append(Pilot(estimator, m, float(error), float(bias.max(initial=0.0)), why))
    return out


def judged_against(
    m: Measured,
    truth: Float[np.ndarray, "stops entries parameters"],
    theta: Float[np.ndarray, " parameters"],
    seconds: float,
) -> float:
    """Relative error that an estimator leaves after so many seconds, by the exact gradient; as the choice reckons it."""
    unit = np.where(theta != 0, np.abs(theta), 1.0)
    size = _size(truth * unit) / unit
    off = np.abs(m.gradient - truth)
    bias = np.where(off > CLEAR * m.error, off, 0.0)
    return float(np.sqrt(np.mean(m.work / seconds / size**2 + (bias / size) ** 2)))


def _pool(parts: Sequence[Measured]) -> tuple[np.ndarray, np.ndarray]:
    """Inverse-variance mean of independent estimates and its error."""
    floor = 1e-6 * max(np.abs(m.gradient).max(initial=0.0) for m in parts) + 1e-300
    weights = [1 / np.maximum(m.error, floor) ** 2 for m in parts]
    total = sum(weights)
    mean = sum(w * m.gradient for w, m in zip(weights, parts, strict=True)) / total
    return np.asarray(mean), np.asarray(1 / np.sqrt(total))


def _size(gradient: np.ndarray) -> np.ndarray:
    """What errors are relative to: each component, but not less than a tenth of the largest of its entry and stop."""
    largest = np.abs(gradient).max(-1, keepdims=True)
    whole = np.abs(gradient).max(initial=0.0)
    return np.maximum(np.abs(gradient), np.maximum(0.1 * largest, 1e-3 * whole + 1e-300))


def _reason(best: Pilot, score: Pilot, paths: int, found: Curvature) -> str:
    gain = (score.error / best.error) ** 2
    line = f"{best.estimator!r}: "
    line += "the best" if best.estimator == score.estimator else f"{gain:,.2g} times less work than the score function"
    line += f" for the same error, in a pilot of {paths} paths"
    if best.estimator.unbiased:
        return line + "; unbiased"
    return line + f"; biased, by about {100 * best.bias:.2g} % at most (curvature index {found.kappa:.2g})"


def _salted(words: tuple[Word, Word], number: int) -> tuple[Word, Word]:
    """Key words for a part of the pilot."""
    return random.threefry2x32(words, (jnp.uint32(0x7069), jnp.uint32(number)))


def _exact(sampling: Sampling, wrt: tuple[str, ...], theta: Mapping[str, float], events: float) -> ExactGradient | None:
    """The master equation with room for theta to move, if it takes no longer than twice as many paths, or a fifth of a second."""
    seconds = max(0.2, 2 * sampling.paths * events * SECONDS_PER_EVENT)
    stops = sampling.stops
    when: Any = (
        {"steps": stops.values} if isinstance(stops, Steps) else {"times": [t - sampling.start for t in stops.values]}
    )
    counts = dict(zip(sampling.network.species, sampling.counts, strict=True))
    cost = exact_cost(sampling.network, counts, theta, wrt=wrt, budget=seconds / SECONDS_PER_STATE, **when)
    if cost is None:
        return None
    room = {name: int(1.5 * most) + 5 for name, most in cost.limits.items()}
    return ExactGradient(room, tolerance=1e-4, states=max(200_000, 10 * cost.states))


def stale(choice: Choice, wrt: Sequence[str], theta: Mapping[str, Any]) -> bool:
    """Whether theta is so far from where the choice was made, or other parameters are asked for."""
    return not set(wrt) <= set(choice.wrt) or moved(choice.theta, theta, list(choice.theta)) > REACH
