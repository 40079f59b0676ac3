"""The contract of a law of all counts at the start."""

import abc
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from jumpax._base import random
from jumpax._base.errors import InputError, UnsupportedError
from jumpax._base.types import Numbers, Numeric, ParameterValues, Word

STREAM = 5
"""Number of the random stream that starts are drawn from."""


class AbstractStart(abc.ABC):
    """The law of the counts of all species at the start, in their order. Frozen and hashable.

    The counts of a path depend on the key, the number of the path and the numbers of the law alone.
    """

    @property
    @abc.abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """Names that it reads."""

    @property
    @abc.abstractmethod
    def scored(self) -> tuple[str, ...]:
        """Those whose derivative is that of the probability of the counts drawn."""

    @property
    def rounded(self) -> int | None:
        """Number of a species whose count is one of two neighbours of a real number."""
        return None

    def real(self, theta: ParameterValues) -> Numeric:
        """The real number of that species."""
        raise NotImplementedError

    @abc.abstractmethod
    def numbers(self, theta: ParameterValues) -> tuple[Numeric, ...]:
        """The numbers of the law, from parameters: one each, or one per path."""

    @abc.abstractmethod
    def faults(
        self, numbers: Sequence[Float[np.ndarray, "..."]]
    ) -> Iterator[tuple[str, Bool[np.ndarray, "..."] | np.bool]]:
        """What is wrong with numbers: sentences, and where."""

    @abc.abstractmethod
    def expected(self, theta: ParameterValues) -> tuple[Numeric, ...]:
        """Mean counts, in the order of the species, of parameters that JAX may trace."""

    @property
    @abc.abstractmethod
    def many(self) -> int:
        """How many uniform numbers a draw takes."""

    @property
    @abc.abstractmethod
    def species_drawn(self) -> int:
        """How many species it draws counts of."""

    @abc.abstractmethod
    def draw(
        self, uniform: Float[np.ndarray, "many paths"], numbers: Sequence[Float[np.ndarray, "..."]]
    ) -> Int[np.ndarray, "paths species"]:
        """Counts from uniform numbers, on the host; -1 where the numbers make no sense."""

    @abc.abstractmethod
    def log_probability(self, counts: Float[Array, " species"], theta: ParameterValues) -> Float[Array, ""]:
        """Of counts that were drawn, with JAX, differentiable in theta; up to a constant in which it has no part."""

    def probabilities(self, states: Float[Array, "states species"], theta: ParameterValues) -> Float[Array, " states"]:
        """Of each of some states, with JAX, differentiable in theta."""
        raise UnsupportedError(f"the probabilities of {type(self).__name__} are not known here")


def uniforms(key: tuple[Word, Word], path: Num[Numbers, "..."], many: int) -> Float[np.ndarray, "many paths"]:
    """Numbers in (0, 1), from 52 bits each, of paths by index under one key or keys of their own; on the host."""
    words = random.host_words(key, path, STREAM, 2 * many).astype(np.float64)
    high, low = words[0::2], words[1::2]
    return (high * 2.0**20 + np.floor(low * 2.0**-12) + 0.5) * 2.0**-52


def check_start(start: AbstractStart, theta: ParameterValues) -> None:
    """Whether the numbers of a start make sense.

    Raises:
        InputError: naming all that do not.
    """
    numbers = [np.asarray(number, np.float64) for number in start.numbers(theta)]
    faults = []
    for what, bad in start.faults(numbers):
        first = f" (path {int(np.argmax(bad))})" if np.ndim(bad) else ""
        faults.append(f"{what}{first}")
    if faults:
        shown = ", ".join(f"{name} = {np.asarray(theta[name]).reshape(-1)[0]:g}" for name in start.parameters)
        raise InputError("the start makes no sense" + (f" at {shown}" if shown else "") + ": " + "; ".join(faults))
