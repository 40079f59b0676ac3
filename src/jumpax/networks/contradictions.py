"""Contradictions in the names of a network."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jumpax._base.errors import unknown_name
from jumpax.networks.expressions.expression import reads_time
from jumpax.networks.laws.function import TIME
from jumpax.networks.reaction import Reaction

if TYPE_CHECKING:
    from jumpax.networks.network import Network


def contradictions(network: "Network") -> Iterator[str]:
    """A sentence for each; one pass, whatever the size."""
    for name, times in Counter(network.species).items():
        if times > 1:
            yield f"species {name!r} is listed {times} times"
    for family in network.families:
        for name in family.species:
            if name not in network.numbers:
                yield f"family {family.name!r}: {unknown_name('species', name, network.species)}"
    for name, times in Counter(r.name for r in network.reactions).items():
        if times > 1:
            yield f"{times} reactions are called {name!r}; give them different names"
    for reaction in network.reactions:
        yield from _of_reaction(reaction, network)
    yield from _of_parameters(network)
    yield from _of_flows(network)
    reads = network.time_dependent or any(reads_time(flow.rate) for flow in network.flows)
    if reads and (TIME in network.numbers or TIME in network.parameters):
        yield f"{TIME!r} is a species or a parameter, but a function reads it as the time"
    known = dict.fromkeys((*network.parameters, *network.species, "time"))
    for name in network.units:
        if name not in known:
            yield f"units: {unknown_name('parameter or species', name, known)}"


def _of_reaction(reaction: Reaction, network: "Network") -> Iterator[str]:
    """Species that are not there, and what is wrong with the delay."""
    for side in (reaction.reactants, reaction.products):
        for name, _ in side:
            if name not in network.numbers:
                yield f"reaction {reaction.name!r}: {unknown_name('species', name, network.species)}"
    for name in reaction.law.species(reaction.reactants):
        if name not in network.numbers:
            yield f"reaction {reaction.name!r}: {unknown_name('species', name, network.species)}"
    if reaction.delay is not None:
        for fault in reaction.delay.misfits(network.numbers):
            yield f"the delay of {reaction.name!r}: {fault}"


def _of_parameters(network: "Network") -> Iterator[str]:
    """Parameters of two shapes, or that are species."""
    scalars = network.of_reactions.union(network.of_flows, *(event.names for event in network.events))
    for name in network.parameters:
        found = {family.shapes[name] for family in network.families if name in family.shapes}
        if name in scalars:
            found.add(())
        if len(found) > 1:
            yield f"parameter {name!r} has different shapes in different places; give it different names"
        if name in network.numbers:
            yield f"{name!r} is both a species and a parameter"


def _of_flows(network: "Network") -> Iterator[str]:
    """Variables that flow twice or are no parameters, and what there is not beside flows."""
    for name, times in Counter(network.flowing).items():
        if times > 1:
            yield f"{name!r} has {times} rates of change"
        if name in network.numbers:
            yield f"{name!r} flows, but is a species: counts are whole numbers, which change by reactions and events; what flows is a parameter"
    if network.flows and network.families:
        yield "there are no flows beside families of reactions; write the reactions one by one"
    if network.flows and any(reaction.delay is not None for reaction in network.reactions):
        yield "there are no flows beside reactions that complete later; an event with a delay may take its place"
