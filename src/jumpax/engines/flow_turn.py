"""One turn of a lane whose network has continuous variables.

    y, A  = one step of dy/dt = f(n, y, t), dA/dt = a_0(n, y, t), with the counts n as they are
    left  = unit exponential - A since the last reaction

The step is thrown away and a shorter one is tried next, or it ends: where A reaches `left`, by the reaction that the propensities there
choose; where a condition comes true; at the next moment of an event; at its own end. A stop lies within a step and does not cut it: what is
seen there is the interpolant, and the same step is taken again after it. So a path does not depend on its stops.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jumpax._base import clock
from jumpax._base.clock import Time
from jumpax._base.shares import cumulate
from jumpax._base.status import Status
from jumpax._base.trees import select
from jumpax._base.types import Count, Flag, Real
from jumpax.engines.agenda import agenda_of
from jumpax.engines.attempt import Attempt
from jumpax.engines.decision import Decision, Fate
from jumpax.engines.flowing import LARGEST_STEP, MOST_STEPS, SMALLEST, Flowed, Flowing, known
from jumpax.engines.happening import parameters
from jumpax.engines.lane import Lane
from jumpax.engines.outlook import INFINITY, Numbers, Outlook, choose, not_after, numbers, stalls
from jumpax.engines.program import Program
from jumpax.engines.rates import propensities
from jumpax.folds.fold import Stretch


def judge(program: Program, lane: Lane, theta: Mapping[str, Real], limit: Count) -> Decision:
    """What the next turn of a path does, its outcome as flags; arguments as in `turn.judge`."""
    state, happening = lane.flowing, lane.happening
    assert state is not None
    assert happening is not None
    drawn = numbers(program, lane.streams)
    left = (drawn.exponential - state.spent.high) - state.spent.low
    left = jnp.maximum(left, jnp.zeros_like(left))
    room = clock.between(lane.time, happening.moment)
    attempt = Attempt.made(program, lane, parameters(program, happening, theta), left, room)
    length, whole = attempt.step.length, jnp.ones_like(left)

    mass = attempt.spent(whole)
    reacts = (mass >= left) & (mass > 0)
    part, found = attempt.reaction(left)
    part, rises, held = jnp.where(reacts, part, whole), reacts != reacts, happening.held
    if agenda_of(program.network).flowing:
        part, rises, held = attempt.risen(part)
        reacts = reacts & ~rises
    ahead = _outlook(program, lane, attempt, drawn, part)
    good = (attempt.error <= 1.0) & (~reacts | (found & (ahead.total > 0) & (ahead.total < INFINITY)))
    at_moment = (length >= room) & ~reacts & ~rises
    arrival = select(at_moment | ~not_after(ahead.arrival, happening.moment), happening.moment, ahead.arrival)

    live = (lane.status == np.int32(Status.RUNNING)) & attempt.sound
    in_time = not_after(arrival, lane.target.time)
    stuck = reacts & stalls(lane.time, arrival, left)
    over = reacts & (lane.events >= limit)
    ends = live & good & in_time & ~stuck & ~over
    stops = live & good & ~in_time
    after = _after(attempt, ends, ends & reacts, ends & rises, part, live & ~good)
    tried = state.tried + (ends | (live & ~good))
    tried = jnp.where(ends & (reacts | rises | at_moment), 0, tried)
    least = SMALLEST[program.precision] * after.length
    broken = live & ~good & stalls(lane.time, clock.add(lane.time, least))
    fault = jnp.where(in_time & over & live & good, np.int32(Status.EVENT_BUDGET), np.int32(Status.RUNNING))
    fault = jnp.where(in_time & stuck & live & good, np.int32(Status.TIME_STALLED), fault)
    why = jnp.where(attempt.wrong, np.int32(Status.BAD_PROPENSITY), np.int32(Status.FLOW_BROKEN))
    fault = jnp.where(broken, why, fault)
    fault = jnp.where(live & (tried >= MOST_STEPS), np.int32(Status.STEP_BUDGET), fault)

    gone = clock.between(lane.time, select(ends, arrival, lane.target.time))
    horizon = jnp.where(ends | stops, gone, lane.since)
    seen = jnp.where(ends, part, jnp.where(stops, jnp.minimum(gone / length, whole), whole))
    values = tuple(
        jnp.where(ends | stops, new, old) for new, old in zip(attempt.values(seen), happening.values, strict=False)
    )
    status = jnp.where(live & (fault == np.int32(Status.RUNNING)), np.int32(Status.RUNNING), np.int32(Status.FAULTY))
    status = jnp.where(stops | (ends & at_moment), np.int32(Status.PARKED), status)
    status = jnp.where(lane.status == np.int32(Status.RUNNING), status, lane.status)
    happens = ends & reacts
    reached = choose(program, ahead, happens) if program.network.reactions else ()
    held = select(ends, held, happening.held)
    flowed = Flowed(after._replace(tried=tried, fault=fault), values, held, ends, length, seen)
    dt = jnp.maximum(horizon - lane.since, jnp.zeros_like(horizon))
    return Decision(
        ahead.propensities, arrival, horizon, dt, Fate(happens, reached, status), flowed=flowed,
    )  # fmt: skip


def _outlook(program: Program, lane: Lane, attempt: Attempt, drawn: Numbers, part: Real) -> Outlook:
    """Propensities after a part of the step."""
    arrival, total, inverse = attempt.time(part), jnp.zeros_like(part), None
    a = propensities(program, lane.counts, attempt.known(part), arrival.high, pinned=True)
    if a:
        total = cumulate(a)[-1]
    if program.precision == "float32" and len(a) > 1:
        inverse = np.float32(1) / total
    return Outlook(drawn, a, total, total, inverse, part * attempt.step.length, arrival, part >= 0, total >= 0)


def _after(attempt: Attempt, ends: Flag, reacts: Flag, rises: Flag, part: Real, fails: Flag) -> Flowing:
    """Where the next step begins, and how long it shall be: longer only after one that was lived through.

    Lengths change by powers of two: the error is that of the fifth power.
    """
    state, length, error = attempt.lane.flowing, attempt.step.length, attempt.error
    assert state is not None
    whole = ends & ~reacts & ~rises & (length >= state.length)
    longer = jnp.where(error < 2.0**-16, 8.0 * length, jnp.where(error < 2.0**-6, 2.0 * length, length))
    shorter = jnp.where(error <= 2.0**5, 0.5 * length, jnp.where(error <= 2.0**10, 0.25 * length, 0.0625 * length))
    chosen = jnp.where(fails, shorter, jnp.where(whole, jnp.minimum(longer, LARGEST_STEP), state.length))
    nothing = jnp.zeros_like(part)
    spent = select(ends, clock.add(state.spent, attempt.spent(part)), state.spent)
    return Flowing(
        base=select(ends, attempt.base(part), state.base),
        spent=select(reacts, Time(nothing, nothing), spent),
        length=chosen.astype(length.dtype),
        tried=state.tried,
        fault=state.fault,
    )


def lived(program: Program, lane: Lane, decision: Decision, theta: Mapping[str, Real], carry: Any) -> Any:
    """Carry of the fold after the part of a step that a turn lives through; theta is that at its end."""
    flowed, state = decision.flowed, lane.flowing
    assert flowed is not None
    assert state is not None
    highs = [value.high for value in state.base]
    base = [jnp.where(high == high, high, jnp.nan) for high in highs]  # see `xla.halves`
    begin = jnp.where(flowed.length > 0, lane.since / flowed.length, jnp.zeros_like(lane.since))
    stretch = Stretch(lane.time.high, flowed.length, begin, flowed.end, flowed.moves)
    after = program.fold.flowed(carry, lane.counts, known(program.network, theta, base), stretch)
    return select(flowed.moves | (decision.dt > 0), after, carry)


def verdict(program: Program, lane: Lane, theta: Mapping[str, Real]) -> Count:
    """Status code with which a path ends here, as `turn.verdict`: nobody knows whether it could have gone on."""
    state, happening = lane.flowing, lane.happening
    assert state is not None
    assert happening is not None
    present = parameters(program, happening, theta)
    code = jnp.where(state.fault > 0, state.fault, np.int32(Status.FLOW_BROKEN))
    wrong = jnp.zeros_like(code) > 0
    for propensity in propensities(program, lane.counts, present, lane.time.high, pinned=True):
        wrong = wrong | ~(propensity < INFINITY)
    code = jnp.where(wrong, np.int32(Status.BAD_PROPENSITY), code)
    for count in lane.counts:
        code = jnp.where(count < 0, np.int32(Status.NEGATIVE_COUNT), code)
    code = jnp.where(happening.fault > 0, happening.fault, code)
    ended = jnp.full_like(code, Status.REACHED)
    if program.fold.ends:
        ended = jnp.where(program.fold.done(lane.carry), np.int32(Status.DONE), ended)
    return jnp.where(lane.status == np.int32(Status.FAULTY), code, ended)
