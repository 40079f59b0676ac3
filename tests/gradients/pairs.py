"""Coupled networks on a finite set of states: all pairs of states of the original."""

import numpy as np

from jumpax import exact
from jumpax.networks.couple import couple


def pair_space(network, x0):
    """State space of the coupled network, for a network that conserves its molecules.

    A copy that would leave the states of the original counts as impossible, which `exact` refuses if it happens.
    """
    base, pair = exact.StateSpace.reachable(network, x0).states, couple(network)
    states = np.concatenate([np.repeat(base, len(base), 0), np.tile(base, (len(base), 1))], 1).astype(np.int32)
    index = {row.tobytes(): i for i, row in enumerate(states)}
    after = states[None] + pair.stoichiometry.T[:, None].astype(np.int32)
    targets = np.array([[index.get(row.tobytes(), -1) for row in reaction] for reaction in after], np.int32)
    start = np.array([x0[s] for s in network.species] * 2, np.int32)
    return exact.StateSpace(pair, states, (index[start.tobytes()],), targets, index)


def pair_theta(theta, name, step):
    """Parameters of both copies, one of them a step apart in its logarithm."""
    low = {"low_" + k: v * np.exp(-step / 2) if k == name else v for k, v in theta.items()}
    return low | {"high_" + k: v * np.exp(step / 2) if k == name else v for k, v in theta.items()}
