"""What events do to the states of many paths at a moment."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from jumpax._base.errors import SimulationError
from jumpax.engines.events.triggers import Clock, clocks, timeless
from jumpax.networks import Network
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Expression, evaluate
from jumpax.networks.parameters import LARGEST_COUNT

MOST_FIRINGS = 1_000
"""Events of one path at one moment; more are a storm."""


class States:
    """Counts, parameters and truth of the triggers of every path.

    Args:
        network: the reactions.
        events: what may happen.
        theta: parameters, also those that only events read, scalars or one value per path.
        counts: at the start, (paths, species).
        seed: for the choice among events of equal priority.
    """

    def __init__(
        self, network: Network, events: tuple[Event, ...], theta: Mapping[str, Any], counts: np.ndarray, seed: Any = 0
    ):
        self.network, self.events = network, events
        self.counts: Int[np.ndarray, "paths species"] = np.array(counts, np.int64)
        assigned = dict.fromkeys(name for event in events for name, _ in event.assignments)
        self.moved = tuple(name for name in assigned if name not in network.species)
        """Parameters that events change."""
        self.theta = {
            name: np.broadcast_to(np.asarray(value, np.float64), len(self.counts)).copy()
            if name in self.moved
            else np.asarray(value, np.float64)
            for name, value in theta.items()
        }
        found = dict.fromkeys(clock for event in events for clock in clocks(event.trigger))
        self.clocks: dict[Clock, str] = {clock: f"(clock {number})" for number, clock in enumerate(found)}
        self.triggers = tuple(timeless(event.trigger, self.clocks) for event in events)
        held = [event.initially for event in events]
        self.held: Bool[np.ndarray, "paths events"] = np.tile(np.array(held, bool), (len(self.counts), 1))
        self.chance = np.random.default_rng(seed)

    def truths(self, at: np.ndarray, times: np.ndarray) -> dict[str, Float[np.ndarray, " at"]]:
        """By name, whether the comparisons of the time hold right after these times: 1 or 0."""
        found = {}
        for clock, name in self.clocks.items():
            when, later = clock.moment(
                lambda expression, time: self._read(expression, at, np.broadcast_to(time, at.shape))
            )
            found[name] = ((times >= when) == later).astype(np.float64)
        return found

    def next_moments(self, times: Float[np.ndarray, " paths"]) -> Float[np.ndarray, " paths"]:
        """When a comparison of the time changes next, on each path; inf if never."""
        at, found = np.arange(len(times)), np.full(len(times), np.inf)
        for clock in self.clocks:
            when, _ = clock.moment(lambda expression, time: self._read(expression, at, np.broadcast_to(time, at.shape)))
            found = np.minimum(found, np.where(when > times, when, np.inf))
        return found

    def settle(
        self,
        paths: Bool[np.ndarray, " paths"],
        times: Float[np.ndarray, " paths"],
        rose: Bool[np.ndarray, "paths events"] | None = None,
    ) -> Bool[np.ndarray, " paths"]:
        """Let everything happen that the triggers say, on some paths.

        Args:
            paths: which paths.
            times: their times.
            rose: triggers known to have turned true; else they are looked at.

        Returns:
            On which paths an event happened.

        Raises:
            SimulationError: an event storm, or a count that is no whole number in range.
        """
        at, happened = np.flatnonzero(paths), np.zeros(len(paths), bool)
        pending = np.zeros((len(at), len(self.events)), bool)
        values: dict[tuple[int, str], np.ndarray] = {}
        if rose is not None:
            self._wake(at, times[at], rose[at], pending, values)
        self._look(at, times[at], pending, values)
        for _ in range(MOST_FIRINGS):
            busy = pending.any(1)
            if not busy.any():
                return happened
            happened[at[busy]] = True
            chosen = np.where(busy, self._first(at, times[at], pending), -1)
            for number, event in enumerate(self.events):
                if (mine := chosen == number).any():
                    self._assign(at[mine], times[at[mine]], number, event, {k: v[mine] for k, v in values.items()})
                    pending[mine, number] = False
            self._look(at, times[at], pending, values)
        names = [e.name for number, e in enumerate(self.events) if pending[:, number].any()]
        first = at[pending.any(1)][0]
        raise SimulationError(
            f"an event storm: {', '.join(names)} still true after {MOST_FIRINGS} events at time {times[first]:g} "
            f"(path {first}); an event must make its trigger false"
        )

    def _read(self, expression: Expression, at: np.ndarray, times: np.ndarray, more: Any = None) -> np.ndarray:
        """Values of an expression on some paths, in float64."""
        known = {name: self.counts[at, place].astype(np.float64) for place, name in enumerate(self.network.species)}
        known |= {name: value[at] if value.ndim else value for name, value in self.theta.items()} | (more or {})
        with jax.enable_x64(True):
            return np.broadcast_to(np.asarray(evaluate(expression, known, times)), at.shape)

    def _look(self, at, times, pending, values) -> None:
        """Note which triggers have turned true, and forget events that are not persistent and whose triggers have not."""
        truths = self.truths(at, times)
        now = np.stack([self._read(trigger, at, times, truths).astype(bool) for trigger in self.triggers], -1)
        self._wake(at, times, now & ~self.held[at], pending, values)
        for number, event in enumerate(self.events):
            if not event.persistent:
                pending[:, number] &= now[:, number]
        self.held[at] = now

    def _wake(self, at, times, rose, pending, values) -> None:
        """Put events on the list; those that read early do so now."""
        for number, event in enumerate(self.events):
            new = rose[:, number]
            if not new.any():
                continue
            pending[:, number] |= new
            for name, expression in event.assignments if event.early else ():
                old = values.get((number, name), np.zeros(len(at)))
                values[number, name] = np.where(new, self._read(expression, at, times), old)

    def _first(self, at: np.ndarray, times: np.ndarray, pending: np.ndarray) -> Int[np.ndarray, " at"]:
        """The pending event of largest priority; of equal ones any, of those without one the first."""
        lowest = np.full(len(at), np.finfo(np.float64).min)
        given = np.array([event.priority is not None for event in self.events])
        ranks = [lowest if e.priority is None else self._read(e.priority, at, times) for e in self.events]
        rank = np.where(pending, np.nan_to_num(np.stack(ranks, -1), nan=lowest[0]), -np.inf)
        order = np.tile(-np.arange(len(self.events), dtype=float), (len(at), 1))
        if given.sum() > 1:
            order[:, given] = self.chance.random((len(at), int(given.sum())))
        return np.argmax(np.where(rank == rank.max(1, keepdims=True), order, -np.inf), 1)

    def _assign(self, at, times, number: int, event: Event, early: Mapping[tuple[int, str], np.ndarray]) -> None:
        """Carry out one event on some paths."""
        new = {
            name: early[number, name] if event.early else self._read(expression, at, times)
            for name, expression in event.assignments
        }
        for name, value in new.items():
            if name not in self.network.species:
                self.theta[name][at] = value
                continue
            whole = np.round(value)
            bad = (
                ~(np.abs(value - whole) <= 1e-9 * np.maximum(1.0, np.abs(value)))
                | (whole < 0)
                | (whole > LARGEST_COUNT)
            )
            if bad.any():
                raise SimulationError(
                    f"event {event.name!r} sets {name} to {value[bad][0]:.12g} on path {at[bad][0]} at time "
                    f"{times[bad][0]:g}; a count must be a whole number from 0 to {LARGEST_COUNT}"
                )
            self.counts[at, self.network.species.index(name)] = whole.astype(np.int64)
