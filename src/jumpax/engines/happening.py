"""Events on a lane that stands still: what happens there, one event after the other, before the path goes on.

A lane stops at the moments at which a comparison of the time in a trigger changes or a delay ends, and at reactions that make
a trigger true. Reactions do not know of events, and paths do not know of the times asked for: the wait that a moment cuts short is
thrown away and drawn anew from the state after it, which is exact since an exponential wait has no memory.
"""

import dataclasses
import functools
import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base import clock, random
from jumpax._base.clock import Time
from jumpax._base.status import Status
from jumpax._base.trees import select
from jumpax._base.types import Count, Flag, Real, Word
from jumpax.engines import drawing
from jumpax.engines.agenda import LARGEST_IN_FLOAT32, MOST_AT_ONCE, Scene, agenda_of, not_after
from jumpax.engines.carried import carried
from jumpax.engines.executions import (
    Executions,
    begun,
    broken_off,
    carried_out,
    has_come,
    next_due,
    none_under_way,
)
from jumpax.engines.flowing import begun_anew, resumed
from jumpax.engines.program import Program
from jumpax.folds.fold import Change, Counts
from jumpax.networks.expressions.expression import Expression
from jumpax.networks.parameters import LARGEST_COUNT

if TYPE_CHECKING:
    from jumpax.engines.lane import Lane, Stop

STREAM = 4
"""Number of the random stream that decides between events of equal priority."""


class Happening(NamedTuple):
    """What a lane of a network with events, or with what flows, holds beside its counts."""

    values: tuple[Real, ...]
    """Parameters that change along the path, in the order of `Network.moved`."""
    held: tuple[Flag, ...]
    """Which triggers are true."""
    pending: tuple[Flag, ...]
    """Which events are waiting to be carried out."""
    early: tuple[Real, ...]
    """Right sides that were read when the trigger came true (`Agenda.early`)."""
    acting: Flag
    """Whether events may happen where the path stands."""
    moment: Time
    """When a comparison of the time in a trigger changes next, or an execution comes."""
    carried_out: Count
    """How many events have happened at this moment."""
    fault: Count
    """What went wrong, a code of `Status`; or RUNNING."""
    chances: random.Stream | None
    """What decides between events of equal priority."""
    under_way: Executions
    """Of events with delays."""
    tries: drawing.Tries | None
    """What events draw."""


def parameters(
    program: Program, happening: Happening | None, theta: Mapping[str, Real], pinned: bool = False
) -> Mapping[str, Real]:
    """The parameters of a path, with those that have changed along it.

    Args:
        program: what runs.
        happening: of the lane.
        theta: as they were given.
        pinned: for folds, which must not share products with the laws (see `xla.halves`).
    """
    if happening is None:
        return theta
    values = [jnp.where(v == v, v, jnp.full_like(v, jnp.nan)) if pinned else v for v in happening.values]
    return {**theta, **dict(zip(program.network.moved, values, strict=True))}


def prepared(program: Program, lane: "Lane", theta: Mapping[str, Real], key: tuple[Word, Word], path: Word) -> "Lane":
    """The lane at its start, with its events: those that are true there from false have come true."""
    agenda, never = agenda_of(program.network), lane.since > 0
    scene = Scene(program, lane.counts, theta, lane.time)
    now = scene.truths()
    passed = scene.truths(before=True)  # moments before a start later than 0 lie in the past
    late = lane.time.high > 0
    held = [
        ~never if event.initially else never if program.network.reads_state(event) else late & was
        for event, was in zip(agenda.events, passed, strict=True)
    ]
    acting = _some([new & ~old for new, old in zip(now, held, strict=True)], never)
    if agenda.watched:
        acting = acting | scene.inexact
    happening = Happening(
        values=tuple(jnp.asarray(theta[name]) + lane.since for name in program.network.moved),
        held=tuple(old & new for old, new in zip(held, now, strict=True)),
        pending=(never,) * len(agenda.events),
        early=(lane.since,) * len(agenda.early),
        acting=acting,
        moment=scene.following(),
        carried_out=jnp.zeros_like(lane.events),
        fault=jnp.zeros_like(lane.events),
        chances=random.seed(key, path, STREAM) if agenda.ranked else None,
        under_way=none_under_way(scene),
        tries=drawing.untried(agenda.draws, random.seed(key, path, drawing.STREAM), lane.since)
        if agenda.draws
        else None,
    )
    lane = lane._replace(happening=happening)
    status = jnp.where(acting, np.int32(Status.PARKED), lane.status)
    return lane._replace(status=status, target=aimed(lane.target, happening))


