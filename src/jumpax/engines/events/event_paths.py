"""Paths of networks with events."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import random
from jumpax._base.errors import SimulationError, UnsupportedError
from jumpax._base.memory import check_memory
from jumpax._base.status import Status
from jumpax.engines.engine import Progress
from jumpax.engines.events.happening import States
from jumpax.engines.events.scaled import SPAN, scaled
from jumpax.engines.events.triggers import Rising
from jumpax.engines.paths import Paths
from jumpax.engines.program import check_times
from jumpax.engines.provenance import provenance
from jumpax.engines.simulate import check_precision, simulate
from jumpax.engines.size import FEWER
from jumpax.networks import Network
from jumpax.networks.expressions.expression import names

MOST_LEGS = 100_000
"""Stretches between two events or outputs that the slowest path may need."""
_LARGEST = 1e38
"""Of what a condition on counts is compared with: larger numbers are none in float32."""


def event_paths(
    network: Network,
    values: dict[str, np.ndarray],
    counts: np.ndarray,
    times: object,
    paths: int,
    key: Any,
    bound: Any,
    max_events: int,
    progress: Callable[[Progress], None] | None,
    how: dict[str, Any],
) -> Paths:
    """What `simulate` gives for such a network.

    An event happens when its trigger turns from false to true: at the reaction that makes it so, or at exactly the time
    that its trigger names, between outputs too; an output at that very time shows the state after it. That time may be
    moved by events, on each path in another way. At one moment events follow their priorities (of equal ones any is first;
    those without follow the order of the network); those that are not persistent are dropped when another one makes their
    trigger false. Between events the paths are plain ones, started anew from the state, which is exact since the process forgets
    its past; the law is exact, while the random numbers of a path depend on the times asked for.

    Args:
        network: with events.
        values: of all parameters, checked; those that only events read or change may be infinite or nan.
        counts: at the start, checked.
        times: strictly increasing, from 0 on.
        paths: how many.
        key: as in `simulate`.
        bound: one number, where all triggers depend on time alone, and all paths have the same times.
        max_events: reactions after which a path is given up.
        progress: told after each stretch.
        how: engine, precision and threads.
    """
    wanted, words = check_times(times, 0.0), random.key_words(key)
    moved = {name for event in network.events for name, _ in event.assignments} - {*network.species}
    each = len(network.species) + len(moved)
    check_memory(f"{paths:,} paths x {len(wanted):,} stops x {each} numbers", 12.0 * paths * len(wanted) * each, FEWER)
    counts = np.broadcast_to(counts, (paths, len(network.species)))
    states = States(network.with_events(()), network.events, values, counts, [int(word) for word in words])
    run = _Run(states, wanted, key, how, bound, max_events)
    run.go(progress)
    settings = {
        "start": 0.0,
        "max_events": max_events,
        "events": [f"{event.name}: {event}" for event in network.events],
    }
    return run.result(provenance(network, words, check_precision(how["precision"]), run.engine, **settings))


class _Run:
    """One call: each path from one moment at which something may happen to the next."""

    def __init__(self, states: States, wanted: tuple[float, ...], key: Any, how: dict[str, Any], bound: Any, most: int):
        self.states, self.how, self.bound, self.most = states, how, bound, most
        self.key = jax.random.key(key) if isinstance(key, int | np.integer) else key
        self.wanted, self.paths, self.legs, self.engine = (
            np.array(wanted),
            len(states.counts),
            0,
            how["engine"] or "none",
        )
        species = set(states.network.species)
        self.read = [number for number, trigger in enumerate(states.triggers) if set(names(trigger)) & species]
        """Numbers of the triggers that read counts."""
        self.network = scaled(states.network, self._beside())
        self.now, self.place = np.zeros(self.paths), np.zeros(self.paths, int)
        self.fired, self.ended = np.zeros(self.paths, np.int64), np.zeros(self.paths)
        self.redrawn = np.zeros(self.paths, bool)
        self.kept = np.full((self.paths, len(wanted), len(states.network.species)), -1, np.int64)
        self.values = {name: np.full((self.paths, len(wanted)), np.nan) for name in states.moved}

    def _beside(self) -> tuple[str, ...]:
        """What triggers that read counts read beside counts and parameters of rates."""
        network = self.states.network
        read = dict.fromkeys(name for number in self.read for name in names(self.states.triggers[number]))
        return tuple(name for name in read if name not in (*network.species, *network.parameters))

    def go(self, progress: Callable[[Progress], None] | None) -> None:
        """All of it."""
        begin = time.perf_counter()
        self._settle(np.ones(self.paths, bool))
        while (active := self.place < len(self.wanted)).any():
            moments = np.where(active, self.states.next_moments(self.now), np.inf)
            ends = np.minimum(self._next_output(), moments)
            alike = bool(active.all() and np.ptp(self.now) == 0 and (moments == moments[0]).all())
            arrived = self._pass(moments[0]) if alike and not self.read else self._watch(active, ends)
            self._settle(arrived & (self.now == moments), arrived)
            if progress is not None:
                done = int((self.place >= len(self.wanted)).sum())
                progress(Progress(done, self.paths, time.perf_counter() - begin))

    def _settle(self, changing: np.ndarray, arrived: np.ndarray | None = None, rose: np.ndarray | None = None) -> None:
        """Events at the times of paths, and then their outputs at those times."""
        if changing.any():
            happened = self.states.settle(changing, self.now, rose)
            self.ended = np.where(happened, self.now, self.ended)
        here = np.flatnonzero((changing if arrived is None else arrived) & (self._next_output() == self.now))
        self._keep(here, self.place[here], self.states.counts[here])
        self.place[here] += 1

    def _next_output(self) -> np.ndarray:
        """Time of the next output of each path; inf if there is none."""
        return np.append(self.wanted, np.inf)[self.place]

    def _keep(self, paths: Any, place: Any, counts: np.ndarray) -> None:
        """Record states at an output."""
        self.kept[paths, place] = counts
        for name, table in self.values.items():
            table[paths, place] = self.states.theta[name][paths]

    def _draw(self, network: Any, theta: dict[str, Any], **how: Any) -> Paths:
        """The paths of one stretch, none with more reactions than are left to it."""
        self.legs += 1
        if self.legs > MOST_LEGS:
            raise SimulationError(f"a path meets more than {MOST_LEGS} events; give fewer times or another model")
        most = max(1, self.most - int(self.fired.min()))
        drawn = simulate(
            network, theta, self.states.counts, paths=self.paths, key=jax.random.fold_in(self.key, self.legs),
            max_events=most, **how, **self.how,
        )  # fmt: skip
        self.engine = drawn.provenance["engine"]
        return drawn

    def _count(self, drawn: Paths) -> None:
        """Add up the reactions of each path, and note which were drawn again in float64."""
        self.fired, self.redrawn = self.fired + drawn.events, self.redrawn | drawn.redrawn
        if (over := self.fired > self.most).any():
            path = int(np.argmax(over))
            raise SimulationError(
                f"{Status.EVENT_BUDGET.name}: {over.sum()} of {self.paths} paths; path {path} fired {self.fired[path]} "
                f"reactions, most of them before time {self.now[path]:g}. Remedy: the paths may explode; raise max_events if "
                "so many events are meant."
            )

    def _pass(self, moment: float) -> np.ndarray:
        """A stretch in which no trigger reads counts, and which all paths begin and end together: one simulation."""
        left, first = self.now[0], int(self.place[0])
        stops = [*self.wanted[first:][self.wanted[first:] < moment], *([moment] if moment <= self.wanted[-1] else [])]
        theta = {name: self.states.theta[name] for name in self.states.network.parameters}
        drawn = self._draw(self.states.network, theta, times=stops, start=left, bound=self.bound)
        self._count(drawn)
        self.ended = np.where(drawn.events > 0, drawn.end_times, self.ended)
        for place, stop in enumerate(stops[:-1], first):
            assert stop == self.wanted[place]
            self._keep(slice(None), place, drawn.counts[:, place - first])
        self.place += len(stops) - 1
        self.states.counts = drawn.counts[:, -1].astype(np.int64)
        self.now = np.full(self.paths, stops[-1])
        return np.ones(self.paths, bool)

    def _watch(self, active: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """A stretch that each path begins and ends at times of its own, or at a trigger that reads counts.

        The clock runs from 0 to 1 at a speed of its own for each path. Returns who arrived at the end of the stretch.
        """
        if self.states.network.time_dependent:
            raise UnsupportedError(
                "rates that depend on time together with triggers that read counts, or whose times differ from path to path"
            )
        span = np.where(active, ends - self.now, 0.0)
        known = self.states.theta | self.states.truths(np.arange(self.paths), self.now) | {SPAN: np.maximum(span, 0.0)}
        theta = {name: known[name] for name in self.network.parameters}
        theta |= {name: np.clip(theta[name], -_LARGEST, _LARGEST) for name in self._beside()}  # inf means never
        conditions = tuple(self.states.triggers[number] for number in self.read)
        record = Rising(self.network, conditions) if conditions else ()
        try:
            drawn = self._draw(self.network, theta, times=[1.0], record=record)
        except SimulationError as fault:
            raise SimulationError(
                f"between events, where times are parts of the time to the next output: {fault}"
            ) from fault
        self._count(drawn)
        moved = drawn.events > 0
        self.ended[moved] = (self.now + span * drawn.end_times)[moved]
        self.states.counts[active] = drawn.counts[active, 0]
        stopped = np.zeros(self.paths, bool)
        if conditions:
            ended, when, rose, hold = jax.tree.map(lambda leaf: leaf[:, 0], drawn.records)
            stopped = ended & active
            self.states.held[np.flatnonzero(active)[:, None], self.read] = np.stack(hold, -1)[active]
            risen = np.zeros((self.paths, len(self.states.triggers)), bool)
            risen[:, self.read] = np.stack(rose, -1)
            self.now = np.where(stopped, np.minimum(self.now + span * when.astype(np.float64), ends), self.now)
            self._settle(stopped, np.zeros(self.paths, bool), risen)
        arrived = active & ~stopped
        self.now = np.where(arrived, ends, self.now)
        return arrived

    def result(self, origin: dict[str, Any]) -> Paths:
        """What was kept, and how each path ended."""
        network, end = self.states.network, self.states.counts
        with jax.enable_x64(True):
            columns = tuple(jnp.asarray(column, jnp.float64) for column in end.T)
            theta = {name: jnp.asarray(self.states.theta[name], jnp.float64) for name in network.parameters}
            total = sum(
                network.propensities(columns, theta, jnp.full(self.paths, self.wanted[-1])), jnp.zeros(self.paths)
            )
            status = np.where(np.asarray(total) == 0, Status.ABSORBED, Status.REACHED).astype(np.int32)
        return Paths(
            species=network.species,
            counts=self.kept.astype(np.int32),
            stops=self.wanted,
            status=status,
            events=self.fired,
            end_counts=end.astype(np.int32),
            end_times=self.ended,
            redrawn=self.redrawn,
            records=self.values or (),
            log=None,
            provenance=origin,
        )
