"""What single paths say, each with parameters of its own: residuals of the data, in few numbers."""

import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jumpax.engines.simulate import simulate
from jumpax.inference.losses import AbstractLoss
from jumpax.inference.parameters import Numbers, Structure
from jumpax.inference.problem import Problem
from jumpax.inference.sources import Simulation
from jumpax.observables import Observable

GROWTH = 0.2
"""Of intervals that are averaged: each has a fifth more stops than there are before it, so that what is fast early on stays."""
WIDEST = 14
"""No interval has more than so small a part of all stops."""
CHUNK = 512
"""Paths drawn at once: their counts at all stops are kept for a moment only."""


class Responses:
    """Draws paths at points of the unconstrained scale; keeps count, and keeps the residuals that it found.

    Args:
        problem: with a source `Simulation`.
        loss: on its data, with linear residuals.
        budget: most paths.
        key: of all paths.
    """

    def __init__(self, problem: Problem, loss: AbstractLoss, budget: float, key: Any):
        self.problem, self.loss, self.budget = problem, loss, budget
        self.drawn = self.lost = 0
        """Paths, and those of them that could not be followed."""
        self.cap = self.source.max_events
        """Events after which a path is given up."""
        self._key, self._calls = key, 0
        self._bins = intervals(len(loss.times or (0.0,)))
        self.points: Float[np.ndarray, "paths free"] = np.zeros((0, len(problem.free)))
        self.residuals: Float[np.ndarray, "paths entries"] = np.zeros((0, 0), np.float32)

    @property
    def source(self) -> Simulation:
        """Of the problem."""
        assert isinstance(self.problem.source, Simulation)
        return self.problem.source

    @property
    def left(self) -> int:
        """Paths that may still be drawn."""
        return int(min(max(self.budget - self.drawn, 0), 2**31))

    def draw(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths entries"]:
        """Residuals of one path at each point, NaN where it could not be followed; kept."""
        residuals = self.binned(self.whole(points))
        self.points = np.concatenate([self.points, points])
        self.residuals = np.concatenate([self.residuals.reshape(-1, residuals.shape[1]), residuals])
        return residuals

    def whole(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths stops numbers"]:
        """The same at every stop, and not kept."""

        def residuals(part: Float[np.ndarray, "paths free"]) -> np.ndarray:
            made, followed = self._seen(self.loss, part)
            found = np.asarray(_residuals(self.loss, made))[: len(part)]
            return np.where(followed[:, None, None], found, np.float32(np.nan))

        return np.concatenate([residuals(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)])

    def binned(self, residuals: Float[np.ndarray, "paths stops numbers"]) -> Float[np.ndarray, "paths entries"]:
        """In few numbers: see `intervals`."""
        return np.einsum("bs,pse->pbe", self._bins, residuals).reshape(len(residuals), -1)

    def seen(self, points: Float[np.ndarray, "paths free"]) -> tuple[Any, Bool[np.ndarray, " paths"]]:
        """What the loss of the problem sees of one path at each point, leaves (paths, stops, ...), and whether it was followed."""

        def part(points: Float[np.ndarray, "paths free"]) -> tuple[Any, np.ndarray]:
            made, followed = self._seen(self.problem.loss, points)
            return jax.tree.map(lambda leaf: np.asarray(leaf)[: len(points)], made), followed

        parts = [part(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)

    def _seen(
        self, loss: AbstractLoss, points: Float[np.ndarray, "paths free"]
    ) -> tuple[Any, Bool[np.ndarray, " paths"]]:
        """Of a few paths more, which repeat the last: there are few shapes to compile for."""
        count, problem, plan = len(points), self.problem, self.problem.plan
        self.drawn += count
        self._calls += 1
        wide = 1 << (count - 1).bit_length()
        padded = jnp.asarray(np.pad(points, ((0, wide - count), (0, 0)), mode="edge"), float)
        values = _values(problem.structure, problem.numbers, padded)
        theta = {name: np.asarray(values[name])[:count] for name in problem.structure.network}
        stops = (plan.start + (plan.settle or 0.0),) if loss.times is None else loss.times
        paths = simulate(
            plan.network, theta, plan.begin, times=stops, paths=count, key=jax.random.fold_in(self._key, self._calls),
            start=plan.start, max_events=self.cap, bound=self.source.bound, throw=False,
        )  # fmt: skip
        faulty = np.asarray(paths.faulty)
        self.lost += int(faulty.sum())
        counts = np.pad(np.asarray(paths.counts), ((0, wide - count), (0, 0), (0, 0)), mode="edge")
        return _observed(loss.observable(problem.network), plan.network.species, loss, values, counts), ~faulty


def intervals(stops: int) -> Float[np.ndarray, "intervals stops"]:
    """Sums over neighbouring stops, over the root of their number: residuals of smooth misfits, with less of the noise.

    A sum of squares of them is about that of all residuals, where neighbours miss the data alike.
    """
    edges = [0]
    while edges[-1] < stops:
        wide = min(math.ceil(stops / WIDEST), max(1, round(GROWTH * (edges[-1] + 3))))
        edges.append(min(stops, edges[-1] + wide))
    matrix = np.zeros((len(edges) - 1, stops), np.float32)
    for row, (begin, end) in enumerate(itertools.pairwise(edges)):
        matrix[row, begin:end] = (end - begin) ** -0.5
    return matrix


@functools.partial(jax.jit, static_argnums=0)
def _values(structure: Structure, numbers: Numbers, points: Float[Array, "paths free"]) -> dict[str, Any]:
    def one(u: Float[Array, " free"]) -> dict[str, Any]:
        return {name: jnp.asarray(value, u.dtype) for name, value in structure.values(u, numbers).items()}

    return jax.vmap(one)(points)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _observed(observable: Observable, species: tuple[str, ...], loss: AbstractLoss, values: Any, counts: Any) -> Any:
    def stop(counts: Any) -> Any:
        return observable({name: counts[i].astype(float) for i, name in enumerate(species)})

    def path(values: Any, counts: Any) -> Any:
        alone = jax.tree.map(lambda leaf: leaf[None], jax.vmap(stop)(counts))
        return jax.tree.map(lambda leaf: leaf[0], loss.seen(alone, values))

    return jax.vmap(path)(values, counts)


@jax.jit
def _residuals(loss: AbstractLoss, made: Any) -> Float[Array, "paths stops numbers"]:
    return jax.vmap(loss.residuals)(made)
