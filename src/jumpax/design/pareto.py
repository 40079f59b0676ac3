"""Pareto fronts of expectations, point by point."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from jumpax._base import given
from jumpax._base.errors import InputError, SimulationError
from jumpax._base.labelled import Labelled, Variable
from jumpax._base.result import AbstractResult, Figure, Glance, room

if TYPE_CHECKING:
    import optax  # a tenth of a second, and not needed to simulate

Parameters: TypeAlias = Any
"""A pytree of real numbers or arrays without bounds."""
Objectives: TypeAlias = Callable[[Parameters, PRNGKeyArray], Float[Array, " objectives"]]
"""From parameters and a key to what is to be small, by simulation; differentiable."""

_CLEAR = 2.0
"""Standard errors of a difference from which one point is better than another."""


@final
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ParetoFront(AbstractResult):
    """Points of a front, in the order in which they were traced.

    As a table it has a row for each `point`: `objective_0`, `error_0` and so on, `efficient`, and the parameters.
    """

    parameters: tuple[Parameters, ...]
    """Where the points were reached."""
    objectives: Float[np.ndarray, "points objectives"]
    """Simulated anew there."""
    standard_errors: Float[np.ndarray, "points objectives"]
    """Over independent keys."""
    efficient: Bool[np.ndarray, " points"]
    """Whether no other point is at least as good in all objectives and better in one, by more than two standard errors."""
    paths: Float[np.ndarray, "points steps objectives"]
    """The objectives on the way, one key each."""

    def labelled(self) -> Labelled:
        """The points with their parameters along `point`, the ways to them along `step`."""
        one = ("point",)
        leaves = [jax.tree_util.tree_leaves_with_path(each) for each in self.parameters]
        variables = {"efficient": Variable(one, np.asarray(self.efficient))}
        for number in range(self.objectives.shape[1]):
            variables[f"objective_{number}"] = Variable(one, self.objectives[:, number])
            error = Variable(
                one, self.standard_errors[:, number], {"long_name": "standard error over independent keys"}
            )
            variables[f"error_{number}"] = error
        for place, (path, leaf) in enumerate(leaves[0]):
            name = jax.tree_util.keystr(path, simple=True, separator=".") or "parameter"
            values = np.array([each[place][1] for each in leaves], float).reshape(len(leaves), -1)
            for entry, column in enumerate(values.T):
                variables[name if np.ndim(leaf) == 0 else f"{name}.{entry}"] = Variable(one, column)
        columns = {name: name for name in variables}
        variables["way"] = Variable((*one, "step", "objective"), self.paths, {"long_name": "objectives on the way"})
        points = {"point": Variable(one, np.arange(len(self.parameters)))}
        return Labelled("front", variables, points, one, columns, {})

    def plot(self) -> Figure:
        """Objectives against the first, with the ways to the points: see `jumpax.plots.front`.

        Raises:
            UnsupportedError: matplotlib is not installed.
        """
        return room("plots").front(self)

    def glance(self) -> Glance:
        """The points and the picture."""
        value, error = self.objectives, self.standard_errors
        table = {
            "point": [str(point) for point in range(len(value))],
            **{
                f"objective {i}": [f"{v:.4g} ± {e:.2g}" for v, e in zip(value[:, i], error[:, i])]
                for i in range(value.shape[1])
            },
            "efficient": ["yes" if one else "no" for one in self.efficient],
        }
        return Glance(table, [], self.plot)

    def __repr__(self) -> str:
        points, many = self.objectives.shape
        return f"ParetoFront({points} points of {many} objectives, {int(self.efficient.sum())} of them efficient)"


def pareto_front(
    objectives: Objectives,
    start: Parameters,
    *,
    weights: Sequence[Sequence[float]] | np.ndarray | None = None,
    targets: Sequence[Sequence[float]] | np.ndarray | None = None,
    penalty: float = 1.0,
    key: PRNGKeyArray | int = 0,
    optimiser: "optax.GradientTransformation | None" = None,
    steps: int = 100,
    average: int = 20,
    final: int = 16,
) -> ParetoFront:
    """Trace the Pareto front of two or more simulated objectives, all to be made small.

    One point after the other is found by stochastic descent of a scalar made of the objectives f, each from where the one
    before ended (so put weights or targets in order): with `weights`, of w . f, which finds the convex parts of a front; with
    `targets`, of f_0 + penalty * sum_i (f_i - target_i)^2 over the other objectives, which finds all of it, at points somewhat
    off the targets. There f in the derivative 2 penalty (f - target) df comes from a key of its own, so that the derivative
    is unbiased too.

    The gradient is that of the objectives, which are ordinary JAX functions made of `jumpax.expectation(...)` (automatic
    choice of the estimator included) or `jumpax.steady_state(...)`. A point is the mean of the last iterates; its objectives
    are simulated anew. What is left of the descent makes points too large by a second-order amount, never too small.

    Args:
        objectives: function of `(parameters, key)` to an array of two or more numbers.
        start: first parameters, real numbers without bounds (use exp, softmax, ... inside `objectives`).
        weights: (points, objectives), not negative, at least one positive in each row.
        targets: (points, objectives - 1).
        penalty: of targets.
        key: the same key gives the same front.
        optimiser: any Optax transformation, in minimising form; default Adam with rates from 0.1 down to 0.01.
        steps: per point.
        average: how many of the last iterates are averaged.
        final: independent evaluations at each point, 2 or more.

    Returns:
        Parameters and objectives of each point, with standard errors, and whether it is dominated: see `ParetoFront`.

    Raises:
        InputError: settings that make no sense.
        SimulationError: an objective or gradient that is not a number.

    Source: Miettinen 1999, doi:10.1007/978-1-4615-5563-6 (weighting and targets).

    Examples:
        >>> import jax.numpy as jnp, jumpax
        >>> decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
        >>> mean = jumpax.expectation(lambda counts: counts["A"], decay, {"A": 10}, [1.0], paths=200)
        >>> def rest_and_cost(log_k, key):
        ...     return jnp.stack([mean({"k": jnp.exp(log_k)}, key)[0], 2 * jnp.exp(log_k)])
        >>> front = pareto_front(rest_and_cost, 0.0, weights=[[1.0, 1.0], [2.0, 1.0]], steps=60)
        >>> [round(float(jnp.exp(u)), 1) for u in front.parameters], front.efficient.tolist()   # ln 5, ln 10
        ([1.6, 2.3], [True, True])
    """
    import optax

    rows, many = _checked(objectives, start, weights, targets, key, steps, average, final)
    root = jax.random.key(key) if isinstance(key, int) else key
    schedule = optax.cosine_decay_schedule(0.1, steps, 0.1)
    descent = optax.adam(schedule) if optimiser is None else optimiser
    point = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), start)
    reached, values, errors, ways = [], [], [], []
    for number, row in enumerate(rows):
        own = jax.random.fold_in(root, number)
        if weights is None:
            weigh = lambda f, row=row: np.append(1.0, 2 * penalty * (f[1:] - row))  # noqa: E731
        else:
            weigh = lambda f, row=row: row  # noqa: E731
        point, way = _descend(objectives, point, own, weigh, weights is None, descent, steps, average)
        keys = jax.random.split(jax.random.fold_in(own, steps), final)
        found = np.array([np.asarray(objectives(point, k), float) for k in keys])
        reached.append(point)
        ways.append(way)
        values.append(found.mean(0))
        errors.append(found.std(0, ddof=1) / np.sqrt(final))
    value, error = np.reshape(values, (len(rows), many)), np.reshape(errors, (len(rows), many))
    return ParetoFront(tuple(reached), value, error, efficient(value, error), np.array(ways))


def _descend(
    objectives: Objectives,
    point: Parameters,
    key: Any,
    weigh: Callable,
    twice: bool,
    descent: Any,
    steps: int,
    average: int,
) -> tuple[Parameters, Float[np.ndarray, "steps objectives"]]:
    """Mean of the last iterates, and the objectives on the way."""

    def scalar(u: Parameters, weight: Any, key: Any) -> tuple[Any, Any]:
        f = jnp.asarray(given.call(objectives, (u, key), "the function of objectives"))
        return (weight * f).sum(), f

    state, way, total = descent.init(point), [], None
    for step in range(steps):
        first, second = jax.random.split(jax.random.fold_in(key, step))
        level = np.asarray(objectives(point, second), float) if twice else None
        slope, f = jax.grad(scalar, has_aux=True)(point, jnp.asarray(weigh(level), float), first)
        if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves((slope, f))):
            raise SimulationError(f"an objective or its gradient is not a number at {point!r}: {f!r}, {slope!r}")
        updates, state = descent.update(slope, state, point)
        point = jax.tree.map(jnp.add, point, updates)
        way.append(np.asarray(f, float))
        if step >= steps - average:
            total = point if total is None else jax.tree.map(jnp.add, total, point)
    return jax.tree.map(lambda leaf: leaf / min(average, steps), total), np.array(way)


def efficient(
    objectives: Float[np.ndarray, "points objectives"], errors: Float[np.ndarray, "points objectives"]
) -> Bool[np.ndarray, " points"]:
    """Which points no other one dominates: at least as good in all objectives, and clearly better in one.

    Examples:
        >>> efficient(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.zeros((3, 2))).tolist()
        [True, True, False]
    """
    gain = objectives[:, None] - objectives[None]  # how much lower the second one is
    clear = gain > _CLEAR * np.sqrt(errors[:, None] ** 2 + errors[None] ** 2)
    dominated = np.asarray((gain >= 0).all(-1) & clear.any(-1))
    return np.asarray(~dominated.any(-1))


def _checked(
    objectives: Objectives,
    start: Parameters,
    weights: Any,
    targets: Any,
    key: Any,
    steps: int,
    average: int,
    final: int,
) -> tuple[Float[np.ndarray, "points columns"], int]:
    """Rows of weights or targets, and the number of objectives; InputError with everything that is wrong."""
    if (weights is None) == (targets is None):
        raise InputError("give either weights=... or targets=... to pareto_front")
    faults = [
        f"{name} must be {least} or more; got {number!r}"
        for name, number, least in (("steps", steps, 1), ("average", average, 1), ("final", final, 2))
        if number < least
    ]
    words = jax.random.key(key) if isinstance(key, int) else key
    shape = jax.eval_shape(
        lambda point: given.call(objectives, (point, words), "the function of objectives"),
        jax.tree.map(lambda leaf: jnp.asarray(leaf, float), start),
    ).shape
    rows = np.asarray(weights if targets is None else targets, float)
    if len(shape) != 1 or shape[0] < 2:
        faults.append(f"objectives must return an array of two or more numbers; got the shape {shape}")
    else:
        width = shape[0] - (targets is not None)
        if rows.ndim != 2 or rows.shape[1] != width or not len(rows) or not np.isfinite(rows).all():
            name = "weights" if targets is None else "targets"
            faults.append(f"{name} must be finite numbers of shape (points, {width}); got the shape {rows.shape}")
        elif targets is None and ((rows < 0).any() or (rows.sum(1) <= 0).any()):
            faults.append("weights must not be negative, and at least one of each row positive")
    if faults:
        raise InputError("; ".join(faults))
    return rows, shape[0]
