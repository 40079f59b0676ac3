"""Places where the mean field explains the data: candidates that cost no paths."""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax.approximate import rates
from jumpax.gradients.linear_solve import solve
from jumpax.inference.exploration.coordinates import EDGE, first_points, units
from jumpax.inference.exploration.responses import intervals
from jumpax.inference.losses import AbstractLoss
from jumpax.inference.parameters import LOG_BOX, Numbers, Structure
from jumpax.inference.problem import Problem
from jumpax.networks import Need, Network
from jumpax.networks.starts import AbstractStart
from jumpax.observables import Observable

TOGETHER, SCREENED = 12, 4
"""Starts, which are followed side by side; and how many times as many points they are the best of."""
ITERATIONS, STRAIGHT = 40, 12
"""Steps of each, and how many of them, at the end, take residuals as they are."""
MOST = 3
"""Places that are told."""
GROWTH, STEPS, EARLY = 0.25, 40, 6
"""Steps in time: each a quarter longer than what is before it, up to a 40th of the whole; and how often the first is halved."""
FLOOR = 1e-3
"""Laws are looked at no lower than this: slopes of fractional powers are infinite at 0."""
BEND = 0.1
"""Residuals beyond this part of the usual one of the first points are squashed, until the last steps."""
REACH = 2.0
"""Longest step, in factors e."""
APART = 0.5
"""Factors e in some parameter, by which places differ."""
WORSE = 4.0
"""Times the least loss, up to which a place is told."""
WORK = 4e9
"""Most operations, about: larger networks have no places."""


@dataclasses.dataclass(frozen=True)
class _Static:
    """What the compiled program is made for."""

    structure: Structure
    network: Network
    begin: tuple[tuple[str, int], ...] | AbstractStart
    observable: Observable


class _Grid(NamedTuple):
    """Steps in time, and how counts at their ends make those at the stops, and these the residuals."""

    middles: Float[np.ndarray, " steps"]
    widths: Float[np.ndarray, " steps"]
    between: Float[np.ndarray, "stops ends"]
    bins: Float[np.ndarray, "intervals stops"]


def mean_field_places(
    problem: Problem, loss: AbstractLoss, generator: np.random.Generator
) -> list[Float[np.ndarray, " free"]]:
    """Up to three places on the unconstrained scale where mean counts by the rate equation come nearest to the data, the best first.

    Least squares by damped Gauss-Newton steps from the best of a Latin hypercube, side by side. Approximate, as the mean
    field is, and integrated by some dozens of second-order steps: paths have to judge. Bounded in work, not in time, so that the
    same numbers come out each time. No place where the network has no mean field, or is too large, or anything fails.

    Args:
        problem: with free parameters.
        loss: on its data, with linear residuals.
        generator: of the points.
    """
    needs = problem.network.needs
    if needs - {Need.TIME} or _work(problem) > WORK:
        return []
    try:
        with jax.enable_x64(True):
            return _found(problem, loss, generator)
    except (
        Exception
    ):  # laws and observables are anybody's functions, made for whole numbers: the search goes on without
        return []


def _work(problem: Problem) -> float:
    size, free = len(problem.network.species), len(problem.free)
    step = 2.0 * size * (size + free) * (3 * size + problem.network.reaction_count)
    return step * 2 * STEPS * TOGETHER * (SCREENED + ITERATIONS)


