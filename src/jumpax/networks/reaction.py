"""A reaction: what is used up, what is made, and how fast."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from jumpax._base import given
from jumpax._base.errors import InputError
from jumpax.networks import equation as equations
from jumpax.networks.delay import AbstractDelay
from jumpax.networks.laws import AbstractLaw, Function
from jumpax.networks.laws.rate import Values


@final
@dataclass(frozen=True, init=False)
class Reaction:
    """One reaction, or a reversible pair.

    Written as `"A + 2 B -> C"`; `2B` and `2 B` are the same, a side that is empty, `0` or `∅` is nothing, and a species
    on both sides is a catalyst. `<->` needs a law for each direction, and makes two channels of the network.

    Args:
        equation: the reaction as text.
        law: a rate law, or a function that becomes one (see `Function`).
        reverse_law: the law from right to left; exactly for `<->`.
        name: how to call it; a network names it by its equation otherwise.
        delay: how long after its start it completes; one of `FixedDelay`, `UniformDelay`, `ExponentialDelay`, `NormalDelay`,
            `GammaDelay`. Not for `<->`.

    Raises:
        InputError: the text cannot be read (with the place), or laws or delay do not fit the arrow.

    Example:
        >>> from jumpax.networks import MassAction
        >>> Reaction("A + A <-> D", MassAction("k_on"), MassAction("k_off")).equation
        '2 A <-> D'
    """

    reactants: equations.Side
    products: equations.Side
    law: AbstractLaw
    reverse_law: AbstractLaw | None
    name: str | None
    delay: AbstractDelay | None

    def __init__(
        self,
        equation: str,
        law: AbstractLaw | Callable[..., Any],
        reverse_law: AbstractLaw | Callable[..., Any] | None = None,
        name: str | None = None,
        delay: AbstractDelay | None = None,
    ):
        reactants, products, reversible = equations.parse(equation)
        if reversible and reverse_law is None:
            raise InputError(f"{equation!r} is reversible and needs a second law, for the way from right to left")
        if reverse_law is not None and not reversible:
            raise InputError(f"{equation!r} has a law for the way back; write <-> for a reversible reaction")
        if dict(reactants) == dict(products):
            raise InputError(f"{equation!r} changes nothing")
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise InputError(f"{equation!r}: the name of a reaction must be text, not {name!r}")
        if delay is not None and not isinstance(delay, AbstractDelay):
            raise InputError(f"{equation!r}: a delay is needed, such as FixedDelay(2.0), not {delay!r}")
        if delay is not None and reversible:
            raise InputError(f"{equation!r} goes both ways and has one delay; write two reactions, each with its own")
        back = None if reverse_law is None else _as_law(equation, reverse_law)
        _fill(self, reactants, products, _as_law(equation, law), back, name, delay)

    @property
    def equation(self) -> str:
        """The reaction in standard form, for example `A + 2 B -> C`."""
        return equations.write(self.reactants, self.products, self.reverse_law is not None)

    @property
    def change(self) -> dict[str, int]:
        """What one firing (to the right) adds to each count; species that do not change are left out."""
        change = dict(self.products)
        for name, count in self.reactants:
            change[name] = change.get(name, 0) - count
        return {name: count for name, count in change.items() if count}

    @property
    def stages(self) -> tuple[dict[str, int], ...]:
        """What it adds to each count: all at once; or, where it has a delay, at its start and at its completion."""
        if self.delay is None:
            return (self.change,)
        taken = {name: -count for name, count in self.reactants}
        start = taken if self.delay.consuming is True else dict(self.delay.consuming or ())
        left = {name: self.change.get(name, 0) - start.get(name, 0) for name in {**self.change, **start}}
        return start, {name: change for name, change in left.items() if change}

    def propensity(self, counts: Values, theta: Values, time: Any) -> Any:
        """What the law gives.

        Raises:
            InputError: the law is a function that JAX cannot trace.
        """
        try:
            return self.law.propensity(counts, theta, time, self.reactants)
        except Exception as fault:
            given.explain(fault, self.law_in_words)
            raise

    @property
    def law_in_words(self) -> str:
        """Which law it is, as the start of a sentence."""
        return f"the rate law of {self.name or self.equation!r}, `{self.law.formula(self.reactants)}`,"

    def species(self) -> tuple[str, ...]:
        """The species of the equation, in the order they are named."""
        return tuple(dict.fromkeys(name for name, _ in (*self.reactants, *self.products)))

    def channels(self) -> tuple["Reaction", ...]:
        """The one or two reactions that go one way only; the way back of `r` is called `r_reverse`."""
        forward = _channel(self.reactants, self.products, self.law, self.name, self.delay)
        if self.reverse_law is None:
            return (forward,)
        name = None if self.name is None else f"{self.name}_reverse"
        return forward, _channel(self.products, self.reactants, self.reverse_law, name)

    def within(self, name: str, species: tuple[str, ...]) -> "Reaction":
        """This one-way reaction with a name, and with a law that knows the species of the network."""
        return _channel(self.reactants, self.products, self.law.resolve(species), name, self.delay)

    def __repr__(self) -> str:
        laws = self.law if self.reverse_law is None else f"{self.law}, {self.reverse_law}"
        delay = "" if self.delay is None else f", delay={self.delay}"
        return f"Reaction({self.equation!r}, {laws}, name={self.name!r}{delay})"


def _channel(
    reactants: equations.Side,
    products: equations.Side,
    law: AbstractLaw,
    name: str | None,
    delay: AbstractDelay | None = None,
) -> Reaction:
    reaction = object.__new__(Reaction)
    _fill(reaction, reactants, products, law, None, name, delay)
    return reaction


def _fill(reaction: Reaction, *values: object) -> None:
    for field, value in zip(("reactants", "products", "law", "reverse_law", "name", "delay"), values, strict=True):
        object.__setattr__(reaction, field, value)


def _as_law(equation: str, law: object) -> AbstractLaw:
    if isinstance(law, AbstractLaw):
        return law
    if isinstance(law, str | int | float):
        raise InputError(f"{equation!r}: a rate constant is not a law; write MassAction({law!r})")
    if not callable(law):
        raise InputError(f"{equation!r}: a law or a function is needed, not {law!r}")
    return Function(law)
