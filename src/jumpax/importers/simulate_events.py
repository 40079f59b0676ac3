"""`simulate_events`: exact paths of a model with events."""

from collections.abc import Mapping
from typing import Any, Literal

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from jumpax._base.errors import InputError, SimulationError, UnsupportedError
from jumpax._base.types import Precision
from jumpax.engines import Paths, simulate
from jumpax.engines.program import check_positive, check_times
from jumpax.importers.expression import Expression, names
from jumpax.importers.happening import States
from jumpax.importers.model import FileModel
from jumpax.importers.scaled import SPAN, scaled
from jumpax.importers.triggers import Rising, after, all_moments
from jumpax.networks import check_counts, check_theta

MOST_LEGS = 100_000
"""Stretches between two events or outputs that the slowest path may need."""


def simulate_events(
    model: FileModel,
    theta: Mapping[str, Any] | None = None,
    x0: Mapping[str, Any] | None = None,
    *,
    times: object,
    paths: int,
    key: PRNGKeyArray | int,
    engine: Literal["cpu", "gpu", "xla", "reference"] | None = None,
    precision: Precision | None = None,
    threads: int | None = None,
    bound: float | None = None,
    max_events: int = 10_000_000,
) -> Paths:
    """Draw exact paths of a model whose events change counts and parameters.

    An event happens when its trigger turns from false to true: at the reaction that makes it so, or at exactly the time
    that its trigger names, between outputs too; an output at that very time shows the state after it. At one moment
    events follow their priorities, then the order of the file; those that are not persistent are dropped when another
    one makes their trigger false. Between events the paths are those of `simulate`, started anew from the state, which
    is exact since the process forgets its past; the law is exact, while the random numbers of a path depend on the times
    asked for.

    Args:
        model: from `read`; without events this is `simulate`.
        theta: as in `simulate`; default is that of the model.
        x0: as in `simulate`; default is that of the model.
        times: strictly increasing, from 0 on.
        paths: how many.
        key: `jax.random.key(seed)` or an int.
        engine: as in `simulate`.
        precision: as in `simulate`.
        threads: as in `simulate`.
        bound: as in `simulate`, where all triggers depend on time alone.
        max_events: reactions after which a path is given up, between two outputs or events.

    Returns:
        As `simulate`; nothing is recorded beside the counts.

    Raises:
        InputError: wrong input.
        UnsupportedError: rates that depend on time together with triggers that read counts.
        SimulationError: a path met a fault, more than 1000 events at one moment, or a count that no event can set.

    Example:
        >>> from jumpax.importers import Event, FileModel
        >>> from jumpax.importers.expression import Number, Time, call
        >>> from jumpax.networks.zoo import birth_death
        >>> base = birth_death()
        >>> empty = Event("empty", call("ge", Time(), Number(1.5)), (("X", Number(0.0)),))
        >>> model = FileModel(base.network, base.theta, base.x0, events=(empty,))
        >>> simulate_events(model, times=[1.0, 1.5], paths=3, key=0)["X"][:, 1].tolist()
        [0, 0, 0]
    """
    if not isinstance(model, FileModel):
        raise InputError(
            f"a model from a file is needed here, as jumpax.read makes it, not {type(model).__name__}; jumpax.simulate draws "
            "the paths of a network"
        )
    numbers = dict(model.theta if theta is None else theta)
    start = model.x0 if x0 is None else x0
    how: dict[str, Any] = {"engine": engine, "precision": precision, "threads": threads, "max_events": max_events}
    if not model.events:
        return simulate(model.network, numbers, start, times=times, paths=paths, key=key, bound=bound, **how)
    paths, wanted = check_positive("paths", paths), tuple(check_times(times, 0.0))
    if bound is not None:
        how["bound"] = bound
    checked = check_theta(model.network, numbers, paths)
    counts = np.broadcast_to(check_counts(model.network, start, paths), (paths, len(model.network.species)))
    run = _Run(model, States(model.network, model.events, checked, counts), wanted, key, how)
    return run.go()


