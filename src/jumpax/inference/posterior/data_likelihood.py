"""Exact log-likelihoods of data as JAX functions of parameters: of records, and of snapshots."""

import abc
import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Self, final

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax._base.types import ParameterValues
from jumpax.exact.fault import Guard
from jumpax.inference.conditions import Conditions
from jumpax.inference.problem import Problem
from jumpax.inference.record_problem import RecordProblem
from jumpax.inference.sources import MasterEquation


class AbstractDataLikelihood(abc.ABC):
    """The likelihood of a problem by the master equation."""

    @abc.abstractmethod
    def __call__(self, values: ParameterValues, guard: Guard) -> Float[Array, " parts"]:
        """Log-likelihoods of independent parts of the data; -inf, with derivative 0, where the guard was told."""

    @property
    @abc.abstractmethod
    def parts(self) -> tuple[str, ...]:
        """What the parts are called."""

    @abc.abstractmethod
    def enlarged(self, factor: float) -> Self:
        """The same on a larger space."""


@final
class OfRecords(AbstractDataLikelihood):
    """Records of single paths; the parts are the cells."""

    def __init__(self, problem: RecordProblem):
        self.problem, self._likelihood = problem, problem.likelihood()

    def __call__(self, values: ParameterValues, guard: Guard) -> Float[Array, " cells"]:
        """By the exact filter."""
        return self._likelihood(values, guard)

    @property
    def parts(self) -> tuple[str, ...]:
        """The cells."""
        return self.problem.records.cells

    def enlarged(self, factor: float) -> "OfRecords":
        """With larger limits."""
        return OfRecords(self.problem.enlarged(factor))


@final
class OfSnapshots(AbstractDataLikelihood):
    """Cells that were looked at once, one by one or many together; one part. A count has a probability of 1e-30 at least, as in a fit."""

    def __init__(self, problem: Problem):
        if not isinstance(problem.source, MasterEquation):
            raise InputError(
                "a density needs the exact likelihood: give the problem source=MasterEquation({species: limit}); where the "
                "space would be too large, there is none"
            )
        if not problem.loss.density:
            raise InputError(
                f"a density needs a likelihood, LogLikelihood or JointLogLikelihood of counts, or what read_petab makes, not {type(problem.loss).__name__}"
            )
        self.problem = problem
        self._expected = problem.source.guarded(problem.plan.question)

    def __call__(self, values: ParameterValues, guard: Guard) -> Float[Array, " one"]:
        """By the laws at the times of the data."""
        loss = self.problem.loss
        expected = self._expected(self.problem.structure.theta(values), guard)
        leaves = jax.tree.leaves(expected)
        known = jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()
        safe = jax.tree.map(lambda leaf: jnp.where(known, leaf, 0.5), expected)
        seen = jax.tree.map(lambda leaf: leaf[0], loss.seen(safe, values))
        level = -loss.value(seen, values, math.inf)
        return jnp.where(known, level, -jnp.inf)[None]

    @property
    def parts(self) -> tuple[str, ...]:
        """All cells together."""
        return ("cells",)

    def enlarged(self, factor: float) -> "OfSnapshots":
        """With larger limits."""
        if not factor > 1:
            raise InputError(f"a space is enlarged by a factor above 1; got {factor!r}")
        source = self.problem.source
        assert isinstance(source, MasterEquation)
        limits = {name: math.ceil(limit * factor) for name, limit in source.limits}
        larger = MasterEquation(limits, source.tolerance, source.stationary)
        return OfSnapshots(dataclasses.replace(self.problem, source=larger))


@final
class OfConditions(AbstractDataLikelihood):
    """Snapshots of several conditions, which are the parts."""

    def __init__(self, problem: Conditions):
        self.problem = problem
        self._each = {name: OfSnapshots(part) for name, part in problem.problems.items()}

    def __call__(self, values: Mapping[str, Any], guard: Guard) -> Float[Array, " conditions"]:
        """Each with the values of its own parameters."""
        names = self.problem.names
        own = {c: {name: values[shared] for name, shared in names[c].items()} for c in names}
        return jnp.concatenate([part(own[c], guard) for c, part in self._each.items()])

    @property
    def parts(self) -> tuple[str, ...]:
        """The conditions."""
        return tuple(self._each)

    def enlarged(self, factor: float) -> "OfConditions":
        """With larger limits in all of them."""
        return OfConditions(self.problem.of(tuple(part.enlarged(factor).problem for part in self._each.values())))


def data_likelihood(problem: Any) -> AbstractDataLikelihood:
    """That of a problem.

    Raises:
        InputError: there is none.
    """
    if isinstance(problem, RecordProblem):
        return OfRecords(problem)
    if isinstance(problem, Problem):
        return OfSnapshots(problem)
    if isinstance(problem, Conditions):
        return OfConditions(problem)
    raise InputError(
        "log_density needs a RecordProblem(network, x0, records, parameters), or a Problem or Conditions with MasterEquation, not "
        f"{type(problem).__name__}"
    )
