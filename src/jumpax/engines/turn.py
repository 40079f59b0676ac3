"""One turn of one lane: the loop body that every fast engine runs.

    a     = propensities(counts, theta)
    wait  = unit exponential / sum(a)
    dt    = the least of wait, time to the stop, cap of the fold; minus the time already lived in this state
    fold.advance over dt; then an event, a stop, or another turn

Random words move on only when an event fires, and the event happens if its time, as the clock will hold it, does not
come after the stop: so a path never depends on stops or caps.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jumpax._base import clock, random
from jumpax._base.shares import cumulate, pin
from jumpax._base.status import Status
from jumpax._base.trees import select
from jumpax._base.types import Count, Flag, Real
from jumpax.engines import flow_turn
from jumpax.engines.carried import carried
from jumpax.engines.completions import completed, moved_on, propose, schedule_of
from jumpax.engines.decision import Decision, Fate, decode, encode, single
from jumpax.engines.happening import aimed, parameters, watched
from jumpax.engines.lane import Lane, Stop
from jumpax.engines.outlook import INFINITY, choose, look, not_after, numbers, sensible, stalls, within
from jumpax.engines.program import Program
from jumpax.engines.rates import propensities
from jumpax.folds.fold import Change, Counts, Jump, Propensities
from jumpax.folds.lasting import Lasting


def lasting(program: Program, propensities: Sequence[Real]) -> Propensities:
    """What of the propensities holds until the next event: with rates that depend on time, those of the others."""
    changes = program.network.time_dependent or program.network.flows
    return Lasting(program.network, propensities) if changes else propensities


def fire(program: Program, counts: Sequence[Count], reached: Sequence[Flag]) -> tuple[Count, ...]:
    """Counts after an event: each flag adds what its reaction changes beyond the reaction before it."""
    out = []
    rows = schedule_of(program.network).starts if program.delayed else program.network.stoichiometry
    for count, row in zip(counts, rows, strict=True):
        steps = np.diff(row, prepend=0)
        for number in np.flatnonzero(steps):
            count = count + jnp.where(reached[int(number)], np.int32(steps[number]), np.int32(0))
        out.append(count)
    return tuple(out)


def judge(program: Program, lane: Lane, theta: Mapping[str, Real], limit: Count, pinned: bool = False) -> Decision:
    """What the next turn of a path does, its outcome as flags.

    Args:
        program: what is compiled.
        lane: the path.
        theta: parameters.
        limit: most events that a path may fire.
        pinned: whether propensities need the select of `pin`.
    """
    if lane.flowing is not None:
        return flow_turn.judge(program, lane, theta, limit)
    theta = parameters(program, lane.happening, theta)
    fold, ahead = program.fold, look(program, lane, theta, pinned)
    running = lane.status == np.int32(Status.RUNNING)
    live = running & ahead.sound
    stuck = stalls(lane.time, ahead.arrival, ahead.wait if program.thinned else None)
    happens = live & ahead.in_time & ~stuck & (lane.events < limit)
    stops, completes = live & ~ahead.in_time, None
    if lane.delayed is not None:
        completes = stops & _completes(program, lane)
        stops = stops & ~completes
    status = jnp.where(running, np.int32(Status.FAULTY), lane.status)
    status = jnp.where(happens if completes is None else happens | completes, np.int32(Status.RUNNING), status)
    horizon, dt = lane.since, jnp.zeros_like(lane.since)
    if fold.advances or fold.caps:
        remaining = _remaining(program, lane)
        if completes is not None and lane.delayed is not None:
            remaining = jnp.where(completes, clock.between(lane.time, lane.delayed.due), remaining)
        horizon = jnp.where(ahead.in_time, ahead.wait, remaining)
        going = happens | stops if completes is None else happens | stops | completes
        if fold.caps:
            reach = lane.since + fold.cap(lane.carry, lane.counts, lasting(program, ahead.propensities), theta)
            within = horizon <= reach
            happens, stops = happens & within, stops & within
            completes = completes if completes is None else completes & within
            status = jnp.where(going, np.int32(Status.RUNNING), status)
            horizon = jnp.minimum(horizon, reach)
        dt = jnp.where(going, jnp.maximum(horizon - lane.since, dt), dt)
        horizon = jnp.where(going, horizon, lane.since)
    reached = choose(program, ahead, happens)
    status, begun = jnp.where(stops, np.int32(Status.PARKED), status), None
    if completes is not None and lane.delayed is not None:
        begun, fires = propose(program.network, lane.delayed, theta, single(reached), ahead.arrival)
        full = happens & ~fires & ~begun.drawn
        happens, reached = happens & fires, tuple(flag & fires for flag in reached)
        status = jnp.where(full, np.int32(Status.FAULTY), status)
        begun = begun._replace(completes=completes)
    return Decision(ahead.propensities, ahead.arrival, horizon, dt, Fate(happens, reached, status), begun)


def _remaining(program: Program, lane: Lane) -> Real:
    """Time from the last event to where the path stands next; as it is where only a number of events is waited for."""
    if program.clock == "times":
        return clock.between(lane.time, lane.target.time)
    if lane.happening is None:
        return lane.since
    moment = (lane.events < lane.target.step) & (lane.target.time.high < INFINITY)
    return jnp.where(moment, clock.between(lane.time, lane.target.time), lane.since)


def _completes(program: Program, lane: Lane) -> Flag:
    """Whether a completion comes before the path has to stand."""
    assert lane.delayed is not None
    due = lane.delayed.due
    comes = not_after(due, lane.target.time) & (due.high < INFINITY)
    return comes if program.clock == "times" else comes & (lane.events < lane.target.step)


def decide(program: Program, lane: Lane, theta: Mapping[str, Real], limit: Count) -> Decision:
    """What the next turn of a path does, its outcome as a code: for engines that keep decisions in arrays."""
    decision = judge(program, lane, theta, limit, pinned=True)
    return decision._replace(outcome=encode(decision.outcome))


def verdict(program: Program, lane: Lane, theta: Mapping[str, Real], limit: Count) -> Count:
    """Status code with which a path ends here: what is wrong if it is FAULTY, else whether it could have gone on."""
    if lane.flowing is not None:
        return flow_turn.verdict(program, lane, theta)
    theta = parameters(program, lane.happening, theta)
    ahead = look(program, lane, theta)
    least = functools.reduce(jnp.minimum, lane.counts)
    code = jnp.full_like(lane.status, Status.TIME_STALLED)
    if lane.delayed is not None:  # a fault that is none of the others, though the clock moves
        code = jnp.where(stalls(lane.time, ahead.arrival), code, np.int32(Status.QUEUE_FULL))
    code = jnp.where(lane.events >= limit, np.int32(Status.EVENT_BUDGET), code)
    if program.thinned:
        code = jnp.where((ahead.total > ahead.bound) | ~(ahead.bound < INFINITY), np.int32(Status.BOUND_BROKEN), code)
    good = sensible(program, ahead.propensities, ahead.total, theta, pinned=True)
    code = jnp.where(good, code, np.int32(Status.BAD_PROPENSITY))
    code = jnp.where(least < 0, np.int32(Status.NEGATIVE_COUNT), code)
    code = jnp.where(least < -(2**30), np.int32(Status.COUNT_OVERFLOW), code)
    if lane.happening is not None:
        code = jnp.where(lane.happening.fault > 0, lane.happening.fault, code)
    total = cumulate(propensities(program, lane.counts, theta, lane.time.high + lane.since, pinned=True))[-1]
    ended = jnp.where(total == 0, np.int32(Status.ABSORBED), np.int32(Status.REACHED))
    if lane.delayed is not None:
        ended = jnp.where(lane.delayed.due.high < INFINITY, np.int32(Status.REACHED), ended)
    if program.fold.ends:
        ended = jnp.where(program.fold.done(lane.carry), np.int32(Status.DONE), ended)
    return jnp.where(lane.status == np.int32(Status.FAULTY), code, ended)


def gather(
    program: Program, lane: Lane, decision: Decision, fate: Fate, counts: Counts, theta: Mapping[str, Real]
) -> tuple[Any, random.Stream | None]:
    """Carry of the fold, and its random stream, after a turn that leads to some counts."""
    fold = program.fold
    now = lane.time.high + lane.since
    happens = fate.happens
    told = fate.reached[0] if program.thinned and not fold.nulls else happens  # without null events
    moving, at = happens, within(lane, decision.arrival.high)
    a = decision.propensities
    if fold.waits:
        held = waits(program, lane)
        here = now
        if program.network.time_dependent and program.clock == "times":  # no fold may have followed the time
            here = lane.target.time.high
        moving, told, at = happens | held, told | held, jnp.where(happens, at, here)
        if program.network.time_dependent:  # those of the decision are of the next candidate
            a = propensities(program, lane.counts, theta, at, pinned=True)
    words, stream = [], None
    if fold.words:
        stream = lane.streams[-1]
        for _ in range(fold.words):
            word, stream = random.draw(stream)
            words.append(word)
        stream = select(moving, stream, lane.streams[-1])
    stay = lasting(program, decision.propensities)
    carry = fold.advance(lane.carry, lane.counts, stay, theta, now, decision.dt)
    if fold.samples:
        carry = fold.sample(carry, lane.counts, stay, theta, now, decision.dt, tuple(words))
    if decision.flowed is not None:
        carry = flow_turn.lived(program, lane, decision, theta, carry)
    carry = carried(fold, lane.carry, carry)
    if not program.network.reactions:
        return carry, stream
    drawn = numbers(program, lane.streams)
    begun = decision.begun
    jump = Jump(fate.fired, drawn.exponential, drawn.chance, tuple(words), counts, begun and begun.delay)
    carry = select(told, carried(fold, carry, fold.event(carry, lane.counts, a, theta, at, jump)), carry)
    if begun is not None and lane.delayed is not None:
        moved = fold.changed(carry, counts, theta, lane.delayed.due.high, Change((), lane.counts, theta))
        carry = select(begun.completes, carried(fold, carry, moved), carry)
    return carry, stream


def waits(program: Program, lane: Lane) -> Flag:
    """Whether a parked path is held by its fold."""
    return (lane.status == np.int32(Status.PARKED)) & ~program.fold.ready(lane.carry)


def apply(program: Program, lane: Lane, decision: Decision, theta: Mapping[str, Real]) -> Lane:
    """The path after its turn."""
    fate, fold, network = decision.outcome, program.fold, program.network
    if not isinstance(fate, Fate):
        fate = decode(fate, len(decision.propensities), lane.status)
    begun, delayed, happening = decision.begun, lane.delayed, lane.happening
    moves, time, counts = fate.happens, decision.arrival, lane.counts
    early = fold.lands or begun is not None  # in no other order than need be: kernels are printed line by line
    if early:
        counts = fire(program, counts, fate.reached)
    if begun is not None and delayed is not None:
        moves, time = moves | begun.completes, select(begun.completes, delayed.due, time)
        counts = completed(network, counts, delayed, begun.completes)
        delayed = moved_on(network, delayed, begun.drawn)
    streams = select(moves, numbers(program, lane.streams).streams, lane.streams)
    fired, flowed = fate.reached[0] if fate.reached else moves, decision.flowed
    if flowed is not None and happening is not None:
        moves = flowed.moves
        values = (*flowed.values, *happening.values[len(flowed.values) :])
        happening = happening._replace(values=values, held=flowed.held)
    carry, own = gather(program, lane, decision, fate, counts, parameters(program, happening, theta, pinned=True))
    if own is not None:
        streams = (*streams[:-1], own)
    if not early:
        counts = fire(program, counts, fate.reached)
    status = fate.status
    if happening is not None:
        present, now = parameters(program, happening, theta), select(moves, time, lane.time)
        looks = (
            moves if flowed is None else moves & (status == np.int32(Status.RUNNING))
        )  # not at a moment, where all is looked at
        happening = watched(program, happening, counts, present, now, looks)
        stands = (status == np.int32(Status.RUNNING)) & happening.acting
        status = jnp.where(stands, np.int32(Status.PARKED), status)
    if fold.ends:
        ends = (status == np.int32(Status.RUNNING)) & fold.done(carry)
        status = jnp.where(ends, np.int32(Status.PARKED), status)
    negative = functools.reduce(jnp.bitwise_or, counts or (lane.events,)) < 0
    since = lane.since  # nothing but a fold, or a step of what flows, lets a path stand before its event
    if fold.advances or fold.caps or flowed is not None:
        since = jnp.where(moves, jnp.zeros_like(since), decision.horizon)
    return Lane(
        counts=counts,
        time=select(moves, time, lane.time),
        since=since,
        events=lane.events + fired.astype(jnp.int32),
        index=lane.index,
        target=lane.target,
        streams=streams,
        carry=carry,
        status=jnp.where(negative, np.int32(Status.FAULTY), status),
        spent=None if lane.spent is None else jnp.where(moves, jnp.zeros_like(lane.spent), lane.spent),
        happening=happening,
        flowing=lane.flowing if flowed is None else flowed.state,
        delayed=delayed,
    )


def onward(lane: Lane, target: Stop) -> Lane:
    """The path that leaves its stop for the next one.

    An event comes when the integral of the bound since the last one reaches the unit exponential of its wait. Where the
    bound changes, what the integral has reached by then is kept, and the clock goes on from the border; elsewhere the
    stop leaves no trace.
    """
    target = aimed(target, lane.happening)
    here, there, spent = lane.target.interval, target.interval, lane.spent
    if here is None or there is None or spent is None:
        return lane._replace(target=target)
    changes = there.bound != here.bound
    gone = pin(here.bound * clock.between(lane.time, lane.target.time))
    return lane._replace(
        target=target,
        time=select(changes, lane.target.time, lane.time),
        since=jnp.where(changes, jnp.zeros_like(lane.since), lane.since),
        spent=jnp.where(changes, spent + gone, spent),
    )
