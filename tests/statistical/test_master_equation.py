"""Whole distributions against the master equation, chi-square; laws of times by Kolmogorov-Smirnov.

False alarms: every p-value of this folder has to exceed LEAST = 6e-7. There are fewer than 150 of them, long ones
included, so correct engines fail with a probability below 1e-4 for a new set of seeds (Bonferroni). The seeds were fixed
before the first look. 10,000 paths each; 100,000 with `-m long`, which also runs every test on every engine.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jumpax
from jumpax.exact import StateSpace, distribution, jump_chain
from jumpax.folds import FirstPassage
from jumpax.networks import zoo

LEAST = 6e-7
SIZES = [10_000, pytest.param(100_000, marks=pytest.mark.long)]
PRECISIONS = ["float32", "float64"]
ENGINES = ["cpu", pytest.param("xla", marks=pytest.mark.long)]

CASES = {
    "schlogl": (zoo.schlogl(), 1200, (0.5, 4.0)),
    "toggle_switch": (zoo.toggle_switch(), 80, (1.0, 8.0)),
    "telegraph": (zoo.telegraph(), {"M": 160}, (1.0, 10.0)),
    "sir": (zoo.sir(beta=0.03, start=(60, 2, 0)), None, (1.5, 6.0)),
    "lotka_volterra": (zoo.lotka_volterra(predation=0.05, start=(10, 8)), 140, (0.5, 2.0)),
    "dimerization": (zoo.dimerization(), None, (0.1, 2.0)),
}
"""Model, limits of its state space, times: one on the way and one late."""


def p_value(found, expected):
    """Chi-square of counts by bin; bins are merged, in order, until each expects 10 or more."""
    edges, total = [0], 0.0
    for place, value in enumerate(expected):
        total += value
        if total >= 10:
            edges.append(place + 1)
            total = 0.0
    edges.pop()  # the beginning of what is left over, which joins the last bin
    observed, expected = np.add.reduceat(found, edges), np.add.reduceat(expected, edges)
    assert expected.min() >= 10
    assert len(expected) > 3
    return stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue


def test_the_judge_sees_a_wrong_law():
    rng = np.random.default_rng(0)
    expected = 10_000 * stats.poisson.pmf(np.arange(60), 20.0)
    right, wrong = (np.bincount(rng.poisson(mean, 10_000), minlength=60) for mean in (20.0, 20.5))
    assert p_value(right, expected) > LEAST
    assert p_value(wrong, expected) < LEAST


@functools.cache
def law(name):
    model, limits, times = CASES[name]
    with jax.enable_x64(True):
        space = StateSpace.reachable(model.network, model.x0, limits)
        return space, np.asarray(distribution(space, model.theta, times).probabilities)


def in_space(space, counts):
    """How many of the paths are in each state of the space; last entry: outside."""
    radix = space.states.max(0).astype(np.int64) + 1
    places = {key: i for i, key in enumerate(np.ravel_multi_index(space.states.T, radix))}
    inside = (counts < radix).all(1)
    rows = np.full(len(counts), space.size)
    keys = np.ravel_multi_index(counts[inside].T, radix)
    rows[inside] = [places.get(key, -1) for key in keys]
    assert (rows >= 0).all(), "a state that cannot be reached"
    return np.bincount(rows, minlength=space.size + 1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("name", "engine"),
    [(name, "cpu") for name in CASES]
    + [("telegraph", "xla")]
    + [pytest.param(name, "xla", marks=pytest.mark.long) for name in CASES if name != "telegraph"],
)
def test_distribution_at_two_times(name, engine, precision, size):
    model, _, times = CASES[name]
    space, probabilities = law(name)
    key = 100 * list(CASES).index(name) + PRECISIONS.index(precision)
    paths = jumpax.simulate(
        model.network, model.theta, model.x0, times=times, paths=size, key=key, precision=precision, engine=engine
    )
    for i in range(len(times)):
        expected = np.append(probabilities[i], max(0.0, 1 - probabilities[i].sum()))
        assert p_value(in_space(space, paths.counts[:, i]), size * expected) > LEAST, times[i]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_distribution_after_numbers_of_reactions(precision, engine):
    model, steps = zoo.toggle_switch(), (3, 30)
    with jax.enable_x64(True):
        space = StateSpace.reachable(model.network, model.x0, 60)
        probabilities = np.asarray(jump_chain(space, model.theta, steps).probabilities)
    key = 800 + PRECISIONS.index(precision)
    paths = jumpax.simulate(
        model.network, model.theta, model.x0, steps=steps, paths=10_000, key=key, precision=precision, engine=engine
    )
    for i in range(len(steps)):
        assert p_value(in_space(space, paths.counts[:, i]), 1e4 * np.append(probabilities[i], 0)) > LEAST, steps[i]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_waits_of_a_pure_birth_process(precision, engine):
    model = zoo.pure_birth(birth=0.7, start=5)
    paths = jumpax.simulate(
        model.network, model.theta, model.x0, steps=[1], paths=10_000, key=901, precision=precision, engine=engine
    )
    assert stats.kstest(paths.end_times, stats.expon(scale=1 / 3.5).cdf).pvalue > LEAST


def _twenty(counts):
    return counts["X"] >= 20


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_first_passage_of_a_pure_birth_process(precision, engine):
    """X(t) - 5 is negative binomial, 5 successes of probability e^(-b t), so P(passage by t) = P(X(t) >= 20)."""
    model = zoo.pure_birth(birth=0.7, start=5)
    paths = jumpax.simulate(model.network, model.theta, model.x0, times=100.0, paths=10_000, key=902,
                            record=FirstPassage(model.network, _twenty), precision=precision, engine=engine)  # fmt: skip
    reached, when = paths.records
    assert reached.all()
    assert (paths.status == jumpax.Status.DONE).all()
    assert (paths["X"] == 20).all()
    assert stats.kstest(when[:, 0], lambda t: stats.nbinom.sf(14, 5, np.exp(-0.7 * t))).pvalue > LEAST


def _season(k, t):
    return k * (1 + jnp.sin(t))


def _growth(k, t):
    return k * t / (1 + t)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_thinning_of_a_growing_birth_rate(precision, engine):
    """Births alone are Poisson, of mean k (t - log(1 + t)); an engine that prints its loops has no sine."""
    network = jumpax.Network([jumpax.Reaction("∅ -> X", _growth)])
    k, times = 6.0, np.array([2.0, 7.0])
    paths = jumpax.simulate(
        network, {"k": k}, {"X": 0}, times=times, paths=10_000, key=905, bound=k, precision=precision, engine=engine
    )
    for i, time in enumerate(times):
        found = np.bincount(paths["X"][:, i], minlength=100)
        assert p_value(found, 1e4 * stats.poisson.pmf(np.arange(len(found)), k * (time - np.log1p(time)))) > LEAST, time


@pytest.mark.parametrize("start", [0.0, 2.0])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_thinning_of_a_seasonal_birth_rate(precision, start):
    """Births alone are Poisson, of mean k times the integral of 1 + sin."""
    network = jumpax.Network([jumpax.Reaction("∅ -> X", _season)])
    k, times = 6.0, start + np.array([1.0, 7.0])
    paths = jumpax.simulate(network, {"k": k}, {"X": 0}, times=times, start=start, paths=10_000, key=903, bound=2 * k,
                            precision=precision, engine="xla")  # fmt: skip
    for i, time in enumerate(times):
        mean = k * (time - start + np.cos(start) - np.cos(time))
        found = np.bincount(paths["X"][:, i], minlength=200)
        assert p_value(found, 1e4 * stats.poisson.pmf(np.arange(len(found)), mean)) > LEAST, time


def test_thinning_with_deaths():
    """Seasonal births and deaths from zero stay Poisson: m' = k (1 + sin t) - g m."""
    deaths = jumpax.Reaction("X -> ∅", jumpax.MassAction("g"))
    network = jumpax.Network([jumpax.Reaction("∅ -> X", _season), deaths])
    k, g, times = 10.0, 0.8, np.array([1.5, 6.0])
    paths = jumpax.simulate(
        network, {"k": k, "g": g}, {"X": 0}, times=times, paths=10_000, key=904, bound=2 * k + g * 70, engine="xla"
    )
    for i, time in enumerate(times):
        fade = np.exp(-g * time)
        mean = k / g * (1 - fade) + k * (g * np.sin(time) - np.cos(time) + fade) / (1 + g**2)
        found = np.bincount(paths["X"][:, i], minlength=100)
        assert p_value(found, 1e4 * stats.poisson.pmf(np.arange(len(found)), mean)) > LEAST, time
