"""A pilot: what may suit a problem, tried on some paths, and judged."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jumpax._base.errors import UnsupportedError
from jumpax._base.types import ParameterValues, Word
from jumpax.engines.program import Steps
from jumpax.gradients.controlled_score import ControlledScore
from jumpax.gradients.coupled_difference import CoupledDifference
from jumpax.gradients.curvature import Curvature
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.guarded import SCORES
from jumpax.gradients.lattice_coverage import covering_split
from jumpax.gradients.lattice_tangent import LatticeTangent
from jumpax.gradients.measure import Measured, pooled
from jumpax.gradients.sampling import Sampling
from jumpax.gradients.score_function import ScoreFunction
from jumpax.gradients.tails import FLOOR, INDEX
from jumpax.gradients.trapezoidal_tangent import TrapezoidalTangent

TAIL = 0.1
"""Share of the squared deviations of a component, carried by one path, from which its variance is not known."""
UNSEEN = 100.0
"""Factor by which such a variance may be larger than it seems."""
TANGENTS = (TrapezoidalTangent, LatticeTangent)
"""Estimators that multiply along the path, so that their variance may be infinite, or as good as that."""
CLEAR = 3.0
"""Standard errors by which an estimate has to differ from the unbiased one to count as biased."""
LOOKED_AT = 1000
"""Paths on which no rule of the lattice tangent may be missing; else it is not unbiased, and not considered."""
FEW = 12
"""Parameters up to which one more pair of paths for each is considered."""
MOST = {ControlledScore: 100.0, CoupledDifference: 10.0}
"""Gains over the score function from which another estimator makes it pointless to try these."""
DEARER = 2.5
"""Least cost of a path with any other gradient, over that of the score function: in a short pilot what every call costs,
whatever the paths, hides it."""


class Pilot(NamedTuple):
    """One candidate, as the pilot saw it."""

    estimator: AbstractEstimator
    measured: Measured
    error: float
    """Expected relative error in the planned time, root mean square over components; noise and bias."""
    bias: float
    """Largest relative bias over components that is believed or was seen; of unresolved tails, what they are off."""
    heavy: bool = False
    """Whether the tail of a component is too heavy for its variance to be known, by its index: then it is not taken."""


def lattice_split(sampling: Sampling, theta: ParameterValues, words: tuple[Word, Word]) -> tuple[str, ...] | None:
    """Reactions that the lattice tangent has to split to be unbiased; None where it cannot be, or does not apply."""
    network, stops = sampling.network, sampling.stops
    if isinstance(stops, Steps):
        return None
    times = [t - sampling.start for t in stops.values]
    try:
        return covering_split(network, theta, sampling.begin, times, LOOKED_AT, jnp.asarray(np.stack(words)))
    except UnsupportedError:
        return None


def candidates(
    wrt: tuple[str, ...], theta: Mapping[str, float], found: Curvature, split: tuple[str, ...] | None
) -> list[AbstractEstimator]:
    """Estimators worth a pilot, beside the score function, the most promising first; `split` is that of `lattice_split`."""
    out: list[AbstractEstimator] = []
    if split is not None:
        out.append(LatticeTangent(split, control="martingale"))
    linear = found.bend < 1e-3
    if prior(TrapezoidalTangent(), found) < 0.5 and found.roughness < 0.3 and (linear or found.dark < 0.1):
        out.append(TrapezoidalTangent(control="martingale"))
    out.append(ControlledScore())
    if may_couple(wrt, theta):
        out.append(CoupledDifference(control="martingale"))
    return out


def may_couple(wrt: tuple[str, ...], theta: Mapping[str, float]) -> bool:
    """Whether coupled differences are worth a try: a pair for each parameter, which must be positive."""
    return len(wrt) <= FEW and all(theta[name] > 0 for name in wrt)


def beaten(candidate: AbstractEstimator, score: Pilot, best: Pilot, found: Curvature) -> bool:
    """Whether a candidate cannot be better than the best so far, by its bias or by what it can save."""
    return prior(candidate, found) > best.error or gain(best, score) > MOST.get(type(candidate), np.inf)


def gain(pilot: Pilot, score: Pilot) -> float:
    """Work that an estimator saves for the same error, as a factor over the score function."""
    if pilot.error == 0:
        return 1.0 if score.error == 0 else np.inf
    return (score.error / pilot.error) ** 2


def prior(estimator: AbstractEstimator, found: Curvature) -> float:
    """Relative bias to reckon with before anything was measured; of steps between events, reach^5 / 100.

    That of the trapezoidal tangent is fitted from above to associations, repressilators and eight more networks: mostly it is 2 to
    20 times too large. It is no bound.
    """
    if isinstance(estimator, TrapezoidalTangent):
        nonlinear = 0.3 * found.dark**2 if found.bend > 1e-3 else 0.0
        steps = estimator.reach**5 / 100
        return found.kappa * (2 * found.dark + max(0.08, 0.02 * found.kappa)) + nonlinear + found.roughness + steps
    if isinstance(estimator, CoupledDifference):
        return 0.02 * (estimator.step / 0.3) ** 2
    return estimator.reach**5 / 100 if isinstance(estimator, LatticeTangent) else 0.0


def judged(
    tried: Sequence[tuple[AbstractEstimator, Measured]],
    seconds: float,
    found: Curvature,
    theta: Float[np.ndarray, " parameters"],
) -> list[Pilot]:
    """Candidates with the relative error that each leaves after so many seconds; the first is the score function.

    A tangent has a heavy tail where its index is below `INDEX`, by the upper confidence limit, and that of the score is not.
    """
    unit = np.where(theta != 0, np.abs(theta), 1.0)
    tails = [np.zeros(m.shares.shape, bool) if isinstance(e, SCORES) else m.shares > TAIL for e, m in tried]
    heavy = [
        isinstance(e, TANGENTS)
        and bool(((m.index < INDEX) & (tried[0][1].index >= INDEX) & (m.variance > (FLOOR * m.gradient) ** 2)).any())
        for e, m in tried
    ]
    target, target_error = pooled([
        m._replace(error=np.where(tail, np.inf, m.error))
        for (e, m), tail, out in zip(tried, tails, heavy, strict=True)
        if e.unbiased and np.isfinite(m.error).all() and not out
    ])  # fmt: skip
    size = sizes(target, unit)
    out = []
    for (estimator, m), tail, without in zip(tried, tails, heavy, strict=True):
        expected = prior(estimator, found) * np.abs(target)
        off = np.abs(m.gradient - target)
        clear = (off > CLEAR * np.hypot(m.error, target_error)) & (tail | (not estimator.unbiased))
        bias = np.maximum(expected, np.where(clear, off, 0)) / size
        dearer = 1.0 if isinstance(estimator, ScoreFunction) else DEARER
        paths = seconds / max(m.seconds, dearer * tried[0][1].seconds)
        error = np.sqrt(np.mean(np.where(tail, UNSEEN, 1.0) * m.variance / paths / size**2 + bias**2))
        out.append(Pilot(estimator, m, np.inf if without else float(error), float(bias.max(initial=0.0)), without))
    return out


def judged_against(
    m: Measured,
    truth: Float[np.ndarray, "stops entries parameters"],
    theta: Float[np.ndarray, " parameters"],
    seconds: float,
) -> float:
    """Relative error that an estimator leaves after so many seconds, by the exact gradient; as the choice reckons it."""
    unit = np.where(theta != 0, np.abs(theta), 1.0)
    size = sizes(truth, unit)
    off = np.abs(m.gradient - truth)
    bias = np.where(off > CLEAR * m.error, off, 0.0)
    return float(np.sqrt(np.mean(m.work / seconds / size**2 + (bias / size) ** 2)))


def sizes(
    gradient: Float[np.ndarray, "stops entries parameters"], unit: Float[np.ndarray, " parameters"]
) -> Float[np.ndarray, "stops entries parameters"]:
    """What errors and biases are relative to: each component, but not less than a tenth of the largest of its entry and stop.

    Components are compared in units of the parameters.
    """
    scaled = np.abs(gradient * unit)
    largest = scaled.max(-1, keepdims=True)
    whole = scaled.max(initial=0.0)
    return np.maximum(scaled, np.maximum(0.1 * largest, 1e-3 * whole + 1e-100)) / unit
