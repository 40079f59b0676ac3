"""Profile likelihoods: intervals without the assumption that the likelihood is Gaussian, bounds for what the data do not determine."""

import dataclasses
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jumpax._base.errors import InputError, JumpaxWarning, SimulationError, unknown_name
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.agreed import agreed
from jumpax.inference.conclude import by_master_equation
from jumpax.inference.fit import quiet_fit
from jumpax.inference.parameters import Free
from jumpax.inference.problem import check_problem
from jumpax.inference.profile import Profile
from jumpax.inference.result import FitResult
from jumpax.inference.resuming import resuming
from jumpax.inference.sources import AbstractSource, Simulation

LADDER = (1.4, 2.6)
"""Standard errors of the first values on each side: intervals of 95 % end at 1.96, if the likelihood is Gaussian."""
WIDENED = 6
"""How often the last distance is doubled, until the profile has come down."""
CLOSE, MOST = 0.05, 30
"""Of the way from the best value to a bound: how much less another bisection may change it for the bound to be known; and most bisections."""
LONGEST = 1.0
"""Largest standard error that is believed for this, on the unconstrained scale: a factor e of a positive parameter."""


def profile(
    problem: AbstractProblem,
    name: str,
    values: Sequence[float],
    *,
    confidence: float = 0.95,
    refine: int = 4,
    key: PRNGKeyArray | int = 0,
    save: str | os.PathLike | None = None,
    resume: str | os.PathLike | None = None,
    **settings: Any,
) -> Profile:
    """Profile likelihood of one parameter: the others are fitted again at each of its values.

    A value is inside the bounds while twice the drop of the log-likelihood is below the quantile of chi-squared with
    one degree of freedom: at `confidence` for two bounds, and at `2 confidence - 1` for one, where the likelihood does
    not come down at the other end of the range (if it has no maximum, its supremum is taken to be the value there).
    Asymptotic in the number of data. Bounds lie between points: each is narrowed by bisection (on a logarithmic scale
    for positive values) until it moves by less than a twentieth of its distance from the best value.

    With simulated likelihoods the noise must be well below the drop: sqrt(cells x counts / paths) is its size, so that
    some million paths are needed for thousands of cells; `MasterEquation` has none. Where it is not, there is a warning
    and no bound.

    Args:
        problem: as for `fit`.
        name: a free or fixed parameter.
        values: at least three.
        confidence: of the bounds.
        refine: how often each bound is bisected at least; 0 for never.
        key: of the fits.
        save: file to keep what is simulated in, as for `fit`.
        resume: such a file, to go on from, bit for bit; everything else must be as it was.
        **settings: for `fit`.

    Raises:
        InputError: fewer than three values, values outside the bounds of the parameter, a name that is not a free or
            fixed parameter, or a negative `refine`; a file to resume from that is not there, or is of another profile.

    Warns:
        JumpaxWarning: the noise is too large for bounds; fits did not come to their end, so that the likelihood there is too low.

    Source: Raue et al. 2009, doi:10.1093/bioinformatics/btp358.
    """
    check_problem(problem, "profile")
    _check_refine(refine)
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
    asked = {"name": name, "values": points, "confidence": confidence, "refine": refine, "key": key, **settings}
    with resuming(problem, "profile", asked, save, resume):
        along = _Along(problem, name, key, settings)
        for value in points:
            along.add(value)
        return along.ended(confidence, refine)


