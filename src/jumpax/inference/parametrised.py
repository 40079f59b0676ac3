"""What all problems say of their parameters."""

import abc
import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.types import Numeric
from jumpax.inference.parameters import Numbers, Parameter, Structure


class AbstractParametrised(abc.ABC):
    """Free, fixed and derived parameters, and the unconstrained scale of the free ones."""

    parameters: Mapping[str, Parameter]
    """Every parameter by name."""

    @property
    @abc.abstractmethod
    def resolved(self) -> tuple[Structure, Numbers, dict[str, float]]:
        """Structure and numbers of the parameters, and start values of the free ones."""

    @property
    @abc.abstractmethod
    def units(self) -> dict[str, str]:
        """Of all parameters; empty where there is none."""

    @property
    def structure(self) -> Structure:
        """Which parameters are free, fixed, derived."""
        return self.resolved[0]

    @property
    def numbers(self) -> Numbers:
        """Bounds and fixed values."""
        return self.resolved[1]

    @property
    def start_values(self) -> dict[str, float]:
        """Of the free parameters, as they were given."""
        return dict(self.resolved[2])

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return self.structure.free

    def values(self, u: Float[Array | np.ndarray, " free"]) -> dict[str, Float[Array, ""]]:
        """Every named value at a point."""
        made = values_at(self.structure, self.numbers, jnp.asarray(u, float))
        return {name: made[name] for name in self.structure.names}


@functools.partial(jax.jit, static_argnums=0)
def values_at(structure: Structure, numbers: Numbers, u: Float[Array, " free"]) -> dict[str, Numeric]:
    """Every named value at a point, as one compiled program for all problems of a structure."""
    return {name: jnp.asarray(value, u.dtype) for name, value in structure.values(u, numbers).items()}
