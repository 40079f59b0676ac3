"""A reaction: what is used up, what is made, and how fast."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, final

from jumpax._base import given
from jumpax._base.errors import InputError
from jumpax.networks import equation as equations
from jumpax.networks.delay import AbstractDelay
from jumpax.networks.laws import AbstractLaw, Function
from jumpax.networks.laws.rate import Values


@final
@dataclass(frozen=True, init=False, slots=True)
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

    Examples:
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
        _fill(self, equation, reactants, products, law, reverse_law, name, delay)

    @classmethod
    def of(
        cls,
        reactants: Mapping[str, int] | equations.Side,
        products: Mapping[str, int] | equations.Side,
        law: AbstractLaw | Callable[..., Any],
        reverse_law: AbstractLaw | Callable[..., Any] | None = None,
        name: str | None = None,
        delay: AbstractDelay | None = None,
    ) -> "Reaction":
        """A reaction by the molecules of each species on its two sides, for programs that write thousands of them.

        With `reverse_law` it is reversible; everything else is as in `Reaction`.

        Raises:
            InputError: a name that an equation cannot have, a multiplicity that is not a whole number above 0, laws or delay that
                do not fit.

        Examples:
            >>> from jumpax.networks import MassAction
            >>> Reaction.of({"A": 1, "B": 2}, {"C": 1}, MassAction("k")) == Reaction("A + 2 B -> C", MassAction("k"))
            True
        """
        reaction = object.__new__(cls)
        left, right = equations.side(reactants), equations.side(products)
        _fill(reaction, None, left, right, law, reverse_law, name, delay)
        return reaction

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
        if self.reverse_law is None:
            return (self,)
        name = None if self.name is None else f"{self.name}_reverse"
        return (
            _channel(self.reactants, self.products, self.law, self.name),
            _channel(self.products, self.reactants, self.reverse_law, name),
        )

    def within(self, name: str, species: Collection[str]) -> "Reaction":
        """This one-way reaction with a name, and with a law that knows the species of the network."""
        law = self.law.resolve(species)
        if law is self.law and name == self.name:
            return self
        return _channel(self.reactants, self.products, law, name, self.delay)

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
    """A one-way reaction made of parts of a reaction."""
    reaction = object.__new__(Reaction)
    _set(reaction, reactants, products, law, None, name, delay)
    return reaction


def _set(reaction: Reaction, *values: object) -> None:
    for field, value in zip(Reaction.__slots__, values, strict=True):
        object.__setattr__(reaction, field, value)


def _fill(
    reaction: Reaction,
    equation: str | None,
    reactants: equations.Side,
    products: equations.Side,
    law: object,
    back: object,
    name: object,
    delay: object,
) -> None:
    """Set the fields, once all of them have been checked; the equation is what messages call it."""
    law, back = _as_law(law), None if back is None else _as_law(back)
    _set(reaction, reactants, products, law, back, name, delay)
    if fault := _misfit(reaction):
        raise InputError(f"{equation or reaction.equation!r}{fault}")


def _misfit(reaction: Reaction) -> str:
    """How the parts of a reaction do not fit, as the rest of a sentence; empty if they do."""
    if len(reaction.reactants) == len(reaction.products) and dict(reaction.reactants) == dict(reaction.products):
        return " changes nothing"
    if reaction.name is not None and (not isinstance(reaction.name, str) or not reaction.name.strip()):
        return f": the name of a reaction must be text, not {reaction.name!r}"
    if reaction.delay is not None and not isinstance(reaction.delay, AbstractDelay):
        return f": a delay is needed, such as FixedDelay(2.0), not {reaction.delay!r}"
    if reaction.delay is not None and reaction.reverse_law is not None:
        return " goes both ways and has one delay; write two reactions, each with its own"
    laws = (reaction.law, *(() if reaction.reverse_law is None else (reaction.reverse_law,)))
    return next((fault for fault in map(_no_law, laws) if fault), "")


def _no_law(law: object) -> str:
    """How something is no law, as the rest of a sentence."""
    if isinstance(law, str | int | float):
        return f": a rate constant is not a law; write MassAction({law!r})"
    return "" if isinstance(law, AbstractLaw) else f": a law or a function is needed, not {law!r}"


def _as_law(law: Any) -> Any:
    """A law; functions become one, and what is neither stays itself."""
    return Function(law) if callable(law) and not isinstance(law, AbstractLaw | str | int | float) else law