def profiled(
    problem: AbstractProblem,
    result: FitResult,
    names: str | Sequence[str] | None = None,
    *,
    refine: int = 1,
    key: PRNGKeyArray | int = 0,
    save: str | os.PathLike | None = None,
    resume: str | os.PathLike | None = None,
    **settings: Any,
) -> FitResult:
    """A fit whose 95 % intervals come from profile likelihoods, which it then holds (`FitResult.profiles`).

    The values of each parameter are chosen by its standard error, and go on outwards until the likelihood has come down or the
    last of them is some hundred standard errors away: such a side is open, and the parameter not determined. Where the master
    equation is small enough, likelihoods are exact, as at the end of `fit`; else they are simulated, see `profile`.

    Args:
        problem: that was fitted.
        result: of its fit.
        names: free parameters; default all.
        refine: how often each bound is bisected at least, as in `profile`; between the last two values the root of the drop is taken
            to be straight, which is exact for a Gaussian likelihood.
        key: of the fits.
        save: file to keep what is simulated in, as for `fit`; another one than that of the fit.
        resume: such a file, to go on from, bit for bit; everything else must be as it was.
        **settings: for `fit`, of the other parameters.

    Returns:
        The fit. After Ctrl-C it has the profiles that were finished, and `interrupted` is set.

    Raises:
        InputError: a name that is not a free parameter, or a negative `refine`; a file to resume from that is not there, or is of other
            profiles.

    Warns:
        JumpaxWarning: as `profile`; the likelihood is larger elsewhere than at the estimate; or a parameter has no profile, because the
            others cannot be fitted at some of its values.

    Source: Raue et al. 2009, doi:10.1093/bioinformatics/btp358.

    Examples:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, MasterEquation, Problem, fit, losses, profiled
        >>> model = jumpax.zoo.birth_death()
        >>> data = losses.LogLikelihood("X", [9, 12, 7, 10, 14, 8, 11])
        >>> problem = Problem(model.network, model.x0, data, {"birth": Free(5.0), "death": Fixed(1.0)}, settle=10.0,
        ...                   source=MasterEquation({"X": 60}))
        >>> result = profiled(problem, fit(problem))
        >>> print(result.profiles["birth"])
        7.96 < birth < 12.7 molecules/time (95% confidence)
    """
    check_problem(problem, "profiled")
    _check_refine(refine)
    wanted = problem.free if names is None else (names,) if isinstance(names, str) else tuple(names)
    if unknown := [name for name in wanted if name not in problem.free]:
        raise InputError("; ".join(unknown_name("free parameter", name, problem.free) for name in unknown))
    asked = {"names": wanted, "estimates": dict(result.estimates), "refine": refine, "key": key, **settings}
    with resuming(problem, "profiled", asked, save, resume):
        for name in wanted:
            try:
                result = agreed(problem, result, _around(problem, result, name, refine, key, settings))
            except KeyboardInterrupt:
                return dataclasses.replace(result, interrupted=True)
            except SimulationError as fault:
                told = f"there is no profile of {name!r}, and its interval is that of the Fisher information: {fault}"
                warnings.warn(told, JumpaxWarning, stacklevel=2)
    return result


def _check_refine(refine: int) -> None:
    if refine < 0:
        raise InputError(f"refine must be 0 or a larger whole number; got {refine!r}")


def _around(
    problem: AbstractProblem,
    result: FitResult,
    name: str,
    refine: int,
    key: PRNGKeyArray | int,
    settings: Mapping[str, Any],
) -> Profile:
    """The profile about the estimate."""
    along, i = _Along(problem, name, key, settings), problem.free.index(name)
    u = along.inside(result.estimates)
    along.by_master_equation(u)
    covariance = np.linalg.pinv(result.information)
    error = math.sqrt(max(covariance[i, i], 0.0))
    known = 0 < error < LONGEST and name not in (*result.undetermined, *result.unresolved)
    unit = error if known else LONGEST
    ridge = covariance[:, i] / covariance[i, i] if known else np.eye(len(u))[i]  # of a Gaussian likelihood

    def add(distance: float) -> float:
        there = {n: float(value) for n, value in problem.values(jnp.asarray(u + distance * unit * ridge)).items()}
        return along.add(there[name], there if abs(distance) <= LADDER[-1] else None)

    begin = add(0.0)
    for side in (-1, 1):
        reach, level = LADDER[-1], min(add(side * step) for step in LADDER)
        for _ in range(WIDENED):
            if level < along.top - _drop(0.95):
                break
            reach *= 2
            level = add(side * reach)
    made = along.ended(0.95, refine)
    along.look_above(begin)
    return made


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