def _some(flags: Sequence[Flag], none: Flag) -> Flag:
    """Whether one of the flags is set."""
    return functools.reduce(operator.or_, flags) if flags else none


def aimed(stop: "Stop", happening: Happening | None) -> "Stop":
    """Where a lane has to stand next: at its stop, or at a moment before it."""
    if happening is None:
        return stop
    return stop._replace(time=select(_comes(happening.moment, stop.time), happening.moment, stop.time))


def _comes(moment: Time, stop: Time) -> Flag:
    return not_after(moment, stop) & (moment.high < np.inf)


def watched(
    program: Program, happening: Happening, counts: Counts, theta: Mapping[str, Real], time: Time, moves: Flag
) -> Happening:
    """After a reaction: whether it has made a trigger true, so that the path has to stand."""
    if not agenda_of(program.network).watched:
        return happening
    scene = Scene(program, counts, theta, time)
    now = scene.truths()
    rose = functools.reduce(operator.or_, [new & ~old for new, old in zip(now, happening.held, strict=True)])
    held = tuple(old & (new | ~moves) for new, old in zip(now, happening.held, strict=True))
    ends = broken_off(program.network.events, happening.under_way, [~new for new in now], moves != moves)
    # where the path stands it is found out that it cannot go on in this precision
    return happening._replace(held=held, acting=happening.acting | (moves & (rose | ends | scene.inexact)))


def happen(program: Program, lane: "Lane", theta: Mapping[str, Real], stop: "Stop") -> tuple["Lane", Flag, Count]:
    """A lane that stands: its next event is carried out, or it goes on, or it is left standing at its stop.

    Args:
        program: what runs.
        lane: anywhere; one that does not stand is left alone.
        theta: as they were given.
        stop: the next stop of the path.

    Returns:
        The lane; whether there may be more to do here; the number of the event that happened, or -1.
    """
    lane = _arrived(program, lane, stop)
    happening = lane.happening
    assert happening is not None
    stands = (lane.status == np.int32(Status.PARKED)) & happening.acting
    if program.fold.ends:
        stands = stands & ~program.fold.done(lane.carry)
    scene = Scene(program, lane.counts, parameters(program, happening, theta), lane.time)
    if happening.tries is None:
        counts, happening, chosen = _carried_out(scene, _woken(scene, happening, stands), stands)
        again = stands & ~stands
    else:
        counts, happening, chosen, again = _drawn(scene, happening, stands)
    acts = functools.reduce(operator.or_, chosen)
    change = Change(tuple(chosen), lane.counts, parameters(program, lane.happening, theta, pinned=True))
    own = parameters(program, happening, theta, pinned=True)
    fold = program.fold
    moved = carried(fold, lane.carry, fold.changed(lane.carry, counts, own, lane.time.high, change))
    carry = select(acts, moved, lane.carry)
    faulty = stands & (happening.fault != 0)
    lane = lane._replace(
        counts=counts, carry=carry, happening=happening,
        flowing=None if lane.flowing is None else resumed(lane.flowing, happening.values, acts),
        status=jnp.where(faulty, np.int32(Status.FAULTY), lane.status),
    )  # fmt: skip
    number = jnp.full_like(lane.status, -1)
    for place, flag in enumerate(chosen):
        number = jnp.where(flag, np.int32(place), number)
    more = (acts & ~faulty) | again
    return _departed(program, lane, theta, stop, stands & ~acts & ~faulty & ~again), more, number


