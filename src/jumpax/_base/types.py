"""Array types with shapes, and the precisions of a run."""

from typing import TYPE_CHECKING, Literal, TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int32, UInt32

Precision: TypeAlias = Literal["float32", "float64"]

if TYPE_CHECKING:
    Numbers: TypeAlias = Array
else:  # what is not traced may be computed by NumPy, in one notation with what is
    Numbers: TypeAlias = Array | np.ndarray | np.generic

Count: TypeAlias = Int32[Numbers, "..."]
"""Number of molecules of one species; one entry per lane when several paths run together."""
Real: TypeAlias = Float[Numbers, "..."]
"""A real number per lane, in the precision of the run."""
Word: TypeAlias = UInt32[Numbers, "..."]
"""32 random bits per lane."""
Flag: TypeAlias = Bool[Numbers, "..."]
"""A truth value per lane."""


def default_precision() -> Precision:
    """`float64` when JAX's x64 flag is set, else `float32`."""
    return "float64" if jax.config.read("jax_enable_x64") else "float32"


def dtype_of(precision: Precision) -> np.dtype:
    """NumPy dtype of the real numbers of a run."""
    return np.dtype(precision)
