"""Variables that change along a path by themselves, between its jumps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from jumpax._base.errors import UnsupportedError
from jumpax.networks.event import as_expression
from jumpax.networks.expressions.expression import Expression, has_draws, text


@final
@dataclass(frozen=True)
class Flow:
    """A parameter y that follows dy/dt = rate between the jumps of a path, from its value in theta on.

    Laws, events and other flows read it by name, and events may set it. Written as `Network(..., flows={name: rate})`.

    Attributes:
        name: of the parameter.
        rate: of its change, in its unit per unit of time.

    Raises:
        UnsupportedError: the rate draws random numbers.

    Examples:
        >>> import jumpax
        >>> dilution = jumpax.Reaction("2 A -> A", lambda A, V, k: k * A * (A - 1) / V)
        >>> network = jumpax.Network([dilution], flows={"V": lambda V, growth: growth * V})
        >>> network.parameters
        ('V', 'k', 'growth')
        >>> paths = jumpax.simulate(
        ...     network, {"V": 1.0, "growth": 1.0, "k": 0.1}, {"A": 50}, times=[1.0], paths=2, key=0, precision="float64"
        ... )
        >>> paths["V"][:, 0].round(6).tolist()
        [2.718282, 2.718282]
    """

    name: str
    rate: Expression

    def __post_init__(self):
        if has_draws(self.rate):
            raise UnsupportedError(
                f"the rate of change of {self.name!r} draws a random number, {text(self.rate)}; let an event assign it to a parameter"
            )

    @classmethod
    def of(cls, name: str, rate: "float | str | Callable[..., object]") -> "Flow":
        """A flow by a number, a name, or a function of species, parameters and the time `t`."""
        return cls(name, as_expression(rate, f"the rate of change of {name!r}"))

    def __str__(self) -> str:
        return f"d{self.name}/dt = {text(self.rate)}"
