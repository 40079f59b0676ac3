"""A model in formulas: all that a file can say about it, whatever its format."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.faults import Faults
from jumpax.importers.formula import Formula
from jumpax.importers.model import Rule
from jumpax.importers.traced import traced
from jumpax.networks import (
    AbstractLaw,
    Function,
    Hill,
    MassAction,
    MichaelisMenten,
    Reaction,
    check_counts,
    check_theta,
)
from jumpax.networks.equation import Side
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Call, Draw, Expression, Given, Name, Number, call, text
from jumpax.networks.kinds import numbers_of
from jumpax.networks.laws.rate import Rate


@final
@dataclass(frozen=True)
class Channel:
    """One reaction, one way.

    Attributes:
        name: of the reaction.
        reactants: molecules taken by species.
        products: molecules made by species.
        propensity: in reactions per time, of counts.
    """

    name: str
    reactants: Side
    products: Side
    propensity: Expression


@final
@dataclass(frozen=True)
class Statement:
    """A model in formulas.

    Attributes:
        name: of the model.
        x0: count of each species at the start.
        theta: value of each parameter.
        channels: the reactions.
        events: without plain functions.
        observables: formulas of counts.
        flows: what flows, and formulas of its rates of change.
    """

    name: str
    x0: dict[str, int]
    theta: dict[str, float]
    channels: tuple[Channel, ...]
    events: tuple[Event, ...]
    observables: Mapping[str, Rule]
    flows: tuple[tuple[str, Expression], ...] = ()


def statement(model: Any, theta: Any = None, x0: Any = None) -> Statement:
    """A model in formulas.

    Raises:
        UnsupportedError: all that no file can say, at once: delays, families, functions that are not made of formulas.
        InputError: numbers that do not fit.
    """
    network, values, start = numbers_of(model, theta, x0)
    faults = Faults()
    for family in network.families:
        faults.unread.append(f"the family of reactions {family.name!r}, which is given by arrays")
    for reaction in network.reactions:
        if reaction.delay is not None:
            faults.unread.append(f"reaction {reaction.name!r}: its delay, {reaction.delay}")
    channels = [made for r in network.reactions for made in _channel(r, faults)]
    events = [made for event in network.events for made in _event(event, faults)]
    flows = []
    for flow in network.flows:
        with faults.of(f"the rate of change of {flow.name!r}"):
            flows.append((flow.name, _plain(flow.rate)))
    faults.tell("the model, in a file,")
    check_theta(network.with_events(()), {n: v for n, v in values.items() if n not in network.beside})
    numbers = {name: _number(name, values[name]) for name in network.parameters if name in values}
    counts = check_counts(network, start).tolist()
    return Statement(
        network.name, dict(zip(network.species, counts, strict=True)), numbers, tuple(channels), tuple(events),
        getattr(model, "observables", {}), tuple(flows),
    )  # fmt: skip


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"the parameter {name!r} must be one number to stand in a file, not {value!r}") from None


def _channel(reaction: Reaction, faults: Faults) -> list[Channel]:
    with faults.of(f"reaction {reaction.name!r}"):
        rate = propensity(reaction.law, reaction.reactants, reaction.law_in_words)
        return [Channel(str(reaction.name), reaction.reactants, reaction.products, rate)]
    return []


def _event(event: Event, faults: Faults) -> list[Event]:
    with faults.of(f"event {event.name!r}"):
        done = tuple((name, _plain(value)) for name, value in event.assignments)
        priority = None if event.priority is None else _plain(event.priority)
        delay = None if event.delay is None else _plain(event.delay)
        return [replace(event, trigger=_plain(event.trigger), assignments=done, priority=priority, delay=delay)]
    return []


def _plain(expression: Expression) -> Expression:
    """The expression without plain functions."""
    if isinstance(expression, Given):
        return traced(expression.function, expression.names, expression.what)
    if isinstance(expression, Draw):
        raise UnsupportedError(f"{text(expression)} is a random number, which is read but not written")
    if isinstance(expression, Call):
        return Call(expression.operator, tuple(map(_plain, expression.arguments)))
    return expression


def propensity(law: AbstractLaw, reactants: Side, what: str) -> Expression:
    """A law as a formula of counts.

    Raises:
        UnsupportedError: it has none.
    """
    made = _LAWS.get(type(law))
    if made is None:
        raise UnsupportedError(f"{what} has no formula")
    return made(law, reactants, what)


def _rate(rate: Rate) -> Expression:
    return Name(rate) if isinstance(rate, str) else Number(rate)


def _mass_action(law: MassAction, reactants: Side, what: str) -> Expression:
    factors = [Name(name) if not n else call("subtract", Name(name), Number(float(n)))
               for name, order in reactants for n in range(order)]  # fmt: skip
    sets = math.prod(math.factorial(order) for _, order in reactants)
    return call("multiply", Number(1.0 / sets), _rate(law.rate), *factors)


def _hill(law: Hill, reactants: Side, what: str) -> Expression:
    up, half = (call("power", x, _rate(law.exponent)) for x in (Name(law.regulator), _rate(law.threshold)))
    share = call("divide", up if law.kind == "activation" else half, call("add", half, up))
    made = call("multiply", _rate(law.maximum), share)
    return made if law.basal == 0.0 else call("add", _rate(law.basal), made)


def _michaelis_menten(law: MichaelisMenten, reactants: Side, what: str) -> Expression:
    enzyme = () if law.enzyme is None else (Name(law.enzyme),)
    below = call("add", _rate(law.constant), Name(law.substrate))
    return call("divide", call("multiply", _rate(law.maximum), *enzyme, Name(law.substrate)), below)


def _function(law: Function, reactants: Side, what: str) -> Expression:
    return traced(law.function, law.names, what)


_LAWS: dict[type, Callable[..., Expression]] = {
    MassAction: _mass_action,
    Hill: _hill,
    MichaelisMenten: _michaelis_menten,
    Function: _function,
    Formula: lambda law, reactants, what: law.expression,
}
