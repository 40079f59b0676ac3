"""Rate constants: functions of parameters alone."""

from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.types import Numeric
from jumpax.engines.tables.terms import Constant
from jumpax.networks.expressions.expression import evaluate, names


def value_of(constant: Constant, theta: Mapping[str, Array | np.ndarray]) -> Numeric:
    """The number behind a constant: None for 1, a name, a name with the number of an entry of its array, or an expression."""
    if constant is None:
        return 1.0
    if isinstance(constant, str):
        return theta[constant]
    if isinstance(constant, tuple):
        return theta[constant[0]][..., constant[1]]
    return evaluate(constant, theta, 0.0)


def values_of(constants: tuple[Constant, ...], theta: Mapping[str, np.ndarray]) -> Float[np.ndarray, "rows constants"]:
    """All constants in float64: one row for all paths, or a row for each."""
    with jax.enable_x64(True):
        columns = [np.atleast_1d(np.asarray(value_of(constant, theta), np.float64)) for constant in constants]
    rows = max((len(column) for column in columns), default=1)
    made = [np.broadcast_to(column, (rows,)) for column in columns]
    return np.stack(made, 1) if made else np.zeros((1, 0))


def names_of(constant: Constant) -> tuple[str, ...]:
    """The parameters in a rate constant."""
    if constant is None:
        return ()
    if isinstance(constant, str):
        return (constant,)
    return (constant[0],) if isinstance(constant, tuple) else names(constant)
