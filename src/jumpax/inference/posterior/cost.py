"""What the exact density of records costs, told from its size alone: the same on every machine."""

import dataclasses
from typing import Any

import numpy as np

from jumpax._base.errors import InputError, TooLargeError
from jumpax.exact.generator import exit_rates
from jumpax.inference.record_problem import RecordProblem

STATES, PRODUCTS = 3_000, 3e6
"""Most states, and most products of numbers of one pass through the records, for a density in tens of milliseconds."""


def is_cheap(problem: RecordProblem) -> bool:
    """Whether the master equation is the quicker way: a small space, and few steps of uniformization at the values of the start.

    Raises:
        InputError: limits were given, and are wrong.
    """
    small = dataclasses.replace(problem, max_states=min(problem.max_states, STATES))
    try:
        space = small.space
    except TooLargeError:
        return False
    except InputError:
        if problem.limits is None:  # a start whose law has no end needs them
            return False
        raise
    values = problem.values(problem.structure.unconstrained(problem.start_values, problem.numbers))
    theta: Any = {name: np.float64(values[name]) for name in problem.network.parameters}
    counts, now = tuple(space.states.T.astype(np.float64)), np.zeros(())
    rates = np.stack(
        [
            np.broadcast_to(np.asarray(a), counts[0].shape)
            for a in problem.network.propensities(counts, theta, now)  # type: ignore[arg-type]
        ]
    )
    steps = float(exit_rates(space, rates).max(initial=0.0)) * float(problem.records.times[-1] - problem.start)
    return bool(steps * len(problem.network.reactions) * space.size * len(problem.records.cells) <= PRODUCTS)
