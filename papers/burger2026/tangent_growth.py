"""How the GS-ST tangent of the association model grows per reaction.

D_i = M_i D_{i-1} + b_i with M = 1 - 2 h B(n), B(n) = 2/(N - n) + 1/n, h = sigma'(z/tau)/tau, z = l + L, l = ln(a_+/a_-), L a
standard logistic variable, and the reaction is an association where z > 0. M = 1 where only one reaction is possible.
"""

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from burger2026.association import Association

_Y = np.linspace(-32.0, 32.0, 8001)[:-1] + 0.004
_STEP = 0.008
_SLOPE = 0.25 / np.cosh(_Y / 2) ** 2
"""sigma'(y): h is below 1e-13 outside the grid."""


def _rows(system: Association, k: float, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """M (states inside, y) and the probability of each interval of z = tau y."""
    n = np.arange(1, system.molecules)
    logit = np.log((system.molecules - n) ** 2 / (system.volume * k * n))
    pull = 2 / (system.molecules - n) + 1 / n
    z = tau * _Y[None] - logit[:, None]
    return 1 - 2 * pull[:, None] * _SLOPE[None] / tau, tau * _STEP * 0.25 / np.cosh(z / 2) ** 2


def lyapunov(system: Association, k: float, tau: float, law: Float[np.ndarray, " states"] | None = None) -> float:
    """The exponent of a typical path, E[ln |M|] in the stationary jump chain."""
    law = system.jump_law(k) if law is None else law
    factor, weight = _rows(system, k, tau)
    return float(law[1:-1] @ (weight * np.log(np.abs(factor))).sum(1))


def second_moment(system: Association, k: float, tau: float) -> float:
    """The exponent of the variance, ln of the spectral radius of E[M^2; n -> n']."""
    factor, weight = _rows(system, k, tau)
    n = np.arange(1, system.molecules)
    up = (system.molecules - n) ** 2 / system.volume
    up = up / (up + k * n)
    gain = weight * (factor**2 - 1)
    transfer = np.zeros((system.molecules + 1, system.molecules + 1))
    transfer[1, 0] = transfer[-2, -1] = 1.0
    transfer[n + 1, n] = up + gain[:, _Y > 0].sum(1)
    transfer[n - 1, n] = 1 - up + gain[:, _Y < 0].sum(1)
    return float(np.log(np.abs(np.linalg.eigvals(transfer)).max()))


def critical_temperatures(system: Association, k: float) -> tuple[float, float]:
    """The temperatures above which the typical tangent and its variance do not grow."""
    law = system.jump_law(k)
    return _last_zero(lambda tau: lyapunov(system, k, tau, law)), _last_zero(lambda tau: second_moment(system, k, tau))


def _last_zero(exponent) -> float:
    """Largest temperature at which an exponent changes sign."""
    grid = np.geomspace(2e-3, 2.0, 40)
    signs = np.array([exponent(tau) > 0 for tau in grid])
    last = int(np.flatnonzero(signs)[-1])
    return float(brentq(exponent, grid[last], grid[last + 1], xtol=1e-6))
