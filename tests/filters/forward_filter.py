"""The exact likelihood of a record, by the dense exponential of a generator: written for these tests, with NumPy and SciPy alone."""

import itertools

import numpy as np
from scipy.linalg import expm


def generator(states, reactions):
    """Q[j, i], the rate from state i to state j, of states (tuples) and reactions (change, rate function); what leaves is lost."""
    number = {state: i for i, state in enumerate(states)}
    made = np.zeros((len(states), len(states)))
    for state, i in number.items():
        for change, rate in reactions:
            speed = rate(*state)
            made[i, i] -= speed
            to = number.get(tuple(np.add(state, change).tolist()))
            if to is not None:
                made[to, i] += speed
    return made


def boxed(*largest):
    """All states with counts up to these."""
    return list(itertools.product(*(range(n + 1) for n in largest)))


def log_likelihood(states, reactions, start, times, densities, begin=0.0):
    """Of records with densities (states,) at times, or None where one is missing."""
    rates, now, law, total = generator(states, reactions), begin, np.array(start, float), 0.0
    for time, density in zip(times, densities, strict=True):
        law = expm(rates * (time - now)) @ law
        now = time
        if density is not None:
            law = law * density
            total += np.log(law.sum())
            law /= law.sum()
    return total


def z_of_mean(log_likelihoods, exact):
    """How many standard errors the mean of the likelihoods lies from the exact one."""
    ratio = np.exp(np.asarray(log_likelihoods) - exact)
    return (ratio.mean() - 1) / (ratio.std(ddof=1) / np.sqrt(len(ratio)))
