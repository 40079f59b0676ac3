"""Evaluations of several conditions, each in its own way."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.exploration.plain import Plain
from jumpax.inference.exploration.scattered import BATCHES, Scattered
from jumpax.inference.sources import AbstractSource, Simulation


class ByCondition:
    """Asks for an evaluation of each condition, and takes them together.

    Args:
        asks: by condition.
    """

    def __init__(self, asks: Sequence[Scattered | Plain]):
        self._asks = tuple(asks)
        self.count = 0
        """Evaluations so far."""

    @property
    def paths(self) -> int:
        """That each evaluation draws."""
        return sum(ask.paths for ask in self._asks)

    @property
    def asked(self) -> int:
        """Paths at the points of all evaluations."""
        return sum(ask.asked for ask in self._asks)

    @property
    def lost(self) -> int:
        """Of those, how many could not be followed."""
        return sum(ask.lost for ask in self._asks)

    def __call__(self, problem: AbstractProblem, u: Float[np.ndarray, " free"]) -> Evaluation:
        """Loss and derivatives, by all paths near the point, those of earlier evaluations too.

        Raises:
            SimulationError: paths could not be followed.
        """
        self.count += 1
        parts = zip(self._asks, problem.split(u), strict=True)
        found = [ask(part, np.asarray(own)) for ask, (part, own) in parts]
        if len(found) > 1:
            found = [
                one._replace(levels=jax.tree.map(_few, one.levels), jacobian=jax.tree.map(_few, one.jacobian))
                for one in found
            ]
        return problem.summed(found)

    def behind(self, problem: AbstractProblem) -> AbstractProblem:
        """The problem, with as many paths in its sources as the last evaluation has behind its expectations."""
        parts = zip(problem.parts.values(), self._asks, strict=True)
        return problem.of(tuple(part.from_source(_of(part.source, ask.level)) for part, ask in parts))


def _few(leaf: Float[np.ndarray, "batches ..."]) -> Float[np.ndarray, "few ..."]:
    """Means over some batches, so that conditions have as many."""
    return np.asarray(leaf).reshape(-1, BATCHES, *leaf.shape[1:]).mean(0)


def _of(source: AbstractSource, paths: int) -> AbstractSource:
    assert isinstance(source, Simulation)
    return dataclasses.replace(source, paths=paths, batches=BATCHES)
