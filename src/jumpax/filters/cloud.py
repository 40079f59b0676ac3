"""The particles of all rows at a time, and one step of a filter."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Bool, Float, Int, Int32, Integer, Shaped

from jumpax._base.status import FIRST_FAULT, Status
from jumpax.filters.moving import Moved, Mover
from jumpax.filters.question import Question
from jumpax.filters.resampling import SHARE, effective, systematic
from jumpax.filters.streams import MOVE, RESAMPLE, START, Streams, Words
from jumpax.filters.weighing import Weighed, Weigher

Rows = Int[np.ndarray, " rows"]


class Cloud(NamedTuple):
    """Particles with their weights."""

    counts: Int32[np.ndarray, "rows particles species"]
    weights: Float[np.ndarray, "rows particles"]
    """Adding up to 1; all 0 in rows that are extinct."""
    firings: Int[np.ndarray, "rows particles columns"]
    """Since the last record of the column."""
    faulty: Bool[np.ndarray, " rows"]
    """Rows with particles that cannot go on."""
    effective: Float[np.ndarray, " rows"]
    """Effective sample sizes."""


class Step(NamedTuple):
    """What one interval and the record at its end have done to some rows."""

    cloud: Cloud
    parents: Int[np.ndarray, "rows particles"]
    resampled: Bool[np.ndarray, " rows"]
    prior: Float[np.ndarray, "rows particles"]
    """Weights before the record."""
    signals: Int[np.ndarray, "columns rows particles"]
    """What was there to be measured."""
    gains: Float[np.ndarray, "rows particles parameters"] | None
    """What the interval adds to scores."""
    log_mean: Float[np.ndarray, " rows"]
    """Logarithm of the estimate of p(record | records before); -inf for extinct rows."""
    draws: Int[np.ndarray, " rows"]
    lost: dict[str, Int[np.ndarray, " rows"]]
    """Particles that were given up, by what happened to them."""
    events: int


@final
@dataclass(frozen=True, eq=False)
class Stage:
    """What all steps share."""

    question: Question
    mover: Mover
    weigher: Weigher
    streams: Streams
    particles: int

    @functools.cached_property
    def keys(self) -> Words:
        """For the moves of each time, (times, rows)."""
        return self.streams.words(MOVE, range(len(self.question.records.times)))

    @functools.cached_property
    def points(self) -> Float[np.ndarray, "times rows"]:
        """Where systematic resampling begins."""
        return self.streams.uniform(RESAMPLE, range(len(self.question.records.times)))

    @functools.cached_property
    def every(self) -> tuple[Int[np.ndarray, " lanes"], Integer[np.ndarray, " lanes"]]:
        """Row and number of each particle."""
        return self.mover.every, np.tile(np.arange(self.particles, dtype=np.uint32), len(self.question.cell))

    def begin(
        self, row: Int[np.ndarray, " lanes"], path: Integer[np.ndarray, " lanes"]
    ) -> Int32[np.ndarray, "lanes species"]:
        """Counts at the start."""
        key = self.streams.words(START, 0)
        return self.question.begin((key[0][row], key[1][row]), path, row)

    def move(
        self,
        time: int,
        row: Int[np.ndarray, " lanes"],
        path: Integer[np.ndarray, " lanes"],
        counts: Int32[np.ndarray, "lanes species"],
    ) -> Moved:
        """Lanes of rows over the interval that ends at a record."""
        first, second = (words[time] for words in self.keys)
        if row is self.mover.every:
            key = np.repeat(first, self.particles), np.repeat(second, self.particles)
        else:
            key = first[row], second[row]
        return self.mover(time, key, path, row, counts)

    def signals(
        self, counts: Int32[np.ndarray, "*lanes species"], firings: Int[np.ndarray, "*lanes columns"]
    ) -> Int[np.ndarray, "columns *lanes"]:
        """What there is to be measured."""
        columns = []
        for number, species in enumerate(self.question.totals):
            there = np.flatnonzero(species)
            if len(there) == 0:
                columns.append(firings[..., number])
            elif len(there) == 1 and species[there[0]] == 1:
                columns.append(counts[..., there[0]])
            else:
                columns.append(counts[..., there].astype(np.int64) @ species[there])
        return np.stack(columns)

    def emptied(
        self, time: int, rows: Rows, firings: Int[np.ndarray, "rows particles columns"]
    ) -> Int[np.ndarray, "rows particles columns"]:
        """Firings after a record: those of columns that were measured begin anew."""
        if not self.question.counted:
            return firings
        missing = np.isnan(self.question.records.measured[time][:, self.question.cell[rows]]).T
        return firings * missing[:, None, :]

    def gains(
        self,
        time: int,
        row: Int[np.ndarray, " lanes"],
        moved: Moved,
        weighed: Weighed,
        begun: Int32[np.ndarray, "lanes species"],
    ) -> Float[np.ndarray, "lanes parameters"] | None:
        """What an interval adds to the scores of lanes: of the start, of the path, of the record."""
        wrt = self.question.wrt
        if not wrt:
            return None
        found = np.zeros((len(row), len(wrt)))
        if time == 0 and (start := self.question.begin_scores(begun, row)) is not None:
            found += start
        given: Any = ((self.question.scored, moved.scores), (self.question.measured, weighed.slopes))
        for names, part in given:
            for column, name in enumerate(names):
                found[:, wrt.index(name)] += part[:, column]
        return found

    def first(self) -> Cloud:
        """All particles at the start."""
        row, path = self.every
        rows, columns = len(self.question.cell), len(self.question.records.columns)
        counts = self.begin(row, path).reshape(rows, self.particles, len(self.question.network.species))
        weights = np.full((rows, self.particles), 1.0 / self.particles)
        firings = np.zeros((rows, self.particles, columns), np.int64)
        return Cloud(counts, weights, firings, np.zeros(rows, bool), np.full(rows, float(self.particles)))

    def step(self, time: int, rows: Rows, cloud: Cloud) -> Step:
        """Resample where weights have become uneven, move, and weigh: the bootstrap filter."""
        many, mine = self.particles, len(rows)
        whole = mine == len(self.question.cell)
        row, path = self.every if whole else (np.repeat(rows, many), np.tile(np.arange(many), mine))
        uneven: np.ndarray = (cloud.effective < SHARE * many) | cloud.faulty
        parents, prior, counts, firings = self._resampled(time, rows, cloud, uneven)
        begun = counts.reshape(mine * many, -1)
        moved = self.move(time, row, path, begun)
        if self.question.counted:
            firings = firings + (moved.fired.astype(np.int64) @ self.question.firings.T).reshape(firings.shape)
        counts = moved.counts.reshape(mine, many, -1)
        signals = self.signals(counts, firings)
        weighed = self.weigher(time, row, signals.reshape(len(signals), -1))
        faulty = moved.status >= FIRST_FAULT
        log_density = weighed.log_density.reshape(mine, many)
        if any_faulty := faulty.any():
            log_density[faulty.reshape(mine, many)] = -np.inf
        weights, log_mean = weighted(prior, log_density)
        gains = self.gains(time, row, moved, weighed, begun)
        if gains is not None:
            gains = gains.reshape(mine, many, -1)
            gains[faulty.reshape(mine, many)] = 0.0
        lost = lost_of(moved.status, weighed.unsound & ~faulty, mine, lambda flags: flags.reshape(mine, many).sum(1))
        stuck: Any = faulty.reshape(mine, many).any(1) if any_faulty else np.zeros(mine, bool)
        after = Cloud(counts, weights, self.emptied(time, rows, firings), stuck, effective(weights))
        return Step(after, parents, uneven, prior, signals, gains, log_mean, np.full(mine, many), lost, moved.events)

    def _resampled(
        self, time: int, rows: Rows, cloud: Cloud, uneven: Bool[np.ndarray, " rows"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Parents, weights, counts and firings of the particles that go on."""
        identity = np.broadcast_to(np.arange(self.particles), cloud.weights.shape)
        if not uneven.any():
            return identity, cloud.weights, cloud.counts, cloud.firings
        some = slice(None) if uneven.all() else np.flatnonzero(uneven)
        drawn = systematic(cloud.weights[some], self.points[time][rows][some])
        parents, prior = drawn, np.full(cloud.weights.shape, 1.0 / self.particles)
        if not uneven.all():
            parents, prior = identity.copy(), np.where(uneven[:, None], prior, cloud.weights)
            parents[some] = drawn
        firings = taken(cloud.firings, parents) if self.question.counted else cloud.firings
        return parents, prior, taken(cloud.counts, parents), firings


