"""The repressilator without noise: x_i' = beta/(1 + (x_{i-1}/K)^h) - x_i, in units of K: alpha = beta/K alone matters."""

import functools

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp
from scipy.optimize import brentq


def flow(_: float, x: Float[np.ndarray, "3"], alpha: float, hill: float) -> Float[np.ndarray, "3"]:
    """The right-hand side, in units of K and of the lifetime."""
    return alpha / (1 + np.abs(x[[2, 0, 1]]) ** hill) - x


@functools.lru_cache(4096)
def cycle(alpha: float, hill: float, settle: float = 400.0) -> tuple[float, float]:
    """Period in lifetimes and amplitude (largest minus smallest) in units of K of the limit cycle; (nan, 0) if there is none."""
    begin = solve_ivp(flow, (0, settle), [alpha / 2, 1.0, 0.1], "LSODA", args=(alpha, hill), rtol=1e-8, atol=1e-10)
    grid = np.linspace(0, 120, 24_001)
    found = solve_ivp(flow, (0, 120), begin.y[:, -1], "LSODA", grid, args=(alpha, hill), rtol=1e-8, atol=1e-10)
    x = found.y[0]
    peaks = 1 + np.flatnonzero((x[1:-1] > x[:-2]) & (x[1:-1] >= x[2:]))
    if len(peaks) < 3 or np.ptp(x) < 1e-3:
        return float("nan"), 0.0
    return float(np.diff(grid[peaks])[1:].mean()), float(np.ptp(x[peaks[-2] : peaks[-1]]))


def onset(hill: float) -> float:
    """The alpha at which the fixed point loses its stability (Hopf), from the eigenvalues of the linearised flow."""

    def growth(alpha: float) -> float:
        x = brentq(lambda x: alpha / (1 + x**hill) - x, 0, alpha)
        slope = -alpha * hill * x ** (hill - 1) / (1 + x**hill) ** 2
        return float(np.linalg.eigvals(slope * np.eye(3)[[2, 0, 1]] - np.eye(3)).real.max())

    return float(brentq(growth, 1.0001, 100))
