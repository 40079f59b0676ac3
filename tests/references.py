"""Independent answers for tests, in plain NumPy and SciPy: nothing here uses JAX, and nothing samples.

Probability vectors are columns: dp/dt = Q p. Counts are molecules, times are in the unit that makes the rates 1/time.
Gradients are with respect to ln(rate) unless the name says otherwise.
"""

import numpy as np
from scipy.linalg import expm
from scipy.special import gammaln, hyp1f1


def birth_death_generator(up, down):
    """Generator (S, S) of a chain on 0..S-1 from the rates (S,) up and down."""
    up, down = np.array(up, float), np.array(down, float)
    up[-1] = down[0] = 0.0
    return np.diag(up[:-1], -1) + np.diag(down[1:], 1) - np.diag(up + down)


def point_mass(size, state):
    """Probabilities (size,) concentrated on one state."""
    p = np.zeros(size)
    p[state] = 1.0
    return p


def mean_and_variance(p, values):
    """Mean and variance of `values` (S,) under the probabilities p (S,)."""
    mean = values @ p
    return mean, values**2 @ p - mean**2


def transient_with_gradient(q, dq, p0, t):
    """Distribution at t and its derivative along dq, by the exponential of [[Q, dQ], [0, Q]]."""
    s = len(p0)
    block = expm(np.block([[q, dq], [np.zeros_like(q), q]]) * t)
    return block[s:, s:] @ p0, block[:s, s:] @ p0


def stationary_with_gradient(q, dqs):
    """Stationary distribution (S,) and its derivatives (P, S) along dqs (P, S, S)."""
    s = len(q)
    a = np.vstack([q[:-1], np.ones(s)])
    p = np.linalg.solve(a, point_mass(s, s - 1))
    rhs = np.array([np.append(-(dq @ p)[:-1], 0.0) for dq in dqs])
    return p, np.linalg.solve(a, rhs.T).T


# Reversible association A + B <-> C, propensities k_on/volume A B and k_off C, C = n


def association_rates(n_a, n_b, volume, k_on, k_off):
    """Numbers n (S,), association and dissociation rates (S,), (S,)."""
    n = np.arange(min(n_a, n_b) + 1)
    return n, k_on / volume * (n_a - n) * (n_b - n), k_off * n.astype(float)


def association_at_time(n_a, n_b, volume, k_on, k_off, t, n0=0):
    """Mean of n(t), d mean/d k_off (not logarithmic), variance."""
    n, up, down = association_rates(n_a, n_b, volume, k_on, k_off)
    q, dq = birth_death_generator(up, down), birth_death_generator(0.0 * up, n)
    p, dp = transient_with_gradient(q, dq, point_mass(len(n), n0), t)
    mean, variance = mean_and_variance(p, n)
    return mean, n @ dp, variance


def association_at_step(n_a, n_b, volume, k_on, k_off, steps, n0=0):
    """Mean of n after `steps` reactions, d mean/d k_off (not logarithmic), variance."""
    n, up, down = association_rates(n_a, n_b, volume, k_on, k_off)
    p_up, p_down = up / (up + down), down / (up + down)
    d_up = -p_up * p_down / k_off
    jump = np.diag(p_up[:-1], -1) + np.diag(p_down[1:], 1)
    d_jump = np.diag(d_up[:-1], -1) - np.diag(d_up[1:], 1)
    p, dp = point_mass(len(n), n0), np.zeros(len(n))
    for _ in range(steps):
        p, dp = jump @ p, jump @ dp + d_jump @ p
    mean, variance = mean_and_variance(p, n)
    return mean, n @ dp, variance


def association_stationary(n_a, n_b, volume, k_on, k_off):
    """Stationary law of n (S,), by detailed balance."""
    _, up, down = association_rates(n_a, n_b, volume, k_on, k_off)
    log_p = np.append(0.0, np.cumsum(np.log(up[:-1]) - np.log(down[1:])))
    p = np.exp(log_p - log_p.max())
    return p / p.sum()


# Telegraph promoter: off <-> on, on -> on + M, M -> nothing


def telegraph_moments(k_on, k_off, k_tx, gamma):
    """Stationary mean, variance and Fano factor of M."""
    s = k_on + k_off
    mean = k_tx / gamma * k_on / s
    fano = 1 + k_tx * k_off / (s * (s + gamma))
    return mean, mean * fano, fano


