"""Several observables of the same counts."""

import dataclasses
from typing import Any

from jumpax._base.errors import InputError
from jumpax.observables.observable import CountsByName, Observable, check_observable, places_of


@dataclasses.dataclass(frozen=True)
class Several:
    """Several observables as one: the tuple of what they give.

    Args:
        observables: functions of the counts.

    Raises:
        InputError: none, or what is no observable.
        UnsupportedError: one that is gathered along paths.

    Examples:
        >>> import jax.numpy as jnp, jumpax
        >>> both = Several((jumpax.Moments("X"), jumpax.Histogram("X", 3)))
        >>> [leaf.tolist() for leaf in both({"X": jnp.float32(1.0)})]
        [[[1.0]], [0.0, 1.0, 0.0]]
    """

    observables: tuple[Observable, ...]

    def __post_init__(self):
        if not self.observables:
            raise InputError("Several needs at least one observable")
        for observable in self.observables:
            check_observable(observable)

    @property
    def places(self) -> dict[str, int]:
        """The largest number of places that one of them has for each species."""
        found: dict[str, int] = {}
        for observable in self.observables:
            found |= {name: max(size, found.get(name, 0)) for name, size in places_of(observable).items()}
        return found

    def __call__(self, counts: CountsByName) -> tuple[Any, ...]:
        """Each of them."""
        return tuple(observable(counts) for observable in self.observables)
