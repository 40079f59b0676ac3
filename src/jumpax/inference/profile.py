"""Profile likelihoods: bounds for what the data do not determine."""

import dataclasses
import math
import warnings
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jumpax._base.errors import InputError, JumpaxWarning
from jumpax.inference.fit import fit
from jumpax.inference.problem import Problem, check_problem


@dataclasses.dataclass(frozen=True)
class Profile:
    """The likelihood along one parameter, maximised over the others."""

    name: str
    values: Float[np.ndarray, " points"]
    """Increasing."""
    log_likelihood: Float[np.ndarray, " points"]
    """Relative to the best point: 0 there."""
    errors: Float[np.ndarray, " points"]
    """Simulation errors; 0 for exact expectations."""
    others: dict[str, Float[np.ndarray, " points"]]
    """The other free parameters."""
    drop: float
    """Of the log-likelihood, at the bounds."""
    confidence: float
    lower: float | None
    """Bound; None where the profile stays above the threshold down to the least value."""
    upper: float | None
    """Bound; None where it stays above up to the largest value."""
    resolved: bool
    """Whether the simulation errors are small enough against `drop` for bounds."""
    one_sided: bool
    """Whether the likelihood does not come down at one end of the range, so that there is one bound."""
    unit: str = ""

    def __str__(self) -> str:
        """The bounds in words."""
        unit = f" {self.unit}" if self.unit else ""
        sure = f"({self.confidence:.0%} confidence)"
        if not self.resolved:
            return f"{self.name}: the noise of the simulated likelihood hides the bounds"
        if self.lower is not None and self.upper is None:
            return f"{self.name} > {self.lower:.3g}{unit} {sure}"
        if self.upper is not None and self.lower is None:
            return f"{self.name} < {self.upper:.3g}{unit} {sure}"
        if self.lower is None:
            return f"{self.name} is not bounded between {self.values[0]:g} and {self.values[-1]:g}{unit}"
        return f"{self.lower:.3g} < {self.name} < {self.upper:.3g}{unit} {sure}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name, "lower": self.lower, "upper": self.upper, "resolved": self.resolved, "one_sided": self.one_sided,
            "confidence": self.confidence, "drop": self.drop, "values": self.values.tolist(),
            "log_likelihood": self.log_likelihood.tolist(), "errors": self.errors.tolist(),
            "others": {n: v.tolist() for n, v in self.others.items()}, "unit": self.unit,
        }  # fmt: skip


def profile(
    problem: Problem,
    name: str,
    values: Sequence[float],
    *,
    confidence: float = 0.95,
    refine: int = 4,
    key: PRNGKeyArray | int = 0,
    **settings: Any,
) -> Profile:
    """Profile likelihood of one parameter: the others are fitted again at each of its values.

    A value is inside the bounds while twice the drop of the log-likelihood is below the quantile of chi-squared with
    one degree of freedom: at `confidence` for two bounds, and at `2 confidence - 1` for one, where the likelihood does
    not come down at the other end of the range (if it has no maximum, its supremum is taken to be the value there).
    Asymptotic in the number of data. Bounds lie between points: each is narrowed by bisection (on a logarithmic scale
    for positive values) and a straight line at last.

    With simulated likelihoods the noise must be well below the drop: sqrt(cells x counts / paths) is its size, so that
    some million paths are needed for thousands of cells; `MasterEquation` has none. Where it is not, there is a warning
    and no bound.

    Args:
        problem: as for `fit`.
        name: a free or fixed parameter.
        values: at least three.
        confidence: of the bounds.
        refine: how often each bound is bisected.
        key: of the fits.
        **settings: for `fit`.

    Raises:
        InputError: fewer than three values, or a name that is not a free or fixed parameter.

    Source: Raue et al. 2009, doi:10.1093/bioinformatics/btp358.
    """
    check_problem(problem)
    points = sorted({float(v) for v in values})
    if len(points) < 3:
        raise InputError("a profile needs at least three different values")
    if not 0.5 < confidence < 1:
        raise InputError(f"confidence must lie between 0.5 and 1; got {confidence!r}")
    found: dict[float, tuple[float, float, dict[str, float]]] = {}
    for value in points:
        _add(problem, name, value, found, key, settings)
    drop = _drop(confidence)
    top = max(level for level, _, _ in found.values())
    one_sided = (found[points[0]][0] > top - drop) != (found[points[-1]][0] > top - drop)
    if one_sided:
        drop = _drop(2 * confidence - 1)
    noise = math.sqrt(2) * float(np.median([error for _, error, _ in found.values()]))
    resolved = noise <= drop / 2
    if not resolved:
        warnings.warn(
            f"the profile of {name!r} has differences of log-likelihoods known to ± {noise:.2g} only, and bounds are "
            f"decided by {drop:.3g}: simulate more paths, or use source=MasterEquation(...).",
            JumpaxWarning,
            stacklevel=2,
        )
    lower, upper = (
        (None, None)
        if not resolved
        else (_bound(problem, name, found, side, drop, refine, key, settings) for side in (-1, 1))
    )
    order = sorted(found)
    top = max(level for level, _, _ in found.values())
    return Profile(
        name, np.array(order), np.array([found[v][0] - top for v in order]), np.array([found[v][1] for v in order]),
        {n: np.array([found[v][2][n] for v in order]) for n in found[order[0]][2]}, drop, confidence, lower, upper,
        resolved, one_sided, problem.parameters[name].unit or problem.network.units.get(name, ""),
    )  # fmt: skip


def _add(problem: Problem, name: str, value: float, found: dict, key: Any, settings: dict[str, Any]) -> None:
    """Fit the others at one value, from where they were at the nearest one."""
    fixed = problem.fixing(name, value)
    if found:
        nearest = min(found, key=lambda v: abs(_scale(v) - _scale(value)))
        fixed = fixed.starting(found[nearest][2])
    if not fixed.free:
        only = fixed.evaluate(jnp.zeros(0), jax.random.key(key) if isinstance(key, int) else key)
        found[value] = -float(only.loss), float(only.loss_error), {}
        return
    result = fit(fixed, key=key, **settings)
    found[value] = -result.loss, result.loss_error, {n: result.estimates[n] for n in fixed.free}


def _scale(value: float) -> float:
    return math.log(value) if value > 0 else value


def _bound(
    problem: Problem, name: str, found: dict, side: int, drop: float, refine: int, key: Any, settings: dict[str, Any]
) -> float | None:
    """Where the profile falls below the threshold on one side of its maximum; None if it does not."""
    for turn in range(refine + 1):
        best = max(found, key=lambda v: found[v][0])
        level = found[best][0] - drop
        path = sorted((v for v in found if (v - best) * side >= 0), key=lambda v: v * side)
        outside = next((i for i, v in enumerate(path) if found[v][0] < level), None)
        if outside is None:
            return None
        inner, outer = path[outside - 1], path[outside]
        logarithmic = inner > 0 and outer > 0
        if turn < refine:
            middle = math.sqrt(inner * outer) if logarithmic else (inner + outer) / 2
            _add(problem, name, middle, found, key, settings)
            continue
        share = (found[inner][0] - level) / (found[inner][0] - found[outer][0])
        return float(inner * (outer / inner) ** share) if logarithmic else inner + share * (outer - inner)
    return None


def _drop(confidence: float) -> float:
    """Half a quantile of the chi-square law with one degree of freedom, the square of a normal variable."""
    return 0.5 * NormalDist().inv_cdf((1 + confidence) / 2) ** 2
