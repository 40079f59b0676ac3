"""What single paths of one condition say of its data, each with parameters of its own."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from jumpax._base import random
from jumpax._base.devices import rows_of_all
from jumpax._base.types import Real
from jumpax.engines.journal import answered
from jumpax.engines.simulate import simulate
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.exploration.intervals import intervals
from jumpax.inference.exploration.ledger import Ledger
from jumpax.inference.exploration.touches import touches
from jumpax.inference.losses import AbstractLoss
from jumpax.inference.parameters import Numbers, Structure
from jumpax.inference.problem import Problem
from jumpax.inference.sources import Simulation
from jumpax.observables import Observable

CHUNK = 512
"""Paths drawn at once: their counts at all stops are kept for a moment only."""


class ConditionResponses:
    """Draws paths of one condition.

    Args:
        problem: with a source `Simulation`, and a loss that has linear residuals.
        ledger: counts the paths.
    """

    def __init__(self, problem: Problem, ledger: Ledger):
        (self.source,) = simulations(problem)
        assert problem.loss.linear is not None
        self.problem, self.loss = problem, problem.loss.linear
        self.ledger = ledger
        self._bins = intervals(len(self.loss.times or (0.0,)))
        self.touches = touches(problem)
        """Which of the residuals of a stop may depend on which parameter."""

    @property
    def cap(self) -> int:
        """Events after which a path is given up."""
        return min(self.ledger.cap, self.source.max_events)

    def whole(self, points: Float[np.ndarray, "paths free"]) -> Float[np.ndarray, "paths numbers"]:
        """Residuals of one path at each point, at every stop; NaN where it could not be followed."""

        def residuals(part: Float[np.ndarray, "paths free"]) -> np.ndarray:
            made, followed = self._seen(self.loss, part)
            found = np.asarray(_residuals(self.loss, made))[: len(part)]
            return np.where(followed[:, None, None], found, np.float32(np.nan)).reshape(len(part), -1)

        return np.concatenate([residuals(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)])

    def binned(self, residuals: Float[np.ndarray, "paths numbers"]) -> Float[np.ndarray, "paths entries"]:
        """In few numbers: see `intervals`."""
        by_stop = residuals.reshape(len(residuals), self._bins.shape[1], -1)
        return np.einsum("bs,pse->pbe", self._bins, by_stop).reshape(len(residuals), -1)

    def touched(self, numbers: int) -> Bool[np.ndarray, "numbers free"]:
        """Which of so many numbers, those of one stop after the other, may depend on which parameter."""
        return np.tile(self.touches, (numbers // len(self.touches), 1))

    def seen(self, points: Float[np.ndarray, "paths free"]) -> tuple[PyTree[Real], Bool[np.ndarray, " paths"]]:
        """What the loss of the problem sees of one path at each point, leaves (paths, stops, ...), and whether it was followed."""

        def part(points: Float[np.ndarray, "paths free"]) -> tuple[PyTree[Real], np.ndarray]:
            made, followed = self._seen(self.problem.loss, points)
            return jax.tree.map(lambda leaf: np.asarray(leaf)[: len(points)], made), followed

        parts = [part(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)

    def _seen(
        self, loss: AbstractLoss, points: Float[np.ndarray, "paths free"]
    ) -> tuple[PyTree[Real], Bool[np.ndarray, " paths"]]:
        """Of a few paths more, which repeat the last: there are few shapes to compile for."""
        count, problem, asked = len(points), self.problem, self.problem.plan.question
        key = self.ledger.enter(count)
        wide = 1 << (count - 1).bit_length()
        padded = jnp.asarray(np.pad(points, ((0, wide - count), (0, 0)), mode="edge"), float)
        values = _values(problem.structure, problem.numbers, padded)
        theta = {name: np.asarray(values[name])[:count] for name in problem.structure.network}
        drawn, faulty = self._drawn(theta, count, key)
        self.ledger.lost += int(faulty.sum())
        counts = np.pad(drawn, ((0, wide - count), (0, 0), (0, 0)), mode="edge")
        return _observed(loss.observable(problem.network), asked.network.species, loss, values, counts), ~faulty

    def _drawn(
        self, theta: dict[str, np.ndarray], paths: int, key: PRNGKeyArray
    ) -> tuple[Int[np.ndarray, "paths stops species"], Bool[np.ndarray, " paths"]]:
        """Counts, and which paths could not be followed; recorded, if a journal is open."""
        asked, given = self.problem.plan.question, {"max_events": self.cap, "bound": self.source.bound}
        shared = self.source.shared and paths >= jax.process_count()
        shard = (jax.process_index(), jax.process_count()) if shared else None

        def draw() -> tuple[np.ndarray, np.ndarray]:
            made = simulate(
                asked.network, theta, asked.begin, times=asked.stops, paths=paths, key=key, start=asked.start, throw=False, shard=shard,
                **given,
            )  # fmt: skip
            drawn = np.asarray(made.counts), np.asarray(made.faulty)
            return rows_of_all(drawn, paths) if shared else drawn

        what = (asked.network.digest, asked.x0, asked.stops, asked.start, given, theta)
        return answered(lambda: ("paths", *what, random.key_words(key)), draw, lambda: (0, 0))


def simulations(problem: AbstractProblem) -> tuple[Simulation, ...]:
    """Where the paths of each condition come from."""
    sources = tuple(part.source for part in problem.parts.values())
    assert all(isinstance(source, Simulation) for source in sources)
    return sources  # type: ignore[return-value]


@functools.partial(jax.jit, static_argnums=0)
def _values(structure: Structure, numbers: Numbers, points: Float[Array, "paths free"]) -> dict[str, Array]:
    def one(u: Float[Array, " free"]) -> dict[str, Array]:
        return {name: jnp.asarray(value, u.dtype) for name, value in structure.values(u, numbers).items()}

    return jax.vmap(one)(points)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _observed(
    observable: Observable,
    species: tuple[str, ...],
    loss: AbstractLoss,
    values: dict[str, Array],
    counts: Int[Array, "paths stops species"],
) -> PyTree[Real]:
    def stop(counts: Int[Array, " species"]) -> PyTree[Real]:
        return observable({name: counts[i].astype(float) for i, name in enumerate(species)})

    def path(values: dict[str, Array], counts: Int[Array, "stops species"]) -> PyTree[Real]:
        alone = jax.tree.map(lambda leaf: leaf[None], jax.vmap(stop)(counts))
        return jax.tree.map(lambda leaf: leaf[0], loss.seen(alone, values))

    return jax.vmap(path)(values, counts)


@jax.jit
def _residuals(loss: AbstractLoss, made: PyTree[Real]) -> Float[Array, "paths stops numbers"]:
    return jax.vmap(loss.residuals)(made)
