"""Which counts a parameter can change at all, read off the equations."""

from collections import defaultdict

from jumpax.networks.needs import Need
from jumpax.networks.network import Network

TRANSPARENT = frozenset({Need.TIME})
"""Needs with which a reaction changes nothing but counts, and only by its propensity."""


def influenced(network: Network) -> dict[str, frozenset[str]]:
    """For each parameter the species whose paths have a law that may depend on it.

    A reaction whose law reads the parameter changes species; reactions whose laws read these change others, and so on. The
    counts of all other species are a process of their own, in which the parameter does not occur. Networks with events, delays,
    families or continuous variables are not looked into: each parameter may change all of their species.

    Examples:
        >>> import jumpax
        >>> cascade = ["0 -> M", "M -> 0", "M -> M + P", "P -> 0"]
        >>> network = jumpax.Network([jumpax.Reaction(r, jumpax.MassAction(k)) for r, k in zip(cascade, "abcd")])
        >>> {name: sorted(species) for name, species in influenced(network).items()}
        {'a': ['M', 'P'], 'b': ['M', 'P'], 'c': ['P'], 'd': ['P']}
    """
    if not network.needs <= TRANSPARENT:
        return dict.fromkeys(network.parameters, frozenset(network.species))
    onward: defaultdict[str, set[str]] = defaultdict(set)
    begin: defaultdict[str, set[str]] = defaultdict(set)
    for reaction in network.reactions:
        for name in reaction.law.species(reaction.reactants):
            onward[name].update(reaction.change)
        for name in reaction.law.parameters:
            begin[name].update(reaction.change)
    return {name: _reached(begin[name], onward) for name in network.parameters}


def _reached(begin: set[str], onward: dict[str, set[str]]) -> frozenset[str]:
    """What can be reached from some species."""
    found, ahead = set(begin), list(begin)
    while ahead:
        new = onward.get(ahead.pop(), set()) - found
        found |= new
        ahead += new
    return frozenset(found)
