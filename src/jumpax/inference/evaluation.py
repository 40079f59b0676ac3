"""One evaluation of a loss with its derivatives: what is static about it, and what is compiled."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from jumpax._base.compiling import plain, quick
from jumpax._base.host import library_of
from jumpax._base.types import Numeric, ParameterValues, Real, default_precision
from jumpax.engines.choice import engine_for
from jumpax.engines.program import Program
from jumpax.folds import Snapshots, Together
from jumpax.inference.losses import AbstractLoss
from jumpax.inference.parameters import Numbers, Structure
from jumpax.inference.sources import AbstractSource, Expected, MasterEquation, Question, Simulation
from jumpax.networks import Network


class Evaluation(NamedTuple):
    """Loss and derivatives at one point, on the unconstrained scale."""

    loss: Float[Array, ""]
    loss_error: Float[Array, ""]
    """Standard error of the loss, from the batches."""
    gradient: Float[Array, " free"]
    gradient_spread: Float[Array | np.ndarray, "rows free"]
    """Noise of the gradient, a row for each independent part of the paths: its covariance is the sum of the rows' squares."""
    information: Float[Array, "free free"]
    """Expected Fisher information of the data; unbiased, so that it need not be positive."""
    levels: PyTree[Real]
    """What is compared with the data, (batches, times, ...)."""
    jacobian: PyTree[Real]
    """Of the observable, (batches, times, ..., free)."""

    @property
    def expected(self) -> PyTree[Real]:
        """What is compared with the data, averaged over batches; a leading axis of times."""
        return jax.tree.map(lambda leaf: leaf.mean(0), self.levels)

    @property
    def gradient_covariance(self) -> Float[Array | np.ndarray, "free free"]:
        """Of the gradient."""
        return self.gradient_spread.T @ self.gradient_spread

    @property
    def gradient_error(self) -> Float[Array | np.ndarray, " free"]:
        """Standard error of the gradient."""
        return library_of(self.gradient_spread).sqrt((self.gradient_spread**2).sum(0))


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything static about a problem; equal plans are compiled once."""

    structure: Structure
    question: Question
    source: AbstractSource

    @functools.cached_property
    def expected(self) -> Expected:
        """The expectation as a function of theta and key."""
        return self.source.expected(self.question)

    @functools.cached_property
    def silent(self) -> Expected:
        """The same, where no error can be raised."""
        return self.source.expected(self.question, silent=True)


def evaluate(
    plan: Plan, loss: AbstractLoss, numbers: Numbers, u: Float[Array, " free"], key: PRNGKeyArray | None
) -> Evaluation:
    """One evaluation; every derivative comes from one Jacobian of the expectation.

    Noise is that of the jackknife over batches: what loss and gradient are without each of them. The gradient is that of the
    jackknife too: logarithms and squares of noisy means bias it by O(1 / paths), in the same direction in every evaluation, so
    that a mean over many would be wrong by more than their spread tells. That term is taken off (Quenouille 1956,
    doi:10.1093/biomet/43.3-4.353); what counts that few paths reach leave beyond it is not.
    """
    paths = plan.source.total
    paths = paths if math.isinf(paths) else jnp.asarray(paths, u.dtype)

    def batches(u: Float[Array, " free"]) -> tuple[PyTree[Real], PyTree[Real]]:
        values = plan.structure.values(u, numbers)
        made = loss.seen(plan.silent(plan.structure.theta(values), key), values)
        return made, made

    jacobian, made = jax.jacfwd(batches, has_aux=True)(u)
    return judged(plan.structure, loss, numbers, u, made, jacobian, paths)


def judged(
    structure: Structure,
    loss: AbstractLoss,
    numbers: Numbers,
    u: Float[Array, " free"],
    made: PyTree[Real],
    jacobian: PyTree[Real],
    paths: Numeric,
) -> Evaluation:
    """Loss and derivatives from what is seen in each batch, leaves (batches, times, ...), and its Jacobian, (..., free)."""

    def sloped(
        expected: PyTree[Real], slopes: PyTree[Real], paths: PyTree[Numeric]
    ) -> tuple[Float[Array, ""], Float[Array, " free"]]:
        def value(expected: PyTree[Real], u: Float[Array, " free"]) -> Float[Array, ""]:
            return loss.value(expected, structure.values(u, numbers), paths)

        height, (steep, direct) = jax.value_and_grad(value, (0, 1))(expected, u)
        return height, _contract(steep, slopes) + direct

    mean, slopes = jax.tree.map(lambda leaf: leaf.mean(0), (made, jacobian))
    height, gradient = sloped(mean, slopes, paths)
    count = jax.tree.leaves(made)[0].shape[0]
    roots = loss.whitened(mean, jacobian, paths)
    own = jnp.einsum("kep,keq->pq", roots, roots)
    if count == 1:
        nothing = jnp.zeros_like(height)
        return Evaluation(height, nothing, gradient, jnp.zeros((1, len(u))), own, made, jacobian)
    without = jax.tree.map(lambda leaf: (leaf.sum(0, keepdims=True) - leaf) / (count - 1), (made, jacobian))
    share = (count - 1) / count
    levels, gradients = jax.vmap(lambda e, s: sloped(e, s, paths * share))(*without)
    spread = gradients - gradients.mean(0, keepdims=True)
    total = roots.sum(0)
    information = (total.T @ total - own) / (count * (count - 1))
    return Evaluation(
        height, jnp.sqrt(share * ((levels - levels.mean()) ** 2).sum()),
        count * gradient - (count - 1) * gradients.mean(0), jnp.sqrt(share) * spread,
        (information + information.T) / 2, made, jacobian,
    )  # fmt: skip


def _contract(slope: PyTree[Real], jacobian: PyTree[Real]) -> Float[Array, " free"]:
    """Sum of the products over everything but the last axis of the Jacobian, that of the free parameters."""

    def over(s: Real, x: Real) -> Float[Array, " free"]:
        return jnp.tensordot(s, x, s.ndim)

    return functools.reduce(jnp.add, jax.tree.leaves(jax.tree.map(over, slope, jacobian)))


@functools.lru_cache(64)
def compiled(network: Network, source: type[AbstractSource]) -> Callable[..., Evaluation]:
    """Compiled in haste where the work is done by the host, outside the programs of XLA: paths, and laws by the master equation."""
    if issubclass(source, MasterEquation):
        options = quick()
    elif issubclass(source, Simulation):
        program = Program(network, Together((Snapshots(),)), default_precision())
        options = {} if engine_for(program, None).traceable else plain()
    else:  # of users, who may compute in XLA
        options = {}
    return jax.jit(evaluate, static_argnums=0, compiler_options=options)


@jax.jit
def level(loss: AbstractLoss, expected: PyTree[Real], values: ParameterValues, paths: Numeric) -> Float[Array, ""]:
    """The loss of an expectation."""
    return loss.value(expected, values, paths)


@jax.jit
def whitened(
    loss: AbstractLoss, expected: PyTree[Real], jacobian: PyTree[Real], paths: Numeric
) -> Float[Array, "batches entries free"]:
    """Its Jacobian in units of the standard deviation of the data."""
    return loss.whitened(expected, jacobian, paths)