def _found(problem: Problem, loss: AbstractLoss, generator: np.random.Generator) -> list[Float[np.ndarray, " free"]]:
    plan = problem.plan
    static = _Static(problem.structure, plan.network, plan.x0, loss.observable(problem.network))
    stops = (plan.start + (plan.settle or 0.0),) if loss.times is None else loss.times
    grid = _grid(plan.start, np.array(stops, float))

    def ask(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = _residuals(static, loss, problem.numbers, grid, points)
        return np.asarray(found[0]), np.asarray(found[1])

    points = first_points(problem, TOGETHER * SCREENED, generator)
    firsts = np.concatenate([ask(part)[0] for part in np.split(points, SCREENED)])
    sound = np.isfinite(firsts).all(1)
    if not sound.any():
        return []
    size = np.maximum(BEND * np.median(np.abs(firsts[sound]), 0), 1.0)
    far = np.where(sound, np.log1p((np.nan_to_num(firsts) / size) ** 2).mean(1), np.inf)
    descent = _Descent(problem, ask, points[np.argsort(far, kind="stable")[:TOGETHER]], size)
    for iteration in range(ITERATIONS):
        if iteration == ITERATIONS - STRAIGHT:
            descent.straighten()
        descent.step()
    order = np.argsort(descent.loss, kind="stable")
    kept: list[np.ndarray] = []
    for i in order[descent.loss[order] <= WORSE * descent.loss[order[0]]]:
        place = descent.points[i]
        unit = units(problem, place)
        if np.isfinite(descent.loss[i]) and all(np.abs((place - other) / unit).max() > APART for other in kept):
            kept.append(place)
    return kept[:MOST]


class _Descent:
    """Places that go downhill, each with a damping of its own (Levenberg-Marquardt)."""

    def __init__(self, problem: Problem, ask: Any, points: Float[np.ndarray, "places free"], size: np.ndarray):
        self.problem, self.ask, self.points = problem, ask, points
        self._size: np.ndarray | None = size
        boxed = np.array([scale in (LOG_BOX, "logit") for scale in problem.structure.scales])
        self._end = np.where(boxed, math.log((1 - EDGE) / EDGE), np.inf)
        self.straighten(size)

    def straighten(self, size: np.ndarray | None = None) -> None:
        """From here on with residuals as they are; or squashed beyond some size."""
        self._size = size
        self._damping = np.full(len(self.points), 1e-2)
        self._residuals, self._slopes = self._asked(self.points)
        self.loss = self._losses(self._residuals)

    def _asked(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        residuals, slopes = self.ask(points)
        if self._size is not None:  # sign s log(1 + |r| / s)
            part = np.abs(residuals) / self._size
            residuals, slopes = np.sign(residuals) * self._size * np.log1p(part), slopes / (1 + part)[..., None]
        return residuals, slopes

    @staticmethod
    def _losses(residuals: np.ndarray) -> np.ndarray:
        loss = 0.5 * (residuals**2).sum(1)
        return np.where(np.isfinite(loss), loss, np.inf)

    def step(self) -> None:
        """One of each place: taken where it leads downhill."""
        moved = self.points.copy()
        for i, point in enumerate(self.points):
            slope = self._slopes[i]
            if not (np.isfinite(self.loss[i]) and np.isfinite(slope).all()):
                continue
            unit = units(self.problem, point)
            slope = slope * unit
            normal = slope.T @ slope
            damped = normal + self._damping[i] * np.diag(np.diagonal(normal) + 1e-6 * np.trace(normal) + 1e-12)
            x = -np.linalg.solve(damped, slope.T @ self._residuals[i])
            x *= min(1.0, REACH / max(np.abs(x).max(), 1e-300))
            moved[i] = np.clip(point + unit * x, -self._end, self._end)
        residuals, slopes = self._asked(moved)
        loss = self._losses(residuals)
        better = loss < self.loss
        self._damping = np.clip(np.where(better, self._damping / 5, self._damping * 4), 1e-8, 1e6)
        self.points = np.where(better[:, None], moved, self.points)
        self._residuals = np.where(better[:, None], residuals, self._residuals)
        self._slopes = np.where(better[:, None, None], slopes, self._slopes)
        self.loss = np.where(better, loss, self.loss)


def _grid(start: float, stops: Float[np.ndarray, " stops"]) -> _Grid:
    """Short steps first: what is fast shows early."""
    whole = stops[-1] - start
    first = max((stops[0] - start) if stops[0] > start else (stops[min(1, len(stops) - 1)] - start), 1e-3 * whole)
    ends = [0.0, *(first * 2.0 ** -np.arange(EARLY, -1.0, -1.0))]
    while ends[-1] < whole * (1 - 1e-9):
        ends.append(min(whole, ends[-1] + min(whole / STEPS, max(GROWTH * ends[-1], first))))
    edges = start + np.array(ends)
    place = np.clip(np.searchsorted(edges, stops) - 1, 0, len(edges) - 2)
    share = (stops - edges[place]) / np.diff(edges)[place]
    between = np.zeros((len(stops), len(edges)))
    rows = np.arange(len(stops))
    between[rows, place], between[rows, place + 1] = 1 - share, share
    return _Grid((edges[1:] + edges[:-1]) / 2, np.diff(edges), between, intervals(len(stops)).astype(float))


@functools.partial(jax.jit, static_argnums=0)
def _residuals(
    static: _Static, loss: AbstractLoss, numbers: Numbers, grid: _Grid, points: Float[Array, "places free"]
) -> tuple[Float[Array, "places entries"], Float[Array, "places entries free"]]:
    """Residuals of the mean field at each place, and their slopes."""

    def values(u: Array) -> dict[str, Any]:
        return {name: jnp.asarray(value, u.dtype) for name, value in static.structure.values(u, numbers).items()}

    def compared(counts: Float[Array, "ends species"], u: Array) -> Float[Array, " entries"]:
        at = jnp.asarray(grid.between) @ counts

        def stop(x: Any) -> Any:
            return static.observable({name: x[i] for i, name in enumerate(static.network.species)})

        alone = jax.tree.map(lambda leaf: jnp.asarray(leaf, u.dtype)[None], jax.vmap(stop)(at))
        made = jax.tree.map(lambda leaf: leaf[0], loss.seen(alone, values(u)))
        return (jnp.asarray(grid.bins) @ loss.residuals(made)).reshape(-1)

    def one(u: Array) -> Any:
        counts, tangents = _trajectory(static, lambda u: static.structure.theta(values(u)), grid, u)
        along = jax.vmap(lambda d, e: jax.jvp(compared, (counts, u), (d, e))[1], (2, 0), 1)
        return compared(counts, u), along(tangents, jnp.eye(len(u), dtype=u.dtype))

    return jax.vmap(one)(points)


def _trajectory(
    static: _Static, theta: Any, grid: _Grid, u: Array
) -> tuple[Float[Array, "ends species"], Float[Array, "ends species free"]]:
    """Counts at the ends of steps, and their derivatives, by the (0, 2) Pade approximant: stable for stiff networks.

    Both obey one linearised equation within a step, so that one elimination serves all.
    """
    network = static.network
    zeta = jnp.asarray(network.stoichiometry, u.dtype)

    def begin(u: Array) -> Array:
        if isinstance(static.begin, AbstractStart):
            return jnp.stack([jnp.asarray(x, u.dtype) for x in static.begin.expected(theta(u))])
        return jnp.asarray([float(x) for _, x in static.begin], u.dtype)

    def change(x: Array, u: Array, time: Any) -> Array:
        return zeta @ rates(network, x, theta(u), time, FLOOR)

    def step(carry: Any, at: Any) -> Any:
        x, s = carry
        time, h = at
        low = jnp.maximum(x, 2 * FLOOR)
        matrix, more = jax.jacfwd(change, (0, 1))(low, u, time)
        matrix, one = h * matrix, jnp.eye(len(x), dtype=x.dtype)
        flow = h * jnp.concatenate([change(x, u, time)[:, None], more], 1)
        flow = flow.at[:, 1:].add(matrix @ s)
        made = solve(one - matrix + matrix @ matrix / 2, flow - matrix @ flow / 2)
        after = jnp.maximum(x + made[:, 0], 0.0), s + made[:, 1:]
        return after, after

    first = begin(u), jax.jacfwd(begin)(u)
    _, rest = jax.lax.scan(step, first, (jnp.asarray(grid.middles), jnp.asarray(grid.widths)))
    return tuple(jnp.concatenate([a[None], b]) for a, b in zip(first, rest, strict=True))  # type: ignore[return-value]
