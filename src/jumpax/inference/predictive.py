"""What the fitted model predicts, with the uncertainty of its parameters."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, final

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.special import ndtri

from jumpax._base import random
from jumpax._base.errors import InputError, JumpaxWarning
from jumpax._base.labelled import Labelled, Variable
from jumpax._base.result import AbstractResult, Figure, Glance, room
from jumpax.engines import simulate
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.conditions import Conditions
from jumpax.inference.problem import Problem, check_problem
from jumpax.inference.result import FitResult
from jumpax.inference.sources import Simulation

_FEW = 6
"""Species of a table at a glance."""


@final
@dataclasses.dataclass(frozen=True)
class Predicted(AbstractResult):
    """Quantiles of counts, and of their mean, at each time.

    As a table it has a row for each `time`, `species` and `quantile`: `count` and `mean`.
    """

    species: tuple[str, ...]
    times: Float[np.ndarray, " times"]
    quantiles: tuple[float, ...]
    counts: Float[np.ndarray, "quantiles times species"]
    """Of the count of one path: parameter uncertainty and chance together."""
    mean: Float[np.ndarray, "quantiles times species"]
    """Of the mean over paths: parameter uncertainty alone."""
    paths: int
    """Behind these numbers."""
    lost: int
    """Paths that could not be followed, and are left out."""
    steady: bool = False
    """Whether the time is that after which the start is forgotten."""
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Of the paths: key, versions, engine, hash and units of the network."""

    def labelled(self) -> Labelled:
        """All quantiles with their names: axes `time`, `species` and `quantile`."""
        axes, units = ("time", "species", "quantile"), self.provenance.get("units", {})
        variables = {
            "count": Variable(axes, np.moveaxis(self.counts, 0, -1), {"long_name": "of one path"}),
            "mean": Variable(axes, np.moveaxis(self.mean, 0, -1), {"long_name": "of the mean over paths"}),
        }
        coordinates = {
            "time": Variable(("time",), self.times, {"units": units["time"]} if "time" in units else {}),
            "species": Variable(("species",), np.array(self.species, object)),
            "quantile": Variable(("quantile",), np.array(self.quantiles)),
        }
        about = {"paths": self.paths, "lost": self.lost, "steady": self.steady, **self.provenance}
        return Labelled("prediction", variables, coordinates, axes, {name: name for name in variables}, about)

    def plot(self, *, most: int = 12, units: Mapping[str, str] | None = None) -> Figure:
        """Bands of counts and means along time, a panel for each species: see `jumpax.plots.bands`.

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        return room("plots").bands(self, most=most, units=units)

    def glance(self) -> Glance:
        """The last time: between which numbers counts and means lie; and the picture."""
        ends = self.counts[[0, -1], -1, :_FEW], self.mean[[0, -1], -1, :_FEW]
        counts, means = ([f"{low:.4g} to {high:.4g}" for low, high in pair.T] for pair in ends)
        share = self.quantiles[-1] - self.quantiles[0]
        table = {"species": self.species[:_FEW], f"{share:.0%} of paths": counts, f"{share:.0%} of means": means}
        lost = [f"{self.lost:,} paths could not be followed and are left out"] if self.lost else []
        return Glance(table, [f"at time {self.times[-1]:g}", *lost], self.plot)

    def __repr__(self) -> str:
        few = ", ".join(self.species[:_FEW]) + f" and {len(self.species) - _FEW} more" * (len(self.species) > _FEW)
        span = f"{len(self.times)} times from {self.times[0]:g} to {self.times[-1]:g}"
        levels = ", ".join(f"{level:g}" for level in self.quantiles)
        return f"Predicted(quantiles {levels} of {few}, {span}; {self.paths:,} paths)"


def predictive(
    problem: AbstractProblem,
    result: FitResult,
    times: Sequence[float] | None = None,
    *,
    paths: int = 10_000,
    key: PRNGKeyArray | int = 0,
    quantiles: Sequence[float] = (0.025, 0.5, 0.975),
) -> Predicted | dict[str, Predicted]:
    """Bands of the paths that the fitted model predicts.

    Parameters are drawn from the normal law on the unconstrained scale, u ~ N(estimate, information^-1), one for each path. The
    quantiles of the counts are those of the paths: counts that are reached by at least that share. The mean is E[x | u] to first order in u:
    a regression of the counts on u gives its value at the estimate and its variance, from which what the paths scatter is
    taken off; its standard error is about the standard deviation of the counts over sqrt(paths). Asymptotic in the number of data,
    as standard errors are.

    These are the true counts, before a law of observation (`Capture`, `Background`).

    Args:
        problem: what was fitted.
        result: its fit.
        times: when; default the times of the data, at steady state the time to settle.
        paths: how many are drawn.
        key: of parameters and paths.
        quantiles: increasing, between 0 and 1.

    Returns:
        The bands; of `Conditions` by condition.

    Raises:
        InputError: the result is that of another problem, or of data that leave a parameter undetermined, or too few paths
            to tell: there is no law to draw it from.

    Warns:
        JumpaxWarning: paths that could not be followed, with parameters far from the estimate.

    Examples:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, MasterEquation, Problem, fit, losses
        >>> model = jumpax.zoo.birth_death()
        >>> data = losses.LogLikelihood("X", [9, 12, 7, 10, 14, 8, 11])
        >>> problem = Problem(model.network, model.x0, data, {"birth": Free(5.0), "death": Fixed(1.0)}, settle=10.0,
        ...                   source=MasterEquation({"X": 60}))
        >>> predictive(problem, fit(problem), paths=1000).counts.shape
        (3, 1, 1)
    """
    check_problem(problem, "predictive")
    if result.free != problem.free:
        raise InputError(
            f"the result is that of {', '.join(result.free)}, and the problem has {', '.join(problem.free)} free"
        )
    if lost := (*result.undetermined, *result.unresolved):
        raise InputError(
            f"{', '.join(lost)} of the fit are not determined, so that there is no law to draw them from: fix them, or give more "
            "data or paths"
        )
    levels = np.asarray(quantiles, float)
    if levels.ndim != 1 or not levels.size or not ((levels > 0) & (levels < 1)).all() or (np.diff(levels) <= 0).any():
        raise InputError(f"quantiles must increase, between 0 and 1; got {quantiles!r}")
    if isinstance(paths, bool) or not isinstance(paths, int | np.integer) or paths < 10 * (len(problem.free) + 1):
        raise InputError(f"paths must be a whole number, 10 for each free parameter and 10 at least; got {paths!r}")
    words = random.key_words(key)
    normal = np.random.default_rng(np.asarray(words, np.uint32)).standard_normal((paths, len(problem.free)))
    drawn = result.unconstrained + normal @ _root(result.information).T
    start = jax.random.key(key) if isinstance(key, int) else key
    found = [
        _predicted(part, np.asarray(own).T, normal, times, jax.random.fold_in(start, number), levels)
        for number, (part, own) in enumerate(problem.split(drawn.T))
    ]
    return dict(zip(problem.parts, found, strict=True)) if isinstance(problem, Conditions) else found[0]


def _root(information: Float[np.ndarray, "free free"]) -> Float[np.ndarray, "free free"]:
    """R with R R^T = information^-1."""
    scale = np.sqrt(np.diag(information))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    return vectors / np.sqrt(np.maximum(values, 1e-300)) / scale[:, None]


def _predicted(
    problem: Problem,
    drawn: Float[np.ndarray, "paths own"],
    normal: Float[np.ndarray, "paths free"],
    times: Sequence[float] | None,
    key: PRNGKeyArray | int,
    levels: Float[np.ndarray, " quantiles"],
) -> Predicted:
    """Of one condition."""
    source, steady = problem.source, times is None and problem.loss.times is None
    when = [problem.start + (problem.settle or 0.0)] if steady else problem.loss.times if times is None else times
    structure, numbers = problem.structure, problem.numbers

    def theta(u: Float[Array, " free"]) -> dict[str, Any]:
        values = structure.theta(structure.values(u, numbers))
        return {name: jax.numpy.asarray(value, u.dtype) for name, value in values.items()}

    each = {n: np.asarray(v) for n, v in jax.jit(jax.vmap(theta))(jax.numpy.asarray(drawn, float)).items()}
    more: dict[str, Any] = {}
    if isinstance(source, Simulation):
        fits = times is None or not isinstance(source.bound, Sequence)  # one bound per interval between the data
        more = {"max_events": source.max_events, "bound": source.bound if fits else None}
    made = simulate(
        problem.network,
        each,
        problem.x0,
        times=when,
        paths=len(drawn),
        key=key,
        start=problem.start,
        throw=False,
        **more,
    )
    kept = ~made.faulty
    if not kept.all():
        warnings.warn(
            f"{int((~kept).sum())} of {len(kept)} paths could not be followed and are left out: their parameters lie far from the "
            "estimate, in places that the data hardly exclude. Bound the parameters.",
            JumpaxWarning,
            stacklevel=4,
        )
    counts = made.counts[kept].astype(float)
    return Predicted(
        made.species, np.asarray(made.stops, float), tuple(levels.tolist()),
        np.quantile(counts, levels, axis=0, method="inverted_cdf"), _mean(counts, normal[kept], levels), int(kept.sum()),
        int((~kept).sum()), steady, made.provenance,
    )  # fmt: skip


def _mean(
    counts: Float[np.ndarray, "paths times species"],
    normal: Float[np.ndarray, "paths free"],
    levels: Float[np.ndarray, " quantiles"],
) -> Float[np.ndarray, "quantiles times species"]:
    """Quantiles of a mean that is linear in the parameters."""
    many, free = normal.shape
    design = np.column_stack([np.ones(many), normal])
    flat = counts.reshape(many, -1)
    slopes = np.linalg.lstsq(design, flat, rcond=None)[0]
    scatter = np.square(flat - design @ slopes).sum(0) / (many - free - 1)
    noise = scatter * np.trace(np.linalg.inv(design.T @ design)[1:, 1:])
    spread = np.sqrt(np.maximum(np.square(slopes[1:]).sum(0) - noise, 0.0))
    bands = slopes[0] + ndtri(levels)[:, None] * spread
    return np.maximum(bands, 0.0).reshape(len(levels), *counts.shape[1:])
