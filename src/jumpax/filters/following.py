"""A filter from its first record to its last."""

from dataclasses import dataclass, field
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Bool, Float, Int, Int32

from jumpax.filters.alive import alive_step
from jumpax.filters.cloud import Cloud, Rows, Stage, Step
from jumpax.filters.scores import Scores


class Past(NamedTuple):
    """What is kept of each time, for all rows."""

    counts: Int32[np.ndarray, "rows particles species"]
    signals: Int[np.ndarray, "columns rows particles"]
    prior: Float[np.ndarray, "rows particles"]
    weights: Float[np.ndarray, "rows particles"]
    parents: Int[np.ndarray, "rows particles"]
    resampled: Bool[np.ndarray, " rows"]


@final
@dataclass(frozen=True, eq=False)
class Followed:
    """What has been found of each row; changed in place as the filter goes on."""

    log_likelihood: Float[np.ndarray, " rows"]
    extinct: Int[np.ndarray, " rows"]
    """Number of the record at which no particle was left, or -1."""
    effective: Float[np.ndarray, "times rows"]
    draws: Int[np.ndarray, "times rows"]
    scores: Scores | None
    lost: dict[str, Int[np.ndarray, " rows"]] = field(default_factory=dict)
    past: list[Past] = field(default_factory=list)
    events: list[int] = field(default_factory=list)

    def note(self, time: int, rows: Rows, step: Step) -> None:
        """What a step has found."""
        self.log_likelihood[rows] += step.log_mean
        gone = step.log_mean == -np.inf
        if gone.any():
            self.extinct[rows[gone]] = time
        self.effective[time, rows] = step.cloud.effective
        self.draws[time, rows] = step.draws
        self.events.append(step.events)
        for name, number in step.lost.items():
            self.lost.setdefault(name, np.zeros(len(self.extinct), np.int64))[rows] += number


def follow(stage: Stage, max_draws: int, lag: int | None, keep: bool) -> Followed:
    """All rows, record by record."""
    rows, times, wrt = len(stage.question.cell), len(stage.question.records.times), stage.question.wrt
    found = Followed(
        np.zeros(rows), np.full(rows, -1), np.zeros((times, rows)), np.zeros((times, rows), np.int64),
        Scores(np.zeros((rows, len(wrt))), lag) if wrt else None,
    )  # fmt: skip
    everyone, cloud = np.arange(rows), stage.first()
    for time in range(times):
        live = np.flatnonzero(found.extinct < 0)
        exact = stage.weigher.exact[time][live]
        before, parts = cloud, list[tuple[Rows, Step]]()
        for some, draw in ((live[~exact], stage.step), (live[exact], None)):
            if len(some):
                own = before if len(some) == rows else Cloud(*(part[some] for part in before))
                step = draw(time, some, own) if draw else alive_step(stage, time, some, own, max_draws)
                found.note(time, some, step)
                parts.append((some, step))
        cloud = _after(before, parts)
        if found.scores is not None and parts:
            found.scores.add(parts, cloud.weights)
        if keep:
            found.past.append(_past(before, parts, cloud, everyone))
    if found.scores is not None:
        found.scores.end(cloud.weights)
        found.scores.mean[found.extinct >= 0] = 0.0
    return found


def _after(before: Cloud, parts: list[tuple[Rows, Step]]) -> Cloud:
    """The particles of all rows after a time; those of rows without a step stay as they were."""
    if len(parts) == 1 and len(parts[0][0]) == len(before.weights):
        return parts[0][1].cloud
    whole = Cloud(*(part.copy() for part in before))
    for rows, step in parts:
        for all_rows, own in zip(whole, step.cloud, strict=True):
            all_rows[rows] = own
    return whole


def _past(before: Cloud, parts: list[tuple[Rows, Step]], cloud: Cloud, everyone: Rows) -> Past:
    """What is kept of a time; rows that are extinct keep their particles, without weight."""
    if len(parts) == 1 and len(parts[0][0]) == len(everyone):
        step = parts[0][1]
        return Past(step.cloud.counts, step.signals, step.prior, step.cloud.weights, step.parents, step.resampled)
    rows, particles = cloud.weights.shape
    signals = np.zeros((cloud.firings.shape[2], rows, particles), np.int64)
    prior, parents = np.zeros((rows, particles)), np.tile(np.arange(particles), (rows, 1))
    weights, resampled = np.zeros((rows, particles)), np.zeros(rows, bool)
    for some, step in parts:
        signals[:, some], prior[some], parents[some] = step.signals, step.prior, step.parents
        weights[some], resampled[some] = step.cloud.weights, step.resampled
    return Past(cloud.counts, signals, prior, weights, parents, resampled)
