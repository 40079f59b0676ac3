"""The reference engine: one path after the other, written to be read. Every other engine must follow it path by path.

It shares the laws, the fold and the logarithm with the fast engines, and nothing of their loop: random words are Python
integers, the clock is NumPy, and what happens next is decided by `if`.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import math
from jumpax._base.shares import BASE, UNIT, Chance
from jumpax._base.status import Status
from jumpax.engines.engine import AbstractEngine
from jumpax.engines.inputs import Inputs, of_path
from jumpax.engines.lane import Interval
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.folds.fold import Jump
from jumpax.folds.lasting import Lasting

MASK = 0xFFFFFFFF


def _rotate(x: int, by: int) -> int:
    return ((x << by) | (x >> (32 - by))) & MASK


def _threefry(key: tuple[int, int], x: int, y: int) -> tuple[int, int]:
    schedule = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    x, y = (x + schedule[0]) & MASK, (y + schedule[1]) & MASK
    for group in range(5):
        for by in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            x = (x + y) & MASK
            y = _rotate(y, by) ^ x
        x = (x + schedule[(group + 1) % 3]) & MASK
        y = (y + schedule[(group + 2) % 3] + group + 1) & MASK
    return x, y


def _fused(x: Any, y: Any, z: Any) -> np.float32:
    """Product and sum, x y + z, rounded once (but for ties in float64)."""
    return np.float32(np.float64(x) * np.float64(y) + np.float64(z))


class Words:
    """xoshiro128++ of one stream of one path; `peek` looks ahead, `skip` moves on."""

    def __init__(self, key: tuple[int, int], path: int, stream: int):
        self.state = [*_threefry(key, path, 2 * stream), *_threefry(key, path, 2 * stream + 1)]
        if not any(self.state):
            self.state[3] = 1

    def _next(self) -> int:
        a, b, c, d = self.state
        word = (_rotate((a + d) & MASK, 7) + a) & MASK
        c, d, shifted = c ^ a, d ^ b, (b << 9) & MASK
        self.state = [a ^ d, b ^ c, c ^ shifted, _rotate(d, 11)]
        return word

    def peek(self, n: int) -> list[int]:
        """The next n words, without moving on."""
        kept = self.state
        words = [self._next() for _ in range(n)]
        self.state = kept
        return words

    def skip(self, n: int) -> None:
        """Move on by n words."""
        for _ in range(n):
            self._next()


@functools.lru_cache(maxsize=32)
def _compiled(program: Program) -> dict[str, Any]:
    fold, network, dtype = program.fold, program.network, program.dtype

    def laws(counts, theta, now):
        return network.propensities(tuple(c.astype(dtype) for c in counts), theta, now)

    def over_time(hook):
        """With what holds over time in the place of all propensities."""
        if not network.time_dependent:
            return hook
        return lambda carry, counts, a, *others: hook(carry, counts, Lasting(network, a), *others)

    hooks = {name: getattr(fold, name) for name in ("init", "event", "stop", "ready", "done")}
    hooks |= {name: over_time(getattr(fold, name)) for name in ("advance", "sample", "cap")}
    return {name: jax.jit(hook) for name, hook in hooks.items()} | {
        "laws": jax.jit(laws),
        "log": jax.jit(math.log_unit),
    }


class _Path:
    """One path in flight; `run` takes it to its last stop."""

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
        self.spent = self.real(0)
        self.limit = int(inputs.limit)
        self.sound = all(self.theta[name] >= 0 for name in program.network.nonnegative)

    def counts_now(self) -> tuple:
        """Counts as the laws and folds see them."""
        return tuple(np.int64(c).astype(np.int32) for c in self.counts)

    def _numbers(self) -> tuple[Any, Chance]:
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
        alone = self.program.network.reaction_count == 1 and not self.interval
        if self.program.precision == "float64" or alone:
            return exponential / rate
        return exponential * (np.float32(1) / rate)

    def _chosen(self, a: list, total: Any, chance: Chance) -> int | None:
        """Number of the reaction that fires; None in a null event."""
        whole = self.interval.bound if self.interval else total
        if chance.shift is None:
            level, parts, running = chance.point * whole, a, self.real(0)
        else:
            parts = [_fused(value, np.float32(1) / whole, chance.shift) for value in a]
            running = np.float32(BASE)
            last = running + np.float32(1) if self.interval else functools.reduce(np.add, parts, running)
            level = _fused(chance.point, last - np.float32(BASE + 1), chance.point + running)
        for reaction, part in enumerate(parts):
            running = running + part
            if level < running:
                return reaction
        return None

    def _later(self, wait: Any) -> tuple[Any, Any]:
        if not np.isfinite(wait):
            return wait, self.real(0)
        total = self.time[0] + wait
        back = total - self.time[0]
        error = (self.time[0] - (total - back)) + (wait - back) + self.time[1]
        high = total + error
        return high, error - (high - total)

    def enter(self, interval: Interval, border: tuple[Any, Any]) -> None:
        """Begin with the bound of an interval; what is left of the exponential is used up at its rate, from the border on."""
        if self.interval is not None and self.interval.bound != interval.bound:
            lived = max((border[0] - self.time[0]) + (border[1] - self.time[1]), self.real(0))
            self.spent = self.spent + self.interval.bound * lived
            self.time, self.since = border, self.real(0)
        self.interval = interval

    def within(self, time: Any) -> Any:
        """The nearest time within the interval of the bound."""
        return time if self.interval is None else min(max(time, self.interval.begin), self.interval.end)

    def to_stop(self, stop_time: tuple[Any, Any], stop_step: int) -> Status:
        """Live until the stop; the status is RUNNING there unless something went wrong."""
        while True:
            now = self.time[0] + self.since
            exponential, chance = self._numbers()
            left = max(exponential - self.spent, self.real(0))
            wait = self._wait(left, self.interval.bound) if self.interval else None
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
            if self.program.clock == "times":
                in_time = arrival <= stop_time
                remaining = (stop_time[0] - self.time[0]) + (stop_time[1] - self.time[1])
            else:
                in_time = self.events < stop_step and np.isfinite(wait)
                remaining = self.since
            if self.interval and in_time and not (sound and total <= self.interval.bound):
                return Status.BOUND_BROKEN if sound else Status.BAD_PROPENSITY
            horizon = wait if in_time else remaining
            capped = False
            if self.program.fold.caps:
                reach = self.since + self.real(self.code["cap"](self.carry, self.counts_now(), tuple(a), self.theta))
                capped = horizon > reach
                horizon = reach if capped else horizon
            dt = max(horizon - self.since, self.real(0))
            self.carry = self.code["advance"](self.carry, self.counts_now(), tuple(a), self.theta, now, dt)
            if self.program.fold.samples:
                words = tuple(map(np.uint32, self.words[2].peek(self.program.fold.words)))
                self.carry = self.code["sample"](self.carry, self.counts_now(), tuple(a), self.theta, now, dt, words)
            self.since = horizon
            if capped:
                continue
            if not in_time:
                return Status.RUNNING
            fault = self._event(a, total, exponential, chance, wait, arrival)
            if fault is not None:
                return fault
            if self.done():
                return Status.RUNNING

    def _event(self, a, total, exponential, chance, wait, arrival) -> Status | None:
        if self.events >= self.limit:
            return Status.EVENT_BUDGET
        if arrival == self.time and (wait > 0 or not self.interval):
            return Status.TIME_STALLED
        fired = self._chosen(a, total, chance)
        after = list(self.counts)
        if fired is not None:
            change = self.program.network.stoichiometry[:, fired]
            after = [c + int(z) for c, z in zip(self.counts, change)]
        if fired is not None or self.program.fold.nulls:
            self._fold_event(a, fired, exponential, chance, self.within(arrival[0]))
        self.words[2].skip(self.program.fold.words)
        self.counts, self.time, self.since, self.spent = after, arrival, self.real(0), self.real(0)
        self.events += fired is not None
        self.words[0].skip(2)
        self.words[1].skip(2)
        if max(after) > 2**31 - 1:
            return Status.COUNT_OVERFLOW
        return Status.NEGATIVE_COUNT if min(after) < 0 else None

    def _fold_event(self, a, fired, exponential, chance, now) -> None:
        words = self.words[2].peek(self.program.fold.words)
        flags = tuple(np.bool_(r == fired) for r in range(len(a)))
        jump = Jump(flags, exponential, chance, tuple(map(np.uint32, words)))  # type: ignore[arg-type]  # on the host
        self.carry = self.code["event"](self.carry, self.counts_now(), tuple(a), self.theta, now, jump)

    def record(self, index: int) -> Any:
        """What the fold says at stop number `index`, once it is ready."""
        while self.program.fold.waits and not self.code["ready"](self.carry):
            now = self.time[0] + self.since
            a = [self.real(v) for v in self.code["laws"](self.counts_now(), self.theta, now)]
            self._fold_event(a, None, *self._numbers(), now)
            self.words[2].skip(self.program.fold.words)
        self.carry, record = self.code["stop"](self.carry, self.counts_now(), self.theta, np.int32(index))
        return record

    def done(self) -> bool:
        """Whether the fold wants nothing more of this path."""
        return self.program.fold.ends and bool(self.code["done"](self.carry))


def _run_path(program: Program, inputs: Inputs, number: int) -> tuple[list, Status, _Path]:
    path, records = _Path(program, inputs, number), []
    stops = zip(np.asarray(inputs.stops.time.high), np.asarray(inputs.stops.time.low), np.asarray(inputs.stops.step))
    intervals = list(zip(*map(np.asarray, inputs.stops.interval))) if inputs.stops.interval else []
    border = path.time
    for index, (high, low, step) in enumerate(stops):
        if intervals:
            path.enter(Interval(*intervals[index]), border)
        border = (high, low)
        if not path.done():
            status = path.to_stop((high, low), int(step))
            if status != Status.RUNNING:
                return records, status, path
        records.append(path.record(index))
    a = path.code["laws"](path.counts_now(), path.theta, path.time[0] + path.since)
    if path.done():
        return records, Status.DONE, path
    return records, Status.ABSORBED if sum(a) == 0 else Status.REACHED, path


def _collect(program: Program, stops: int, runs: list) -> Recorded:
    def missing(leaf):
        kind = np.dtype(leaf.dtype)
        return np.full((), {"f": np.nan, "b": False}.get(kind.kind, -1), kind)

    def stop(path):
        return program.fold.stop(path.carry, path.counts_now(), path.theta, jnp.int32(0))[1]

    filler = jax.tree.map(missing, jax.eval_shape(functools.partial(stop, runs[0][2])))
    rows = [records + [filler] * (stops - len(records)) for records, _, _ in runs]
    record = jax.tree.map(lambda *leaves: np.array(leaves).reshape(len(rows), stops), *[r for row in rows for r in row])
    return Recorded(
        record=record,
        status=np.array([status for _, status, _ in runs], np.int32),
        events=np.array([path.events for _, _, path in runs], np.int32),
        counts=np.array([path.counts for _, _, path in runs], np.int64).astype(np.int32),
        time=np.array([path.time for _, _, path in runs], program.dtype),
    )


class Reference(AbstractEngine):
    """One path after the other, in Python: slow, and easy to check by reading."""

    name = "reference"
    traceable = False

    def prepare(self, program: Program, inputs: Inputs) -> None:
        """Nothing."""

    def start(self, program: Program, inputs: Inputs, room: int) -> list:
        """No paths yet."""
        return []

    def advance(self, program: Program, inputs: Inputs, lanes: list, budget: int) -> list:
        """Up to `budget` more paths."""
        last = min(int(inputs.paths), len(lanes) + budget)
        return lanes + [_run_path(program, inputs, number) for number in range(len(lanes), last)]

    def finished(self, lanes: list) -> int:
        """How many paths have ended."""
        return len(lanes)

    def collect(self, program: Program, inputs: Inputs, lanes: list) -> Recorded:
        """What has been recorded."""
        return _collect(program, len(inputs.stops.step), lanes)

    def gather(self, program: Program, inputs: Inputs, room: int, threads: int = 1) -> Recorded:
        """A whole run as one call."""
        return self.collect(program, inputs, self.advance(program, inputs, [], int(inputs.paths)))
