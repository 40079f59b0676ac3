"""The alive filter: for records without error, with which most paths disagree."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int32

from jumpax._base.status import FIRST_FAULT
from jumpax.filters.cloud import Cloud, Rows, Stage, Step, lost_of, weighted
from jumpax.filters.resampling import chosen, effective
from jumpax.filters.streams import PARENTS

CAPPED = "CAPPED"
"""What is told of rows that were given up at the largest number of draws."""
_LANES = 2**18
"""Most draws of one round, of all rows together."""


class _Round(NamedTuple):
    """Draws that agree with the records."""

    row: Int[np.ndarray, " lanes"]
    number: Int[np.ndarray, " lanes"]
    parent: Int[np.ndarray, " lanes"]
    counts: Int32[np.ndarray, "lanes species"]
    firings: Int[np.ndarray, "lanes columns"]
    log_density: Float[np.ndarray, " lanes"]
    gains: Float[np.ndarray, "lanes parameters"] | None


def alive_step(stage: Stage, time: int, rows: Rows, cloud: Cloud, max_draws: int) -> Step:
    """Draw paths of parents drawn by weight, until M + 1 of a row agree with the record; the first M of them go on.

    With the (M + 1)th at draw n, the sum of the densities of those that agree among the first n - 1, over n - 1, is an unbiased
    estimate of p(record | records before); with exact records alone it is M / (n - 1). Draw number i of a row is the same, however many
    are drawn at a time. At the first record each draw has a start of its own.

    Source: Jasra, Lee, Yau & Zhang 2013, arXiv:1304.0151; Del Moral, Jasra, Lee, Yau & Zhang 2015, doi:10.1080/07362994.2015.1004640.
    """
    many, mine = stage.particles, len(rows)
    drawn, agreed, rounds = np.zeros(mine, np.int64), np.zeros(mine, np.int64), list[_Round]()
    lost: dict[str, Any] = {}
    events = 0
    while len(open_rows := np.flatnonzero((agreed <= many) & (drawn < max_draws))):
        share = (agreed[open_rows] + 0.5) / (drawn[open_rows] + 1.0)
        wanted = np.ceil(1.1 * (many + 1 - agreed[open_rows]) / share).astype(np.int64) + 8
        most = np.minimum(np.maximum(2 * many, drawn[open_rows]), max(8, _LANES // len(open_rows)))
        ask = np.minimum(np.minimum(wanted, most), max_draws - drawn[open_rows])
        local = np.repeat(open_rows, ask)
        number = np.concatenate([np.arange(d, d + a) for d, a in zip(drawn[open_rows], ask, strict=True)])
        found, round_lost, fired = _round(stage, time, rows, cloud, local, number)
        rounds.append(found)
        drawn[open_rows] += ask
        agreed += np.bincount(found.row, minlength=mine)
        events += fired
        lost = {name: lost.get(name, 0) + round_lost.get(name, 0) for name in {*lost, *round_lost}}
    return _kept(stage, time, rows, cloud, rounds, agreed, drawn, lost, events)


def _round(
    stage: Stage,
    time: int,
    rows: Rows,
    cloud: Cloud,
    local: Int[np.ndarray, " lanes"],
    number: Int[np.ndarray, " lanes"],
) -> tuple[_Round, dict[str, Int[np.ndarray, " rows"]], int]:
    """Some draws, of which those that agree are kept."""
    row = rows[local]
    if time == 0:
        parent, begun = np.zeros(len(row), np.int64), stage.begin(row, number)
        firings = np.zeros((len(row), len(stage.question.records.columns)), np.int64)
    else:
        parent = chosen(cloud.weights, local, stage.streams.numbered(PARENTS, time, row, number))
        begun, firings = cloud.counts[local, parent], cloud.firings[local, parent]
    moved = stage.move(time, row, number, begun)
    if stage.question.counted:
        firings = firings + moved.fired.astype(np.int64) @ stage.question.firings.T
    signals, sound = stage.signals(moved.counts, firings), moved.status < FIRST_FAULT
    near = np.flatnonzero(stage.weigher.agrees(time, row, signals) & sound)  # few: only they are weighed
    weighed = stage.weigher(time, row[near], signals[:, near])
    agrees = near[weighed.log_density > -np.inf]
    gains = stage.gains(time, row[near], moved.only(near), weighed, begun[near])
    found = _Round(
        local[agrees], number[agrees], parent[agrees], moved.counts[agrees], firings[agrees],
        weighed.log_density[weighed.log_density > -np.inf], None if gains is None else gains[weighed.log_density > -np.inf],
    )  # fmt: skip
    unsound = np.zeros(len(row), bool)
    unsound[near] = weighed.unsound
    told = lost_of(moved.status, unsound, len(rows), lambda f: np.bincount(local[f], minlength=len(rows)))
    return found, told, moved.events


def _kept(
    stage: Stage,
    time: int,
    rows: Rows,
    cloud: Cloud,
    rounds: list[_Round],
    agreed: Int[np.ndarray, " rows"],
    drawn: Int[np.ndarray, " rows"],
    lost: dict[str, Int[np.ndarray, " rows"]],
    events: int,
) -> Step:
    """The first M of each row, and the estimate; rows with too few are extinct."""
    many, mine = stage.particles, len(rows)
    full = agreed > many
    if not full.all():
        lost = {**lost, CAPPED: (~full).astype(np.int64)}
    no_prior = np.full((mine, many), np.nan)  # draws that disagree are not kept: what was expected is not known
    log_mean, changed = np.full(mine, -np.inf), np.ones(mine, bool)
    columns: list[Any] = [None if one[0] is None else np.concatenate(one) for one in zip(*rounds, strict=True)]
    if not full.any():
        parents = np.zeros((mine, many), np.int64)
        gains = None if columns[-1] is None else np.zeros((mine, many, columns[-1].shape[1]))
        after = Cloud(cloud.counts, np.zeros((mine, many)), cloud.firings, ~changed, np.zeros(mine))
        signals = stage.signals(cloud.counts, cloud.firings)
        return Step(after, parents, changed, no_prior, signals, gains, log_mean, drawn, lost, events)
    whole = _Round(*columns)
    order = np.lexsort((whole.number, whole.row))
    first = np.cumsum(np.bincount(whole.row, minlength=mine)) - np.bincount(whole.row, minlength=mine)
    kept = order[np.where(full[:, None], first[:, None] + np.arange(many), 0)]
    draws = drawn.copy()
    draws[full] = whole.number[order[(first + many)[full]]]  # which counts from 0: one less than up to the last
    log_density = np.where(full[:, None], whole.log_density[kept], -np.inf)
    weights, of_kept = weighted(np.full((mine, many), 1.0 / many), log_density)
    log_mean[full] = of_kept[full] + np.log(many / draws[full])
    counts, firings = whole.counts[kept], whole.firings[kept]
    gains = None if whole.gains is None else whole.gains[kept]
    after = Cloud(counts, weights, stage.emptied(time, rows, firings), ~changed, effective(weights))
    parents = np.where(full[:, None], whole.parent[kept], 0)
    signals = stage.signals(counts, firings)
    return Step(after, parents, changed, no_prior, signals, gains, log_mean, draws, lost, events)
