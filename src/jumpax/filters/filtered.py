"""What a particle filter has found."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Bool, Float, Int, Int32, Shaped

from jumpax._base.errors import InputError, unknown_name
from jumpax._base.labelled import Labelled
from jumpax._base.result import AbstractResult, Figure, Glance, room
from jumpax.filters import filter_labels, genealogy
from jumpax.filters.given import Given, checked_levels, of_given
from jumpax.filters.question import Question
from jumpax.filters.streams import MEASURE, Streams

_FEW = 6
"""Rows of a table at a glance."""


@final
@dataclass(frozen=True, eq=False)
class History:
    """All particles of all times; rows are chains that were not refused, each with all cells."""

    question: Question
    streams: Streams
    counts: Int32[np.ndarray, "times rows particles species"]
    signals: Int[np.ndarray, "times columns rows particles"]
    prior: Float[np.ndarray, "times rows particles"]
    """Weights before the record; NaN where they are not known, 0 where nothing is left."""
    weights: Float[np.ndarray, "times rows particles"]
    parents: Int[np.ndarray, "times rows particles"]
    resampled: Bool[np.ndarray, "times rows"]
    alive: Bool[np.ndarray, "times rows"]
    """Where paths were drawn until enough agreed."""
    draws: Int[np.ndarray, "times rows"]


class Bands(NamedTuple):
    """Quantiles by name, (levels, chains, cells, times)."""

    counts: dict[str, Float[np.ndarray, "levels chains cells times"]]
    """Of the counts of each species."""
    measured: dict[str, Float[np.ndarray, "levels chains cells times"]]
    """Of what would be measured in each column."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class Filtered(AbstractResult):
    """Likelihoods of records by a particle filter, and the paths behind them.

    Arrays have axes (chains, cells, ...). What is refused, extinct or lost is counted, never raised. As a table it has a row for each
    `chain`, `cell` and `time`: `effective`, `draws`, `log_likelihood`, and `mean_...` of each species if the particles were kept.
    """

    cells: tuple[str, ...]
    times: Float[np.ndarray, " times"]
    particles: int
    log_likelihood: Float[np.ndarray, "chains cells"]
    """Its exponential is an unbiased estimate of the likelihood of the records of a cell; -inf where nothing is left."""
    gradient: Mapping[str, Float[np.ndarray, "chains cells"]]
    """Of the log-likelihood, by parameter, estimated by Fisher's identity; 0 where the log-likelihood is -inf."""
    effective: Float[np.ndarray, "chains cells times"]
    """Effective sample sizes after each record; 0 from the record on at which a filter became extinct."""
    draws: Int[np.ndarray, "chains cells times"]
    """Paths drawn for each record: the particles, or as many as an exact record needed, without the last."""
    lost: Mapping[str, Int[np.ndarray, "chains cells"]]
    """Paths that were given the weight zero, by what happened to them: `EVENT_BUDGET`, `BAD_PROPENSITY`, ..; a density that is no number; and
    `CAPPED` for filters that were given up at the largest number of draws."""
    refused: Mapping[int, str]
    """Why chains have numbers that make no sense: their log-likelihood is -inf."""
    extinct: Int[np.ndarray, "chains cells"]
    """Number of the record at which no particle was left; -1 where some were to the end."""
    events: int
    """Reactions fired, of all particles."""
    engine: str
    seconds: tuple[float, float, int]
    """Of the whole, of it in the engine, and how often that was called."""
    history: History | None

    @property
    def total(self) -> Float[np.ndarray, " chains"]:
        """The log-likelihood of all cells together, by chain."""
        return self.log_likelihood.sum(1)

    @functools.cached_property
    def standard_error(self) -> Float[np.ndarray, "chains cells"]:
        """Of the log-likelihood, from the genealogy of the particles (`filters.genealogy`); NaN where that is -inf.

        Measured on Lotka-Volterra, 16 records: 0.31, 0.64, 0.95, 1.7 and 3.3 where it is 0.31, 0.64, 0.97, 1.7 and 4.4.
        """
        h = self._kept("the standard error")
        found = np.sqrt(genealogy.variance(h.parents, h.resampled, h.weights, h.draws, h.alive))
        return np.where(np.isneginf(self.log_likelihood), np.nan, self._placed(found))

    def mean(self, name: str, given: Given = "so far") -> Float[np.ndarray, "chains cells times"]:
        """Of a species, or of what a column measures, given the records "before" each time, "so far", or "all".

        Before exact records it is NaN: nothing is known of draws that disagree. Given all, it is seen through `distinct` ancestors.
        """
        values = self._values(name)
        return self._timed(np.einsum("trm,trm->tr", values, self._weights(given)))

    def quantiles(
        self, name: str, levels: Sequence[float], given: Given = "so far"
    ) -> Float[np.ndarray, "levels chains cells times"]:
        """Of the same, given the same."""
        values = self._values(name)
        return self._quantiles(values, self._weights(given), levels)

    def predicted(self, levels: Sequence[float]) -> dict[str, Float[np.ndarray, "levels chains cells times"]]:
        """Quantiles of each measured column before it is measured, given the records before; NaN after draws for exact records."""
        prior = self._kept("predictions").prior
        return {name: self._quantiles(y, prior, levels) for name, y in self._measurements(0)}

    def pit(self) -> dict[str, Float[np.ndarray, "chains cells times"]]:
        """Where each record lies in its prediction: P(Y < y) + U P(Y = y), by a measurement of each particle; NaN where there is none.

        If the model is right these are uniform between 0 and 1 and independent, to 1/sqrt(M) (Rosenblatt 1952, doi:10.1214/aoms/1177729394).
        """
        h, found = self._kept("the probability integral"), {}
        for number, (name, y) in enumerate(self._measurements(0)):
            measured = h.question.records.measured[:, number][:, h.question.cell]
            below, equal = ((h.prior * flags).sum(2) for flags in (y < measured[..., None], y == measured[..., None]))
            u = h.streams.uniform(MEASURE, 2**30 + np.arange(len(self.times)))
            found[name] = self._timed(np.where(np.isnan(measured), np.nan, below + u * equal))
        return found

    def bands(self, levels: Sequence[float], *, lag: int | None = None) -> Bands:
        """Quantiles of the counts of each species, and of what would be measured in each column if it were again, given all records.

        By the genealogy of the particles: early times are seen through few distinct ancestors (`distinct`).

        Args:
            levels: between 0 and 1.
            lag: take records up to that many later only: more particles, at the price of what later ones would tell.
        """
        h = self._kept("bands")
        weights = genealogy.smoothed(h.parents, h.weights, lag)
        return Bands(
            {name: self._quantiles(self._values(name), weights, levels) for name in h.question.network.species},
            {name: self._quantiles(y, weights, levels) for name, y in self._measurements(1)},
        )

    def paths(self, many: int) -> dict[str, Int[np.ndarray, "chains cells many times"]]:
        """Counts of each species at the times of the records, along paths drawn given all records.

        They are final particles, drawn by weight, with their ancestors: several may share a past. -1 where nothing is left.
        """
        h, (places, lost) = self._kept("paths"), self._drawn(many)
        counts = np.take_along_axis(h.counts, places[..., None], 2)
        counts[:, lost] = -1
        return {
            name: self._placed(np.moveaxis(counts[..., s], 0, -1), -1)
            for s, name in enumerate(h.question.network.species)
        }

    def remeasured(self, many: int) -> dict[str, Float[np.ndarray, "chains cells many times"]]:
        """What would be measured in each column along these same paths, if it were again; NaN where nothing is left.

        Columns with a law of which no measurements can be drawn, `Custom` without `draw`, are left out.
        """
        h, (places, lost) = self._kept("paths"), self._drawn(many)
        found = {}
        for number, column in enumerate(h.question.records.columns):
            if column.law.draws:
                values = self._measured(number, 1, np.take_along_axis(h.signals[:, number], places, 2))
                values[:, lost] = np.nan
                found[column.name] = self._placed(np.moveaxis(values, 0, -1))
        return found

    @property
    def seen(self) -> dict[str, Float[np.ndarray, "cells times"]]:
        """What was measured, by column."""
        return {column.name: column.values for column in self._kept("records").question.records.columns}

    def foreseen(self, levels: Sequence[float]) -> dict[str, Float[np.ndarray, "levels chains cells times"]]:
        """What `predicted` gives; nothing where particles were not kept, or a column has a law of which no measurements can be drawn."""
        return filter_labels.foreseen(self, levels)

    def labelled(self) -> Labelled:
        """All arrays with their names: axes `chain`, `cell` and `time`, and `level` of predictions."""
        return filter_labels.labelled(self)

    def plot(self, *, most: int = 12, units: Mapping[str, str] | None = None) -> Figure:
        """Effective particles along time, and the records in what was predicted of them: see `jumpax.plots.filtered`.

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        return room("plots").filtered(self, most=most, units=units)

    def glance(self) -> Glance:
        """The log-likelihood of the first cells and chains, and the picture."""
        many = self.log_likelihood.shape[0] * len(self.cells)
        shown = [(chain, cell) for chain in range(len(self.total)) for cell in range(len(self.cells))][:_FEW]
        table = {
            "chain": [str(chain) for chain, _ in shown],
            "cell": [self.cells[cell] for _, cell in shown],
            "log-likelihood": [f"{self.log_likelihood[place]:.6g}" for place in shown],
            "least effective": [f"{self.effective[place].min():.4g}" for place in shown],
        }
        lines = [f"the table has the first {_FEW} of {many:,}"] if many > _FEW else []
        return Glance(table, lines + [f"chain {c}: {why}" for c, why in self.refused.items()][:_FEW], self.plot)

    def _drawn(self, many: int) -> tuple[Int[np.ndarray, "times rows many"], Bool[np.ndarray, " rows"]]:
        """Final particles by weight, with their ancestors at all times; and rows in which nothing is left."""
        h = self._kept("paths")
        rows = len(h.question.cell)
        heights = np.cumsum(h.weights[-1], 1)
        points = np.array([h.streams.generator(MEASURE, 2**31, row).random(many) for row in range(rows)]).reshape(
            rows, many
        )
        last = self.particles - 1 - np.argmax(h.weights[-1][:, ::-1] > 0, 1)
        final = np.minimum((heights[:, None] <= points[..., None] * heights[:, -1:, None]).sum(2), last[:, None])
        places = np.empty((len(self.times), rows, many), np.int64)
        for time, own in genealogy.traced(h.parents, final, len(self.times) - 1):
            places[time] = own
        return places, heights[:, -1] == 0

    def distinct(self) -> Int[np.ndarray, "chains cells times"]:
        """How many particles of each time have descendants at the end."""
        h = self._kept("ancestors")
        return self._timed((genealogy.smoothed(h.parents, h.weights, None) > 0).sum(2), 0)

    def _kept(self, what: str) -> History:
        if self.history is None:
            raise InputError(f"{what} needs the particles of all times: call particle_filter with keep=True")
        return self.history

    def _weights(self, given: Given) -> Float[np.ndarray, "times rows particles"]:
        h = self._kept("means and quantiles")
        everything = genealogy.smoothed(h.parents, h.weights, None) if given == "all" else h.weights
        return of_given(given, h.prior, h.weights, everything)

    def _values(self, name: str) -> Float[np.ndarray, "times rows particles"]:
        h = self._kept(name)
        species, columns = h.question.network.species, [column.name for column in h.question.records.columns]
        if name in species:
            return h.counts[..., species.index(name)].astype(float)
        if name in columns:
            return h.signals[:, columns.index(name)].astype(float)
        raise InputError(unknown_name("species or column", name, (*species, *columns)))

    def _quantiles(
        self,
        values: Float[np.ndarray, "times rows particles"],
        weights: Float[np.ndarray, "times rows particles"],
        levels: Sequence[float],
    ) -> Float[np.ndarray, "levels chains cells times"]:
        wanted = checked_levels(levels)
        found = np.stack([genealogy.quantiles(v, w, wanted) for v, w in zip(values, weights, strict=True)], -1)
        return np.stack([self._timed(level.T) for level in found])

    def _measurements(self, draw: int) -> Iterator[tuple[str, Float[np.ndarray, "times rows particles"]]]:
        """A measurement of each particle by each column; those of a row depend on nothing else."""
        h = self._kept("measurements")
        for number, column in enumerate(h.question.records.columns):
            yield column.name, self._measured(number, draw, h.signals[:, number])

    def _measured(
        self, number: int, draw: int, signals: Int[np.ndarray, "times rows some"]
    ) -> Float[np.ndarray, "times rows some"]:
        """A measurement of each of some signals by a column."""
        h = self._kept("measurements")
        law, made = h.question.records.columns[number].law, np.empty(signals.shape)
        for row in range(len(h.question.cell)):
            values = {name: float(value[row]) for name, value in h.question.rows.items()}
            generator = h.streams.generator(MEASURE, 2 * number + draw, row)
            made[:, row] = law.sample(generator, np.maximum(signals[:, row], 0).astype(float), values)
        return made

    def _placed(
        self, values: Shaped[np.ndarray, "rows ..."], fill: float = np.nan
    ) -> Shaped[np.ndarray, "chains cells ..."]:
        """Values (rows, ..) as (chains, cells, ..); what is refused is filled."""
        shape = (*self.log_likelihood.shape, *values.shape[1:])
        whole = np.full(shape, fill, values.dtype)
        good = [chain for chain in range(len(whole)) if chain not in self.refused]
        whole[good] = values.reshape(len(good), len(self.cells), *values.shape[1:])
        return whole

    def _timed(
        self, values: Shaped[np.ndarray, "times rows"], fill: float = np.nan
    ) -> Shaped[np.ndarray, "chains cells times"]:
        """Values (times, rows) as (chains, cells, times); those that are extinct are filled."""
        gone = (self.extinct[..., None] >= 0) & (np.arange(len(self.times)) >= self.extinct[..., None])
        return np.where(gone, fill, self._placed(values.T, fill))

    def __repr__(self) -> str:
        chains, cells = self.log_likelihood.shape
        told = [f"{chains} chains, {cells} cells, {len(self.times)} times, {self.particles} particles"]
        finite = self.log_likelihood[np.isfinite(self.log_likelihood)]
        if finite.size:
            span = f"{finite.min():.6g}" + (f" to {finite.max():.6g}" if finite.size > 1 else "")
            told.append(f"log-likelihood {span}")
        if gone := int((self.extinct >= 0).sum()):
            told.append(f"{gone} extinct")
        if self.refused:
            told.append(f"{len(self.refused)} chains refused")
        if many := {name: int(number.sum()) for name, number in self.lost.items() if number.sum()}:
            told.append("lost: " + ", ".join(f"{number} {name}" for name, number in many.items()))
        return f"Filtered({'; '.join(told)})"
