"""The exact likelihood of sojourns of two independent channels, and exact curves: an aggregated Markov chain of four states."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import expm
from scipy.optimize import minimize

from vilar2026.recording import Runs

OPEN = np.array([0, 1, 1, 2])
"""Channels open in the states 00, 10, 01, 11."""
INSIDE = np.stack([np.equal(OPEN, level) for level in range(3)]).astype(float)
"""By level, which states have it."""


def generator(rates: Float[np.ndarray, "4"]) -> Float[np.ndarray, "4 4"]:
    """dp/dt = Q p for opening and closing of the first channel, opening and closing of the second, 1/s."""
    first = np.array([[-rates[0], rates[1]], [rates[0], -rates[1]]])
    second = np.array([[-rates[2], rates[3]], [rates[2], -rates[3]]])
    return np.kron(np.eye(2), first) + np.kron(second, np.eye(2))


def stationary(rates: Float[np.ndarray, "4"]) -> Float[np.ndarray, "4"]:
    """The law of the four states."""
    one, two = rates[0] / (rates[0] + rates[1]), rates[2] / (rates[2] + rates[3])
    return np.array([(1 - one) * (1 - two), one * (1 - two), (1 - one) * two, one * two])


def within(q: Float[np.ndarray, "4 4"], levels: np.ndarray, times: np.ndarray) -> Float[np.ndarray, "times 4 4"]:
    """Transition matrices over sojourns in a level: exp(Q t) without the ways out of it."""
    inside = INSIDE[levels]
    return expm(inside[:, :, None] * inside[:, None] * q * np.asarray(times, float)[:, None, None])


def log_likelihood(rates: Float[np.ndarray, "4"], levels: np.ndarray, times: np.ndarray) -> float:
    """Of a sequence of sojourns, s, from a stationary start.

    The last sojourn counts as unfinished. Events that were too short to be seen are ignored.

    Source: Colquhoun & Hawkes 1981, doi:10.1098/rspb.1981.0003.
    """
    q, law, total = generator(rates), INSIDE[levels[0]] * stationary(rates), 0.0
    for number, matrix in enumerate(within(q, levels, times)):
        law = matrix @ law
        if number + 1 < len(levels):
            law = INSIDE[levels[number + 1]] * (q @ law)
        total += np.log(law.sum())
        law = law / law.sum()
    return float(total)


class Likeliest(NamedTuple):
    """The maximum, and intervals on the logarithm from the curvature."""

    rates: Float[np.ndarray, " parameters"]
    log_likelihood: float
    log_errors: Float[np.ndarray, " parameters"]

    @property
    def interval(self) -> Float[np.ndarray, "2 parameters"]:
        """95 %."""
        reach = np.exp(1.96 * self.log_errors)
        return np.stack([self.rates / reach, self.rates * reach])


def maximise(
    runs: Runs, interval: float, start: Float[np.ndarray, " parameters"], expand: Callable[[np.ndarray], np.ndarray]
) -> Likeliest:
    """The most likely rates of a model class; `expand` makes the four rates from its parameters."""
    times = runs.lengths * interval

    def loss(logs: np.ndarray) -> float:
        return -log_likelihood(expand(np.exp(logs)), runs.levels, times)

    found = minimize(loss, np.log(start), method="BFGS", options={"gtol": 1e-3})
    covariance = np.linalg.inv(_curvature(loss, found.x))
    return Likeliest(np.exp(found.x), -float(found.fun), np.sqrt(np.diag(covariance)))


def _curvature(loss: Callable[[np.ndarray], float], at: np.ndarray, step: float = 0.02) -> np.ndarray:
    """Second derivatives by central differences."""
    moves = step * np.eye(len(at))
    corners = {
        (s, t): np.array([[loss(at + s * a + t * b) for b in moves] for a in moves]) for s in (-1, 1) for t in (-1, 1)
    }
    return (corners[1, 1] - corners[1, -1] - corners[-1, 1] + corners[-1, -1]) / (4 * step**2)


def curves(rates: Float[np.ndarray, "4"], lags: Float[np.ndarray, " lags"], times: Float[np.ndarray, " times"]):
    """Exact occupancy of the levels, normalised autocovariance at lags, and survival of shut and of single-open sojourns, s."""
    q, law, mean = generator(rates), stationary(rates), OPEN @ stationary(rates)
    moved = np.einsum("i,tij,j->t", OPEN, expm(q * lags[:, None, None]), OPEN * law) - mean**2
    survive = []
    for level in (0, 1):
        enter = INSIDE[level] * (q @ ((1 - INSIDE[level]) * law))
        survive.append(within(q, np.full(len(times), level), times).sum(1) @ enter / enter.sum())
    return {
        "occupancy": INSIDE @ law, "autocovariance": moved / (OPEN**2 @ law - mean**2), "shut": survive[0], "one open": survive[1],
    }  # fmt: skip


def r_squared(data: Float[np.ndarray, " points"], model: Float[np.ndarray, " points"]) -> float:
    """1 - SSE / SST."""
    return float(1 - ((data - model) ** 2).sum() / ((data - data.mean()) ** 2).sum())
