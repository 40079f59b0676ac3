"""Faulty paths told in words."""

from collections.abc import Mapping

import jax
import numpy as np

from jumpax._base.deviates import WORDS, chance_of
from jumpax._base.status import FIRST_FAULT, Status
from jumpax.engines.agenda import agenda_of
from jumpax.engines.inputs import Inputs, of_path
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.networks import Need, Network
from jumpax.networks.ceiling import ceilings, endless
from jumpax.networks.draw import LAWS
from jumpax.networks.expressions.expression import Draw, evaluate_host, has_draws, leaves, names, text

_NOISE = "a variable near 0 whose rate is rounding errors alone, as of a difference that is 0, needs another rate, or a start that is not 0"
_REMEDY = {
    Status.EVENT_BUDGET: "the paths may explode; raise max_events if so many events are meant",
    Status.BAD_PROPENSITY: "a rate law must be >= 0 and finite in every state that can be reached (where only float32 is "
    "too narrow for it, precision='float64' helps)",
    Status.NEGATIVE_COUNT: "a rate law must vanish when a reactant is used up, as MassAction does",
    Status.COUNT_OVERFLOW: "counts are 32-bit integers; the model explodes or needs other units",
    Status.TIME_STALLED: "waits are too short for the clock, in float64 too; start nearer to time 0",
    Status.QUEUE_FULL: "more delayed reactions, or executions of an event with a delay, are under way at once than the queue "
    "holds; raise `queue`, of reactions that of the call, of an event its own: dataclasses.replace(event, queue=64)",
    Status.EVENT_STORM: "an event storm: they make each other true again and again at one moment; an event must make its trigger false",
    Status.INEXACT_COUNT: "events read such counts in float64 only: precision='float64'",
    Status.BAD_ASSIGNMENT: "the new value of a count must be a whole number from 0 to 2^31 - 1; round it in the event",
    Status.BAD_DELAY: "the delay of an event must be a number >= 0 whenever its trigger comes true",
    Status.BAD_DRAW: "the numbers of a law must be such that it exists when an event draws from it (a standard deviation >= 0, a "
    "probability from 0 to 1, ...), and some of it must lie between its bounds",
    Status.FLOW_BROKEN: "a continuous variable goes to infinity in finite time, or its rate or a propensity becomes negative or no number "
    f"along it; let an event set it before, or write the rate so that it stays in range, as with jnp.maximum; {_NOISE}",
    Status.STEP_BUDGET: f"the flow is stiff: write fast variables as functions, by their steady values; {_NOISE}",
    Status.BOUND_BROKEN: "the total propensity exceeded its bound; give a larger one, bound=...",
}
MOST = 50
"""Species of a state, or draws, that are told."""


def _draws(network: Network, known: Mapping[str, np.ndarray | np.float64], now: float) -> str:
    """Draws that may be at fault: those whose numbers are wrong as far as they are known, if there are some."""
    drawn, wrong = [], []
    for event in network.events:
        for draw in (leaf for _, value in event.assignments for leaf in leaves(value) if isinstance(leaf, Draw)):
            drawn.append(f", {event.name!r} draws {text(draw)}")
            if any(map(has_draws, draw.arguments)) or not {*network.moved}.isdisjoint(names(draw)):
                continue
            *numbers, low, high = (np.float64(evaluate_host(each, known, now)) for each in draw.arguments)
            with jax.enable_x64(True):
                chance = chance_of([np.uint32(0)] * WORDS, np.dtype(np.float64))  # type: ignore[arg-type]  # on the host
                sound = bool(LAWS[draw.law].sample(chance, low, high, *numbers).sound)
            if not (sound and low <= high):
                read = "".join(f", {name} = {known[name]:.12g}" for name in names(draw) if name in known)
                wrong.append(drawn[-1] + read)
    told = wrong or drawn
    return "".join(told[:MOST]) + (", ..." if len(told) > MOST else "")


