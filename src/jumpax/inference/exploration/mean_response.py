"""What the mean field says of the data: residuals and their slopes at points of the unconstrained scale."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jumpax._base.types import Real
from jumpax.approximate import rates
from jumpax.gradients.rate_equation import FLOOR, pade_step
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.exploration.intervals import intervals
from jumpax.inference.losses import AbstractLoss
from jumpax.inference.parameters import Numbers, Structure
from jumpax.inference.problem import Problem
from jumpax.networks import Network
from jumpax.networks.starts import AbstractStart
from jumpax.observables import Observable

TOGETHER = 12
"""Points that are followed side by side."""
GROWTH, STEPS, EARLY = 0.25, 40, 6
"""Steps in time: each a quarter longer than what is before it, up to a 40th of the whole; and how often the first is halved."""


class MeanResponse:
    """Residuals as `Responses` has them, of mean counts by the rate equation, and their slopes. No paths are drawn.

    Args:
        problem: with free parameters, and losses that have linear residuals.
    """

    def __init__(self, problem: AbstractProblem):
        conditions = map(_Condition, problem.parts.values())
        self._conditions = tuple(zip(conditions, problem.places, strict=True))

    def __call__(
        self, points: Float[np.ndarray, "points free"]
    ) -> tuple[Float[np.ndarray, "points entries"], Float[np.ndarray, "points entries free"]]:
        """Both at each point."""
        residuals, slopes = [], []
        for condition, place in self._conditions:
            own, steep = condition(points[:, place])
            wide = np.zeros((*own.shape, points.shape[1]))
            wide[..., place] = steep
            residuals.append(own)
            slopes.append(wide)
        return np.concatenate(residuals, 1), np.concatenate(slopes, 1)


class _Condition:
    """The same of one condition, for its own parameters: some dozens of second-order steps in float64, one program for all points."""

    def __init__(self, problem: Problem):
        asked, loss = problem.plan.question, problem.loss.linear
        assert loss is not None
        self._static = _Static(problem.structure, asked.network, asked.x0, loss.observable(problem.network))
        self._loss, self._numbers = loss, problem.numbers
        self._grid = _grid(asked.start, np.array(asked.stops, float))

    def __call__(
        self, points: Float[np.ndarray, "points free"]
    ) -> tuple[Float[np.ndarray, "points entries"], Float[np.ndarray, "points entries free"]]:
        """Both at each point."""
        parts = [self._few(points[i : i + TOGETHER]) for i in range(0, len(points), TOGETHER)]
        residuals, slopes = zip(*parts, strict=True)
        return np.concatenate(residuals), np.concatenate(slopes)

    def _few(self, points: Float[np.ndarray, "points free"]) -> tuple[np.ndarray, np.ndarray]:
        """Of no more than one program takes."""
        padded = np.pad(points, ((0, TOGETHER - len(points)), (0, 0)), mode="edge")
        with jax.enable_x64(True):
            made = _residuals(self._static, self._loss, self._numbers, self._grid, padded)
            residuals, slopes = (np.asarray(part)[: len(points)] for part in made)
        return residuals, slopes


def work(problem: AbstractProblem) -> float:
    """Operations for one point, about."""
    return sum(map(_work, problem.parts.values()))


def _work(problem: Problem) -> float:
    size, free = len(problem.network.species), len(problem.free)
    return 2 * STEPS * 2.0 * size * (size + free) * (3 * size + problem.network.reaction_count)


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

    def values(u: Array) -> dict[str, Array]:
        return {name: jnp.asarray(value, u.dtype) for name, value in static.structure.values(u, numbers).items()}

    def compared(counts: Float[Array, "ends species"], u: Array) -> Float[Array, " entries"]:
        at = jnp.asarray(grid.between) @ counts

        def stop(x: Float[Array, " species"]) -> PyTree[Real]:
            return static.observable({name: x[i] for i, name in enumerate(static.network.species)})

        alone = jax.tree.map(lambda leaf: jnp.asarray(leaf, u.dtype)[None], jax.vmap(stop)(at))
        made = jax.tree.map(lambda leaf: leaf[0], loss.seen(alone, values(u)))
        return (jnp.asarray(grid.bins) @ loss.residuals(made)).reshape(-1)

    def one(u: Array) -> PyTree[Real]:
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
        matrix = h * matrix
        flow = h * jnp.concatenate([change(x, u, time)[:, None], more], 1)
        flow = flow.at[:, 1:].add(matrix @ s)
        made, _ = pade_step(matrix, flow, flow[:, :0])
        after = jnp.maximum(x + made[:, 0], 0.0), s + made[:, 1:]
        return after, after

    first = begin(u), jax.jacfwd(begin)(u)
    _, rest = jax.lax.scan(step, first, (jnp.asarray(grid.middles), jnp.asarray(grid.widths)))
    return tuple(jnp.concatenate([a[None], b]) for a, b in zip(first, rest, strict=True))  # type: ignore[return-value]
