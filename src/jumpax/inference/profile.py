"""Profile likelihoods: bounds for what the data do not determine."""

import dataclasses
import math
import warnings
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jumpax._base.errors import InputError, JumpaxWarning
from jumpax._base.labelled import Labelled, Variable
from jumpax._base.result import AbstractResult, Figure, Glance, room
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.doubts import outcome, undetermined, unresolved
from jumpax.inference.fit import quiet_fit
from jumpax.inference.parameters import Free
from jumpax.inference.problem import check_problem
from jumpax.inference.result import FitResult
from jumpax.inference.sources import AbstractSource, Simulation


@final
@dataclasses.dataclass(frozen=True)
class Profile(AbstractResult):
    """The likelihood along one parameter, maximised over the others.

    As a table it has a row for each value: `profile_value`, `log_likelihood` relative to the best point, `error`, and the other parameters.
    """

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

    def __repr__(self) -> str:
        return f"Profile({self}; {len(self.values)} points)"

    def labelled(self) -> Labelled:
        """The likelihood and the other parameters, along `profile_value`."""
        along = ("profile_value",)
        drop = "log-likelihood below its largest value"
        variables = {
            "profile_log_likelihood": Variable(along, self.log_likelihood, {"long_name": drop}),
            "profile_error": Variable(along, self.errors, {"long_name": "simulation error of the log-likelihood"}),
            **{f"profile_{name}": Variable(along, values) for name, values in self.others.items()},
        }
        values = Variable(along, self.values, {"long_name": self.name, "units": self.unit})
        told = {key: value for key, value in self.to_dict().items() if not isinstance(value, list | dict)}
        columns = {name: name.removeprefix("profile_") for name in variables}
        return Labelled("profile", variables, {"profile_value": values}, along, columns, {"profile": told})

    def plot(self) -> Figure:
        """The profile with its threshold: see `jumpax.plots.profile`.

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        axes = room("plots").profile(
            self.values, self.log_likelihood, name=self.name, unit=self.unit or None, threshold=self.drop
        )
        if self.values[0] > 0 and self.values[-1] > 30 * self.values[0]:
            axes.set_xscale("log")
        return axes.figure

    def glance(self) -> Glance:
        """The bounds in words, and the picture."""
        return Glance({}, [] if self.resolved else [str(self)], self.plot)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name, "lower": self.lower, "upper": self.upper, "resolved": self.resolved, "one_sided": self.one_sided,
            "confidence": self.confidence, "drop": self.drop, "values": self.values.tolist(),
            "log_likelihood": self.log_likelihood.tolist(), "errors": self.errors.tolist(),
            "others": {n: v.tolist() for n, v in self.others.items()}, "unit": self.unit,
        }  # fmt: skip


def profile(
    problem: AbstractProblem,
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
        InputError: fewer than three values, values outside the bounds of the parameter, or a name that is not a free or
            fixed parameter.

    Warns:
        JumpaxWarning: the noise is too large for bounds; fits used all their steps, so that the likelihood there is too low.

    Source: Raue et al. 2009, doi:10.1093/bioinformatics/btp358.
    """
    check_problem(problem, "profile")
    points = sorted({float(v) for v in values})
    if len(points) < 3:
        raise InputError("a profile needs at least three different values")
    if not 0.5 < confidence < 1:
        raise InputError(f"confidence must lie between 0.5 and 1; got {confidence!r}")
    if isinstance(free := problem.parameters.get(name), Free) and (
        beyond := [value for value in points if not free.lower < value < free.upper]
    ):
        raise InputError(
            f"values of {name!r} outside its bounds {free.lower:g} and {free.upper:g}: {', '.join(map(str, beyond))}"
        )
    problem = problem.drawing(_to_the_end)
    found: dict[float, _Point] = {}
    for value in points:
        _add(problem, name, value, found, key, settings)
    drop = _drop(confidence)
    top = max(point.level for point in found.values())
    one_sided = (found[points[0]].level > top - drop) != (found[points[-1]].level > top - drop)
    if one_sided:
        drop = _drop(2 * confidence - 1)
    noise = math.sqrt(2) * float(np.median([point.error for point in found.values()]))
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
    if unfinished := [f"{value:g}" for value in order if not found[value].stopped]:
        warnings.warn(
            f"the fits at {name} = {', '.join(unfinished)} used all their steps: the profile may be too low there, and its "
            "bounds too narrow. Give more steps.",
            JumpaxWarning,
            stacklevel=2,
        )
    top = max(point.level for point in found.values())
    return Profile(
        name, np.array(order), np.array([found[v].level - top for v in order]), np.array([found[v].error for v in order]),
        {n: np.array([found[v].others[n] for v in order]) for n in found[order[0]].others}, drop, confidence, lower, upper,
        resolved, one_sided, problem.units[name],
    )  # fmt: skip


