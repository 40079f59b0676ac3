"""Paths that float32 cannot follow are drawn again in float64.

The words of a float64 program begin with those of the float32 program, so that it is the same draw with more bits. Which
paths are drawn again depends on their own fault alone: not on batch, chunk or thread.
"""

import dataclasses
import logging
from collections.abc import Callable
from typing import Any, cast

import jax
import numpy as np
from jaxtyping import Bool, Int

from jumpax._base import clock
from jumpax._base.status import FIRST_FAULT, Status
from jumpax.engines.engine import precision_of
from jumpax.engines.inputs import Inputs, of_paths
from jumpax.engines.lane import Interval
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded

CURABLE = (
    Status.TIME_STALLED, Status.BAD_PROPENSITY, Status.BAD_ASSIGNMENT, Status.INEXACT_COUNT, Status.BAD_DELAY,
    Status.BAD_DRAW, Status.FLOW_BROKEN,
)  # fmt: skip
"""Faults that float64 may not have: a wait too short for the clock, a propensity beyond 3e38, an event that reads a
count beyond 2^24 or sets one to that, a delay or a number of a law that is drawn from that is 0 less a rounding error, a continuous variable
beyond 3e38."""

log = logging.getLogger("jumpax")


def redrawn(
    program: Program, inputs: Inputs, recorded: Recorded, draw: Callable[[Program, Inputs, np.ndarray], Recorded]
) -> tuple[Recorded, Bool[np.ndarray, " paths"]]:
    """A run in which the paths that met a limit of float32 are replaced by the same paths in float64.

    Args:
        program: what was run.
        inputs: its numbers, on the host.
        recorded: what it left, with rows for `inputs.paths` paths or more.
        draw: draws the paths of other inputs, by a float64 program; also gets their numbers in this run.

    Returns:
        The run, records rounded to float32, and which paths were drawn again. Those that are faulty in float64 too end as
        they do there.
    """
    paths = int(inputs.paths)
    status, again = np.asarray(recorded.status)[:paths], np.zeros(paths, bool)
    if program.precision == "float32" and status.max(initial=0) >= FIRST_FAULT:  # most runs have no fault at all
        curable = (
            *CURABLE,
            *([Status.COUNT_OVERFLOW] if program.network.families else []),
        )  # their counts are real numbers
        again = np.isin(status, [int(status) for status in curable])
    if not again.any():
        return recorded, again
    rows = np.flatnonzero(again)
    wide = dataclasses.replace(program, precision="float64")
    with precision_of(wide):
        fresh = draw(wide, _chosen(inputs, rows), rows)
    log.info("%d of %d paths were drawn again in float64", len(rows), paths)
    return _with_rows(recorded, rows, fresh), again


def _chosen(inputs: Inputs, rows: Int[np.ndarray, " again"]) -> Inputs:
    """The inputs of some paths, in float64: each with the index, the key and the numbers that it had."""
    inputs, interval = of_paths(inputs, rows), cast(Any, inputs.stops.interval)
    return inputs._replace(
        theta={name: np.asarray(value, np.float64) for name, value in inputs.theta.items()},  # type: ignore[misc]
        start=_widened(inputs.start),
        stops=inputs.stops._replace(
            time=_widened(inputs.stops.time),
            interval=interval and Interval(*(np.asarray(leaf, np.float64) for leaf in interval)),  # type: ignore[arg-type]
        ),
    )


def _widened(time: clock.Time) -> clock.Time:
    """The same time, as a pair of float64."""
    high = np.asarray(time.high, np.float64) + np.where(np.isfinite(time.high), np.asarray(time.low, np.float64), 0.0)
    return clock.Time(high, np.zeros_like(high))  # type: ignore[arg-type]  # on the host


def _with_rows(recorded: Recorded, rows: Int[np.ndarray, " again"], fresh: Recorded) -> Recorded:
    """The run with some rows replaced, in place where the arrays allow it."""

    def put(old: Any, new: Any) -> np.ndarray:
        kept = np.asarray(old)
        kept = kept if kept.flags.writeable else kept.copy()
        kept[rows] = np.asarray(new)[: len(rows)].astype(kept.dtype)
        return kept

    pairs = np.asarray(fresh.time, np.float64)
    shown = np.asarray(recorded.time)
    ends = np.stack(clock.split(pairs.sum(-1), shown.dtype), -1)
    return jax.tree.map(put, recorded, fresh._replace(time=ends))
