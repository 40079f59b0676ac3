"""The Fisher information from many evaluations, and which of its directions they resolve."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, PyTree

from jumpax._base.types import Numeric, Real
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.optimiser import LEAST
from jumpax.inference.parameters import factors

RESOLVED = 3.0
"""Standard errors by which an eigenvalue must exceed 0."""
SHARP = 5.0
"""Standard errors at which no more paths are asked for: the standard error of the direction is then known to 10 %."""
ROUNDING = 1e-8
"""Eigenvalues, relative to the largest, that rounding may have made."""
GROUPS = 64
"""Batches of which each is a group of its own; where there are more, those of one evaluation are one group."""


class Information(NamedTuple):
    """Fisher information of all the data on the unconstrained scale, and how well it is known.

    Its eigenvalues are those of the matrix in units of the parameters: a factor e on scales that are logarithms; where there are
    no bounds, the size of the estimate, at least a hundred times the error it had if all others were known.
    """

    matrix: Float[np.ndarray, "free free"]
    unit: Float[np.ndarray, " free"]
    eigenvalues: Float[np.ndarray, " free"]
    """Increasing."""
    vectors: Float[np.ndarray, "free free"]
    """Columns, in units of the parameters."""
    noise: Float[np.ndarray, " free"]
    """Standard error of each eigenvalue, from the simulation."""

    @property
    def resolved(self) -> Bool[np.ndarray, " free"]:
        """Directions whose information is known not to be 0."""
        return self.eigenvalues > np.maximum(RESOLVED * self.noise, self._rounding)

    @property
    def flat(self) -> Bool[np.ndarray, " free"]:
        """Directions known to have next to none: their standard error is above 3 on a logarithmic scale."""
        least = max(LEAST, self._rounding)
        return ~self.resolved & (self.eigenvalues + RESOLVED * self.noise < least)

    @property
    def unresolved(self) -> Bool[np.ndarray, " free"]:
        """Directions of which the noise hides whether the data determine them."""
        return ~self.resolved & ~self.flat

    @property
    def sharp(self) -> bool:
        """Whether more paths would change little."""
        return bool((self.flat | (self.eigenvalues > np.maximum(SHARP * self.noise, self._rounding))).all())

    @property
    def roots(self) -> Float[np.ndarray, "free resolved"]:
        """Columns R of the resolved directions, with R R^T the inverse there."""
        kept = self.resolved
        return self.unit[:, None] * self.vectors[:, kept] / np.sqrt(self.eigenvalues[kept])

    @property
    def _rounding(self) -> float:
        return ROUNDING * max(float(self.eigenvalues[-1]), 0.0)


def pooled(problem: AbstractProblem, u: Float[np.ndarray, " free"], evaluations: Sequence[Evaluation]) -> Information:
    """The information of all evaluations together: products of different groups of paths, so that it is unbiased.

    The noise of its eigenvalues is that of the jackknife over groups; unknown (infinite) for fewer than three.
    """
    groups = _groups(problem, evaluations)
    count, total = len(groups), groups.sum(0)
    own = np.einsum("gep,geq->gpq", groups, groups)
    if problem.source.deterministic:
        matrix, without = own.mean(0), []
    else:
        full, crossed = total.T @ total, np.einsum("ep,geq->gpq", total, groups)
        matrix = (full - own.sum(0)) / (count * (count - 1))
        others = full - crossed - np.swapaxes(crossed, 1, 2) + own - (own.sum(0) - own)
        without = others / ((count - 1) * (count - 2)) if count > 2 else []
    unit = _unit(problem, u, np.diag(matrix))
    scale = np.outer(unit, unit)
    values, vectors = np.linalg.eigh(matrix * scale)
    noise = np.full_like(values, 0.0 if problem.source.deterministic else np.inf)
    if len(without):
        left = np.linalg.eigvalsh(without * scale)
        noise = np.sqrt((count - 1) / count * ((left - left.mean(0)) ** 2).sum(0))
    return Information(matrix, unit, values, vectors, noise)


def _groups(problem: AbstractProblem, evaluations: Sequence[Evaluation]) -> Float[np.ndarray, "groups entries free"]:
    """Whitened Jacobians."""
    jacobian = jax.tree.map(grouped, *[e.jacobian for e in evaluations])
    return problem.whitened(mean(evaluations), jacobian, paths(problem, evaluations))


def grouped(*leaves: Real) -> Numeric:
    """One leaf of all evaluations by groups of paths: batches, or evaluations where these are many."""
    apart = sum(map(len, leaves)) <= GROUPS
    return np.concatenate([leaf if apart else np.mean(leaf, 0, keepdims=True) for leaf in leaves])


def mean(evaluations: Sequence[Evaluation]) -> PyTree[Real]:
    """The observable, averaged over evaluations."""
    return jax.tree.map(lambda *leaves: np.mean(np.stack(leaves), 0), *[e.expected for e in evaluations])


def paths(problem: AbstractProblem, evaluations: Sequence[Evaluation]) -> PyTree[Numeric]:
    """Behind that average, as losses want to be told."""
    return problem.paths(len(evaluations))


def _unit(
    problem: AbstractProblem, u: Float[np.ndarray, " free"], diagonal: Float[np.ndarray, " free"]
) -> Float[np.ndarray, " free"]:
    """Units of the parameters."""
    alone = 100 / np.sqrt(np.maximum(diagonal, 1e-300))
    own = np.where(diagonal > 0, np.maximum(np.abs(u), alone), np.maximum(np.abs(u), 1.0))
    scales = problem.structure.scales
    return np.where([scale == "identity" for scale in scales], own, factors(problem.structure, problem.numbers, u))
