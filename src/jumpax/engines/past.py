"""What began before the start of a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jumpax._base.errors import InputError
from jumpax.networks import Network
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Expression, evaluate, names, reads_time
from jumpax.networks.triggers import Clock, clocks


def check_past(network: Network, values: Mapping[str, np.ndarray], start: float) -> None:
    """Whether nothing may be under way at a start later than 0 of events whose time has come before it.

    Raises:
        InputError: naming the events with delays that may not be over by then.
    """
    late = [event for event in network.events if event.delay is not None] if start > 0 else []
    if lost := [repr(event.name) for event in late if _may_last(event, network, values, start)]:
        raise InputError(
            f"the time of {', '.join(lost)} is before start = {start:g}, and the delay may end after it; nothing is under way at the "
            "start of a run: start earlier, or give network.with_events(...) events at the times at which they are carried out"
        )


def _may_last(event: Event, network: Network, values: Mapping[str, np.ndarray], start: float) -> bool:
    """Whether an event by time alone was triggered before the start, and its delay is not known to end before it."""
    if clocks(event.trigger) != (Clock(event.trigger),) or event.delay is None:  # type: ignore[arg-type]  # a comparison
        return False

    def read(expression: Expression, time: Any) -> Any:
        return np.asarray(evaluate(expression, values, time), np.float64)

    when, from_then_on = Clock(event.trigger).moment(read)  # type: ignore[arg-type]
    before = (np.asarray(when) < start) & from_then_on
    if reads_time(event.delay) or {*names(event.delay)} & {*network.species, *network.moved}:
        return bool(before.any())
    due = when + read(event.delay, 0.0)
    return bool((before & (due >= start) & (due < np.inf)).any())
