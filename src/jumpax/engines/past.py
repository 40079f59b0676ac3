"""What began before the start of a run."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from jumpax._base.errors import InputError
from jumpax.networks import Network
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Expression, evaluate, names
from jumpax.networks.triggers import clocks, timeless


def check_past(network: Network, values: Mapping[str, np.ndarray], start: float, unknown: Collection[str] = ()) -> None:
    """Whether nothing may be under way at a start later than 0 of events whose time has come before it.

    Of triggers that read counts, or what flows, nobody knows: `Event.initially` says what they count as before the start.

    Args:
        network: the events of which are meant.
        values: of the parameters.
        start: time at the start.
        unknown: names of parameters whose values are not known yet, those that JAX traces.

    Raises:
        InputError: naming the events with delays that may not be over by then.
    """
    late = [event for event in network.events if event.delay is not None] if start > 0 else []
    lost = [event for event in late if _may_last(event, network, values, start, unknown)]
    if lost:
        read = {name for event in lost for name in (*names(event.trigger), *names(event.delay))}  # type: ignore[arg-type]  # see `late`
        traced = sorted(read.intersection(unknown))
        more = f" ({', '.join(traced)} may tell, but not where JAX traces it)" if traced else ""
        raise InputError(
            f"the time of {', '.join(repr(event.name) for event in lost)} may be before start = {start:g}, and the delay end after it"
            f"{more}; nothing is under way at the start of a run: start earlier, or give network.with_events(...) events at the times "
            "at which they are carried out"
        )


def _may_last(
    event: Event, network: Network, values: Mapping[str, np.ndarray], start: float, unknown: Collection[str]
) -> bool:
    """Whether an event was triggered before the start by the time alone, and its delay is not known to end before it."""
    if network.reads_state(event) or event.delay is None:
        return False
    if not {*unknown}.isdisjoint(names(event.trigger)):
        return True

    def read(expression: Expression, time: Any) -> np.ndarray:
        return np.asarray(evaluate(expression, values, time), np.float64)

    comparisons = {clock: f"(clock {number})" for number, clock in enumerate(clocks(event.trigger))}
    moments = {name: clock.moment(read) for clock, name in comparisons.items()}
    trigger = timeless(event.trigger, comparisons)

    def true(time: Any, before: bool) -> np.ndarray:
        """Whether the trigger is true at a time, or right before it."""
        passed = {name: when < time if before else when <= time for name, (when, _) in moments.items()}
        known = {name: (passed[name] == later).astype(float) for name, (_, later) in moments.items()}
        return np.asarray(evaluate(trigger, {**values, **known}, time)) != 0

    stays = event.persistent | true(start, before=True)
    told = {*unknown, *network.species, *network.moved}.isdisjoint(names(event.delay))
    lasts = []
    for when, _ in moments.values():
        due = when + read(event.delay, when) if told else start
        rises = (when < start) & true(when, before=False) & ~true(when, before=True)
        lasts.append(rises & stays & (due >= start) & (due < np.inf))
    return any(np.any(one) for one in lasts)
