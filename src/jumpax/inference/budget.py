"""What a fit with a budget refuses."""

from collections.abc import Mapping

import numpy as np

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.deciding import moving
from jumpax.inference.exploration.plain import estimating
from jumpax.inference.losses import Deviations, Together
from jumpax.inference.problem import Problem
from jumpax.inference.sources import Simulation
from jumpax.observables import AbstractPathObservable

LEAST = 16
"""Paths of one evaluation, at least, per free parameter and two."""
PARTS = 16
"""Times as many, at least, all in all."""
SLOPES = 8
"""Times what the smallest evaluation of an estimator takes, at least, all in all."""


def check_budget(problem: AbstractProblem, budget: int) -> AbstractProblem:
    """Whether a problem can be fitted with a budget.

    Raises:
        InputError: a budget that is no number of paths, or too small.
        UnsupportedError: exact expectations, losses that are not of counts, or too far from a sum of squares.
    """
    many = len(problem.parts)
    least = LEAST * PARTS * (len(problem.free) + 2) * many
    if isinstance(budget, bool) or not isinstance(budget, int | np.integer) or budget < least:
        of = f" of {many} conditions" if many > 1 else ""
        raise InputError(
            f"budget must be a whole number of paths, for {len(problem.free)} free parameters{of} {least} or more; got {budget!r}"
        )
    for name, part in problem.parts.items():
        _check_condition(part, budget, many, f"condition {name!r}: " if name else "")
    return problem


def _check_condition(problem: Problem, budget: int, conditions: int, where: str) -> None:
    """Whether one condition can."""
    if not isinstance(problem.source, Simulation):
        raise UnsupportedError(
            f"{where}a budget counts paths, and {type(problem.source).__name__} draws none: leave it out"
        )
    parts = problem.loss.losses if isinstance(problem.loss, Together) else (problem.loss,)
    if bent := [part for part in parts if part.linear is None]:
        more = " (or give Deviations the measured means)" if any(isinstance(part, Deviations) for part in bent) else ""
        raise UnsupportedError(
            f"{where}a budget is not for {'; '.join(part.obstacle for part in bent)}: a search needs what is near a sum of squares of "
            f"means. Leave it out{more}, and take starts=8"
        )
    if isinstance(problem.loss.observable(problem.network), AbstractPathObservable):
        raise UnsupportedError(
            f"{where}a budget is for data of counts, not of what is gathered along paths: leave it out"
        )
    source = estimating(problem.source)
    needed = int(SLOPES * source.simulated(moving(problem))) * conditions
    if problem.loss.linear is not problem.loss and budget < needed:
        raise InputError(
            f"{where}{type(source.gradient).__name__} needs a budget of {needed:,} paths or more here; got {budget:,}: leave gradient "
            "out"
        )


def check_settings(given: Mapping[str, tuple[object, object]]) -> None:
    """Whether only settings are given that a search of boxes heeds; by name, the value and the one by default.

    Raises:
        InputError: others.
    """
    if ignored := [name for name, (value, usual) in given.items() if value is not usual and value != usual]:
        raise InputError(
            f"a search with a budget moves and ends by its own rules: leave out {' and '.join(ignored)}"
            + (" (points to follow may be given, starts=[{...}])" if "starts" in ignored else "")
        )
