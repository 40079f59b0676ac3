"""One place that may be the answer, and its steps downhill."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float

from jumpax.inference.exploration.coordinates import near_points, units
from jumpax.inference.exploration.responses import Responses
from jumpax.inference.exploration.scatter import WORSE
from jumpax.inference.exploration.surface import Surface, regress, squashed

WIDTH, NARROW, LEAST = 0.8, 0.6, 0.1
"""Standard deviation of the points drawn, in factors e: at first, near the answer, and after many steps that failed."""
REACH = 1.5
"""Longest step in any direction, in standard deviations of the points."""
SETTLED = 0.7
"""A step below which more paths are taken."""
BEND = 3.0
"""Residuals above so many standard deviations of one path are squashed, until the answer is near."""
NEAR = 0.3
"""Mean square residual, over the variance of one path, from which on nothing is squashed."""
DAMPING = 0.02
"""Of a step, in units of what one path tells."""
RESOLVED = 3.0
"""Times its noise, that the curvature in a direction has to be where it is told."""
MOST = 16
"""Times the first number of paths, that one step takes at most."""


@dataclasses.dataclass
class Candidate:
    """A centre that moves by damped Gauss-Newton steps on regression planes, inside a trust region."""

    number: int
    centre: Float[np.ndarray, " free"]
    scale: Float[np.ndarray, "free free"]
    """Columns: the standard deviations of points drawn next."""
    first: int
    """Paths of a first step."""
    paths: int = 0
    """Of the next step."""
    width: float = WIDTH
    near: bool = False
    """Whether residuals are taken as they are."""
    surface: Surface | None = None
    """At the best centre so far."""
    best: Float[np.ndarray, " free"] | None = None
    failed: int = 0
    """Steps in a row that led uphill."""
    moved: float = math.inf
    """Length of the last step, in standard deviations of the points."""
    lost: bool = False
    """Whether most of its paths could not be followed."""
    resolved: bool = False
    """Whether the plane tells every direction beyond its noise."""
    fresh: Surface | None = None
    """What paths with its very parameters gave, since it last moved."""

    def __post_init__(self):
        self.paths = self.first

    @property
    def loss(self) -> float:
        """There, by fresh paths if there are any."""
        known = self.fresh or self.surface
        return known.loss if known else math.inf

    @property
    def error(self) -> float:
        """Of that loss."""
        known = self.fresh or self.surface
        return known.loss_error if known else 0.0

    @property
    def settled(self) -> bool:
        """Whether it is near an answer and hardly moves, with enough paths to know in which direction it should."""
        return self.near and self.moved < SETTLED and self.resolved

    @property
    def exhausted(self) -> bool:
        """Whether it will not get much further: all the paths that a step may take hardly move it."""
        still = self.near and self.moved < SETTLED and self.paths >= MOST * self.first
        return still or self.width <= 2 * LEAST

    @property
    def told(self) -> float:
        """Paths that its plane stands on."""
        return self.surface.paths if self.surface else 0.0

    def reaches(self, place: Float[np.ndarray, " free"]) -> bool:
        """Whether a place lies among its points."""
        return float(np.linalg.norm(np.linalg.solve(self.scale, place - self.centre))) < 1.0

    def step(self, responses: Responses, spread: Float[np.ndarray, " entries"], generator: np.random.Generator) -> None:
        """Draw paths, fit a plane to all that are near, move.

        Args:
            responses: draws the paths.
            spread: standard deviation of one path, for each entry.
            generator: of the points.
        """
        count = min(self.paths, responses.left)
        fresh = responses.draw(near_points(self.centre, self.scale, count, generator))
        self.lost = bool(np.isnan(fresh[:, 0]).mean() > 0.5)
        y = responses.residuals if self.near else squashed(responses.residuals, BEND * spread)
        surface = None if self.lost else regress(responses.points, y, self.centre, self.scale, responses.touches)
        if surface is None or self._worse(surface):
            self.fresh = None
            self._retreat(units(responses.problem, self.centre))
            return
        self.surface, self.best, self.fresh = surface, self.centre, None
        self.failed = 0
        x = downhill(surface)
        step, unit = self.scale @ x, units(responses.problem, self.centre)
        longest = np.abs(step / unit).max()
        step *= min(1.0, 2 * self.width / max(longest, 1e-300))
        self.moved = float(np.abs(x).max())
        self.centre = self.centre + step
        self.width = min(1.3 * self.width, NARROW if self.near else WIDTH)
        self.scale = self._told(surface, spread, units(responses.problem, self.centre))
        if self.moved < SETTLED:
            self.paths = min(2 * self.paths, MOST * self.first)
        if not self.near and 2 * surface.loss < NEAR * (spread**2).sum():
            self.near, self.surface, self.best = True, None, None  # losses of another kind

    def judge(self, fresh: Surface | None) -> None:
        """Take the level that paths with its very parameters give.

        Where the plane promised less, the response bends within reach of its points: the next ones lie nearer.
        """
        self.fresh, plane = fresh, self.surface
        if fresh and plane and fresh.loss > plane.loss + WORSE * (fresh.loss_error + plane.loss_error):
            self.surface, self.moved = None, math.inf
            self.width, self.scale = max(self.width / 2, LEAST), self.scale / 2

    def _worse(self, surface: Surface) -> bool:
        """Whether the last step led uphill."""
        before = self.surface
        if before is None or self.failed:  # back at the best centre: what it has now is the measure
            return False
        return surface.loss > before.loss + 2 * (surface.loss_error + before.loss_error) + 0.1 * abs(before.loss)

    def _retreat(self, unit: Float[np.ndarray, " free"]) -> None:
        """Back to the best centre, with shorter steps and more paths."""
        self.width = max(self.width / 2, LEAST)
        self.moved = math.inf
        self.failed += 1
        if self.best is not None:
            self.centre = self.best
            self.scale = self.scale / 2
            self.paths = min(math.ceil(1.3 * self.paths), MOST * self.first)
        else:
            self.scale = np.diag(self.width * unit)

    def _told(
        self, surface: Surface, spread: Float[np.ndarray, " entries"], unit: Float[np.ndarray, " free"]
    ) -> Float[np.ndarray, "free free"]:
        """Root of the covariance of the next points: what one path and the width leave open.

        So that a path tells as much about a direction as its noise hides, and no direction is left out.
        """
        size = np.maximum(spread, np.sqrt(surface.variance))
        slope = surface.slope / size
        noise = surface.slope_noise(surface.variance / size**2)
        values, vectors = np.linalg.eigh(slope @ slope.T - noise)
        self.resolved = bool(values[0] > RESOLVED * vectors[:, 0] @ noise @ vectors[:, 0])
        told = (vectors * np.maximum(values, 0.0)) @ vectors.T
        back = np.linalg.inv(self.scale)
        widest = self.width * unit
        # in units of the widest: eigenvalues are 1 and more
        values, vectors = np.linalg.eigh(np.eye(len(unit)) + widest[:, None] * (back.T @ told @ back) * widest)
        return widest[:, None] * vectors / np.sqrt(np.maximum(values, 1.0))


def downhill(surface: Surface) -> Float[np.ndarray, " free"]:
    """The damped Gauss-Newton step in the scale of the centre, no longer than `REACH` in any direction.

    Slopes have noise, which makes their squares too large: directions that the paths do not tell hardly move.
    """
    slope = surface.slope
    curvature = slope @ slope.T
    damping = DAMPING * float(surface.variance.mean())
    return np.clip(-np.linalg.solve(curvature + damping * np.eye(len(slope)), slope @ surface.level), -REACH, REACH)