def _culprit(program: Program, inputs: Inputs, recorded: Recorded, path: int) -> str:
    """The reaction behind the fault of a path, if it can be told from its last state."""
    network = program.network
    counts = tuple(np.float64(c) for c in recorded.counts[path])
    theta = {k: np.asarray(of_path(np.asarray(v), path), np.float64)[()] for k, v in inputs.theta.items()}
    now = np.float64(recorded.time[path].astype(np.float64).sum())
    if recorded.status[path] in (Status.FLOW_BROKEN, Status.STEP_BUDGET):
        return f", continuous variables: {', '.join(map(str, network.flows))}"
    if recorded.status[path] == Status.BAD_PROPENSITY:
        rates = np.array([float(a) for a in network.propensities(counts, theta, now)])  # type: ignore[arg-type]
        wrong = np.flatnonzero(~((rates >= 0) & np.isfinite(rates)))
        told = [r for r in wrong[:3] if network.lasts(r) or not network.flows]  # of others it was another
        return "".join(f", reaction {network.reaction_name(int(r))!r} has propensity {rates[r]:g}" for r in told)
    if recorded.status[path] == Status.NEGATIVE_COUNT:
        below = [s for s, c in zip(network.species, recorded.counts[path], strict=True) if c < 0]
        takers = (network.stoichiometry[[network.species.index(s) for s in below]] < 0).any(0)
        users = [network.reaction_name(int(r)) for r in np.flatnonzero(takers)]
        more = ", ..." if len(users) > 10 else ""
        return f", below zero: {', '.join(below)}, used up by {', '.join(map(repr, users[:10]))}{more}"
    if recorded.status[path] == Status.BOUND_BROKEN and inputs.stops.interval is None:
        found = ceilings(network, counts, theta, now)
        return "".join(f", where no largest value is found of {law.rstrip(',')}" for law in endless(network, found))
    if recorded.status[path] == Status.BOUND_BROKEN and inputs.stops.interval is not None:
        ends, bounds = np.asarray(inputs.stops.time.high), np.asarray(inputs.stops.interval.bound)
        stop = min(int(np.searchsorted(ends, now, side="right")), len(ends) - 1)
        until = f" until time {ends[stop]:g}" if np.isfinite(ends[stop]) else ""
        return f", where bound = {bounds[stop]:g}{until}"
    if recorded.status[path] == Status.BAD_ASSIGNMENT:
        known = {**theta, **dict(zip(network.species, counts, strict=True))}
        found = [
            f", {event.name!r} sets {name} to {value:.12g}"
            for event in network.events
            for name, expression in event.assignments
            if name in network.species
            and not has_draws(expression)
            and (value := evaluate_host(expression, known, float(now))) != abs(np.round(value))
        ]
        return "".join(found[:3])
    if recorded.status[path] == Status.QUEUE_FULL and Need.POSTPONED in network.needs:
        pairs = zip(network.events, agenda_of(network).places, strict=True)
        found = [f"{event.name!r} (queue={places})" for event, places in pairs if places]
        return f", events with delays: {', '.join(found)}"
    if recorded.status[path] == Status.BAD_DELAY:
        known = {**theta, **dict(zip(network.species, counts, strict=True))}
        pairs = [(event.name, event.delay) for event in network.events if event.delay is not None]
        values = [(name, evaluate_host(delay, known, float(now))) for name, delay in pairs]
        return "".join(f", the delay of {name!r} is {value:.12g}" for name, value in values if not value >= 0)
    if recorded.status[path] == Status.BAD_DRAW:
        return _draws(network, {**theta, **dict(zip(network.species, counts, strict=True))}, float(now))
    if recorded.status[path] == Status.EVENT_STORM:
        return f", events: {', '.join(event.name for event in network.events)}"
    if recorded.status[path] == Status.EVENT_BUDGET:
        return f" after {recorded.events[path]} events"
    return ""


def describe(program: Program, inputs: Inputs, recorded: Recorded) -> str | None:
    """One message for all faulty paths, or None: how many, and for the first of each kind its state and time."""
    faulty = np.flatnonzero(recorded.status >= FIRST_FAULT)
    if not faulty.size:
        return None
    lines = []
    for code in np.unique(recorded.status[faulty]):
        paths = faulty[recorded.status[faulty] == code]
        first, status = int(paths[0]), Status(int(code))
        counts = list(zip(program.network.species, recorded.counts[first], strict=True))
        state = ", ".join(f"{s} = {c}" for s, c in counts[:MOST]) + (", ..." if len(counts) > MOST else "")
        when = recorded.time[first].astype(np.float64).sum()
        lines.append(
            f"{status.name}: {len(paths)} of {len(recorded.status)} paths; path {int(inputs.first) + first} at time "
            f"{when:g} with {state}{_culprit(program, inputs, recorded, first)}. Remedy: {_REMEDY[status]}."
        )
    return "\n".join(lines)


def loose_delays(program: Program, recorded: Recorded) -> str:
    """A word on delays that leave their reactants in place, where counts became negative."""
    reactions = program.network.reactions
    loose = [r.name for r in reactions if r.delay is not None and r.delay.consuming is not True]
    if not loose or not (recorded.status == Status.NEGATIVE_COUNT).any():
        return ""
    return (
        f"\nThe delays of {', '.join(map(repr, loose))} leave reactants in place until the completion, so that several "
        "reactions may count on the same molecule; a delay that is consuming, as by default, takes them at the start."
    )
