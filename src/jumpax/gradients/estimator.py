"""The contract of a gradient estimator: a fold, and a rule that turns its records into derivatives."""

import abc
from typing import Any, ClassVar, NamedTuple

from jaxtyping import Array, Bool, Float

from jumpax.folds import AbstractFold
from jumpax.networks import Network


class Sums(NamedTuple):
    """What a chunk of paths contributes; sums over its paths, so that chunks add up."""

    paths: Float[Array, ""]
    value: Float[Array, "stops entries"]
    square: Float[Array, "stops entries"]
    """Of values less the chunk's mean."""
    gradient: Float[Array, "stops entries parameters"]
    gradient_square: Float[Array, "stops entries parameters"]
    """Of each path's contribution less the chunk's mean."""


class AbstractEstimator(abc.ABC):
    """Estimates d E[f(x(t))] / d theta from paths.

    Final subclasses are frozen dataclasses with value equality: equal estimators share compiled programs.
    """

    unbiased: ClassVar[bool]
    """Whether the expectation of the estimate is the gradient, for every network and observable that it takes."""

    @abc.abstractmethod
    def fold(self, network: Network, wrt: tuple[str, ...]) -> AbstractFold:
        """What is gathered along each path for the derivatives with respect to the parameters `wrt`."""

    @abc.abstractmethod
    def contributions(
        self, values: Float[Array, "paths stops entries"], record: Any, sound: Bool[Array, " paths"]
    ) -> tuple[Float[Array, "stops entries parameters"], Float[Array, "stops entries parameters"]]:
        """Sum over paths of the gradient contributions, and sum of their squares less their mean.

        Args:
            values: the observable, one row per path; 0 in rows that are not `sound`.
            record: the fold's record, leaves (paths, stops).
            sound: rows that count (a chunk may be padded).
        """