class _Along:
    """The likelihood along one parameter, point by point."""

    def __init__(self, problem: AbstractProblem, name: str, key: PRNGKeyArray | int, settings: Mapping[str, Any]):
        self.given, self.name, self.key, self.settings = problem, name, key, settings
        self.problem = problem.drawing(_to_the_end)
        self.found: dict[float, _Point] = {}

    def inside(self, values: Mapping[str, float]) -> Float[np.ndarray, " free"]:
        """The unconstrained point of values; what was rounded to a bound is moved off it."""
        moved = self.given.resuming({name: values[name] for name in self.given.free})
        return self.given.structure.unconstrained(moved.start_values, self.given.numbers)

    def by_master_equation(self, u: Float[np.ndarray, " free"]) -> bool:
        """Whether likelihoods are exact from now on, on the states that matter there."""
        exact = by_master_equation(self.given, u)
        self.problem = self.problem if exact is None else exact
        return exact is not None

    @property
    def top(self) -> float:
        """The largest log-likelihood."""
        return max(point.level for point in self.found.values())

    def add(self, value: float, values: Mapping[str, float] | None = None) -> float:
        """The log-likelihood at one value, with the others fitted again: from `values`, or from where they were at the nearest one."""
        if values is None and self.found:
            nearest = min(self.found, key=lambda v: abs(_scale(v) - _scale(value)))
            values = self.found[nearest].others
        try:
            point = self._point(value, values)
        except SimulationError:
            # the states that matter are others here; or where the others were lies at the edge of what can be followed
            if not self.by_master_equation(
                self.inside({**self.given.start_values, **(values or {}), self.name: value})
            ):
                if values is None:
                    raise
                values = None
            point = self._point(value, values)
        self.found[value] = point
        return point.level

    def _point(self, value: float, values: Mapping[str, float] | None) -> _Point:
        fixed = self.problem.fixing(self.name, value)
        if values is not None:
            fixed = fixed.resuming({name: values[name] for name in fixed.free})
        if not fixed.free:
            key = jax.random.key(self.key) if isinstance(self.key, int) else self.key
            only = fixed.evaluate(jnp.zeros(0), key)
            return _Point(-float(only.loss), float(only.loss_error), {}, True)
        result = quiet_fit(fixed, key=self.key, **self.settings)  # whether the others are determined is not asked here
        if result.interrupted:
            raise KeyboardInterrupt
        others = {n: result.estimates[n] for n in fixed.free}
        return _Point(-result.loss, result.loss_error, others, result.runs[result.best].stopped)

    def look_above(self, level: float) -> None:
        """Warn where the likelihood is larger than `level`, which is that of the estimate, and no noise can be why."""
        best = max(self.found, key=lambda value: self.found[value].level)
        rise, noise = self.top - level, max(point.error for point in self.found.values())
        if rise > _drop(0.95) / 10 + 4 * noise:
            warnings.warn(
                f"the log-likelihood is larger by {rise:.2g} at {self.name} = {best:.4g} than at the estimate, from which the fit did not "
                "get there: fit again, with problem.starting({...}) near there, or with starts=10.",
                JumpaxWarning,
                stacklevel=4,
            )

    def ended(self, confidence: float, refine: int) -> Profile:
        """Bounds, and what is to be doubted."""
        found, name, drop = self.found, self.name, _drop(confidence)
        first, last = (found[end(found)].level < self.top - drop for end in (min, max))
        if one_sided := first != last:
            drop = _drop(2 * confidence - 1)
        noise = math.sqrt(2) * float(np.median([point.error for point in found.values()]))
        resolved = noise <= drop / 2
        if not resolved:
            warnings.warn(
                f"the profile of {name!r} has differences of log-likelihoods known to ± {noise:.2g} only, and bounds are "
                f"decided by {drop:.3g}: simulate more paths, or use source=MasterEquation(...).",
                JumpaxWarning,
                stacklevel=4,
            )
        lower, upper = (self._bound(side, drop, refine) if resolved else None for side in (-1, 1))
        order = sorted(found)
        if unfinished := [f"{value:g}" for value in order if not found[value].stopped]:
            warnings.warn(
                f"the fits at {name} = {', '.join(unfinished)} did not come to their end, most by using all their steps: the profile "
                "may be too low there, and its bounds too narrow. Give more steps.",
                JumpaxWarning,
                stacklevel=4,
            )
        points, top = [found[value] for value in order], self.top
        return Profile(
            name, np.array(order), np.array([point.level - top for point in points]), np.array([point.error for point in points]),
            {n: np.array([point.others[n] for point in points]) for n in points[0].others}, drop, confidence, lower, upper,
            resolved, one_sided, self.given.units[name],
        )  # fmt: skip

    def _bound(self, side: int, drop: float, refine: int) -> float | None:
        """Where the profile falls below the threshold on one side of its maximum; None if it does not."""
        found, last = self.found, math.inf
        for turn in range(MOST):
            best = max(found, key=lambda v: found[v].level)
            path = sorted((v for v in found if (v - best) * side >= 0), key=lambda v: v * side)
            falls = [found[best].level - found[v].level for v in path]
            outside = next((i for i, fall in enumerate(falls) if fall > drop), None)
            if outside is None:
                return None
            inner, outer = path[outside - 1], path[outside]
            logarithmic = inner > 0 and outer > 0
            roots = np.sqrt([falls[outside - 1], drop, falls[outside]])  # straight, where the likelihood is Gaussian
            share = (roots[1] - roots[0]) / (roots[2] - roots[0])
            bound = float(inner * (outer / inner) ** share if logarithmic else inner + share * (outer - inner))
            if turn >= refine and (not refine or abs(bound - last) <= CLOSE * abs(bound - best)):
                break
            last = bound
            self.add(math.sqrt(inner * outer) if logarithmic else (inner + outer) / 2)
        return bound


def _scale(value: float) -> float:
    return math.log(value) if value > 0 else value


def _drop(confidence: float) -> float:
    """Half a quantile of the chi-square law with one degree of freedom, the square of a normal variable."""
    return 0.5 * NormalDist().inv_cdf((1 + confidence) / 2) ** 2
