"""The joint law of several species, at given counts."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax.observables.observable import CountsByName, count_of


@dataclasses.dataclass(frozen=True)
class JointHistogram:
    """Indicators of given joint counts of several species, and in the last place of all others: shape (places + 1,).

    Its expectation is the joint law at these counts. Only those are held, for a grid of all would be too large.

    Args:
        species: names.
        counts: for each place the counts of the species; all different.

    Raises:
        InputError: no species, no place, a place twice, or places of another number of species.

    Examples:
        >>> import jax.numpy as jnp
        >>> both = JointHistogram(("M", "P"), ((0, 3), (1, 3)))
        >>> both({"M": jnp.float32(1), "P": jnp.float32(3)}).tolist(), both({"M": jnp.float32(2), "P": jnp.float32(3)}).tolist()
        ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    """

    species: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def __post_init__(self):
        if not self.species or not self.counts or any(len(place) != len(self.species) for place in self.counts):
            raise InputError("JointHistogram needs species, and for each place one count of every species")
        if len(set(self.counts)) != len(self.counts):
            raise InputError("JointHistogram has the same counts twice")

    @property
    def places(self) -> dict[str, int]:
        """Beyond the largest count of each species."""
        largest = np.max(self.counts, 0)
        return {name: int(most) + 1 for name, most in zip(self.species, largest, strict=True)}

    def __call__(self, counts: CountsByName) -> Float[Array, " places_and_rest"]:
        """One-hot vector of the joint count."""
        here = jnp.stack([count_of(counts, name) for name in self.species])
        found = (jnp.asarray(self.counts, here.dtype) == here[None]).all(-1)
        return jnp.append(found, ~found.any()).astype(here.dtype)
