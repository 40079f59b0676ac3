"""`gradient="auto"`: which estimator a problem gets, and why."""

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jumpax._base.errors import TooLargeError, UnsupportedError
from jumpax._base.types import ParameterValues, Word
from jumpax.engines import choice
from jumpax.engines.program import Steps
from jumpax.gradients import failures
from jumpax.gradients.coupled_difference import CoupledDifference
from jumpax.gradients.curvature import PATHS, Curvature, Visits, curvature, events_per_path, moved, visits
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.exact_gradient import ExactGradient, sampled_cost
from jumpax.gradients.growth import Tangent, grows
from jumpax.gradients.guarded import Guarded
from jumpax.gradients.measure import Measured, measure, salted
from jumpax.gradients.pilot import (
    LOOKED_AT,
    TANGENTS,
    Pilot,
    beaten,
    candidates,
    gain,
    judged,
    lattice_split,
    may_couple,
    prior,
)
from jumpax.gradients.sampling import Sampling
from jumpax.gradients.score_function import ScoreFunction
from jumpax.gradients.tails import INDEX
from jumpax.networks import ALL, Need

REACH = 0.3
"""Distance in log parameters after which a choice is made anew."""
LARGEST = 64
"""Reactions beyond which only the score function is considered: tangents would take long to compile."""
FEWEST = 384
"""Least paths of a pilot: of fewer, one path carries a tenth of the squared deviations too often."""
WORTH = 0.7
"""Squared error, over that of the score function, below which another estimator is preferred to it."""
KEPT = 0.1
"""Gain, over that where it was chosen before, with which an estimator stays without a look at the others: pilots are rough."""

SECONDS_PER_EVENT, SECONDS_PER_STATE = 1e-8, 5e-9
"""Of an event of a path that carries gradients, and of one state in one term of the master equation's series: rough."""

log = logging.getLogger("jumpax")


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
    paths: int = 0
    """How many paths were simulated to choose, at most: a look whether the lattice tangent is exact is counted in any case."""
    problem: Sampling | None = None
    """What it was chosen for."""
    left_out: tuple[tuple[AbstractEstimator, str], ...] = ()
    """Estimators that were not to be trusted, and why: by their pilot, by how their second moment grows, or because a call failed."""

    @property
    def guarded(self) -> AbstractEstimator:
        """The estimator as calls use it: with the score function behind it, should its tails turn out too heavy."""
        if isinstance(self.estimator, ExactGradient):
            return self.estimator
        return Guarded(self.estimator, again=self.problem is None or not self.problem.rough)

    def revised(self) -> "Choice":
        """Without what has failed in a call since: the next best of the pilots, the score function at last."""
        failed = failures.known(self.problem)
        now = [failure for failure in failed if failure.estimator == self.estimator]
        if not now:
            return self
        out = {failure.estimator for failure in failed}
        left = [p for p in self.pilots if p.estimator not in out and np.isfinite(p.error)]
        best = min(left, key=lambda p: p.error).estimator if left else ScoreFunction()
        reason = f"{best!r}: the next best, for {now[0]}"
        return self._replace(estimator=best, reason=reason, left_out=(*self.left_out, (self.estimator, str(now[0]))))

    @property
    def gain(self) -> float:
        """Work that it saved in the pilot, over the score function; 1 without a pilot."""
        own = [p for p in self.pilots if p.estimator == self.estimator]
        return gain(own[0], self.pilots[0]) if own else 1.0

    @property
    def bias(self) -> float:
        """Relative bias that is reckoned with, of components as `pilot.sizes` has them: an estimate from above, but no bound."""
        return max((p.bias for p in self.pilots if p.estimator == self.estimator), default=0.0)


