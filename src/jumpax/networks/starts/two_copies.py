"""The start of both paths of a coupled network."""

import dataclasses

import numpy as np

from jumpax.networks.couple import HIGH, LOW
from jumpax.networks.starts.start import AbstractStart


@dataclasses.dataclass(frozen=True)
class TwoCopies(AbstractStart):
    """Counts of both copies of a network from the same uniform numbers: equal where the numbers of the law are.

    Args:
        start: of one copy; its parameters are, of the two, `low_...` and `high_...`.
    """

    start: AbstractStart

    @property
    def parameters(self) -> tuple[str, ...]:
        """Of both."""
        return tuple(prefix + name for prefix in (LOW, HIGH) for name in self.start.parameters)

    @property
    def scored(self) -> tuple[str, ...]:
        """None: what moves is where the copies start."""
        return ()

    def numbers(self, theta) -> tuple:
        """Of the low copy, then of the high one."""
        both = [{name: theta[prefix + name] for name in self.start.parameters} for prefix in (LOW, HIGH)]
        return tuple(number for own in both for number in self.start.numbers(own))

    def faults(self, numbers):
        """Of both."""
        half = len(numbers) // 2
        yield from self.start.faults(numbers[:half])
        yield from self.start.faults(numbers[half:])

    def expected(self, theta):
        """Of both, side by side."""
        both = [{name: theta[prefix + name] for name in self.start.parameters} for prefix in (LOW, HIGH)]
        return tuple(mean for own in both for mean in self.start.expected(own))

    @property
    def many(self) -> int:
        """As one."""
        return self.start.many

    @property
    def species_drawn(self) -> int:
        """All."""
        return 2 * self.start.species_drawn

    def draw(self, uniform, numbers):
        """Both, side by side."""
        half = len(numbers) // 2
        return np.concatenate([self.start.draw(uniform, numbers[:half]), self.start.draw(uniform, numbers[half:])], 1)

    def log_probability(self, counts, theta):
        """Not asked for: nothing is scored."""
        raise NotImplementedError
