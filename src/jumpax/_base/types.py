"""Array types with shapes, and the precisions of a run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, Num, UInt32
from numpy.typing import ArrayLike

Precision: TypeAlias = Literal["float32", "float64"]

if TYPE_CHECKING:
    Numbers: TypeAlias = Array
    Numeric: TypeAlias = float | Array | np.ndarray
else:  # what is not traced may be computed by NumPy, in one notation with what is
    Numbers: TypeAlias = Array | np.ndarray | np.generic
    Numeric: TypeAlias = float | Num[Numbers, "..."]

Count: TypeAlias = Int32[Numbers, "..."]
"""Number of molecules of one species; one entry per lane when several paths run together."""
Real: TypeAlias = Float[Numbers, "..."]
"""A real number per lane, in the precision of the run."""
Word: TypeAlias = UInt32[Numbers, "..."]
"""32 random bits per lane."""
Flag: TypeAlias = Bool[Numbers, "..."]
"""A truth value per lane."""
ParameterValues: TypeAlias = Mapping[str, Numeric]
"""Values of parameters by name: each a number, or one for each lane, path or draw; plain, NumPy's or JAX's, traced or not."""
Column: TypeAlias = ArrayLike | Sequence[float]
"""Numbers that a user gives, as whatever NumPy makes an array of (tuples are no `ArrayLike` at run time)."""


def default_precision() -> Precision:
    """`float64` when JAX's x64 flag is set, else `float32`."""
    return "float64" if jax.config.read("jax_enable_x64") else "float32"


def dtype_of(precision: Precision) -> np.dtype:
    """NumPy dtype of the real numbers of a run."""
    return np.dtype(precision)
