"""Sparse matrices of the master equation on a state space, from propensities."""

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from jumpax.exact.state_space import StateSpace

Sparse: TypeAlias = Any
"""`scipy.sparse.csr_array`: imported when needed, since it takes as long as the rest of jumpax; its stubs know no arithmetic."""


def generator(
    space: StateSpace, propensities: Float[np.ndarray, "reactions states"], *, reflecting: bool = False
) -> Sparse:
    """The matrix Q of `dp/dt = Q p`; linear in the propensities, so their derivatives give its derivative.

    Args:
        space: the states.
        propensities: (reactions, states), 1/time, or derivatives of them.
        reflecting: leave transitions out of the space away, instead of sending them to the sink.

    Returns:
        (states + 1, states + 1), the sink last; (states, states) when reflecting. Columns sum to 0.
    """
    taken = (space.targets >= 0) & (propensities != 0)
    if reflecting:
        taken &= space.targets < space.size
    reaction, source = np.nonzero(taken)
    target, rate = space.targets[reaction, source], propensities[reaction, source]
    size = space.size if reflecting else space.size + 1
    entries = (np.concatenate([rate, -rate]), (np.concatenate([target, source]), np.concatenate([source, source])))
    import scipy.sparse as sp

    return sp.csr_array(sp.coo_array(entries, shape=(size, size)))


def exit_rates(space: StateSpace, propensities: Float[np.ndarray, "reactions states"]) -> Float[np.ndarray, " states"]:
    """Total propensity of each state, (states,), transitions out of the space included."""
    return np.where(space.targets >= 0, propensities, 0.0).sum(axis=0)


def advice(space: StateSpace, propensities: np.ndarray) -> str:
    """Which limits to raise."""
    leaving = ((space.targets == space.size) & (propensities > 0)).any(axis=1)
    change = space.network.stoichiometry[:, leaving]
    grown = [name for name, row in zip(space.network.species, change) if (row > 0).any()]
    top = dict(zip(space.network.species, space.states.max(axis=0).tolist()))
    return "raise the limits of " + ", ".join(f"{name} (now {top[name]})" for name in grown)


def plus_identity(matrix: Sparse) -> Sparse:
    """1 + matrix."""
    import scipy.sparse as sp

    return sp.csr_array(sp.eye_array(matrix.shape[0]) + matrix)
