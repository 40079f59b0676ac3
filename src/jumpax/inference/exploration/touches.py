"""Which parameters can move which residuals: slopes of the others are 0, and need no paths to tell it."""

import numpy as np
from jaxtyping import Bool, Int

from jumpax.inference.problem import Problem
from jumpax.networks.influence import influenced
from jumpax.networks.starts import AbstractStart


def touches(problem: Problem) -> Bool[np.ndarray, "numbers free"]:
    """Whether each number at a stop may depend on each free parameter.

    By the species that the loss says it reads, and those that the parameter can change; everything, where that is not known.
    """
    loss = problem.loss.linear
    assert loss is not None  # what is searched has residuals
    if not loss.reads:
        return np.ones((1, len(problem.free)), bool)
    begin = problem.plan.question.begin
    direct = {*problem.loss.parameters, *(begin.parameters if isinstance(begin, AbstractStart) else ())}
    species, everywhere = influenced(problem.network), frozenset(problem.network.species)
    found = np.zeros((len(loss.reads), len(problem.free)), bool)
    for column, name in enumerate(problem.free):
        followers = _followers(problem, name)
        moved = everywhere if followers & direct else frozenset[str]().union(*(species.get(n, ()) for n in followers))
        found[:, column] = [bool(moved & read) for read in loss.reads]
    return found


def _followers(problem: Problem, name: str) -> set[str]:
    """A free parameter, and all that are derived from it."""
    found = {name}
    for derived, formula in problem.structure.derived:  # in an order in which they can be computed
        if found & set(formula.names):
            found.add(derived)
    return found


def groups(touched: Bool[np.ndarray, "entries free"]) -> list[tuple[Int[np.ndarray, " some"], Int[np.ndarray, " own"]]]:
    """Entries that depend on the same parameters, and these."""
    kinds, which = np.unique(touched, axis=0, return_inverse=True)
    return [(np.flatnonzero(which.ravel() == k), np.flatnonzero(kind)) for k, kind in enumerate(kinds)]
