"""The score along paths with continuous variables, against derivatives of exact means.

z-scores stay below 4.5 (7e-6 each, some 150 of them); seeds were fixed before the first look.
"""

import jax
import numpy as np
import pytest

import jumpax
from flow_laws import START, THETA, TIMES, flowing, means, network
from jumpax import Event, Moments, Network, Reaction, UnsupportedError

EVERYTHING = network(partition=False)
WRT = ("make", "lose", "T", "warming", "energy", "ramp", "up", "clearance", "dose", "half")


def slope(name):
    """Of all means, by a central difference."""
    step = 1e-5 * THETA[name]
    more, less = (means({**THETA, name: THETA[name] + way * step}, partition=False) for way in (1, -1))
    return (more - less) / (2 * step)


def test_cell_ramp_channel_and_doses():
    mean = jumpax.expectation(Moments(*START, order=1), EVERYTHING, START, times=TIMES, paths=10_000)
    found = mean.estimate(THETA, jax.random.key(71), wrt=WRT)
    assert mean.choice.reason.startswith("ScoreFunction(): unbiased")
    z = (found.value[..., 0] - means(THETA, partition=False)) / found.standard_error[..., 0]
    assert (np.abs(z) < 4.5).all(), z
    for name in WRT:
        gap, error = found.gradient[name][..., 0] - slope(name), found.gradient_standard_error[name][..., 0]
        assert (np.abs(gap) <= 4.5 * error + 1e-9).all(), (name, gap / error)  # all are 0 before the first dose


def test_scores_path_by_path_by_their_formula():
    """Births at k V with V' = g V, and V doubled at 1: d ln L / dg = sum of t_i - k dI/dg, I = the integral of V."""
    double = Event.at(1.0, {"V": lambda V, fold: fold * V})
    birth = Network([Reaction("0 -> A", lambda k, V: k * V)], flows={"V": lambda V, g: g * V}, events=[double])
    theta, times = {"k": 5.0, "V": 1.5, "g": 0.4, "fold": 2.0}, [0.7, 1.6]
    score = jumpax.folds.Score(birth, ("k", "V", "g", "fold"))

    def area(g, t, fold=2.0):
        early, late = min(t, 1.0), max(t, 1.0)
        return 1.5 * (np.expm1(g * early) + fold * (np.exp(g * late) - np.exp(g))) / g

    for engine in ("xla", "reference"):
        how = {"times": times, "key": 72, "engine": engine, "precision": "float64"}
        paths = jumpax.simulate(birth, theta, {"A": 0}, paths=3, record=score, **how)
        log = jumpax.simulate(birth, theta, {"A": 0}, paths=3, record=jumpax.Events(), **{**how, "engine": "xla"}).log
        for path in range(3):
            when, which = log.of(path)
            when = when[which == 0]
            for stop, t in enumerate(times):
                born = when[when <= t]
                expected = {
                    "k": len(born) / 5.0 - area(0.4, t),
                    "V": (len(born) - 5.0 * area(0.4, t)) / 1.5,
                    "g": born.sum() - 5.0 * (area(0.4 + 1e-6, t) - area(0.4 - 1e-6, t)) / 2e-6,
                    "fold": (born > 1.0).sum() / 2.0 - 5.0 * (area(0.4, t, 3.0) - area(0.4, t)),
                }
                seen = [paths.records[n][path, stop] for n in range(4)]
                np.testing.assert_allclose(seen, list(expected.values()), rtol=1e-7, atol=1e-7)


def test_what_decides_when_the_cell_divides_has_no_score():
    for name in ("growth", "V", "largest"):
        with pytest.raises(UnsupportedError, match=f"'{name}' decides when the event 'division' happens"):
            jumpax.folds.Score(EVERYTHING, (name,))
    assert flowing(THETA, 1.0)[0] < 2.0
