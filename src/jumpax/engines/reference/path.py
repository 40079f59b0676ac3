"""One path of the reference engine, written to be read.

It shares the laws, the fold and the logarithm with the fast engines, and nothing of their loop: random words are Python
integers, the clock is NumPy, and what happens next is decided by `if`.
"""

import functools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import math
from jumpax._base.shares import BASE, UNIT, Chance
from jumpax._base.status import Status
from jumpax.engines.choice import is_large
from jumpax.engines.inputs import Inputs, of_path
from jumpax.engines.lane import Interval
from jumpax.engines.program import Program
from jumpax.engines.reference.flowing import Flow
from jumpax.engines.reference.happenings import Happenings, Pair, has_come
from jumpax.engines.reference.under_way import UnderWay
from jumpax.engines.reference.words import Words
from jumpax.folds.fold import Change, Jump
from jumpax.folds.lasting import Lasting
from jumpax.networks import motion
from jumpax.networks.ceiling import ceilings


def _fused(x: Any, y: Any, z: Any) -> np.float32:
    """Product and sum, x y + z, rounded once (but for ties in float64)."""
    return np.float32(np.float64(x) * np.float64(y) + np.float64(z))


@functools.lru_cache(maxsize=32)
def _compiled(program: Program) -> dict[str, Any]:
    fold, network, dtype = program.fold, program.network, program.dtype

    def laws(counts, theta, now):
        return network.propensities(tuple(c.astype(dtype) for c in counts), theta, now)

    def tops(counts, theta, now):
        return ceilings(network, tuple(c.astype(dtype) for c in counts), theta, now)

    def over_time(hook):
        """With what holds over time in the place of all propensities."""
        if not (network.time_dependent or network.flows):
            return hook
        return lambda carry, counts, a, *others: hook(carry, counts, Lasting(network, a), *others)

    def slopes(counts, theta, values, now):
        return motion.slope(network, tuple(c.astype(dtype) for c in counts), theta)(values, now)

    hooks = {name: getattr(fold, name) for name in ("init", "flowed", "event", "changed", "stop", "ready", "done")}
    hooks |= {name: over_time(getattr(fold, name)) for name in ("advance", "sample", "cap")}
    return {name: jax.jit(hook) for name, hook in hooks.items()} | {
        "laws": jax.jit(laws),
        "ceilings": jax.jit(tops),
        "slopes": jax.jit(slopes),
        "log": jax.jit(math.log_unit),
    }


