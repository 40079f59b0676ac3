"""Gating schemes, and their matrices written down once more by hand."""

import jax
import numpy as np
from scipy.linalg import expm

import jumpax
from jumpax import MassAction, Network, Reaction
from jumpax.channels import Dwells
from jumpax.exact import StateSpace


def space_of(rates, x0):
    """Of reactions by equation, with a parameter each."""
    network = Network([Reaction(equation, MassAction(name)) for equation, name in rates])
    return StateSpace.reachable(network, {name: x0.get(name, 0) for name in network.species})


def castillo_katz():
    """R = AR = AR*: two shut states and an open one."""
    space = space_of([("R -> A", "on"), ("A -> R", "off"), ("A -> O", "open"), ("O -> A", "shut")], {"R": 1})
    return space, {"on": 300.0, "off": 700.0, "open": 900.0, "shut": 500.0}, {"O": 1}


def unlike_channels():
    """One channel of conductance 1 and one of 2: four states, four levels."""
    pairs = [("C1 -> O1", "up1"), ("O1 -> C1", "down1"), ("C2 -> O2", "up2"), ("O2 -> C2", "down2")]
    theta = {"up1": 100.0, "down1": 300.0, "up2": 200.0, "down2": 150.0}
    return space_of(pairs, {"C1": 1, "C2": 1}), theta, {"O1": 1.0, "O2": 2.0}


def like_channels():
    """Two of a kind: three states, three levels."""
    space = space_of([("C -> O", "up"), ("O -> C", "down")], {"C": 2})
    return space, {"up": 200.0, "down": 400.0}, {"O": 1}


def dense(space, theta, conductance):
    """Q of dp/dt = Q p and the conductance of each state, from molecules and reactions one by one."""
    network = space.network
    q = np.zeros((space.size, space.size))
    for state, counts in enumerate(space.states.tolist()):
        for reaction, change in zip(network.reactions, network.stoichiometry.T.tolist()):
            source = network.species[change.index(-1)]
            rate = theta[reaction.law.parameters[0]] * counts[network.species.index(source)]
            if rate:
                after = [n + d for n, d in zip(counts, change)]
                q[space.index(dict(zip(network.species, after))), state] += rate
    level = space.states @ np.array([conductance.get(name, 0) for name in network.species])
    return q - np.diag(q.sum(0)), level.astype(int)


def stationary(q):
    """By singular values."""
    law = np.linalg.svd(q)[2][-1]
    return law / law.sum()


def dense_likelihood(q, level, dwells):
    """Of one segment from a stationary start, the last dwell unfinished; as a plain product."""
    law = stationary(q) * (level == dwells.levels[0])
    for number, (a, t) in enumerate(zip(dwells.levels, dwells.durations)):
        inside = np.diag((level == a).astype(float))
        law = inside @ expm(inside @ q @ inside * t) @ law
        if number + 1 < len(dwells):
            law = (level == dwells.levels[number + 1]) * (q @ law)
    return np.log(law.sum())


def simulated(space, theta, level, end, paths, key):
    """Records of true dwells, one by path, from the state that the space was grown from."""
    start = dict(zip(space.network.species, space.states[space.starts[0]].tolist()))
    with jax.enable_x64(False):
        log = jumpax.simulate(
            space.network, theta, start, times=[end], paths=paths, key=key, record=jumpax.Events()
        ).log
    change = np.array([level.get(name, 0) for name in space.network.species]) @ space.network.stoichiometry
    records = []
    for path in range(paths):
        times, reactions = log.of(path)
        levels = np.r_[0, np.cumsum(change[reactions])].astype(int)
        records.append(Dwells(np.diff(np.r_[0.0, times, end]), levels))
    return records


def chained(records):
    """One record with a segment each."""
    return Dwells(
        np.concatenate([record.durations for record in records]),
        np.concatenate([record.levels for record in records]),
        np.repeat(np.arange(len(records)), [len(record) for record in records]),
    )
