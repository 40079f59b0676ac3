"""The prior of all free parameters, on the scale on which they are searched."""

from collections.abc import Mapping
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax._base.types import Numbers, ParameterValues
from jumpax.inference.parameters import Free
from jumpax.inference.parametrised import AbstractParametrised
from jumpax.inference.posterior.transform import log_jacobian, sound
from jumpax.inference.priors import AbstractPrior


@final
class Prior:
    """Density and draws of the free parameters before data are seen; independent of each other.

    Attributes:
        names: free parameters, in the order of points.
        priors: their priors.
    """

    names: tuple[str, ...]
    priors: dict[str, AbstractPrior]

    def __init__(self, problem: AbstractParametrised):
        self.names, self.priors = problem.free, _priors(problem)
        self.structure, self.numbers = problem.structure, problem.numbers
        bounds = zip(self.numbers.lower.tolist(), self.numbers.upper.tolist(), strict=True)
        self._bounds = dict(zip(self.names, bounds, strict=True))
        masses = {name: prior.log_mass(*self._bounds[name]) for name, prior in self.priors.items()}
        if empty := [name for name, mass in masses.items() if not np.isfinite(mass)]:
            raise InputError(
                f"the priors of {', '.join(map(repr, empty))} have no probability between the bounds: widen the bounds, or the priors"
            )
        self._log_mass = sum(masses.values())
        self._safe = self.structure.unconstrained(problem.start_values, self.numbers)

    def __call__(self, u: Float[Numbers, " free"]) -> Float[Array, ""]:
        """Logarithm of the density at a point, normalised; -inf where there is none, with derivative 0."""
        good, safe, values = self.values(u)
        return jnp.where(good, self.at(safe, values), -jnp.inf)

    def at(self, u: Float[Array, " free"], values: ParameterValues) -> Float[Array, ""]:
        """The same at a sound point, with the values there."""
        total = log_jacobian(self.structure, self.numbers, u) - self._log_mass
        for name, prior in self.priors.items():
            total = total + prior.log_density(values[name])
        return total

    def values(self, u: Float[Numbers, " free"]) -> tuple[Any, Float[Array, " free"], dict[str, Any]]:
        """Whether a point is sound; itself if it is, else one that is; and every named value there."""
        u = jnp.asarray(u, float)
        if u.shape != (len(self.names),):
            raise InputError(
                f"a point has shape ({len(self.names)},), one number for each of {', '.join(self.names)}; got {u.shape}"
            )
        good = sound(self.structure, self.numbers, u, self.structure.values(u, self.numbers))
        safe = jnp.where(good, u, jnp.asarray(self._safe, u.dtype))
        return good, safe, self.structure.values(safe, self.numbers)

    def unconstrained(self, values: Mapping[str, float]) -> Float[np.ndarray, " free"]:
        """The point of values of the free parameters.

        Raises:
            InputError: values that are missing, or not between their bounds.
        """
        inside = {n: n in values and low < float(values[n]) < high for n, (low, high) in self._bounds.items()}
        if wrong := [name for name, good in inside.items() if not good]:
            raise InputError(f"a value between its bounds is needed of {', '.join(map(repr, wrong))}")
        return self.structure.unconstrained({n: float(values[n]) for n in self.names}, self.numbers)

    def draw(self, generator: np.random.Generator, many: int) -> Float[np.ndarray, "many free"]:
        """Points.

        Raises:
            InputError: the priors have next to nothing between the bounds.
        """
        columns = [np.asarray(self.priors[n].sample(generator, *self._bounds[n], many), float) for n in self.names]
        rows = (dict(zip(self.names, row, strict=True)) for row in np.stack(columns, 1).tolist())
        return np.stack([self.structure.unconstrained(row, self.numbers) for row in rows])


def _priors(problem: AbstractParametrised) -> dict[str, AbstractPrior]:
    """Of all free parameters."""
    free = {name: problem.parameters[name] for name in problem.free}
    found = {name: one.believed for name, one in free.items() if isinstance(one, Free) and one.believed is not None}
    if lost := [name for name in problem.free if name not in found]:
        raise InputError(
            f"a posterior needs a prior of every free parameter; {', '.join(map(repr, lost))} have none: give "
            f"Free(..., prior=jumpax.priors.LogNormal(median, sd)), or Free.box(low, high), which is log-uniform"
        )
    return found
