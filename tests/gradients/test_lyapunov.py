"""Exponents of straight-through tangents against quadrature and the published temperatures at which they change sign."""

import warnings

import numpy as np
import pytest

import jumpax
from jumpax.gradients.lyapunov import tangent_exponents


def chain(molecules, k):
    """Association in a volume of as many units: chances to bind (states,), and B(n) = - d ln(a_+/a_-) / dn inside."""
    n = np.arange(molecules + 1)
    up, down = (molecules - n) ** 2 / molecules, k * n
    inner = n[1:-1]
    return up / (up + down), 2 / (molecules - inner) + 1 / inner


def factors(molecules, k, tau, points=400_001):
    """M (points, inner states) at quantiles of the noise, whether binding won, and chances to bind."""
    p, curve = chain(molecules, k)
    u = (np.arange(points) + 0.5) / points
    logit = (np.log(p[1:-1] / (1 - p[1:-1])) + np.log(u / (1 - u))[:, None]) / tau
    slope = 1 / (2 + 2 * np.cosh(np.minimum(np.abs(logit), 300))) / tau
    return 1 - 2 * slope * curve, logit > 0, p


def lyapunov(molecules, k, tau):
    m, _, p = factors(molecules, k, tau)
    weights = np.append(1.0, np.cumprod(p[:-1] / (1 - p[1:])))
    return (weights[1:-1] / weights.sum()) @ np.log(np.abs(m)).mean(0)


def second_moment(molecules, k, tau):
    m, binds, _ = factors(molecules, k, tau)
    up, down = np.append(1.0, (m**2 * binds).mean(0)), np.append((m**2 * ~binds).mean(0), 1.0)
    return np.log(np.abs(np.linalg.eigvals(np.diag(up, -1) + np.diag(down, 1))).max())


def exponents(molecules, k, tau, **options):
    model = jumpax.zoo.association(start=(molecules, molecules), k_on=1 / molecules, k_off=k)
    return tangent_exponents(model.network, model.theta, model.x0, tau, key=20261120, **options)


def test_between_the_two_temperatures_only_the_variance_grows():
    with pytest.warns(jumpax.JumpaxWarning, match="variance of straight-through gradients grows"):
        got = exponents(10, 1.0, 0.08)
    assert abs(got.lyapunov - lyapunov(10, 1.0, 0.08)) < 4 * got.lyapunov_error  # false alarms: 6e-5
    assert abs(got.second_moment - second_moment(10, 1.0, 0.08)) < 1e-4
    assert got.lyapunov < -10 * got.lyapunov_error
    assert got.second_moment > 0.05


def test_no_noise_no_explosion():
    # M = 1 - 2 p_+ p_- B: no temperature, so nothing to integrate
    with warnings.catch_warnings(action="error"):
        got = exponents(10, 1.0, 0.05, relaxation="propensity")
    p, curve = chain(10, 1.0)
    m = 1 - 2 * p[1:-1] * (1 - p[1:-1]) * curve
    up, down = np.append(1.0, m**2 * p[1:-1]), np.append(m**2 * (1 - p[1:-1]), 1.0)
    want = np.log(np.abs(np.linalg.eigvals(np.diag(up, -1) + np.diag(down, 1))).max())
    assert abs(got.second_moment - want) < 1e-8
    weights = np.append(1.0, np.cumprod(p[:-1] / (1 - p[1:])))
    want = (weights[1:-1] / weights.sum()) @ np.log(np.abs(m))
    assert abs(got.lyapunov - want) < 4 * got.lyapunov_error


TABLE = {  # burger2026: molecules, k_off -> temperatures where lambda and mu_2 change sign
    (20, 0.1): (0.036, 0.096), (20, 1.0): (0.024, 0.052), (20, 10.0): (0.053, 0.144),
    (10, 1.0): (0.050, 0.112), (10, 10.0): (0.083, 0.187), (100, 1.0): (0.0047, 0.0098),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("row", TABLE)
def test_published_temperatures(row):
    critical, explosive = TABLE[row]
    with warnings.catch_warnings(action="ignore", category=jumpax.JumpaxWarning):
        low, high = (exponents(*row, critical * by, paths=200) for by in (0.85, 1.15))
        assert low.lyapunov > 3 * low.lyapunov_error
        assert high.lyapunov < -3 * high.lyapunov_error
        # two digits: 5 % covers the rounding of the least of them
        assert exponents(*row, explosive * 0.95, events=10).second_moment > 0
        assert exponents(*row, explosive * 1.05, events=10).second_moment < 0


@pytest.mark.long
def test_absorption_is_refused():
    decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
    with pytest.raises(jumpax.SimulationError, match="absorbed"):
        tangent_exponents(decay, {"k": 1.0}, {"A": 5}, events=20)
