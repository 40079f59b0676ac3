"""Why the master equation cannot be followed at some parameters, and who is to know."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from jumpax._base.errors import JumpaxError, SimulationError, UnsupportedError


class ChainFault(SimulationError):
    """Parameters at which the master equation cannot be followed.

    Args:
        cause: in a few words, the same for all of its kind.
        message: what happened where, and the remedy.
    """

    def __init__(self, cause: str, message: str):
        super().__init__(message)
        self.cause = cause


Refuse: TypeAlias = Callable[[ChainFault, Float[np.ndarray, " point"]], None]
"""Takes note of a point at which nothing can be computed."""


class Guard(NamedTuple):
    """For those who stray: points without a law are told, and give no number, instead of an error."""

    refuse: Refuse
    point: Any
    """What is told of a point: numbers, which may be traced."""
    sound: Any
    """False where nothing is to be computed, whatever the parameters."""


def as_fault(error: JumpaxError) -> ChainFault:
    """Any error of the exact laws, with its cause."""
    if isinstance(error, ChainFault):
        return error
    return ChainFault("too many steps" if isinstance(error, UnsupportedError) else "no law", str(error))


def unsound() -> ChainFault:
    """That of a point which is not sound."""
    return ChainFault(
        "parameters", "a parameter or its prior is not finite, or so near to a bound that rounding puts it there"
    )