class Path:
    """One path in flight; `to_stop` takes it from stop to stop."""

    def __init__(self, program: Program, inputs: Inputs, number: int):
        self.program, self.code, self.real = program, _compiled(program), program.dtype.type
        index = int(inputs.first[number]) if np.ndim(inputs.first) else int(inputs.first) + number
        key = (int(of_path(inputs.key[0], number)), int(of_path(inputs.key[1], number)))
        self.words = {stream: Words(key, index, stream) for stream in range(3)}
        self.theta = {k: jnp.asarray(of_path(v, number), program.dtype) for k, v in inputs.theta.items()}
        counts = np.asarray(inputs.counts)
        self.counts = [int(c) for c in (counts[number] if counts.ndim == 2 else counts)]
        self.time = (self.real(inputs.start.high), self.real(inputs.start.low))
        self.since = self.real(0)
        self.events = 0
        self.carry = self.code["init"](self.counts_now(), self.theta, self.time[0])
        self.interval: Interval | None = None
        self.bound: Any = None
        self.spent = self.real(0)
        self.limit = int(inputs.limit)
        self.happenings = self.under_way = None
        if program.network.events:
            self.happenings = Happenings(program, self.theta, self.counts, key, index)
        if program.delayed:
            self.under_way = UnderWay(program, key, index, self.code["log"])
        self.order = None
        if program.precision == "float64" and is_large(program.network):
            from jumpax.engines.tables.order import order_of  # slow to import, and not needed by most

            self.order = order_of(program.network)
        self.tops: list[Any] = [None] * program.network.reaction_count
        self.stale = set(range(program.network.reaction_count))
        self.flow = Flow(self) if program.network.flows else None
        self.sound = all(self.theta[name] >= 0 for name in program.network.nonnegative)

    def counts_now(self) -> tuple:
        """Counts as the laws and folds see them."""
        return tuple(np.int64(c).astype(np.int32) for c in self.counts)

    def numbers(self) -> tuple[Any, Chance]:
        """The numbers that decide the next reaction."""
        first, second = self.words[0].peek(2)
        point: Any
        shift: Any = None
        if self.program.precision == "float32":
            u, least = (np.float32(first) + np.float32(0.5)) * np.float32(2.0**-32), 2.0**-26
            other = self.words[0].state[2] & 0x7FFFFF | 1
            point, shift = np.float32((second >> 10) * UNIT), np.float32((other * 2.0**-23 - 0.5) * UNIT)
        else:
            low_first, low_second = self.words[1].peek(2)
            u, least = (first * 2.0**21 + (low_first >> 11) + 0.5) * 2.0**-53, 2.0**-54
            point = np.float64((second * 2.0**21 + (low_second >> 11)) * 2.0**-53)
        return max(-self.real(self.code["log"](self.real(u))), self.real(least)), Chance(point, shift)

    def _wait(self, exponential: Any, rate: Any) -> Any:
        if not rate > 0:
            return self.real(np.inf)
        alone = self.program.network.reaction_count == 1 and not self.program.thinned
        if self.program.precision == "float64" or alone:
            return exponential / rate
        return exponential * (np.float32(1) / rate)

    def _ceiling(self) -> Any:
        """What the total propensity does not exceed from now on."""
        steady = self.code["laws"](self.counts_now(), self.theta, self.time[0])
        tops = self.code["ceilings"](self.counts_now(), self.theta, self.time[0])
        if (
            self.order is not None
        ):  # large networks look at one again when what it reads changes, and when it was chosen
            self.tops = [new if r in self.stale else old for r, (new, old) in enumerate(zip(tops, self.tops))]
            self.stale, tops = set(), self.tops
        total = self.real(0)
        for a, top in zip(steady, tops, strict=True):
            total = total + self.real(a if top is None else top)
        return total if total < np.inf else self.real(np.inf)

    def _chosen(self, a: list, total: Any, chance: Chance) -> int | None:
        """Number of the reaction that fires; None in a null event."""
        whole = total if self.bound is None else self.bound
        if self.order is not None:
            return self._chosen_in_order(a, chance.point * whole)
        if chance.shift is None:
            level, parts, running = chance.point * whole, a, self.real(0)
        else:
            parts = [_fused(value, np.float32(1) / whole, chance.shift) for value in a]
            running = np.float32(BASE)
            last = running + np.float32(1) if self.program.thinned else functools.reduce(np.add, parts, running)
            level = _fused(chance.point, last - np.float32(BASE + 1), chance.point + running)
        for reaction, part in enumerate(parts):
            running = running + part
            if level < running:
                return reaction
        return None

    def _chosen_in_order(self, a: list, level: Any) -> int | None:
        """The same for large networks, where parts of the propensities have an order of their own."""
        assert self.order is not None
        reactions, fractions = self.order
        weights = np.array([rate if top is None else top for rate, top in zip(a, self.tops)])[reactions] * fractions
        sums = np.cumsum(weights)
        beyond = np.flatnonzero(level < sums)
        if not beyond.size:
            return None
        chosen = int(reactions[beyond[0]])
        if self.tops[chosen] is None:
            return chosen
        self.stale.add(chosen)
        return chosen if level - (sums - weights)[beyond[0]] < a[chosen] else None

    def _later(self, wait: Any) -> Pair:
        if not np.isfinite(wait):
            return wait, self.real(0)
        total = self.time[0] + wait
        back = total - self.time[0]
        error = (self.time[0] - (total - back)) + (wait - back) + self.time[1]
        high = total + error
        return high, error - (high - total)

    def enter(self, interval: Interval, border: Pair) -> None:
        """Begin with the bound of an interval; what is left of the exponential is used up at its rate, from the border on."""
        if self.interval is not None and self.interval.bound != interval.bound:
            lived = max((border[0] - self.time[0]) + (border[1] - self.time[1]), self.real(0))
            self.spent = self.spent + self.interval.bound * lived
            self.time, self.since = border, self.real(0)
        self.interval = interval

    def within(self, time: Any) -> Any:
        """The nearest time within the interval of the bound."""
        return time if self.interval is None else min(max(time, self.interval.begin), self.interval.end)

    def begin(self) -> Status | None:
        """Let the events happen that are due at the start; what went wrong, if anything did."""
        if self.happenings is None:
            return None
        self.happenings.begin(self.time)
        fault = self.happen() if self.happenings.rises(self.time) else None
        if self.flow is not None:
            self.flow.resume()
        return fault

    def to_stop(self, stop_time: Pair, stop_step: int) -> Status:
        """Live until the stop; the status is RUNNING there unless something went wrong."""
        if self.flow is not None:
            return self.flow.to_stop(stop_time)
        while True:
            now = self.time[0] + self.since
            exponential, chance = self.numbers()
            left = max(exponential - self.spent, self.real(0))
            if self.program.thinned:
                self.bound = self.interval.bound if self.interval else self._ceiling()
            wait = None if self.bound is None else self._wait(left, self.bound)
            at = now if wait is None else self.within(self.time[0] + wait)
            a = [self.real(v) for v in self.code["laws"](self.counts_now(), self.theta, self.real(at))]
            total = self.real(0)
            for value in a:
                total = total + value
            sound = self.sound and all(v >= 0 for v in a) and np.isfinite(total)
            if wait is None:
                if not sound:
                    return Status.BAD_PROPENSITY
                wait = self._wait(exponential, total)
            arrival = self._later(wait)
            target, what = self._next(stop_time, stop_step, arrival, wait)
            if self.bound is not None and what == "reaction" and not (sound and total <= self.bound < np.inf):
                return Status.BOUND_BROKEN if sound else Status.BAD_PROPENSITY
            if not self.live(a, now, wait if what == "reaction" else self.span(target)):
                continue
            fault = None
            if what == "stop":
                return Status.RUNNING
            if what == "reaction":
                fault = self.event(a, total, exponential, chance, wait, arrival)
            if what == "completion":
                fault = self._complete(cast(Pair, target))
            if what == "moment":
                self.move_on(cast(Pair, target))
            if fault is None and self.happenings and (what == "moment" or self.happenings.rises(self.time)):
                fault = self.happen()
            if fault is not None:
                return fault
            if self.done() or (what == "moment" and self.program.clock == "times" and stop_time <= self.time):
                return Status.RUNNING

    def _next(self, stop_time, stop_step: int, arrival, wait) -> tuple[Pair | None, str]:
        """What comes first, and when; at one time a completion comes before a reaction, both before a moment, and that before a stop."""
        steps = self.program.clock == "steps"
        target, what = None if steps else stop_time, "stop"
        reached = steps and self.events >= stop_step
        moment = self.happenings.following(self.time) if self.happenings and not reached else None
        if moment is not None and (target is None or has_come(moment, target)):
            target, what = moment, "moment"
        due = self.under_way.due if self.under_way else None
        if due is not None and not arrival < due and not reached and (target is None or due <= target):
            return due, "completion"
        if np.isfinite(wait) and not reached and (target is None or arrival <= target):
            return arrival, "reaction"
        return target, what

    def span(self, target: Pair | None) -> Any:
        """Time from the last event to a time; where only a number of events is waited for, what has been lived."""
        if target is None:
            return self.since
        return max((target[0] - self.time[0]) + (target[1] - self.time[1]), self.real(0))

    def live(self, a: list, now: Any, horizon: Any) -> bool:
        """Let the fold live until so long after the last event, or to its cap; whether that is not before."""
        fold, capped = self.program.fold, False
        if fold.caps:
            reach = self.since + self.real(self.code["cap"](self.carry, self.counts_now(), tuple(a), self.theta))
            capped = horizon > reach
            horizon = reach if capped else horizon
        dt = max(horizon - self.since, self.real(0))
        self.carry = self.code["advance"](self.carry, self.counts_now(), tuple(a), self.theta, now, dt)
        if fold.samples:
            words = tuple(map(np.uint32, self.words[2].peek(fold.words)))
            self.carry = self.code["sample"](self.carry, self.counts_now(), tuple(a), self.theta, now, dt, words)
        self.since = horizon
        return not capped

    def move_on(self, time: Pair) -> None:
        """Be at a time at which something else than a reaction happens: the wait for the next one begins anew."""
        self.time, self.since, self.spent = time, self.real(0), self.real(0)
        self.words[0].skip(2)
        self.words[1].skip(2)

    def _complete(self, due: Pair) -> Status | None:
        """The earliest reaction under way completes."""
        assert self.under_way is not None
        self.move_on(due)
        before = self.counts_now()
        self.counts[:] = [c + z for c, z in zip(self.counts, self.under_way.complete(), strict=True)]
        self._changed(Change((), before, self.theta))
        return self._count_fault()

    def happen(self) -> Status | None:
        """Let events happen, unless the fold wants nothing more."""
        assert self.happenings is not None
        return None if self.done() else self.happenings.happen(self.time, self._changed)

    def _changed(self, change: Change) -> None:
        self.stale.update(range(len(self.tops)))
        self.carry = self.code["changed"](self.carry, self.counts_now(), self.theta, self.time[0], change)

    def _look_again(self, after: list[int]) -> None:
        """Ceilings that large networks look at again: those of the laws that read a count that changes."""
        network = self.program.network
        if self.order is None or not network.time_dependent:
            return
        changed = {s for s, old, new in zip(network.species, self.counts, after) if old != new}
        self.stale.update(r for r in range(len(network.reactions)) if changed & set(network.reads(r)))

    def _count_fault(self) -> Status | None:
        if max(self.counts) > 2**31 - 1:
            return Status.COUNT_OVERFLOW
        return Status.NEGATIVE_COUNT if min(self.counts) < 0 else None

    def event(self, a, total, exponential, chance, wait, arrival) -> Status | None:
        """A reaction fires, or none in a null event; what went wrong, if anything did."""
        if self.events >= self.limit:
            return Status.EVENT_BUDGET
        if arrival == self.time and (wait > 0 or self.bound is None):
            return Status.TIME_STALLED
        fired = self._chosen(a, total, chance)
        after, delay = list(self.counts), None
        if fired is not None:
            changes = self.under_way.schedule.starts if self.under_way else self.program.network.stoichiometry
            after = [c + int(row[fired]) for c, row in zip(self.counts, changes, strict=True)]
            delay = self.under_way.delay(fired, self.theta) if self.under_way else None
        if delay is not None and self.under_way and self.under_way.full:
            return Status.QUEUE_FULL
        if fired is not None or self.program.fold.nulls:
            self._fold_event(a, fired, exponential, chance, self.within(arrival[0]), after, delay)
        self.words[2].skip(self.program.fold.words)
        self._look_again(after)
        self.counts[:] = after
        self.move_on(arrival)
        if delay is not None and self.under_way and fired is not None:
            self.under_way.begin(fired, self._later(delay))
        self.events += fired is not None
        return self._count_fault()

    def _fold_event(self, a, fired, exponential, chance, now, after, delay=None) -> None:
        words = self.words[2].peek(self.program.fold.words)
        flags = tuple(np.bool_(r == fired) for r in range(len(a)))
        counts = tuple(np.int64(c).astype(np.int32) for c in after)
        late = self.real(0 if delay is None else delay) if self.under_way else None
        jump = Jump(flags, exponential, chance, tuple(map(np.uint32, words)), counts, late)  # type: ignore[arg-type]  # on the host
        self.carry = self.code["event"](self.carry, self.counts_now(), tuple(a), self.theta, now, jump)

    def record(self, index: int) -> Any:
        """What the fold says at stop number `index`, once it is ready."""
        while self.program.fold.waits and not self.code["ready"](self.carry):
            now = self.time[0] + self.since
            a = [self.real(v) for v in self.code["laws"](self.counts_now(), self.theta, now)]
            self._fold_event(a, None, *self.numbers(), now, self.counts)
            self.words[2].skip(self.program.fold.words)
        self.carry, record = self.code["stop"](self.carry, self.counts_now(), self.theta, np.int32(index))
        return record

    def done(self) -> bool:
        """Whether the fold wants nothing more of this path."""
        return self.program.fold.ends and bool(self.code["done"](self.carry))
