"""What a network is made of, as it is given: reactions, events, families, flows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from jumpax._base.errors import InputError
from jumpax.networks.equation import parse, write
from jumpax.networks.event import Event
from jumpax.networks.family import Family
from jumpax.networks.flow import Flow
from jumpax.networks.reaction import Reaction


def channels(reactions: Iterable[Reaction], some: bool) -> list[Reaction]:
    """The reactions that go one way only; at least one, unless there are `some` others."""
    found = []
    for reaction in reactions:
        if not isinstance(reaction, Reaction):
            raise InputError(f"a network is made of reactions, not of {reaction!r}; write Reaction('A -> B', law)")
        found.extend(reaction.channels())
    if not found and not some:
        raise InputError("a network needs at least one reaction")
    return found


def families(families: Iterable[Family]) -> tuple[Family, ...]:
    """What is given as families."""
    made = (families,) if isinstance(families, Family) else tuple(families)
    if wrong := [family for family in made if not isinstance(family, Family)]:
        raise InputError(f"families are made by jumpax.Family(...), not {wrong[0]!r}")
    return made


def events(events: Iterable[Event]) -> tuple[Event, ...]:
    """What is given as events."""
    made = tuple(events)
    if wrong := [event for event in made if not isinstance(event, Event)]:
        raise InputError(f"events are made by Event.at or Event.when, not {wrong[0]!r}")
    return made


def flows(given: Any) -> tuple[Flow, ...]:
    """What is given as flows."""
    if isinstance(given, Mapping):
        return tuple(Flow.of(name, rate) for name, rate in given.items())
    made = tuple(given)
    if wrong := [flow for flow in made if not isinstance(flow, Flow)]:
        raise InputError(
            f"flows map variables to their rates of change, as in {{'V': lambda V, g: g * V}}, not {wrong[0]!r}"
        )
    return made


def standard(name: str) -> str:
    """The name of a reaction as a network writes it, where it is an equation."""
    try:
        reactants, products, _ = parse(name)
    except InputError:
        return name
    return write(reactants, products)


def names(channels: list[Reaction]) -> list[str]:
    """Given names, else equations; equal equations without a name are numbered."""
    found = []
    seen: Counter[str] = Counter()
    for reaction in channels:
        name = reaction.name
        if name is None:
            name = reaction.equation
            seen[name] += 1
            name += f" #{seen[name]}" if seen[name] > 1 else ""
        found.append(name)
    return found
