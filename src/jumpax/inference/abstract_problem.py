"""What a fit asks of a problem, of one condition or of several."""

import abc
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from jumpax._base.types import Numeric, Real
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.losses.compared import Compared
from jumpax.inference.losses.standardised import Standardised
from jumpax.inference.parameters import Numbers, Structure, off_bounds
from jumpax.inference.parametrised import AbstractParametrised, values_at
from jumpax.inference.sources import AbstractSource

if TYPE_CHECKING:
    from jumpax.inference.problem import Problem

Point = Float[np.ndarray, " free"]


class AbstractProblem(AbstractParametrised):
    """Parameters, and a loss with its derivatives as a function of the free ones. Final subclasses are frozen dataclasses.

    Points are those of the unconstrained scale of the free parameters.
    """

    source: AbstractSource
    """Where expectations come from."""

    @property
    @abc.abstractmethod
    def parts(self) -> "Mapping[str, Problem]":
        """The problem of each condition by name; the name is empty where there is one."""

    @property
    @abc.abstractmethod
    def places(self) -> tuple[Int[np.ndarray, " own"], ...]:
        """Where the free parameters of each condition stand among all."""

    @abc.abstractmethod
    def split(self, u: Float[Array | np.ndarray, " free"]) -> tuple[tuple["Problem", Any], ...]:
        """The problem of each condition, and the point as that one has it."""

    @abc.abstractmethod
    def of(self, parts: tuple["Problem", ...]) -> Self:
        """The same with other problems of the conditions."""

    @abc.abstractmethod
    def fixing(self, name: str, value: float) -> Self:
        """The same problem with one parameter fixed.

        Raises:
            InputError: for a name that is not a free or fixed parameter.
        """

    @abc.abstractmethod
    def starting(self, values: Mapping[str, float]) -> Self:
        """The same problem, begun at other values of some free parameters.

        Raises:
            InputError: other names than those of free parameters; values on or beyond their bounds.
        """

    @abc.abstractmethod
    def paths(self, evaluations: int) -> PyTree[Numeric]:
        """How many paths are behind so many evaluations together, as `level` and `whitened` are to be told."""

    @abc.abstractmethod
    def level(self, expected: PyTree[Real], u: Float[Array, " free"], paths: PyTree[Numeric]) -> float:
        """The loss of an expectation at a point."""

    @abc.abstractmethod
    def whitened(
        self, expected: PyTree[Real], jacobian: PyTree[Real], paths: PyTree[Numeric]
    ) -> Float[np.ndarray, "batches entries free"]:
        """The Jacobian in units of the standard deviation of the data, in float64: its products lose what is small in float32."""

    @abc.abstractmethod
    def evaluate(self, u: Float[Array, " free"], key: PRNGKeyArray | None) -> Evaluation:
        """Loss and derivatives at a point, as numbers.

        Raises:
            SimulationError: the loss or a derivative is not a number; names the parameters.
        """

    @abc.abstractmethod
    def summed(self, found: Sequence[Evaluation]) -> Evaluation:
        """Evaluations of the conditions, one of each, as one of all."""

    @abc.abstractmethod
    def after(self, expected: PyTree[Real], jacobian: PyTree[Real], step: Float[np.ndarray, " free"]) -> PyTree[Real]:
        """The expectation after a step, as its slopes have it."""

    @abc.abstractmethod
    def standardised(self, expected: PyTree[Real], jacobian: PyTree[Real]) -> tuple[Standardised, ...]:
        """Data sets in units of their scatter; leaves of the Jacobian are (times, ..., free and more columns)."""

    @abc.abstractmethod
    def compared(self, expected: PyTree[Real]) -> dict[str, tuple[Compared, ...]]:
        """Data beside what is fitted to them, by condition, which is empty where there is one."""

    @abc.abstractmethod
    def notes(self, expected: PyTree[Real]) -> dict[str, Any]:
        """What a reader must know to judge the loss: smoothing, data that no path reached."""

    @abc.abstractmethod
    def told(self) -> dict[str, Any]:
        """Loss, time to settle and digest of the network, for the provenance of a result."""

    def slopes(self, u: Float[Array, " free"]) -> dict[str, Float[Array, " free"]]:
        """Their derivatives."""
        made = _slopes(self.structure, self.numbers, jnp.asarray(u, float))
        return {name: made[name] for name in self.structure.names}

    def resuming(self, estimates: Mapping[str, float]) -> Self:
        """The same problem, begun where a fit ended: estimates that were rounded to a bound are moved off it."""

        def inside(name: str, value: float) -> float:
            i = self.free.index(name)
            return off_bounds(
                self.structure.scales[i], value, float(self.numbers.lower[i]), float(self.numbers.upper[i])
            )

        return self.starting({name: inside(name, value) for name, value in estimates.items()})

    def drawing(self, change: Callable[[AbstractSource], AbstractSource]) -> Self:
        """The same with other sources of expectations: what `change` makes of each."""
        return self.of(tuple(part.from_source(change(part.source)) for part in self.parts.values()))


@functools.partial(jax.jit, static_argnums=0)
def _slopes(structure: Structure, numbers: Numbers, u: Float[Array, " free"]) -> dict[str, Any]:
    return jax.jacfwd(lambda u: values_at(structure, numbers, u))(u)
