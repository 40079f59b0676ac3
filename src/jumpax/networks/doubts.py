"""Laws that do not fit their equations: found by trying them at small counts."""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from jumpax.networks.laws import MassAction
from jumpax.networks.reaction import Reaction

if TYPE_CHECKING:
    from jumpax.networks.network import Network

_OTHERS = 10.0  # count of every species but the one that is tried


def doubts(network: "Network") -> tuple[str, ...]:
    """Sentences about reactions that could drive a count below zero.

    A species that a reaction uses up must stop the reaction when fewer molecules are left than the reaction takes. Each
    law is tried at those counts, with every parameter 1, every other count 10 and time 0. A catalyst that is not used
    up is not tried, nor is a law that raises or is not a number there. An empty answer is no proof.

    Examples:
        >>> from jumpax.networks import MassAction, Network, Reaction
        >>> doubts(Network([Reaction("2 X -> Y", MassAction("k"))]))
        ()
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(doubt for reaction in network.reactions for doubt in _of(reaction))


def _of(reaction: Reaction) -> Iterator[str]:
    if isinstance(reaction.law, MassAction):
        return  # which stops by itself
    change, read = reaction.change, reaction.law.species(reaction.reactants)
    for name, order in reaction.reactants:
        if change.get(name, 0) >= 0:
            continue
        if name not in read:
            yield f"{_label(reaction)}read the reactant {name}, so it does not stop when {name} is used up"
            continue
        left = next((n for n in range(order) if _fires(reaction, read, name, n)), None)
        if left is not None:
            product = " * ".join([name, *(f"({name} - {taken})" for taken in range(1, order))])
            yield f"{_label(reaction)}vanish at {name} = {left}; use MassAction, or a law with the factor {product}"


def _label(reaction: Reaction) -> str:
    """What begins the sentence."""
    label = f"{reaction.name}: " if reaction.name == reaction.equation else f"{reaction.name}: {reaction.equation} "
    return f"{label}has propensity {reaction.law.formula(reaction.reactants)}, which does not "


def _fires(reaction: Reaction, read: tuple[str, ...], name: str, left: int) -> bool:
    """Whether the propensity is a number other than 0 with `left` molecules of `name`."""
    counts = dict.fromkeys(read, np.float64(_OTHERS)) | {name: np.float64(left)}
    theta = dict.fromkeys(reaction.law.parameters, np.float64(1.0))
    try:
        propensity = float(reaction.law.propensity(counts, theta, np.float64(0.0), reaction.reactants))  # type: ignore[arg-type]
    except Exception:
        return False  # trying must never be what stops a model; the engine will report what is wrong
    return not np.isnan(propensity) and propensity != 0.0
