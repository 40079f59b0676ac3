"""Networks whose rates depend on time, their master equations solved to high accuracy, and how paths are judged by them."""

import functools
import itertools

import numpy as np
from scipy import stats
from scipy.integrate import solve_ivp

import jumpax

SEASON = jumpax.Curve([0.0, 0.7, 1.2, 2.0, 3.5], [0.3, 1.9, 1.0, 0.1, 1.4])
SIR_THETA = {"beta": 0.25, "gamma": 1.0, "enter": 0.05}
SIR_START = {"S": 10, "I": 2}
SIR_TIMES = [0.5, 1.0, 2.0, 3.0]


def by_curve(S, I, beta, t):  # noqa: E741
    """Infections under the measured season: all of it can be printed."""
    return beta * SEASON(t) * S * I


def seasonal_sir(infection=by_curve) -> jumpax.Network:
    """S and I of a small population; some are infected from outside."""
    return jumpax.Network(
        [
            jumpax.Reaction("S + I -> 2 I", infection),
            jumpax.Reaction("I -> 0", jumpax.MassAction("gamma")),
            jumpax.Reaction("S -> I", jumpax.MassAction("enter")),
        ]
    )


def sir_bounds(highest) -> list[float]:
    """One bound for each interval, of all states that can be reached: S + I <= 12, S <= 10."""
    edges = [0.0, *SIR_TIMES]
    most = [highest(a, b) for a, b in itertools.pairwise(edges)]
    states = [(s, i) for s in range(11) for i in range(13 - s)]
    return [1.001 * max(0.25 * c * s * i + 1.0 * i + 0.05 * s for s, i in states) for c in most]


@functools.cache
def sir_states() -> tuple[tuple[int, int], ...]:
    """All states (S, I) that can be reached."""
    return tuple((s, i) for s in range(11) for i in range(13 - s))


def sir_law(season, beta, gamma, enter, times=tuple(SIR_TIMES), breaks=SEASON.times) -> np.ndarray:
    """Probabilities (times, states) by the Dormand-Prince method of order 8, anew from each kink of the season."""
    states = {state: number for number, state in enumerate(sir_states())}
    size = len(states)
    seasonal, constant = np.zeros((size, size)), np.zeros((size, size))
    for (s, i), number in states.items():
        for matrix, rate, to in (
            (seasonal, beta * s * i, (s - 1, i + 1)),
            (constant, gamma * i, (s, i - 1)),
            (constant, enter * s, (s - 1, i + 1)),
        ):
            if rate > 0:
                matrix[states[to], number] += rate
                matrix[number, number] -= rate
    p = np.zeros(size)
    p[states[SIR_START["S"], SIR_START["I"]]] = 1.0
    edges = sorted({0.0, *times, *(b for b in breaks if b < times[-1])})
    kept = []
    for left, right in itertools.pairwise(edges):
        run = solve_ivp(
            lambda t, p: season(t) * (seasonal @ p) + constant @ p, (left, right), p, "DOP853", rtol=1e-10, atol=1e-13
        )
        p = run.y[:, -1]
        if right in times:
            kept.append(p)
    return np.array(kept)


def sir_moments(season, theta, **options) -> np.ndarray:
    """Means of S, I, S^2, I^2 at the times."""
    table = np.array(sir_states(), float)
    return sir_law(season, **theta, **options) @ np.concatenate([table, table**2], 1)


def sir_slopes(season, theta, **options) -> dict[str, np.ndarray]:
    """Derivatives of the moments by central differences of order 4: error about 1e-8, relative."""
    out = {}
    for name, value in theta.items():
        step = 0.01 * value

        def at(times, name=name, value=value, step=step):
            return sir_moments(season, {**theta, name: value + times * step}, **options)

        out[name] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
    return out


def p_value(found, expected) -> float:
    """Chi-square of counts by bin; bins are merged, in order, until each expects 10 or more."""
    edges, total = [0], 0.0
    for place, value in enumerate(expected):
        total += value
        if total >= 10:
            edges.append(place + 1)
            total = 0.0
    edges.pop()  # the beginning of what is left over, which joins the last bin
    observed, expected = np.add.reduceat(found, edges), np.add.reduceat(expected, edges)
    assert len(expected) > 3
    assert expected.min() >= 10
    return float(stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue)


def numpy_season(t):
    """The season in plain NumPy."""
    return float(np.interp(t, SEASON.times, SEASON.values))