def _drawn(scene: Scene, happening: Happening, stands: Flag) -> tuple[Counts, Happening, list[Flag], Flag]:
    """As `_carried_out`, with one try of what events draw; and whether that failed, so that nothing has happened yet."""
    agenda, before, tries = agenda_of(scene.program.network), happening, happening.tries
    assert tries is not None

    def read(expression: Expression, known: dict[str, Real]) -> Real:
        return dataclasses.replace(scene, theta={**scene.theta, **known}).read(expression)

    made, stream = drawing.tried(agenda.draws, tries, read, scene.program.dtype)
    now = scene.truths()
    rose = [stands & new & ~old for new, old in zip(now, before.held, strict=True)]
    scene = dataclasses.replace(scene, theta={**scene.theta, **{name: one.value for name, one in made.items()}})
    counts, happening, chosen = _carried_out(scene, _woken(scene, before, stands), stands)
    wanted = drawing.wanted(agenda.events, agenda.draws, rose, chosen)
    mine = list(zip(wanted, made.values(), strict=True))
    failed = functools.reduce(operator.or_, [want & ~one.accepted for want, one in mine])
    wrong = functools.reduce(operator.or_, [want & ~one.sound for want, one in mine])
    wrong = wrong | (failed & (tries.many >= drawing.MOST_TRIES))
    again = failed & ~wrong
    fault = jnp.where(
        wrong & (happening.fault != np.int32(Status.INEXACT_COUNT)), np.int32(Status.BAD_DRAW), happening.fault
    )
    tries = drawing.Tries(
        stream=select(functools.reduce(operator.or_, wanted), stream, tries.stream),
        many=jnp.where(again, tries.many + 1, jnp.zeros_like(tries.many)),
        values=tuple(one.value for one in made.values()),
        kept=tuple(again & want & one.accepted for want, one in mine),
    )
    happening = select(again, before, happening._replace(fault=fault))._replace(tries=tries)
    return select(again, scene.counts, counts), happening, [done & ~again for done in chosen], again


def _carried_out(scene: Scene, happening: Happening, stands: Flag) -> tuple[Counts, Happening, list[Flag]]:
    """Counts and all else after one of the events that wait; and which it was."""
    agenda = agenda_of(scene.program.network)
    chances, stream = _chances(scene.program, happening, len(agenda.ranked))
    waits = [
        has_come(executions, scene.time) if executions else flag
        for flag, executions in zip(happening.pending, happening.under_way, strict=True)
    ]
    chosen = [flag & stands for flag in scene.first(waits, chances)]
    acts = functools.reduce(operator.or_, chosen)
    early = dict(zip(agenda.early, happening.early, strict=True))
    for number, executions in enumerate(happening.under_way):
        if executions:
            names = [(number, name) for name, _ in agenda.events[number].assignments]
            early |= zip(names, executions[0].early, strict=False)
    happening = happening._replace(
        pending=tuple(flag & ~done for flag, done in zip(happening.pending, chosen, strict=True)),
        carried_out=happening.carried_out + acts.astype(jnp.int32),
        chances=None if stream is None else select(acts, stream, happening.chances),
        under_way=tuple(map(carried_out, happening.under_way, chosen)),
    )
    return *_assigned(scene, happening, chosen, early, stands), chosen


def _arrived(program: Program, lane: "Lane", stop: "Stop") -> "Lane":
    """The lane, at a moment if that is why it stands."""
    happening = lane.happening
    assert happening is not None
    stands = (lane.status == np.int32(Status.PARKED)) & ~happening.acting
    if program.fold.ends:
        stands = stands & ~program.fold.done(lane.carry)
    comes = _comes(happening.moment, stop.time)
    if program.clock == "steps":
        comes = comes & (lane.events < stop.step)
    here = stands & comes
    streams = [random.draw(random.draw(stream)[1])[1] for stream in lane.streams[: program.own_streams]]
    moved = (*streams, *lane.streams[program.own_streams :])
    return lane._replace(
        time=select(here, happening.moment, lane.time),
        since=jnp.where(here, jnp.zeros_like(lane.since), lane.since),
        spent=None if lane.spent is None else jnp.where(here, jnp.zeros_like(lane.spent), lane.spent),
        flowing=None if lane.flowing is None else begun_anew(lane.flowing, here),
        streams=select(here, moved, lane.streams),
        happening=happening._replace(acting=happening.acting | here),
    )


def _woken(scene: Scene, happening: Happening, stands: Flag) -> Happening:
    """Events whose triggers have come true are waiting; those that are not persistent, and whose triggers have not, no more."""
    agenda, now = agenda_of(scene.program.network), scene.truths()
    rose = [stands & new & ~old for new, old in zip(now, happening.held, strict=True)]
    lasting = [true if not event.persistent else true | ~true for event, true in zip(agenda.events, now, strict=True)]
    lasting = [stays | ~stands for stays in lasting]
    pending = [
        (waits | new) & stays if event.delay is None else waits
        for event, waits, new, stays in zip(agenda.events, happening.pending, rose, lasting, strict=True)
    ]
    under_way, fault = begun(scene, happening.under_way, rose, lasting)
    right = {(i, name): value for i, event in enumerate(agenda.events) for name, value in event.assignments}
    early = [
        jnp.where(rose[where[0]], scene.read(right[where]), old)
        for where, old in zip(agenda.early, happening.early, strict=True)
    ]
    held = [jnp.where(stands, new, old) for new, old in zip(now, happening.held, strict=True)]
    return happening._replace(
        pending=tuple(pending), early=tuple(early), held=tuple(held), under_way=under_way,
        fault=jnp.where(fault > 0, fault, happening.fault),
    )  # fmt: skip