def weighted(
    prior: Float[np.ndarray, "rows particles"], log_density: Float[np.ndarray, "rows particles"]
) -> tuple[Float[np.ndarray, "rows particles"], Float[np.ndarray, " rows"]]:
    """Weights after a record, and the logarithm of the mean density; 0 and -inf where nothing is left."""
    some = prior > 0
    if not some.all():
        log_density = np.where(some, log_density, -np.inf)
    largest = log_density.max(1)
    alive = largest > -np.inf
    shift = np.where(alive, largest, 0.0)
    weights = np.exp(log_density - shift[:, None])
    weights *= prior
    total = weights.sum(1)
    log_mean = np.full(len(total), -np.inf)
    np.log(total, out=log_mean, where=alive)
    weights /= np.where(alive, total, 1.0)[:, None]
    return weights, log_mean + shift


def taken(
    values: Shaped[np.ndarray, "rows particles ..."], parents: Int[np.ndarray, "rows particles"]
) -> Shaped[np.ndarray, "rows particles ..."]:
    """What the parents have, particle by particle."""
    rows, many = parents.shape
    flat = (parents + np.arange(rows)[:, None] * values.shape[1]).reshape(-1)
    return values.reshape(-1, *values.shape[2:])[flat].reshape(rows, many, *values.shape[2:])


def lost_of(
    status: Int32[np.ndarray, " lanes"],
    unsound: Bool[np.ndarray, " lanes"],
    rows: int,
    by_row: Callable[[Bool[np.ndarray, " lanes"]], Int[np.ndarray, " rows"]],
) -> dict[str, Int[np.ndarray, " rows"]]:
    """How many lanes of each row came to nothing, by what happened to them."""
    found = {}
    if status.max(initial=0) >= FIRST_FAULT:
        for code in np.unique(status[status >= FIRST_FAULT]):
            found[Status(int(code)).name] = by_row(status == code)
    if unsound.any():
        found["DENSITY_IS_NO_NUMBER"] = by_row(unsound)
    return found