class _Run:
    """One call: from one moment at which time matters to the next."""

    def __init__(self, model: FileModel, states: States, wanted: tuple[float, ...], key: Any, how: dict[str, Any]):
        self.model, self.states, self.wanted, self.how = model, states, wanted, how
        self.key = jax.random.key(key) if isinstance(key, int | np.integer) else key
        self.paths = len(states.counts)
        self.legs = 0
        self.kept = np.full((self.paths, len(wanted), len(model.network.species)), -1, np.int64)
        self.fired = np.zeros(self.paths, np.int64)
        self.last: Paths | None = None
        self.network = scaled(model.network)
        self.fixed = self._fixed()

    def _fixed(self) -> dict[str, float]:
        """Parameters that are one number for all paths and times."""
        return {n: float(v) for n, v in self.states.theta.items() if np.ndim(v) == 0}

    def go(self) -> Paths:
        """All of it."""
        triggers = [event.trigger for event in self.model.events]
        end = self.wanted[-1]
        moments = [m for m in all_moments(triggers, self.fixed) if 0.0 < m <= end]
        edges = [0.0, *moments] if moments and moments[-1] == end else [0.0, *moments, end]
        everybody = np.ones(self.paths, bool)
        for left, right in zip(edges, [*edges[1:], None]):
            now = tuple(after(trigger, left, self.fixed) for trigger in triggers)
            self.states.settle(everybody, np.full(self.paths, left), now)
            self._keep(left, everybody)
            if right is not None and right > left:
                inner = [t for t in self.wanted if left < t < right]
                watched = any(set(names(t)) & set(self.model.network.species) for t in now)
                self._watch(left, [*inner, right], now) if watched else self._pass(left, [*inner, right])
        return self._result()

    def _keep(self, time: float, paths: np.ndarray) -> None:
        """Record the states at an output."""
        if time in self.wanted:
            self.kept[paths, self.wanted.index(time)] = self.states.counts[paths]

    def _next_key(self) -> PRNGKeyArray:
        self.legs += 1
        if self.legs > MOST_LEGS:
            raise SimulationError(f"a path meets more than {MOST_LEGS} events; give fewer times or another model")
        return jax.random.fold_in(self.key, self.legs)

    def _pass(self, left: float, stops: list[float]) -> None:
        """A stretch in which no trigger reads counts: one simulation."""
        self.last = simulate(
            self.model.network, self.states.theta, self.states.counts, times=stops, start=left, paths=self.paths,
            key=self._next_key(), **self.how,
        )  # fmt: skip
        self.fired += self.last.events
        for place, time in enumerate(stops[:-1]):
            self.kept[:, self.wanted.index(time)] = self.last.counts[:, place]
        self.states.counts = self.last.counts[:, -1].astype(np.int64)

    def _watch(self, left: float, stops: list[float], triggers: tuple[Expression, ...]) -> None:
        """A stretch in which triggers read counts: each path to its next event or output, again and again.

        The time that is left differs from path to path, so the clock runs from 0 to 1 at a speed of its own.
        """
        if self.model.network.time_dependent:
            raise UnsupportedError("rates that depend on time together with triggers that read counts")
        species = set(self.model.network.species)
        read = [number for number, trigger in enumerate(triggers) if set(names(trigger)) & species]
        fold = Rising(self.network, tuple(triggers[number] for number in read))
        ends = np.array([*stops, np.inf])
        now, place = np.full(self.paths, left), np.zeros(self.paths, int)
        while (active := place < len(stops)).any():
            span = np.where(active, ends[place] - now, 0.0)
            self.last = simulate(
                self.network, {**self.states.theta, SPAN: np.maximum(span, 0.0)}, self.states.counts, times=[1.0],
                paths=self.paths, key=self._next_key(), record=fold, **self.how,
            )  # fmt: skip
            self.fired += self.last.events
            stopped, when, rose, hold = jax.tree.map(lambda leaf: leaf[:, 0], self.last.records)
            self.states.counts[active] = self.last.counts[active, 0]
            stopped = stopped & active
            arrived = active & ~stopped
            now = np.where(stopped, np.minimum(now + span * when.astype(np.float64), ends[place]), now)
            now = np.where(arrived, ends[place], now)
            for number, flags in zip(read, hold, strict=True):
                self.states.held[active, number] = flags[active]
            if stopped.any():
                risen = np.zeros((self.paths, len(triggers)), bool)
                risen[:, read] = np.stack(rose, -1)
                self.states.settle(stopped, now, triggers, risen)
            for index in np.unique(place[arrived]):
                if stops[index] != stops[-1]:
                    self._keep(stops[index], arrived & (place == index))
            place = place + arrived

    def _result(self) -> Paths:
        if self.last is None:
            raise InputError("times must reach beyond the start")
        faultless = np.zeros(self.paths, self.last.status.dtype) + np.min(self.last.status)
        return Paths(
            species=self.model.network.species,
            counts=self.kept.astype(self.last.counts.dtype),
            stops=np.array(self.wanted),
            status=faultless,
            events=self.fired,
            end_counts=self.kept[:, -1].astype(self.last.counts.dtype),
            end_times=np.full(self.paths, self.wanted[-1]),
            records=(),
            log=None,
            provenance={**self.last.provenance, "events": [event.name for event in self.model.events], "start": 0.0},
        )
