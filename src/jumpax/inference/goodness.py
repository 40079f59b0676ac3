"""Goodness of fit: whether the data scatter about the fitted model as they should."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from scipy.special import gammaincc, gammaincinv

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.information import grouped, mean
from jumpax.inference.losses.standardised import Standardised, together

ALARM = 1e-3
"""Probability at which a misfit is reported: about that of a false alarm, per fit."""
RANK = 1e-5
"""Singular values of the slopes, relative to the largest, that are 0."""
CHANCE = 1e-5
"""Probability, for a true model, of a step to the least chi-square that is not taken because it is too long."""
ALL = "all data"
SHOWN = 6
"""Most parts in a summary."""


@dataclasses.dataclass(frozen=True)
class Goodness:
    """Chi-square of one data set, or of all: how far they are from the fitted model, in units of their scatter.

    value = min over steps du of |r + J du|^2, with r the differences of fit and data in units of their standard deviation, and J
    the derivatives of r with respect to the free parameters. At the least of a sum of squares the step is 0, and this is
    2 x loss. If the model is true it is chi-square with n - rank(J) degrees of freedom, n the length of r, wherever near the
    truth the estimate lies and whatever other data it comes from: for sums of squares as far as errors are Gaussian,
    independent, and as large as given; for numbers of cells asymptotically (Dzhaparidze and Nikulin 1974, doi:10.1137/1119098),
    which Pearson's statistic at the maximum of the likelihood is not (Chernoff and Lehmann 1954, doi:10.1214/aoms/1177728726).
    A step that is longer than chance makes it (one in 100,000, for twice the variance of efficient estimates) is not taken: the
    value is then that at the estimate, |r|^2.
    The p-value is that of a gamma law with the mean and the variance of the statistic: of cells the variance is more than
    that of chi-square. What simulation noise adds is in the mean, from the spread of batches at the estimate, two of its standard
    errors up, and in the variance as if it had one direction; both make p larger.

    Examples:
        >>> print(Goodness("8 means of 'X'", 4.19, 6, 0.65))
        8 means of 'X': chi-square 4.19 for 6 degrees of freedom, p = 0.65
    """

    data: str
    """Which data."""
    value: float
    degrees: int
    """Of freedom."""
    p_value: float
    """Probability of such a value or a larger one if the model is true; NaN where it cannot be told."""
    simulation: float = 0.0
    """What the noise of the simulation adds to the value, on average, at most."""
    remark: str = ""
    """Why there is no p-value."""
    statistic: str = "chi-square"

    def __str__(self) -> str:
        """One sentence."""
        if not self.degrees:
            return f"{self.data}: {self.remark}"
        noise = (
            f", {self.simulation:.2g} of it from simulation at most" if self.simulation > 0.05 * self.degrees else ""
        )
        told = f"p = {self.p_value:.2g}" if np.isfinite(self.p_value) else self.remark
        return f"{self.data}: {self.statistic} {self.value:.3g} for {self.degrees} degrees of freedom{noise}, {told}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {name: None if value != value else value for name, value in dataclasses.asdict(self).items()}
        return {**plain, "sentence": str(self)}


def goodness(problem: AbstractProblem, found: Sequence[Evaluation]) -> tuple[Goodness, ...]:
    """Of all data sets together, if there are several, and of each; from the evaluations at the estimate."""
    count, free = len(found), len(problem.free)
    middle = mean(found)

    def columns(*leaves: Any) -> Any:
        """Derivatives, and where each group of paths is from the mean, if there is noise."""
        slopes = np.mean([np.mean(np.asarray(j, np.float64), 0) for j in leaves[count:]], 0)
        if problem.source.deterministic:
            return slopes
        each = np.moveaxis(np.asarray(grouped(*leaves[:count]), np.float64), 0, -1)
        return np.concatenate([slopes, each - each.mean(-1, keepdims=True)], -1)

    wide = jax.tree.map(columns, *[e.levels for e in found], *[e.jacobian for e in found])
    parts: list[Standardised] = [part for part in problem.standardised(middle, wide) if part.values.size]
    if len(parts) > 1:
        whole = together(ALL, parts)
        parts = [whole, *parts]
    return tuple(judged(part, free) for part in parts)


def judged(part: Standardised, free: int) -> Goodness:
    """The statistic and its probability; slopes beyond those of the free parameters are the noise of groups of paths."""
    slopes, noise = part.slopes[:, :free], part.slopes[:, free:]
    lengths = np.linalg.norm(slopes, axis=0)
    used = slopes[:, lengths > 0] / lengths[lengths > 0]
    vectors, sizes, _ = np.linalg.svd(used, full_matrices=False)
    basis = vectors[:, sizes > RANK * sizes.max(initial=0.0)]
    degrees = len(part.values) - basis.shape[1]
    if degrees < 1:
        return Goodness(
            part.data, 0.0, 0, np.nan, remark="as many parameters as data, so that there is nothing to judge by"
        )
    along = float(np.square(basis.T @ part.values).sum())
    groups = noise.shape[1]
    pairs, up = groups * (groups - 1), 1 + 2 * np.sqrt(2 / max(groups - 1, 1))
    inside = float(np.square(basis.T @ noise).sum()) / pairs * up if pairs else 0.0
    reach = 2 * float(gammaincinv(basis.shape[1] / 2, 1 - CHANCE)) if basis.shape[1] else 0.0
    near = along <= reach * (2 + inside)  # 2: what is not efficient, or simulated, scatters more than the data make it
    value = float(np.square(part.values).sum()) - (along if near else 0.0)
    if groups == 1:
        return Goodness(
            part.data, value, degrees, np.nan, np.nan, "one batch does not tell the noise of the simulation"
        )
    added = float(np.square(noise - basis @ (basis.T @ noise)).sum()) / pairs * up if pairs else 0.0
    if added > degrees:
        return Goodness(part.data, value, degrees, np.nan, added, "too few paths to judge the fit")
    average = degrees + added
    variance = 2 * (degrees + 2 * added + added**2) + max(part.excess, 0.0)
    p = float(gammaincc(average**2 / variance, value * average / variance))
    return Goodness(part.data, value, degrees, p, added)


def misfit(found: Sequence[Goodness]) -> str:
    """That the model does not explain the data, in words; nothing if it may.

    The least of several p-values is multiplied by their number, so that a true model gives a false
    alarm in about one of 1,000 fits.
    """
    known = [one for one in found if np.isfinite(one.p_value)]
    worst = min(known, key=lambda one: one.p_value, default=None)
    if worst is None or worst.p_value * len(known) >= ALARM:
        return ""
    return (
        f"the model does not explain the data: {worst}. Another model is needed, or the errors of the data are larger than "
        "given or not independent, or the search ended in a minimum that is not the least."
    )


def lines(found: Sequence[Goodness]) -> list[str]:
    """For a summary: all parts, or of many the first and the least likely ones."""
    shown = list(found)
    if len(shown) > SHOWN:
        rest = sorted(shown[1:], key=lambda one: one.p_value if np.isfinite(one.p_value) else 2.0)
        shown = [shown[0], *rest[: SHOWN - 1]]
    more = [f"goodness of fit: {len(found) - len(shown)} more parts"] if len(found) > len(shown) else []
    return [f"goodness of fit of {one}" for one in shown] + more
