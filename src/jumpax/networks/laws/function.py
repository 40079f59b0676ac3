"""Any scalar JAX function as a rate law."""

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, replace
from typing import Any, final

from jumpax._base.errors import InputError
from jumpax._base.given import arguments_of
from jumpax._base.source import expression
from jumpax._base.types import Real
from jumpax.networks.laws.law import AbstractLaw, Reactants
from jumpax.networks.laws.rate import Values

TIME = "t"
"""The argument of a function that is the time."""


@final
@dataclass(frozen=True)
class Function(AbstractLaw):
    """The propensity is what a plain function returns.

    Its argument names are species, parameters, or `t` for the time; a network knows which is which. Arguments with a
    default keep it, as in `lambda X, scale=3.0: scale * X`. The function must be elementwise, built from JAX
    operations, and free of Python branches on values. Two such laws are equal when they hold the same function object.

    Args:
        function: for example `lambda X, k: k * X * (X - 1)`.
        names: what to pass, in order, when the names of the network cannot be argument names (`lambda`, `A-B`).

    Examples:
        >>> Function(lambda X, k, t: k * X * t).names
        ('X', 'k', 't')
    """

    function: Callable[..., Any]
    names: tuple[str, ...] = None  # type: ignore[assignment]  # read from the function
    counts: tuple[str, ...] | None = None  # which of the names are species; filled in by the network

    def __post_init__(self):
        if not callable(self.function):
            raise InputError(f"a rate law must be a law or a function, not {self.function!r}")
        object.__setattr__(
            self, "names", tuple(self.names) if self.names is not None else arguments_of(self.function, "a rate law")
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Function):
            return NotImplemented
        return self.function is other.function and (self.names, self.counts) == (other.names, other.counts)

    def __hash__(self) -> int:
        return hash((id(self.function), self.names, self.counts))

    def species(self, reactants: Reactants) -> tuple[str, ...]:
        """Those of its names that are species of the network."""
        return self._resolved()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of its names that are neither species of the network nor `t`."""
        counts = self._resolved()
        return tuple(name for name in self.names if name not in counts and name != TIME)

    @property
    def nonnegative(self) -> tuple[str, ...]:
        """None that is known."""
        return ()

    @property
    def time_dependent(self) -> bool:
        """Whether it reads `t`."""
        return TIME in self.names

    def resolve(self, species: Collection[str]) -> "Function":
        """The law that knows which of its names are counts."""
        counts = tuple(name for name in self.names if name in species and name != TIME)
        return self if counts == self.counts else replace(self, counts=counts)

    def propensity(self, counts: Values, theta: Values, time: Real, reactants: Reactants) -> Real:
        """What the function returns."""
        known = self._resolved()
        values = (time if name == TIME else counts[name] if name in known else theta[name] for name in self.names)
        return self.function(*values)

    def signature(self, reactants: Reactants) -> Hashable:
        """The function, and which of its arguments are counts."""
        known = self._resolved()
        return id(self.function), tuple((name == TIME, name in known) for name in self.names)

    def formula(self, reactants: Reactants) -> str:
        """What the function returns if that is one expression, else its name and arguments."""
        if written := expression(self.function, self.names):
            return written
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"{'function' if name == '<lambda>' else name}({', '.join(self.names)})"

    def _resolved(self) -> tuple[str, ...]:
        if self.counts is None:
            raise InputError("a function tells species from parameters only inside a Network; call resolve(species)")
        return self.counts