def _chances(program: Program, happening: Happening, many: int) -> tuple[list[Real], random.Stream | None]:
    """Uniform numbers, and the stream after them."""
    found, stream = [], happening.chances
    for _ in range(many):
        assert stream is not None
        word, stream = random.draw(stream)
        found.append(random.uniform(word, None, program.dtype))
    return found, stream


def _assigned(
    scene: Scene, happening: Happening, chosen: Sequence[Flag], early: Mapping[tuple[int, str], Real], stands: Flag
) -> tuple[Counts, Happening]:
    """Counts and parameters after the event that was chosen; what is no count is a fault, and changes nothing."""
    network, agenda = scene.program.network, agenda_of(scene.program.network)
    counts, values = dict(zip(network.species, scene.counts, strict=True)), dict(scene.theta)
    fault = happening.fault
    fault = jnp.where(stands & scene.inexact, np.int32(Status.INEXACT_COUNT), fault)
    fault = jnp.where(happening.carried_out > MOST_AT_ONCE, np.int32(Status.EVENT_STORM), fault)
    for number, event in enumerate(agenda.events):
        for name, expression in event.assignments:
            value = early[number, name] if event.early else scene.read(expression)
            if name not in network.species:
                values[name] = jnp.where(chosen[number], value, values[name])
                continue
            whole, good = _whole(value)
            counts[name] = jnp.where(chosen[number] & good, whole, counts[name])
            fault = jnp.where(chosen[number] & ~good, np.int32(Status.BAD_ASSIGNMENT), fault)
    sound = fault == 0
    moved = tuple(jnp.where(sound, values[n], scene.theta[n]) for n in network.moved)
    assigned = {name for event in agenda.events for name, _ in event.assignments}
    pairs = zip(network.species, scene.counts, strict=True)
    after = tuple(jnp.where(sound, counts[s], old) if s in assigned else old for s, old in pairs)
    return after, happening._replace(values=moved, fault=fault)


def _whole(value: Real) -> tuple[Count, Flag]:
    """A number as a count, and whether it is one: whole up to rounding, and in range."""
    narrow = value.dtype == np.float32
    largest, close = (LARGEST_IN_FLOAT32, 2.0**-21) if narrow else (LARGEST_COUNT, 1e-9)
    inside = (value > -0.5) & (value <= largest)
    kept = jnp.where(inside, value, jnp.zeros_like(value))
    whole = (kept + 0.5).astype(jnp.int32)
    gap = jnp.abs(kept - whole.astype(value.dtype))
    return whole, inside & (gap <= close * jnp.maximum(jnp.ones_like(kept), kept))


def _departed(program: Program, lane: "Lane", theta: Mapping[str, Real], stop: "Stop", leaves: Flag) -> "Lane":
    """The lane on its way to the next moment or stop, or standing at a stop of this very time."""
    happening = lane.happening
    assert happening is not None
    scene = Scene(program, lane.counts, parameters(program, happening, theta), lane.time)
    following = select(leaves, next_due(happening.under_way, scene.following()), happening.moment)
    happening = happening._replace(
        moment=following,
        acting=happening.acting & ~leaves,
        carried_out=jnp.where(leaves, jnp.zeros_like(happening.carried_out), happening.carried_out),
    )
    due = clock.not_after(stop.time, lane.time) if program.clock == "times" else jnp.zeros_like(leaves)
    status = jnp.where(due, np.int32(Status.PARKED), np.int32(Status.RUNNING))
    if program.fold.ends:
        status = jnp.where(program.fold.done(lane.carry), np.int32(Status.PARKED), status)
    return lane._replace(
        happening=happening,
        status=jnp.where(leaves, status, lane.status),
        target=select(leaves, aimed(stop, happening), lane.target),
    )
