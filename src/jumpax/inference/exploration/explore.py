"""From whole boxes to the neighbourhood of the answer, in a few thousand paths."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jumpax._base.errors import SimulationError
from jumpax.engines.journal import interrupted
from jumpax.inference.exploration.candidate import MOST, WIDTH, Candidate
from jumpax.inference.exploration.coordinates import first_points, units
from jumpax.inference.exploration.responses import Responses
from jumpax.inference.exploration.scatter import WORSE, Scatter
from jumpax.inference.exploration.surface import Surface, level

POINTS, CANDIDATES, MANY = 40, 5, 40
"""First points, per free parameter; places from paths that are followed at first, and at most."""
APART = 1.0
"""Factors e in some parameter, by which places differ."""
FIRST = 8
"""Paths of a first step, per free parameter and two."""
TOP, AGAIN = 8, 8
"""Of so many of the best points, so many more paths tell the spread of one path."""
EVENTS, MORE = 2_000_000, 8
"""Events after which a path is given up at first; and how many times more, until half of the first points can be followed, and
whenever new candidates are needed."""
FRESH = 4
"""Times the paths of a first step: as many are drawn to compare places."""
ENOUGH = 0.3
"""Simulation error, over the standard error of the data, at which a place is settled."""


class Visit(NamedTuple):
    """The best place after so many paths."""

    paths: int
    point: Float[np.ndarray, " free"]
    loss: float = math.nan
    """Of the problem; NaN where that was not evaluated: candidates are judged by residuals."""
    error: float = math.nan


class Exploration(NamedTuple):
    """Where a search of boxes has led."""

    points: list[Float[np.ndarray, " free"]]
    """Unconstrained places that may be the answer, the best first."""
    scale: Float[np.ndarray, "free free"]
    """Columns are standard deviations of parameters, by which a path at the first of them tells the slopes."""
    explained: bool
    """Whether the data are explained there, as far as their scatter tells."""
    misfit: float
    """Loss that is likely there at least, over what the scatter of the data gives on average at the answer."""
    scatter: Scatter
    """Of the data."""
    candidates: int
    """Places that were followed."""
    interrupted: bool
    """By Ctrl-C, so that less is known of all this."""


def explore(
    responses: Responses,
    key: PRNGKeyArray,
    known: Sequence[Float[np.ndarray, " free"]] = (),
    tell: Callable[[Visit], None] = lambda visit: None,
) -> Exploration:
    """Search the boxes of the free parameters, or wide about the start where there are none.

    One path at each point of a Latin hypercube shows which places come near the data. From the best of them, and from `known`
    ones, candidates go downhill: each draws paths whose parameters scatter about it, fits a plane to the residuals of all paths
    near by, whoever drew them, and takes a damped Gauss-Newton step. Fresh paths, all with the parameters of the candidate, decide
    which of them are given up. Where none explains the data, new ones are looked for while paths are left.

    Approximate in that a plane stands for the response: what follows has to settle at the answer.

    Args:
        responses: draws the paths.
        key: of the points.
        known: places to follow, too.
        tell: told the best place after each step of all candidates.

    Raises:
        SimulationError: no path could be followed anywhere.
    """
    search = _Search(responses, np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel()))
    search.add(known)
    stopped = False
    try:
        tell(search.visit)
        while search.running:
            search.turn()
            tell(search.visit)
        search.finish()
        tell(search.visit)
    except KeyboardInterrupt:
        interrupted()
        stopped = True
        search.sort()
    responses.ledger.cap = responses.ledger.most_events
    best = search.candidates[0]
    others = [c.centre for c in search.candidates[1:] if c.fresh and search.explains(c)]
    return Exploration(
        [best.centre, *others], best.scale, search.explained, search.misfit(best), search.scatter, search.followed, stopped,
    )  # fmt: skip


class _Search:
    """Candidates and what they share."""

    def __init__(self, responses: Responses, generator: np.random.Generator):
        self.responses, self.generator = responses, generator
        self.candidates: list[Candidate] = []
        self.followed = 0
        self.spread: Float[np.ndarray, " entries"] = np.ones(0)
        """Standard deviation of one path, near the best of the first points."""
        self.scatter = Scatter()
        self._first = FIRST * (len(responses.problem.free) + 2)
        self._enough = responses.ledger.most_events

    def add(self, known: Sequence[Float[np.ndarray, " free"]] = ()) -> None:
        """Candidates from known places and from points all over the boxes."""
        free = len(self.responses.problem.free)
        points = first_points(
            self.responses.problem, min(POINTS * free, max(self.responses.left // 2, 2)), self.generator
        )
        residuals = self._screened(points)
        size = np.maximum(np.nanmedian(np.abs(residuals), 0), 1e-12)
        far = np.log1p((residuals / size) ** 2).mean(1)
        best = np.stack([*known, *points[np.argsort(far, kind="stable")[:TOP]]])
        order = self._ranked(best)
        chosen: list[np.ndarray] = list(known)
        for place in best[order]:
            unit = units(self.responses.problem, place)
            if len(chosen) < CANDIDATES + len(known) and all(
                np.abs((place - other) / unit).max() > APART for other in chosen
            ):
                chosen.append(place)
        for place in chosen:
            scale = np.diag(WIDTH * units(self.responses.problem, place))
            self.candidates.append(Candidate(self.followed, place, scale, self._first))
            self.followed += 1

    def _screened(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths entries"]:
        """One path at each point; with more events to each, until half of them can be followed."""
        responses = self.responses
        responses.ledger.cap = min(MORE * responses.ledger.cap if self.followed else EVENTS, self._enough)
        residuals = responses.draw(points)
        while (lost := np.isnan(residuals[:, 0])).mean() > 0.5 and responses.ledger.cap < self._enough:
            responses.ledger.cap = min(MORE * responses.ledger.cap, self._enough)
            if responses.left < 2 * lost.sum():
                break
            residuals[lost] = responses.draw(points[lost])
        if lost.all():
            raise SimulationError(
                f"none of {len(points)} paths, each with parameters of its own, could be followed for {responses.ledger.cap:,} events: "
                "narrow the boxes, or allow more events (max_events)"
            )
        return residuals

    def _ranked(self, places: Float[np.ndarray, "places free"]) -> Int[np.ndarray, " places"]:
        """The order of places by some paths at each, which also tell the spread of one path."""
        residuals = self.responses.whole(np.repeat(places, AGAIN, 0))
        whole = np.concatenate(residuals, 1).reshape(len(places), AGAIN, -1)
        binned = self.responses.binned(residuals).reshape(len(places), AGAIN, -1)
        sound = np.isfinite(whole).all((1, 2))
        if not sound.any():
            self.spread = self.spread if self.candidates else np.ones(binned.shape[2])
            return np.arange(len(places))
        variance = whole[sound].var(1, ddof=1).mean(0)
        self.scatter = Scatter.of(variance)
        spread = np.sqrt(binned[sound].var(1, ddof=1).mean(0))
        self.spread = np.maximum(spread, 1e-3 * max(float(spread.max()), 1e-12))
        far = np.log1p((binned.mean(1) / self.spread) ** 2).mean(1)
        return np.argsort(np.where(sound, far, np.inf), kind="stable")

    def turn(self) -> None:
        """A step of every candidate; comparison of those that have settled; new ones where none explains the data."""
        for candidate in [c for c in self.candidates if not c.exhausted] or self.candidates:
            if self.responses.left > self._reserve:
                candidate.step(self.responses, self.spread, self.generator)
        self.candidates = [c for c in self.candidates if not c.lost] or self.candidates[:1]
        self.sort()
        self._merge()
        ready = [c for c in self.candidates if c.near and c.paths >= FRESH * self._first]
        if any(c.fresh is None for c in ready):
            self.compare(ready)
        if all(c.exhausted for c in self.candidates) and not self.explained:
            self.compare(self.candidates, MOST)  # planes through responses that bend are off at their centre
            if not self.explained and self.followed < MANY:
                self.add()

    def compare(self, ready: list[Candidate], times: int = FRESH) -> None:
        """Fresh paths, all with the parameters of the candidate, tell which of them are worse beyond doubt: these are given up.

        Others are kept; but where one explains the data beyond doubt, those that are far away are given up, too.
        """
        count = times * self._first
        for candidate in ready:
            known = 0 if candidate.fresh is None else candidate.fresh.paths
            if known < count and (drawn := min(count, self.responses.left)) >= AGAIN:
                paths = self.responses.binned(self.responses.whole(np.repeat(candidate.centre[None], drawn, 0)))
                candidate.judge(level(paths))
        judged = [c for c in ready if c.fresh is not None]
        if not judged:
            return
        best = min(judged, key=lambda c: c.loss)
        sure = best.fresh is not None and self.scatter.shows(best.fresh)

        def worse(candidate: Candidate) -> bool:
            return candidate.loss > best.loss + WORSE * (candidate.error + best.error)

        left = [c for c in judged if not worse(c)]
        others = [c for c in self.candidates if c not in judged and not (sure and (worse(c) or not c.near))]
        self.candidates = left + others
        self.sort()

    def finish(self) -> None:
        """The last comparison."""
        self.compare(self.candidates[:CANDIDATES])

    @property
    def running(self) -> bool:
        """Whether paths are left and more of them would change something."""
        settled = all(c.settled and c.told >= self.scatter.replicates / ENOUGH**2 for c in self.candidates)
        return self.responses.left > self._reserve and not (settled and self.explained)

    @property
    def explained(self) -> bool:
        """Whether the data are explained at the best candidate, as far as their scatter tells."""
        return self.explains(self.candidates[0])

    @property
    def visit(self) -> Visit:
        """The best candidate now."""
        return Visit(self.responses.ledger.drawn, self.candidates[0].centre)

    def misfit(self, candidate: Candidate) -> float:
        """Infinite while it is unknown."""
        surface = self._straight(candidate)
        return np.inf if surface is None else self.scatter.misfit(surface)

    def explains(self, candidate: Candidate) -> bool:
        """Whether its loss is one that the answer may have."""
        surface = self._straight(candidate)
        return surface is not None and self.scatter.explains(surface)

    def _straight(self, candidate: Candidate) -> Surface | None:
        """What is known of it, from residuals that are not squashed."""
        return candidate.fresh or (candidate.surface if candidate.near else None)

    @property
    def _reserve(self) -> int:
        """Paths kept for the last comparison."""
        return FRESH * self._first * min(len(self.candidates), CANDIDATES)

    def _merge(self) -> None:
        """Of candidates that have come to the same place, the best goes on."""
        kept: list[Candidate] = []
        for candidate in self.candidates:
            if not any(c.near and c.reaches(candidate.centre) for c in kept):
                kept.append(candidate)
        self.candidates = kept

    def sort(self) -> None:
        """The best candidate first."""
        self.candidates.sort(key=lambda c: (not c.near, c.loss))
