"""The end of a fit: from the last steps of a search to its estimate, with as many paths as that takes."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jumpax._base.errors import JumpaxError
from jumpax.gradients import exact_cost
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.information import Information, pooled
from jumpax.inference.parameters import Fixed
from jumpax.inference.problem import Problem
from jumpax.inference.sources import MasterEquation, Simulation
from jumpax.observables import AbstractPathObservable, places_of

REACH = 2.0
"""Standard errors within which the loss is taken to be quadratic."""
NEAR = 0.5
"""Distance on the unconstrained scale within which the Fisher information is taken to be the same."""
STILL, STILL_EXACT = 0.25, 0.01
"""Steps, in standard errors, that are not taken any more."""
QUIET = 0.15
"""Simulation error, in standard errors, at which no more paths are asked for: 95 % of estimates are then within 0.3 of the maximum."""
LONGEST = 0.7
"""Of a step, on the unconstrained scale."""
TURNS, SPACES = 8, 4
"""Most evaluations of the master equation on one space of states, and most such spaces."""
WORK = 5e7
"""Work of the master equation, as `exact_cost` counts it, up to which it steps in: less than a second an evaluation."""

Ask = Callable[[AbstractProblem, Float[np.ndarray, " free"]], Evaluation]


class Reading(NamedTuple):
    """What was found at some point."""

    point: Float[np.ndarray, " free"]
    found: Evaluation


class Conclusion(NamedTuple):
    """The estimate, and what is known there."""

    problem: AbstractProblem
    """With the source that the numbers come from."""
    point: Float[np.ndarray, " free"]
    found: tuple[Evaluation, ...]
    """At that point."""
    information: Information
    step: Float[np.ndarray, " free"]
    """From there to the minimum, as all gradients near by have it; no further than `LONGEST`."""
    distance: float
    """Of that, in standard errors."""
    noise: Float[np.ndarray, "free free"]
    """Covariance of the estimate from the simulation."""
    loudness: float
    """Simulation error over standard error, in the worst direction."""
    readings: int
    """Evaluations that say so together."""

    def moved(self) -> "Conclusion":
        """At the minimum to which the step leads; the expectation there follows from the slopes."""
        found = tuple(e._replace(levels=self.problem.after(e.levels, e.jacobian, self.step)) for e in self.found)
        return self._replace(point=self.point + self.step, found=found, step=np.zeros_like(self.step), distance=0.0)

    @property
    def wanted(self) -> float:
        """Evaluations more that would quiet the simulation: its error falls as the root of their number."""
        return self.readings * ((self.loudness / QUIET) ** 2 - 1)

    @property
    def known(self) -> bool:
        """Whether more paths would change little."""
        return self.information.sharp and self.loudness <= QUIET


def conclude(
    problem: AbstractProblem,
    point: Float[np.ndarray, " free"],
    found: Sequence[Evaluation],
    tail: Sequence[Reading],
    ask: Ask,
    spare: int,
) -> Conclusion:
    """The estimate near the end of a search.

    Every evaluation within two standard errors has its own idea of the minimum, u - I^-1 g, with a noise that does not
    depend on how the search went there; the estimate is their mean. The point moves there until it moves by less than a
    quarter of a standard error, and evaluations are added until the information is resolved and the simulation error is
    0.15 standard errors, `spare` of them at most. Where they do not suffice, or are not going to, the master equation goes on
    from there, if it is small enough and the source lets it.

    Args:
        problem: what is fitted.
        point: mean of the last iterates.
        found: evaluations there.
        tail: evaluations on the way.
        ask: for an evaluation with a key of its own.
        spare: how many more may be asked for.
    """
    first = _judged(problem, point, list(found), list(tail))
    if first.wanted > spare > 0 and (ending := exactly(problem, first)) is not first:
        return ending
    ending = _settled(problem, point, list(found), list(tail), ask, spare)
    return ending if ending.known or spare == 0 else exactly(problem, ending)


def exactly(problem: AbstractProblem, ending: Conclusion) -> Conclusion:
    """The same by the master equation, if that can be; with other limits of its space where the estimate leaves them."""

    def ask(problem: AbstractProblem, u: Float[np.ndarray, " free"]) -> Evaluation:
        return problem.evaluate(jnp.asarray(u, float), None)

    point = ending.point
    for _ in range(SPACES):
        exact = by_master_equation(problem, point)
        if exact is None:
            break
        try:
            ending = _settled(exact, point, [ask(exact, point)], [], ask, TURNS)
        except JumpaxError:  # probability leaks
            break
        if ending.distance <= STILL_EXACT:
            break
        point = ending.point + ending.step
    return ending


def _settled(
    problem: AbstractProblem,
    point: Float[np.ndarray, " free"],
    found: list[Evaluation],
    tail: list[Reading],
    ask: Ask,
    spare: int,
) -> Conclusion:
    """Move, and ask for more, until neither is needed or nothing is left to spend."""
    batch, still = len(found), STILL_EXACT if problem.source.deterministic else STILL
    while True:
        ending = _judged(problem, point, found, tail)
        moving = ending.distance > still
        if spare < batch or not (moving or not ending.known):
            return ending
        goal = point + ending.step if moving else point
        try:
            fresh = [ask(problem, goal) for _ in range(batch)]
        except JumpaxError:  # the paths cannot be followed there
            return ending
        spare -= batch
        if moving:
            tail, found = [*tail, *(Reading(point, e) for e in found)], []
        point, found = goal, found + fresh


def _judged(
    problem: AbstractProblem, point: Float[np.ndarray, " free"], found: list[Evaluation], tail: list[Reading]
) -> Conclusion:
    """What all evaluations near a point say."""
    return pooled_at(problem, point, found, _near(problem, point, found, tail))


def pooled_at(
    problem: AbstractProblem,
    point: Float[np.ndarray, " free"],
    found: Sequence[Evaluation],
    others: Sequence[Reading] = (),
) -> Conclusion:
    """What evaluations at a point, and others that are as good, say together."""
    near = [*(Reading(point, e) for e in found), *others]
    information = pooled(problem, point, [reading.found for reading in near])
    roots = information.roots
    inverse = roots @ roots.T
    wish = np.mean([reading.point - point - inverse @ reading.found.gradient for reading in near], 0)
    back = np.linalg.pinv(roots)
    wish = roots @ (back @ wish)  # nothing is known of the other directions
    distance, length = float(np.linalg.norm(back @ wish)), float(np.linalg.norm(wish / information.unit))
    spread = np.sum([reading.found.gradient_covariance for reading in near], 0) / len(near) ** 2
    loud = roots.T @ spread @ roots
    loudness = float(np.sqrt(max(np.linalg.eigvalsh(loud)[-1], 0.0))) if loud.size else 0.0
    return Conclusion(
        problem, point, tuple(found), information, wish * min(1.0, LONGEST / max(length, 1e-300)), distance,
        inverse @ spread @ inverse, loudness, len(near),
    )  # fmt: skip


def _near(
    problem: AbstractProblem, point: Float[np.ndarray, " free"], found: list[Evaluation], tail: list[Reading]
) -> list[Reading]:
    """Evaluations elsewhere that are as good as here; none if those here have no noise."""
    if problem.source.deterministic or not tail:
        return []
    first = pooled(problem, point, found)
    back = np.linalg.pinv(first.roots)

    def close(reading: Reading) -> bool:
        way = reading.point - point
        return bool(np.linalg.norm(way / first.unit) <= NEAR and np.linalg.norm(back @ way) <= REACH)

    return [reading for reading in tail if close(reading)]


def by_master_equation(problem: AbstractProblem, u: Float[np.ndarray, " free"]) -> AbstractProblem | None:
    """The same problem on the exact law; None if there is none, or it is too large, or not wanted."""
    if problem.source.deterministic:
        return None
    parts = [exact_part(part, own) for part, own in problem.split(u)]
    made = tuple(part for part in parts if part is not None)
    return problem.of(made) if len(made) == len(parts) else None


def exact_part(problem: Problem, u: Float[np.ndarray, " free"]) -> Problem | None:
    """The same for one condition."""
    source = problem.source
    if source.deterministic:
        return problem
    if not isinstance(source, Simulation) or not source.exact or problem.network.needs or problem.law:
        return None
    if isinstance(problem.plan.question.observable, AbstractPathObservable):
        return None
    theta = problem.structure.theta({name: float(value) for name, value in problem.values(jnp.asarray(u)).items()})
    times = [problem.settle or 0.0] if problem.loss.times is None else [t - problem.start for t in problem.loss.times]
    moving = [n for n in problem.network.parameters if not isinstance(problem.parameters[n], Fixed)]
    cost = exact_cost(problem.network, problem.plan.question.begin, theta, times, budget=WORK, wrt=moving)
    places = places_of(problem.plan.question.observable)
    if cost is not None and places:  # every datum has its place
        wider = {
            **cost.limits,
            **{name: max(cost.limits[name], size) for name, size in places.items() if name in cost.limits},
        }
        cost = exact_cost(problem.network, problem.plan.question.begin, theta, times, wider, WORK, wrt=moving)
    if cost is None:
        return None
    return dataclasses.replace(problem, source=MasterEquation(cost.limits, stationary=False))
