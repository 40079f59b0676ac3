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
    """Draws paths at points of the unconstrained scale; keeps count, and keeps all that it found.

    Args:
        problem: with a source `Simulation`.
        loss: with linear residuals.
        budget: most paths.
        key: of all paths.
    """

    def __init__(self, problem: Problem, loss: AbstractLoss, budget: float, key: Any):
        assert isinstance(problem.source, Simulation)
        self.problem, self.loss, self.budget = problem, loss, budget
        self.drawn = self.lost = 0
        """Paths, and those of them that could not be followed."""
        self.cap = problem.source.max_events
        self._source, self._key, self._calls = problem.source, key, 0
        plan = problem.plan
        self._stops = (plan.start + (plan.settle or 0.0),) if plan.times is None else plan.times
        self._bins = intervals(len(self._stops))
        self._observable = loss.observable(problem.network)
        free = len(problem.free)
        self.points: Float[np.ndarray, "paths free"] = np.zeros((0, free))
        self.residuals: Float[np.ndarray, "paths entries"] = np.zeros((0, 0), np.float32)

    @property
    def left(self) -> int:
        """Paths that may still be drawn."""
        return int(min(self.budget - self.drawn, 2**31))

    def draw(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths entries"]:
        """Residuals of one path at each point, NaN where it could not be followed; kept."""
        residuals = self.binned(self.whole(points))
        self.lost += int(np.isnan(residuals[:, 0]).sum())
        self.points = np.concatenate([self.points, points])
        self.residuals = np.concatenate([self.residuals.reshape(-1, residuals.shape[1]), residuals])
        return residuals

    def whole(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths stops numbers"]:
        """The same at every stop, and not kept."""
        return np.concatenate([self._some(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)])

    def binned(self, residuals: Float[np.ndarray, "paths stops numbers"]) -> Float[np.ndarray, "paths entries"]:
        """In few numbers: see `intervals`."""
        return np.einsum("bs,pse->pbe", self._bins, residuals).reshape(len(residuals), -1)

    def observables(self, points: Float[np.ndarray, "paths free"]) -> tuple[Any, Bool[np.ndarray, " paths"]]:
        """The observable of the loss along one path at each point, leaves (paths, stops, ...), and whether it was followed."""
        parts = []
        for i in range(0, len(points), CHUNK):
            made, followed = self._observed(points[i : i + CHUNK])
            parts.append((jax.tree.map(lambda leaf: np.asarray(leaf)[: len(followed)], made), followed))  # noqa: B023
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)

    def _some(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths stops numbers"]:
        made, followed = self._observed(points)
        residuals = np.asarray(_residuals(self.loss, made))[: len(points)]
        return np.where(followed[:, None, None], residuals, np.float32(np.nan))

    def _observed(self, points: Float[np.ndarray, "paths free"]) -> tuple[Any, Bool[np.ndarray, " paths"]]:
        """The observable, of a few paths more than that so that there are few shapes to compile for; and what was followed."""
        count, plan = len(points), self.problem.plan
        self.drawn += count
        self._calls += 1
        theta = _theta(self.problem.structure, self.problem.numbers, jnp.asarray(points, float))
        key = jax.random.fold_in(self._key, self._calls)
        paths = simulate(
            plan.network, {name: np.asarray(value) for name, value in theta.items()}, plan.begin, times=self._stops,
            paths=count, key=key, start=plan.start, max_events=self.cap, bound=self._source.bound, throw=False,
        )  # fmt: skip
        wide = 1 << (count - 1).bit_length()
        counts = np.pad(np.asarray(paths.counts), ((0, wide - count), (0, 0), (0, 0)), mode="edge")
        return _observe(self._observable, plan.network.species, counts), ~np.asarray(paths.faulty)


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
def _theta(structure: Structure, numbers: Numbers, points: Float[Array, "paths free"]) -> dict[str, Any]:
    def one(u: Float[Array, " free"]) -> dict[str, Any]:
        made = structure.theta(structure.values(u, numbers))
        return {name: jnp.asarray(value, u.dtype) for name, value in made.items()}

    return jax.vmap(one)(points)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _observe(observable: Observable, species: tuple[str, ...], counts: Any) -> Any:
    def one(stop: Any) -> Any:
        return observable({name: stop[i].astype(float) for i, name in enumerate(species)})

    return jax.vmap(jax.vmap(one))(counts)


@jax.jit
def _residuals(loss: AbstractLoss, made: Any) -> Float[Array, "paths stops numbers"]:
    return jax.vmap(loss.residuals)(made)
