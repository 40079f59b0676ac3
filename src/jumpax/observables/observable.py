"""Observables: numbers from the counts of one path at one time."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jumpax._base import given
from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax.engines import Events
from jumpax.folds import AbstractFold
from jumpax.observables.path_observable import AbstractPathObservable

CountsByName: TypeAlias = Mapping[str, Float[Array, ""]]
Observable: TypeAlias = Callable[[CountsByName], Any]
"""Any function of a mapping species -> count (a floating scalar) to a pytree of numbers or arrays.

Observables are compared by equality, so frozen dataclasses and module-level functions share compiled programs.
"""


def check_observable(observable: Any, along: bool = False) -> None:
    """Whether something can be an observable of an expectation; also one of whole paths, if it may be gathered along them.

    Raises:
        InputError: it is a fold, a class, text, or something else.
        UnsupportedError: it is gathered along paths, and may not be.
    """
    if isinstance(observable, AbstractFold | Events):
        raise InputError(
            f"{type(observable).__name__} is gathered along paths: jumpax.simulate(..., record=...) does it. As the observable of an "
            "expectation, with derivatives, take jumpax.PathObservable(fold, function of its record), or PassageTime(condition), "
            "TimeAverage('A'), ReactionCount('A -> B')"
        )
    if isinstance(observable, AbstractPathObservable):
        if not along:
            raise UnsupportedError(
                f"{type(observable).__name__} is gathered along paths, up to a stop; here a function of the counts is needed"
            )
        return
    given.check_function(observable, "the observable", "As in Moments('A') or lambda counts: counts['A']")


def places_of(observable: Any) -> dict[str, int]:
    """Of an observable that is made of indicators of counts: species, and up to how many counts of each; else empty."""
    return dict(getattr(observable, "places", {}))


def count_of(counts: CountsByName, species: str) -> Float[Array, ""]:
    """The count of one species.

    Raises:
        InputError: for a species that is not in the network.
    """
    if species not in counts:
        raise InputError(unknown_name("species", species, counts))
    return counts[species]


@dataclasses.dataclass(frozen=True)
class Moments:
    """Raw moments E[x^n], n = 1 .. order, of each species named: shape (species, order).

    Examples:
        >>> Moments("M", order=2)({"M": jnp.float32(3.0)}).tolist()
        [[3.0, 9.0]]
    """

    species: tuple[str, ...]
    order: int

    def __init__(self, *species: str, order: int = 1):
        if not species or order < 1:
            raise InputError(
                "Moments needs at least one species and an order of 1 or more, as in Moments('M', order=2)"
            )
        object.__setattr__(self, "species", species)
        object.__setattr__(self, "order", order)

    def __call__(self, counts: CountsByName) -> Float[Array, "species order"]:
        """The powers of the counts."""
        return jnp.stack(
            [jnp.stack([count_of(counts, s) ** n for n in range(1, self.order + 1)]) for s in self.species]
        )


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Indicators of the counts 0, 1, .. size - 1 of a species; all that is larger falls into the last bin.

    Its expectation is the distribution of the species: shape (size,), sum 1.

    Examples:
        >>> Histogram("M", 4)({"M": jnp.float32(7.0)}).tolist()
        [0.0, 0.0, 0.0, 1.0]
    """

    species: str
    size: int

    @property
    def places(self) -> dict[str, int]:
        """How many counts of each species have a place of their own."""
        return {self.species: self.size}

    def __call__(self, counts: CountsByName) -> Float[Array, " size"]:
        """One-hot vector of the count."""
        count = count_of(counts, self.species)
        place = jnp.minimum(count.astype(jnp.int32), self.size - 1)
        return jax.nn.one_hot(place, self.size, dtype=count.dtype)
