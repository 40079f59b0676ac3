"""The contract of a loss: how badly an expectation explains what was measured."""

import abc
from collections.abc import Mapping
from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Float, PyTree

from jumpax._base.types import Numeric, ParameterValues, Real
from jumpax.inference.losses.compared import Compared
from jumpax.inference.losses.standardised import Standardised
from jumpax.networks import Network
from jumpax.observables import Observable


class AbstractLoss(eqx.Module):
    """Minus the log-likelihood of data, up to a constant, as a function of an expected observable.

    A pytree: its arrays are the data, so that other data of the same shape share the compiled step. On that scale the
    curvature is the Fisher information, and standard errors follow.
    """

    likelihood: ClassVar[bool] = True
    """Whether it is minus a log-likelihood, so that differences of it are likelihood ratios."""
    density: ClassVar[bool] = False
    """Whether it is that with all constants, by laws that the data themselves have, so that a posterior may be drawn."""
    times: eqx.AbstractVar[tuple[float, ...] | None]
    """When it was observed; None: at steady state."""

    @abc.abstractmethod
    def observable(self, network: Network) -> Observable:
        """What is averaged over paths."""

    @abc.abstractmethod
    def faults(self, network: Network, start: float) -> list[str]:
        """Sentences about data that do not fit the network, or a run from time `start`."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that the law of what is observed reads."""
        return ()

    def seen(self, expected: PyTree[Real], values: ParameterValues) -> PyTree[Real]:
        """What is compared with the data, from the expected observable: linear in that, as it is by default.

        Args:
            expected: leaves (batches, times, ...).
            values: every named parameter.

        Returns:
            Leaves (batches, times, ...), without their first axis the `expected` of the methods below.
        """
        return expected

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Sentences about values of those parameters that make no sense."""
        return []

    @abc.abstractmethod
    def value(self, expected: PyTree[Real], values: ParameterValues, paths: Numeric) -> Float[Array, ""]:
        """The loss.

        Args:
            expected: the observable, with a leading axis of times.
            values: every named parameter.
            paths: how many paths were averaged; infinite for an exact expectation.
        """

    @abc.abstractmethod
    def whitened(
        self, expected: PyTree[Real], jacobian: PyTree[Real], paths: Numeric
    ) -> Float[Array, "batches entries free"]:
        """Jacobian of the expectation, in units of the standard deviation of the data.

        Args:
            expected: as above.
            jacobian: leaves (batches, times, ..., free).
            paths: as above.

        Returns:
            W such that the Fisher information is the sum over entries of W W^T.
        """

    @property
    def obstacle(self) -> str:
        """What there is no `linear` loss for, in words."""
        return f"{type(self).__name__} of these data"

    @property
    def linear(self) -> "AbstractLoss | None":
        """A loss on the same data, all of them and at the same times, that has `residuals` and a minimum near by; None if there is none."""
        return None

    @property
    def reads(self) -> tuple[frozenset[str], ...]:
        """For each residual of a stop the species that it reads; empty if that is not known."""
        return ()

    def residuals(self, expected: PyTree[Real]) -> Float[Array, "times numbers"]:
        """Differences from the data in units of their standard errors, linear in the expectation; 0 at times without data.

        The loss is half the sum of squares, or near it where the data are explained. Only of losses that are `linear` themselves.
        """
        raise NotImplementedError(f"{type(self).__name__} has no linear residuals")

    def standardised(self, expected: PyTree[Real], jacobian: PyTree[Real]) -> tuple[Standardised, ...]:
        """Data in units of their scatter, by which goodness of fit is judged: one part for each data set, none if it cannot be judged.

        Args:
            expected: as above, as numbers.
            jacobian: leaves (times, ..., columns).
        """
        return ()

    def compared(self, expected: PyTree[Real]) -> tuple[Compared, ...]:
        """Data beside what is fitted to them, for pictures; none by default."""
        return ()

    @abc.abstractmethod
    def notes(self, expected: PyTree[Real], paths: float) -> dict[str, object]:
        """What a reader must know to judge the number: smoothing, data that no path reached."""