def _to_the_end(source: AbstractSource) -> AbstractSource:
    """The source without another one at the end: likelihoods of one kind only can be compared."""
    return dataclasses.replace(source, exact=False) if isinstance(source, Simulation) else source


class _Point(NamedTuple):
    """One value of the parameter."""

    level: float
    """Log-likelihood."""
    error: float
    others: dict[str, float]
    stopped: bool


def _add(
    problem: AbstractProblem,
    name: str,
    value: float,
    found: dict[float, _Point],
    key: PRNGKeyArray | int,
    settings: dict,
) -> None:
    """Fit the others at one value, from where they were at the nearest one."""
    fixed = problem.fixing(name, value)
    if found:
        nearest = min(found, key=lambda v: abs(_scale(v) - _scale(value)))
        fixed = fixed.resuming(found[nearest].others)
    if not fixed.free:
        only = fixed.evaluate(jnp.zeros(0), jax.random.key(key) if isinstance(key, int) else key)
        found[value] = _Point(-float(only.loss), float(only.loss_error), {}, True)
        return
    result = quiet_fit(fixed, key=key, **settings)  # whether the others are determined is not asked here
    others = {n: result.estimates[n] for n in fixed.free}
    found[value] = _Point(-result.loss, result.loss_error, others, result.runs[result.best].stopped)


def _scale(value: float) -> float:
    return math.log(value) if value > 0 else value


def _bound(
    problem: AbstractProblem,
    name: str,
    found: dict,
    side: int,
    drop: float,
    refine: int,
    key: PRNGKeyArray | int,
    settings: dict[str, Any],
) -> float | None:
    """Where the profile falls below the threshold on one side of its maximum; None if it does not."""
    for turn in range(refine + 1):
        best = max(found, key=lambda v: found[v].level)
        level = found[best].level - drop
        path = sorted((v for v in found if (v - best) * side >= 0), key=lambda v: v * side)
        outside = next((i for i, v in enumerate(path) if found[v].level < level), None)
        if outside is None:
            return None
        inner, outer = path[outside - 1], path[outside]
        logarithmic = inner > 0 and outer > 0
        if turn < refine:
            middle = math.sqrt(inner * outer) if logarithmic else (inner + outer) / 2
            _add(problem, name, middle, found, key, settings)
            continue
        share = (found[inner].level - level) / (found[inner].level - found[outer].level)
        return float(inner * (outer / inner) ** share) if logarithmic else inner + share * (outer - inner)
    return None


def _drop(confidence: float) -> float:
    """Half a quantile of the chi-square law with one degree of freedom, the square of a normal variable."""
    return 0.5 * NormalDist().inv_cdf((1 + confidence) / 2) ** 2


def agreed(problem: AbstractProblem, result: FitResult, bound: Profile) -> FitResult:
    """A fit with what a profile says of one of its free parameters, so that the two cannot contradict each other.

    A bound takes the place of that end of the interval. Where the profile stays above the threshold beyond that end, the
    interval is open: its end is the bound of the parameter, which then counts as not determined. With two bounds it counts
    as determined, whatever the Fisher information says; its standard error stays what it was. A profile that is hidden by
    noise changes nothing.
    """
    name, free = bound.name, problem.parameters.get(bound.name)
    if name not in result.intervals or not isinstance(free, Free) or not bound.resolved:
        return result
    low, high = result.intervals[name]
    open_below = bound.lower is None and not low <= bound.values[0]
    open_above = bound.upper is None and not high >= bound.values[-1]
    low = (free.lower if open_below else low) if bound.lower is None else bound.lower
    high = (free.upper if open_above else high) if bound.upper is None else bound.upper
    inside = bound.lower is not None and bound.upper is not None
    lost = [n for n in result.undetermined if n != name or not inside]
    lost += [name] if (open_below or open_above) and name not in lost else []
    hidden = [n for n in result.unresolved if n != name or not (inside or name in lost)]
    doubted = {
        **result.doubts,
        "undetermined": undetermined(lost, result.determined),
        "unresolved": unresolved(hidden, result.determined),
    }
    doubted = {kind: text for kind, text in doubted.items() if text}
    converged, reason = outcome(result.runs[result.best], doubted)
    unknown = {name: math.inf} if name in lost else {}
    return dataclasses.replace(
        result, intervals={**result.intervals, name: (low, high)}, undetermined=tuple(lost), unresolved=tuple(hidden),
        standard_errors={**result.standard_errors, **unknown}, simulation_errors={**result.simulation_errors, **unknown},
        doubts=doubted, converged=converged, reason=reason,
    )  # fmt: skip
