"""How residuals depend on parameters near a centre: weighted regression on paths that each have parameters of their own."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jumpax.inference.exploration.touches import groups

KERNEL = 1.3
"""Root mean square distance, in the scale of the centre, up to which a path counts in full; beyond, its weight falls as a normal law."""
LEAST = 1e-2
"""Weight below which a path is left out."""
RIDGE = 0.5
"""Of slopes, in paths: a slope that few paths tell is drawn towards 0."""


class Surface(NamedTuple):
    """A plane: residual = level + slope x, with x = (u - centre) in the scale of the centre."""

    level: Float[np.ndarray, " entries"]
    slope: Float[np.ndarray, "free entries"]
    variance: Float[np.ndarray, " entries"]
    """Of one path about the plane."""
    level_noise: float
    """Variance of the level, over that of one path."""
    slope_noises: tuple[tuple[Int[np.ndarray, " some"], Float[np.ndarray, "free free"]], ...]
    """Covariances of slopes, likewise, and the entries that they are of."""
    paths: float
    """Effective number."""

    def slope_noise(self, weights: Float[np.ndarray, " entries"]) -> Float[np.ndarray, "free free"]:
        """Covariance of slopes over that of one path, summed over all entries with weights."""
        return sum((weights[some].sum() * noise for some, noise in self.slope_noises), np.zeros((len(self.slope),) * 2))

    @property
    def loss(self) -> float:
        """Half the sum of squares at the centre, without what its noise adds on average."""
        return 0.5 * float(self.level @ self.level - self.variance.sum() * self.level_noise)

    @property
    def loss_error(self) -> float:
        """Standard error of that, from above: entries of one path go together."""
        return self.error_at(self.loss)

    def error_at(self, loss: float) -> float:
        """The same, if that were the loss."""
        noise = self.variance.sum() * self.level_noise
        return 0.5 * float(noise) + float(np.sqrt(2 * max(loss, 0.0) * self.variance.max() * self.level_noise))


def regress(
    points: Float[np.ndarray, "paths free"],
    residuals: Float[np.ndarray, "paths entries"],
    centre: Float[np.ndarray, " free"],
    scale: Float[np.ndarray, "free free"],
    touches: Bool[np.ndarray, "entries free"],
) -> Surface | None:
    """The plane near a centre; None where too few paths were followed.

    Args:
        points: parameters of each path.
        residuals: of each path, NaN where it was not followed.
        centre: unconstrained.
        scale: columns are the steps of length 1.
        touches: which entries may depend on which parameter; slopes of the others are 0.
    """
    x = np.linalg.solve(scale, (points - centre).T).T
    free = x.shape[1]
    weight = np.exp(-0.5 * np.maximum((x**2).sum(1) - KERNEL**2 * free, 0.0))
    kept = np.flatnonzero((weight > LEAST) & ~np.isnan(residuals[:, 0]))
    x, w = x[kept], weight[kept]
    y = residuals[kept].astype(np.float64)
    total = w.sum()
    if total < free + 2:
        return None
    flat, variance, slope = np.zeros(y.shape[1]), np.zeros(y.shape[1]), np.zeros((free, y.shape[1]))
    noises, level_noise = [], 0.0
    for some, own in groups(touches):
        across = np.linalg.solve(
            root(scale, own), scale[own]
        )  # of the free parameters onto those that matter, in the scale
        plane, noise = _plane(x @ across.T, y[:, some], w)
        flat[some], slope[:, some], variance[some] = plane.level, across.T @ plane.slope, plane.variance
        level_noise = max(level_noise, float(noise[0]))
        noises.append((some, across.T @ across * (noise[1:].mean() if len(own) else 0.0)))
    return Surface(flat, slope, variance, level_noise, tuple(noises), float(total**2 / (w**2).sum()))


class _Plane(NamedTuple):
    """Of entries that depend on the same parameters."""

    level: Float[np.ndarray, " entries"]
    slope: Float[np.ndarray, "own entries"]
    variance: Float[np.ndarray, " entries"]


def _plane(
    x: Float[np.ndarray, "paths own"], y: Float[np.ndarray, "paths entries"], w: Float[np.ndarray, " paths"]
) -> tuple[_Plane, Float[np.ndarray, " columns"]]:
    """A plane, and the variances of its level and its slopes, over that of one path."""
    free, total = x.shape[1], w.sum()
    design = np.concatenate([np.ones((len(x), 1)), x], 1)
    normal = design.T @ (w[:, None] * design) + np.diag(np.append(0.0, np.full(free, RIDGE)))
    inverse = np.linalg.inv(normal)
    found = inverse @ (design.T @ (w[:, None] * y))
    variance = (w[:, None] * (y - design @ found) ** 2).sum(0) / max(total - free - 1, 0.3 * total)
    noise = np.diagonal(inverse @ (design.T @ (w[:, None] ** 2 * design)) @ inverse)
    return _Plane(found[0], found[1:], variance), noise


def root(scale: Float[np.ndarray, "free free"], own: Int[np.ndarray, " own"]) -> Float[np.ndarray, "own own"]:
    """A root of the covariance of some of the parameters; that of all is the scale itself."""
    return scale if len(own) == len(scale) else np.linalg.cholesky((scale @ scale.T)[np.ix_(own, own)])


def level(residuals: Float[np.ndarray, "paths entries"]) -> Surface | None:
    """The same from paths with the very parameters of the centre; None where most could not be followed."""
    y = residuals[~np.isnan(residuals[:, 0])].astype(np.float64)
    if len(y) < max(2, len(residuals) // 2):
        return None
    return Surface(y.mean(0), np.zeros((0, y.shape[1])), y.var(0, ddof=1), 1 / len(y), (), float(len(y)))


def squashed(residuals: Float[np.ndarray, "paths entries"], size: Float[np.ndarray, " entries"]) -> np.ndarray:
    """Residuals whose logarithm is taken beyond some size: far away, a plane fits that better, and no entry rules the others."""
    return np.sign(residuals) * size * np.log1p(np.abs(residuals) / size)