@dataclasses.dataclass(frozen=True)
class Automatic:
    """How the estimator of an expectation is chosen; what `gradient="auto"` stands for.

    1. The master equation, where it takes less time than the paths would. (Not for what is gathered along paths: of that, a pilot
       compares the score function with coupled differences, as below. Nor where the start has a law.)
    2. Otherwise curvature indices of the problem, from some plain paths, say how far tangents can be trusted: the relative
       bias of the trapezoidal tangent is taken to be 2 kappa (dark + 0.04), that of coupled differences 0.02 (h / 0.3)^2.
       The lattice tangent is considered only if none of its rules is missing on 1,000 paths.
    3. A pilot of the candidates gives variance and cost, the most promising first; those that cannot be better than the best
       so far, by their bias or by what they can save, are left out. Where one path carries more than a tenth of the squared
       deviations of a component of a tangent, its variance is taken to be a hundred times larger. The unbiased ones are
       pooled to a reference; what differs from it by more than 3 standard errors counts as bias.
    4. The least squared relative error in the planned time wins: that of as many paths as were asked for, by the score
       function, which is kept unless another one saves three tenths of its work.
    5. A tangent is left out where it is not to be trusted: if the second moment of what it carries grows, on the states that the
       plain paths visited, by more than e until the last stop (`growth.second_moment_rate`); if the tail index of its
       contributions is below 3, with 95 % confidence (`tails.tail_index`); or if it failed in a call for the same problem.
    6. When the choice is made anew, the former one is tried first, and kept if it still saves a tenth of what it did
       and the bias that is believed has not doubled.

    Args:
        pilot: most paths of the pilot, for each candidate; no more than a sixteenth of those asked for, but at least 384.
        exact: whether the master equation may be used.

    The constants were tuned on reversible association and repressilators; see the page on choosing a gradient for how
    the rule does elsewhere.
    """

    pilot: int = 1024
    exact: bool = True

    @property
    def treats(self) -> frozenset[Need]:
        """Everything, if need be by the score function."""
        return ALL

    def choose(
        self,
        sampling: Sampling,
        wrt: tuple[str, ...],
        theta: ParameterValues,
        words: tuple[Word, Word],
        before: Choice | None = None,
    ) -> Choice:
        """The estimator for a problem at theta, which has to be numbers; `before` is what was chosen for it elsewhere.

        Raises:
            UnsupportedError: no estimator can treat the problem.
        """
        values = {name: float(value) for name, value in theta.items()}
        made = self._settled(sampling, wrt, values, words)
        if made is None:
            made = self._piloted(sampling, wrt, values, words, before)
        log.info("gradient: %s", made.reason)
        return made

    def _settled(
        self, sampling: Sampling, wrt: tuple[str, ...], theta: dict[str, float], words: tuple[Word, Word]
    ) -> Choice | None:
        """The choice where there is nothing to try; None where a pilot has to decide."""
        if sampling.network.needs:
            needs = " and ".join(need.value for need in Need if need in sampling.network.needs)
            return Choice(ScoreFunction(), f"ScoreFunction(): unbiased; the others do not treat {needs}", theta, wrt)
        if sampling.rough:
            reason = "CoupledDifference(): parameters change the observable in steps beside the path, which a score does not see; biased"
            return Choice(CoupledDifference(), reason, theta, wrt, problem=sampling.problem)
        few = sampling.network.reaction_count < choice.LARGE
        if self.exact and few and sampling.gathered is None and sampling.x0 is None:
            exact = _exact(sampling, wrt, theta, events_per_path(sampling, theta, salted(words, 0)))
            if exact is not None:
                return Choice(exact, "ExactGradient: the master equation is small enough", theta, wrt)
        if isinstance(sampling.stops, Steps):
            reason = "ScoreFunction(): unbiased; the others need stops in time, these are numbers of events"
            return Choice(ScoreFunction(), reason, theta, wrt)
        if len(sampling.network.reactions) > LARGEST:
            reason = f"ScoreFunction(): unbiased; more than {LARGEST} reactions, for which no pilot is made"
            return Choice(ScoreFunction(), reason, theta, wrt)
        return None

    def _piloted(
        self,
        sampling: Sampling,
        wrt: tuple[str, ...],
        theta: dict[str, float],
        words: tuple[Word, Word],
        before: Choice | None,
    ) -> Choice:
        paths = min(self.pilot, max(FEWEST, sampling.paths // 16))
        seen = visits(sampling, theta, salted(words, 0))
        found = Curvature(0.0, 0.0, 0.0, 0.0) if sampling.gathered is not None else curvature(sampling, theta, seen)
        values = np.array([theta[name] for name in wrt])
        reference = measure(sampling, ScoreFunction(), wrt, theta, salted(words, 1), paths, runs=1, tail=True)
        tried: list[tuple[AbstractEstimator, Measured]] = [(ScoreFunction(), reference)]
        pilots = judged(tried, sampling.paths * reference.seconds, found, values)
        best = pilots[0]
        left_out: list[tuple[AbstractEstimator, str]] = [
            (f.estimator, str(f)) for f in failures.known(sampling.problem)
        ]
        for number, candidate in enumerate(_options(sampling, wrt, theta, words, found, before)):
            if beaten(candidate, pilots[0], best, found) or candidate in dict(left_out):
                continue
            try:
                if isinstance(candidate, TANGENTS) and (why := _explosive(candidate, sampling, theta, seen)):
                    left_out.append((candidate, why))
                    continue
                fewer = max(FEWEST, paths // candidate.simulated(1, wrt))
                made = measure(sampling, candidate, wrt, theta, salted(words, 2 + number), fewer, runs=1, tail=True)
            except (UnsupportedError, TooLargeError) as refusal:
                log.debug("gradient: %r refused: %s", candidate, refusal)
                continue
            tried.append((candidate, made))
            pilots = judged(tried, sampling.paths * reference.seconds, found, values)
            best = min((p for p in pilots if np.isfinite(p.error)), key=lambda p: p.error)
            if before is not None and best.estimator == candidate and _still(best, pilots[0], found, before):
                break
        left_out += [
            (p.estimator, f"the tail index of its contributions is below {INDEX:g}") for p in pilots if p.heavy
        ]
        if best.error**2 > WORTH * pilots[0].error ** 2:
            best = pilots[0]
        spent = PATHS + LOOKED_AT + sum(p.estimator.simulated(p.measured.paths, wrt) for p in pilots)
        return Choice(
            best.estimator, _reason(best, pilots[0], paths, found), theta, wrt, found, tuple(pilots), spent, sampling.problem,
            tuple(left_out),
        )  # fmt: skip


def _explosive(tangent: Tangent, sampling: Sampling, theta: Mapping[str, float], seen: Visits) -> str:
    """Why a tangent cannot be trusted, if its second moment grows on the way to the last stop; else empty."""
    last = 1 / max(sampling.stops.values[-1] - sampling.start, 1e-300)
    if not grows(tangent, sampling.network, theta, seen.ordered, last):
        return ""
    return f"its second moment grows along paths, by more than {last:.2g} per time"


def _options(
    sampling: Sampling,
    wrt: tuple[str, ...],
    theta: Mapping[str, float],
    words: tuple[Word, Word],
    found: Curvature,
    before: Choice | None,
) -> Iterator[AbstractEstimator]:
    """What is tried beside the score function: what was chosen before, if it still may be, then the most promising."""
    if sampling.gathered is not None:
        yield from (CoupledDifference(),) if may_couple(wrt, theta) else ()
        return
    former = [c for c in candidates(wrt, theta, found, None) if before is not None and c == before.estimator]
    yield from former
    split = lattice_split(sampling, theta, salted(words, 0))
    yield from (c for c in candidates(wrt, theta, found, split) if c not in former)


def _still(best: Pilot, score: Pilot, found: Curvature, before: Choice) -> bool:
    """Whether the best so far is what was chosen before, on much the same grounds."""
    if best.estimator != before.estimator or before.curvature is None:
        return False
    doubtful = prior(best.estimator, found) > 2 * prior(best.estimator, before.curvature)
    return not doubtful and gain(best, score) > KEPT * before.gain


def _reason(best: Pilot, score: Pilot, paths: int, found: Curvature) -> str:
    line = f"{best.estimator!r}: "
    line += (
        "the best"
        if best.estimator == score.estimator
        else f"{gain(best, score):,.2g} times less work than the score function"
    )
    line += f" for the same error, in a pilot of {paths} paths"
    if best.estimator.unbiased:
        return line + "; unbiased"
    return line + f"; biased, by an estimated {100 * best.bias:.2g} % (curvature index {found.kappa:.2g})"


def _exact(sampling: Sampling, wrt: tuple[str, ...], theta: Mapping[str, float], events: float) -> ExactGradient | None:
    """The master equation with room for theta to move, if it takes no longer than twice as many paths, or a fifth of a second."""
    seconds = max(0.2, 2 * sampling.paths * events * SECONDS_PER_EVENT)
    cost = sampled_cost(sampling, theta, wrt, budget=seconds / SECONDS_PER_STATE)
    if cost is None:
        return None
    room = {name: int(1.5 * most) + 5 for name, most in cost.limits.items()}
    return ExactGradient(room, tolerance=1e-4, states=max(200_000, 10 * cost.states))


def stale(choice: Choice, wrt: Sequence[str], theta: ParameterValues) -> bool:
    """Whether theta is so far from where the choice was made, or other parameters are asked for."""
    return not set(wrt) <= set(choice.wrt) or moved(choice.theta, theta, list(choice.theta)) > REACH
