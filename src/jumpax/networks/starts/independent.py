"""Counts at the start that are independent of each other."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from jumpax.networks.starts.count_law import AbstractCountLaw
from jumpax.networks.starts.start import AbstractStart


@dataclasses.dataclass(frozen=True)
class Independent(AbstractStart):
    """A count, or a law of it, for each species.

    Args:
        species: names, in order.
        counts: what each starts with.
    """

    species: tuple[str, ...]
    counts: tuple[int | AbstractCountLaw, ...]

    @property
    def laws(self) -> dict[int, AbstractCountLaw]:
        """By number of the species."""
        return {d: law for d, law in enumerate(self.counts) if isinstance(law, AbstractCountLaw)}

    @property
    def parameters(self) -> tuple[str, ...]:
        """Of all laws."""
        return tuple(dict.fromkeys(name for law in self.laws.values() for name in law.parameters))

    @property
    def scored(self) -> tuple[str, ...]:
        """Of all laws that have a score."""
        return tuple(dict.fromkeys(name for law in self.laws.values() if law.scored for name in law.parameters))

    @property
    def rounded(self) -> int | None:
        """The species with stochastic rounding."""
        return next((d for d, law in self.laws.items() if not law.scored), None)

    def real(self, theta):
        """Its mean."""
        assert self.rounded is not None
        return self.laws[self.rounded].numbers(theta)[0]

    def numbers(self, theta) -> tuple:
        """Of one law after the other."""
        return tuple(number for law in self.laws.values() for number in law.numbers(theta))

    def own(self, place: int, numbers) -> tuple:
        """Those of one species, among all."""
        first = sum(len(law.amounts) for d, law in self.laws.items() if d < place)
        return tuple(numbers[first : first + len(self.laws[place].amounts)])

    def faults(self, numbers):
        """Of each law, with its species."""
        for d, law in self.laws.items():
            for what, bad in law.faults(*self.own(d, numbers)):
                yield f"{self.species[d]!r}, {type(law).__name__}: {what}", bad

    def expected(self, theta):
        """Counts, and means of laws."""
        return tuple(
            count.expected(*count.numbers(theta)) if isinstance(count, AbstractCountLaw) else float(count)
            for count in self.counts
        )

    @property
    def many(self) -> int:
        """One for each species, so that the draw of one does not depend on what the others are."""
        return len(self.species)

    @property
    def species_drawn(self) -> int:
        """All."""
        return len(self.species)

    def draw(self, uniform, numbers):
        """One species after the other."""
        out = np.empty((uniform.shape[1], len(self.species)), np.int64)
        for d, count in enumerate(self.counts):
            if not isinstance(count, AbstractCountLaw):
                out[:, d] = count
                continue
            own = [np.broadcast_to(np.asarray(n, np.float64), uniform.shape[1]) for n in self.own(d, numbers)]
            sound = np.ones(uniform.shape[1], bool)
            for _, bad in count.faults(*own):
                sound &= ~np.broadcast_to(bad, sound.shape)
            out[:, d] = -1
            if sound.any():
                out[sound, d] = count.draw(uniform[d, sound], [number[sound] for number in own])
        return out

    def log_probability(self, counts, theta):
        """The sum of the laws'."""
        total = jnp.zeros((), counts.dtype)
        for d, law in self.laws.items():
            total = total + law.log_probability(counts[d], *law.numbers(theta))
        return total

    def probabilities(self, states, theta):
        """The product over species."""
        total = jnp.ones(len(states), states.dtype)
        for d, count in enumerate(self.counts):
            if isinstance(count, AbstractCountLaw):
                total = total * count.masses(states[:, d], *count.numbers(theta))
            else:
                total = total * (states[:, d] == count)
        return total
