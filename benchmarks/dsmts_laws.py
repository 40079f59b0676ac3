"""Exact means, standard deviations and kurtoses of the stochastic cases 00001 to 00039 of the SBML test suite.

The tables of the suite hold means and standard deviations; how far a sample variance may stray depends on the kurtosis, too. The laws:
independent lineages of a linear birth-death process, immigration in batches of particles that die independently, and the master
equation of dimerisation. The first two are moment generating functions, kept as power series up to the fourth power.
"""

import numpy as np
from scipy.linalg import expm

TIMES = np.arange(51.0)
ORDER = 5  # a series is an array of the coefficients of theta^0 .. theta^4
ONE = np.array([1.0, 0, 0, 0, 0])
EXP = np.array([1, 1, 1 / 2, 1 / 6, 1 / 24])  # exp(theta)


def times(a, b):
    """Product of two series."""
    return np.convolve(a, b)[:ORDER]


def logarithm(a):
    """Logarithm of a series that starts with 1."""
    out, term = np.zeros(ORDER), ONE
    for k in range(1, ORDER):
        term = times(term, a - ONE)
        out = out + (-1) ** (k + 1) / k * term
    return out


def lineages(x0, birth, death, dead=False):
    """x0 lineages of X -> 2 X, X -> 0, by time; `dead` counts the deaths. One lineage: F' = birth F^2 + death r - (birth + death) F."""
    r = EXP if dead else ONE

    def slope(f):
        return birth * times(f, f) + death * r - (birth + death) * f

    f, out, h = ONE if dead else EXP, [], 1 / 100
    for _ in TIMES:
        out.append(x0 * logarithm(f))
        for _ in range(100):
            a = slope(f)
            b = slope(f + h / 2 * a)
            c = slope(f + h / 2 * b)
            f = f + h / 6 * (a + 2 * b + 2 * c + slope(f + h * c))
    return np.array(out)


def particle(death, t, dead=False):
    """One particle that dies at a rate, after time t: alive (or dead) or not."""
    p = np.exp(-death * t)
    return ONE + (1 - p if dead else p) * (EXP - ONE)


def immigration(rate, death, batch=1, dead=False, until=TIMES):
    """Batches arrive at a rate and die one by one: log = rate * integral of (particle^batch - 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    out, at, total = [], 0.0, np.zeros(ORDER)
    for t in until:
        for node, weight in zip(nodes, weights):
            power = ONE
            for _ in range(batch):
                power = times(power, particle(death, (at + t) / 2 + (t - at) / 2 * node, dead))
            total = total + rate * (t - at) / 2 * weight * (power - ONE)
        at = t
        out.append(total)
    return np.array(out)


def immigration_reset(rate, death, reset, to):
    """Immigration and death, with the count set to `to` at time `reset`."""
    out, later = immigration(rate, death), reset <= TIMES
    fresh = immigration(rate, death, until=TIMES[later] - reset)
    out[later] = [to * logarithm(particle(death, t - reset)) + k for t, k in zip(TIMES[later], fresh)]
    return out


def dimerisation(total, k1, k2, reset=None, above=None):
    """Law of the number of dimers by time; all parts come apart at time `reset`, or when there are more than `above`."""
    top = total // 2 if above is None else above
    generator = np.zeros((top + 1, top + 1))
    for n in range(top + 1):
        p = total - 2 * n
        bind, part = k1 * p * (p - 1) / 2, k2 * n
        generator[n, n] -= bind + part
        if bind:
            generator[n, n + 1 if n < top else 0] += bind
        if part:
            generator[n, n - 1] += part
    step, start = expm(generator), np.eye(top + 1)[0]
    law, out = start, []
    for t in TIMES:
        law = start if t == reset else law
        out.append(law)
        law = law @ step
    return np.array(out)


def of_series(log):
    """(mean, sd, kurtosis) from the logarithm of the moment generating function."""
    k1, k2, k4 = log[1], 2 * log[2], 24 * log[4]
    return k1, np.sqrt(k2) if k2 > 0 else 0.0, 3 + k4 / k2**2 if k2 > 0 else np.nan


def of_law(law, values):
    """(means, sds, kurtoses) of `values[state]` under each row of a law."""
    mean = law @ values
    central = values - mean[:, None]
    variance, fourth = (law * central**2).sum(1), (law * central**4).sum(1)
    sd = np.sqrt(np.where(variance > 1e-12, variance, 0))
    return mean, sd, np.where(sd > 0, fourth / np.where(sd > 0, variance, 1) ** 2, np.nan)


def exact(case):
    """{variable: (means, sds, kurtoses)} over the 51 times of a case such as "00003"; KeyError for one whose law is not here."""
    number, series = int(case), {}
    if 1 <= number <= 19:
        speed = {3: 10.0, 11: 0.5, 18: 0.5}.get(number, 1.0)
        birth, death, x0 = 0.1 * speed, 0.11 * speed, {4: 10, 5: 10000}.get(number, 100)
        series["X"] = lineages(x0, birth, death)
        if number == 7:
            series["Sink"] = lineages(x0, birth, death, dead=True)
        if number == 19:
            series["y"] = series["X"] * 2.0 ** np.arange(ORDER)
    elif number in (28, 29):
        series["X"] = immigration_reset(1.0, 0.1, *{28: (25.0, 50), 29: (22.5, 20)}[number])
    elif 20 <= number <= 27:
        rate = {20: 1.0, 22: 5.0, 23: 1000.0, 27: 1.0}.get(number, 10.0)
        series["X"] = immigration(rate, 0.1)
        if number == 25:
            series["Sink"] = immigration(rate, 0.1, dead=True)
    elif 30 <= number <= 36:
        total, k1, k2 = (1000, 2e-4, 4e-3) if number == 31 else (100, 1e-3, 1e-2)
        law = dimerisation(total, k1, k2, reset={32: 25.0}.get(number), above={33: 30}.get(number))
        dimers = np.arange(law.shape[1], dtype=float)
        return {"P2": of_law(law, dimers), "P": of_law(law, total - 2 * dimers)}
    elif 37 <= number <= 39:
        batch, death = {37: (5, 0.2), 38: (10, 0.4), 39: (100, 4.0)}[number]
        series["X"] = immigration(1.0, death, batch=batch)
    else:
        raise KeyError(f"no law is written down for case {case}")
    return {name: tuple(np.array(column) for column in zip(*map(of_series, s))) for name, s in series.items()}
