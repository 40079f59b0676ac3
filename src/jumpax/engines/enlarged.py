"""A run whose bound on the total propensity breaks is drawn anew, all of it, with a larger one."""

import dataclasses
import logging
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from jumpax._base.status import Status
from jumpax.engines.program import Steps, Times
from jumpax.engines.recorded import Recorded

T = TypeVar("T")
DOUBLINGS = 10
"""How often a bound is doubled before the fault is told."""

log = logging.getLogger("jumpax")


def enlarged(
    stops: Times | Steps, draw: Callable[[Times | Steps], T], recorded: Callable[[T], Recorded], kept: bool = False
) -> tuple[Times | Steps, T]:
    """What is drawn with the first of the bounds B, 2 B, 4 B, .. that no path is seen to break.

    All paths are drawn anew, not those alone that broke it: these are the paths with many events, of which there would be too few
    among the others. What is left of that bias is small: with n paths of which each breaks the bound with the probability p, the
    probability of anything that one path does is off by p (1 - p)^(n - 1) at most, which is at most 1 / (2 n) for n > 1, and is nothing where
    no path or nearly every run breaks it.

    Args:
        stops: with the bound that was given, or without one.
        draw: a whole run with these stops.
        recorded: what a run has recorded.
        kept: whether the run is kept on disk, which is one with the bound that was given, and with no other.

    Returns:
        The stops with the bound that held, or the largest one that was tried, and the run.
    """
    for _ in range(0 if kept else DOUBLINGS):
        made = draw(stops)
        if stops.bound is None or not (broken := int((recorded(made).status == Status.BOUND_BROKEN).sum())):
            return stops, made
        larger = np.multiply(stops.bound, 2.0).tolist()
        stops = dataclasses.replace(stops, bound=tuple(larger) if isinstance(stops.bound, tuple) else larger)
        log.info("%d paths broke the bound; all are drawn anew with twice the bound, %s", broken, stops.bound)
    return stops, draw(stops)