def telegraph_sensitivities(k_on, k_off, k_tx, gamma):
    """Gradients (4,), (4,) of mean and variance with respect to ln(k_on, k_off, k_tx, gamma)."""
    s = k_on + k_off
    mean, _, fano = telegraph_moments(k_on, k_off, k_tx, gamma)
    d_mean = mean * np.array([k_off / s, -k_off / s, 1.0, -1.0])
    d_log_excess = np.array(
        [-k_on / s - k_on / (s + gamma), 1 - k_off / s - k_off / (s + gamma), 1.0, -gamma / (s + gamma)]
    )
    return d_mean, d_mean * fano + mean * (fano - 1) * d_log_excess


def telegraph_pmf(counts, k_on, k_off, k_tx, gamma):
    """Stationary Poisson-beta law of M at `counts`, by the Kummer-transformed series, whose terms are all positive."""
    n = np.asarray(counts, float)
    alpha, beta, lam = k_on / gamma, k_off / gamma, k_tx / gamma
    log_p = n * np.log(lam) - gammaln(n + 1) - lam
    log_p += gammaln(alpha + n) - gammaln(alpha) + gammaln(alpha + beta) - gammaln(alpha + beta + n)
    return np.exp(log_p) * hyp1f1(beta, alpha + beta + n, lam)


def telegraph_generator(k_on, k_off, k_tx, gamma, n_max):
    """Generator (S, S) and derivatives (4, S, S) in ln(k_on, k_off, k_tx, gamma); index promoter (n_max + 1) + m."""
    m = np.arange(n_max + 1)
    one, zero = np.eye(n_max + 1), np.zeros((n_max + 1, n_max + 1))
    on = k_on * np.block([[-one, zero], [one, zero]])
    off = k_off * np.block([[zero, one], [zero, -one]])
    make = k_tx * birth_death_generator(np.ones(n_max + 1), 0.0 * m)
    lose = gamma * birth_death_generator(0.0 * m, m)
    parts = np.array([on, off, np.kron(np.diag([0, 1]), make), np.kron(np.eye(2), lose)])
    return parts.sum(0), parts


def telegraph_at_time(k_on, k_off, k_tx, gamma, t, n_max, m0=0):
    """Law of M(t) (n_max + 1,) from promoter off, and its gradient (4, n_max + 1) in the log rates."""
    q, dqs = telegraph_generator(k_on, k_off, k_tx, gamma, n_max)
    p0 = point_mass(len(q), m0)
    both = [transient_with_gradient(q, dq, p0, t) for dq in dqs]
    return both[0][0].reshape(2, -1).sum(0), np.array([dp for _, dp in both]).reshape(4, 2, -1).sum(1)


# Immigration-death: nothing -> X (k), X -> nothing (gamma)


def immigration_death_mean(k, gamma, t, x0=0.0):
    """Mean of X(t) and its gradient (2,) with respect to (ln k, ln gamma)."""
    decay = np.exp(-gamma * t)
    made = k / gamma * (1 - decay)
    slope = (k - gamma * x0) * t * decay
    return made + x0 * decay, np.array([made, slope - made])


# Reversible dimerisation 2 A <-> D, propensities k1 A (A - 1)/2 and k2 D


def dimerisation_at_time(n_total, k1, k2, t, d0=0):
    """Mean of D(t), gradient (2,) with respect to ln(k1, k2), variance."""
    d = np.arange(n_total // 2 + 1)
    a = n_total - 2 * d
    parts = [birth_death_generator(k1 * a * (a - 1) / 2, 0.0 * d), birth_death_generator(0.0 * d, k2 * d)]
    both = [transient_with_gradient(sum(parts), part, point_mass(len(d), d0), t) for part in parts]
    mean, variance = mean_and_variance(both[0][0], d)
    return mean, np.array([d @ dp for _, dp in both]), variance


REPRESSILATOR = {
    # beta = 10, K = 1, h = 3, gamma = 1, start (5, 1, 0): time -> means, d/dln beta, d/dln K, from counts up to 26
    0.5: ((5.0775, 0.6666, 2.3758), (0.8145, 0.0396, 2.3491), (-0.3991, 0.1580, 2.1486)),
    1.5: ((2.5373, 1.1028, 5.1844), (-0.2643, 0.9510, 4.5647), (-0.4479, 1.3209, 1.3678)),
    3.0: ((1.5456, 3.6686, 3.9159), (0.4265, 3.9339, 1.7369), (0.9205, 2.0360, -0.9098)),
}
"""Means of the three proteins and their log gradients, to the digits printed."""
