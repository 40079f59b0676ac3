"""What events do to the states of many paths at a moment."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from jumpax._base.errors import SimulationError
from jumpax.importers.event import Event
from jumpax.importers.expression import Expression, evaluate
from jumpax.networks import Network
from jumpax.networks.parameters import LARGEST_COUNT

MOST_FIRINGS = 1_000
"""Events of one path at one moment; more are a storm."""


class States:
    """Counts, parameters and truth of the triggers of every path.

    Args:
        network: the reactions.
        events: what may happen.
        theta: parameters, scalars or one value per path.
        counts: at the start, (paths, species).
    """

    def __init__(self, network: Network, events: tuple[Event, ...], theta: Mapping[str, Any], counts: np.ndarray):
        self.network, self.events = network, events
        self.counts: Int[np.ndarray, "paths species"] = np.array(counts, np.int64)
        moved = {name for event in events for name, _ in event.assignments if name in network.parameters}
        self.theta = {
            name: np.broadcast_to(np.asarray(value, np.float64), len(self.counts)).copy() if name in moved else value
            for name, value in theta.items()
        }
        held = [event.initially for event in events]
        self.held: Bool[np.ndarray, "paths events"] = np.tile(np.array(held, bool), (len(self.counts), 1))

    def settle(
        self,
        paths: Bool[np.ndarray, " paths"],
        times: Float[np.ndarray, " paths"],
        triggers: tuple[Expression, ...],
        rose: Bool[np.ndarray, "paths events"] | None = None,
    ) -> None:
        """Let everything happen that the triggers say, on some paths.

        Args:
            paths: which paths.
            times: their times.
            triggers: the conditions now, without the time.
            rose: triggers known to have turned true; else they are looked at.

        Raises:
            SimulationError: an event storm, or a count that is no whole number in range.
        """
        at = np.flatnonzero(paths)
        pending = np.zeros((len(at), len(self.events)), bool)
        values: dict[tuple[int, str], np.ndarray] = {}
        if rose is not None:
            self._wake(at, times[at], rose[at], pending, values)
        self._look(at, times[at], triggers, pending, values)
        for _ in range(MOST_FIRINGS):
            busy = pending.any(1)
            if not busy.any():
                return
            chosen = np.where(busy, np.argmax(np.where(pending, self._priorities(at, times[at]), -np.inf), 1), -1)
            for number, event in enumerate(self.events):
                if (mine := chosen == number).any():
                    self._assign(at[mine], times[at[mine]], number, event, {k: v[mine] for k, v in values.items()})
                    pending[mine, number] = False
            self._look(at, times[at], triggers, pending, values)
        names = [e.name for number, e in enumerate(self.events) if pending[:, number].any()]
        raise SimulationError(
            f"an event storm: {', '.join(names)} still true after {MOST_FIRINGS} events at time {times[at[0]]:g} "
            f"(path {at[pending.any(1)][0]}); an event must make its trigger false"
        )

    def _read(self, expression: Expression, at: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Values of an expression on some paths, in float64."""
        known = {name: self.counts[at, place].astype(np.float64) for place, name in enumerate(self.network.species)}
        known |= {name: np.asarray(v)[at] if np.ndim(v) else np.float64(v) for name, v in self.theta.items()}
        with jax.enable_x64(True):
            return np.broadcast_to(np.asarray(evaluate(expression, known, times)), at.shape)

    def _look(self, at, times, triggers, pending, values) -> None:
        """Note which triggers have turned true, and forget events that are not persistent and whose triggers have not."""
        now = np.stack([self._read(trigger, at, times).astype(bool) for trigger in triggers], -1)
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

    def _priorities(self, at: np.ndarray, times: np.ndarray) -> np.ndarray:
        lowest = np.full(len(at), np.finfo(np.float64).min)
        ranks = [lowest if e.priority is None else self._read(e.priority, at, times) for e in self.events]
        return np.stack(ranks, -1)

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
