"""The contract of a law of measurement."""

import abc
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, UnsupportedError
from jumpax._base.types import ParameterValues

Number = TypeVar("Number")
Given: TypeAlias = str | float
"""A number, or the name of a parameter."""

Cumulative: TypeAlias = tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]
"""Probabilities of a smaller number, and of that number or a smaller one."""


class AbstractMeasurement(abc.ABC):
    """A law of a measured number y given the true count x. Final subclasses are frozen dataclasses, hashable."""

    @property
    @abc.abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that it reads."""

    @property
    def exact(self) -> bool:
        """Whether y is x itself, so that a path either agrees or is impossible."""
        return False

    @abc.abstractmethod
    def log_density(
        self, y: Float[Array, "*shape"], x: Float[Array, "*shape"], values: ParameterValues
    ) -> Float[Array, "*shape"]:
        """Logarithm of the density, or of the probability where y is whole; -inf where it is zero or makes no sense.

        Args:
            y: what was measured.
            x: what is there.
            values: every named parameter, each a number or an array of the shape of x.
        """

    @abc.abstractmethod
    def sample(
        self, generator: np.random.Generator, x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Float[np.ndarray, "*shape"]:
        """A measurement of each count, on the host."""

    @property
    def draws(self) -> bool:
        """Whether `sample` has measurements."""
        return True

    def cumulative(
        self, y: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Cumulative:
        """Probabilities of a smaller number than y, and of y or a smaller one, on the host.

        Raises:
            UnsupportedError: a law without a distribution function.
        """
        raise UnsupportedError(
            f"the places of records in what was predicted: {type(self).__name__} has no distribution function here"
        )

    def faults(self, y: Float[np.ndarray, " rows"]) -> list[tuple[str, np.ndarray]]:
        """What is wrong with measured numbers, none of them missing: sentences, and in which rows."""
        return []

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Sentences about values of parameters that no law has."""
        return []


def named(*given: Given | None) -> tuple[str, ...]:
    """Those that are names, each once."""
    return tuple(dict.fromkeys(one for one in given if isinstance(one, str)))


def number(given: Given, values: Mapping[str, Number]) -> Number | float:
    """The number that is meant."""
    return values[given] if isinstance(given, str) else given


def check_given(law: str, **given: object) -> None:
    """Whether each is a positive number or a name.

    Raises:
        InputError: naming those that are not.
    """
    wrong = [
        f"{name}={one!r}"
        for name, one in given.items()
        if isinstance(one, bool) or (not (isinstance(one, str) and one) and not _positive(one))
    ]
    if wrong:
        raise InputError(f"{law} takes positive numbers or names of parameters, not {', '.join(wrong)}")


def not_positive(law: str, values: Mapping[str, float], *given: Given) -> list[str]:
    """A sentence for each parameter that is not positive."""
    return [
        f"{name} = {float(values[name]):g} of the measurement {law} must be positive: set bounds"
        for name in named(*given)
        if not values[name] > 0
    ]


def not_whole(y: Float[np.ndarray, " rows"]) -> list[tuple[str, np.ndarray]]:
    """What keeps numbers from being counts."""
    return [
        ("is negative", y < 0),
        ("is not a whole number, as this law of measurement needs", (y >= 0) & (y != np.floor(y))),
    ]


def _positive(one: Any) -> bool:
    try:
        return 0 < float(one) < float("inf")
    except (TypeError, ValueError):
        return False
