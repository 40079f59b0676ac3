"""What failed: estimators whose tails some call of the automatic gradient could not resolve, remembered for the next choice."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

from jumpax.gradients.estimator import AbstractEstimator

MOST = 256
"""Problems that are remembered."""

told = 0
"""How often `remember` was called in this process."""
_known: OrderedDict[Hashable, dict[object, "Failure"]] = OrderedDict()
_one_at_a_time = threading.Lock()


class Failure(NamedTuple):
    """An estimator that failed in a call."""

    estimator: AbstractEstimator
    component: str
    """The one with the heaviest tail, in words."""
    share: float
    """Of the squared deviations, carried by one path."""
    paths: int

    def __str__(self) -> str:
        return (
            f"{self.estimator!r} failed in a call: one of {self.paths:,} paths carried {self.share:.0%} of the variance of "
            f"{self.component}, so the call was answered by the score function"
        )


def remember(problem: Hashable, failure: Failure) -> None:
    """For `known`; from any thread."""
    global told
    with _one_at_a_time:
        told += 1
        _known.setdefault(problem, {})[failure.estimator] = failure
        _known.move_to_end(problem)
        while len(_known) > MOST:
            _known.popitem(last=False)


def known(problem: Hashable) -> tuple[Failure, ...]:
    """All that failed for a problem in this process."""
    return tuple(_known.get(problem, {}).values())


def forget() -> None:
    """Everything, as if nothing had failed."""
    with _one_at_a_time:
        _known.clear()
