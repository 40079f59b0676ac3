"""The most likely rates of records of channels, and exact curves of two independent ones: a chain of four states."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.linalg import expm
from scipy.optimize import minimize

from jumpax.channels import Dwells, dwell_log_likelihood
from jumpax.exact import StateSpace

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


def within(q: Float[np.ndarray, "4 4"], level: int, times: np.ndarray) -> Float[np.ndarray, "times 4 4"]:
    """Transition matrices over sojourns in a level: exp(Q t) without the ways out of it."""
    inside = INSIDE[level]
    return expm(inside[:, None] * inside * q * np.asarray(times, float)[:, None, None])


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
    space: StateSpace, dwells: Dwells, level: Mapping[str, float], first: Mapping[str, float], **how: Any
) -> Likeliest:
    """The most likely rates of a scheme, from these; `how` as in `dwell_log_likelihood`."""
    many = len(dwells)  # so that first steps are neither huge nor tiny

    def loss(logs: Float[Array, " parameters"]) -> Float[Array, ""]:
        return -dwell_log_likelihood(space, dict(zip(first, jnp.exp(logs))), dwells, level, **how) / many

    with jax.enable_x64(True):
        slope = jax.jit(jax.value_and_grad(loss))
        found = minimize(slope, np.log(list(first.values())), jac=True, method="BFGS", options={"gtol": 1e-7})
        moves = 1e-4 * np.eye(len(first))
        curvature = np.array([np.asarray(slope(found.x + d)[1] - slope(found.x - d)[1]) / 2e-4 for d in moves]) * many
    return Likeliest(np.exp(found.x), -float(found.fun) * many, np.sqrt(np.diag(np.linalg.inv(curvature))))


def curves(rates: Float[np.ndarray, "4"], lags: Float[np.ndarray, " lags"], times: Float[np.ndarray, " times"]):
    """Exact occupancy of the levels, normalised autocovariance at lags, and survival of shut and of single-open sojourns, s."""
    q, law, mean = generator(rates), stationary(rates), OPEN @ stationary(rates)
    moved = np.einsum("i,tij,j->t", OPEN, expm(q * lags[:, None, None]), OPEN * law) - mean**2
    survive = []
    for level in (0, 1):
        enter = INSIDE[level] * (q @ ((1 - INSIDE[level]) * law))
        survive.append(within(q, level, times).sum(1) @ enter / enter.sum())
    return {
        "occupancy": INSIDE @ law, "autocovariance": moved / (OPEN**2 @ law - mean**2), "shut": survive[0], "one open": survive[1],
    }  # fmt: skip


def r_squared(data: Float[np.ndarray, " points"], model: Float[np.ndarray, " points"]) -> float:
    """1 - SSE / SST."""
    return float(1 - ((data - model) ** 2).sum() / ((data - data.mean()) ** 2).sum())
