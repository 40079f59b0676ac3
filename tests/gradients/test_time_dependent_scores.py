"""Score gradients of networks whose rates depend on time, by z-scores against exact or highly accurate references.

Every |z| < 4: false-alarm rate 6e-5 per entry; about 160 entries, so 1 % for the file. Seeds were fixed before looking.
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import jumpax
from jumpax.folds import Score
from jumpax.inference import Fixed, Free, Problem, losses
from jumpax.inference.sources import Simulation
from time_dependent import (
    SEASON,
    SIR_START,
    SIR_THETA,
    SIR_TIMES,
    numpy_season,
    seasonal_sir,
    sir_bounds,
    sir_moments,
    sir_slopes,
)

ONE = ["float32", pytest.param("float64", marks=pytest.mark.long)]
"""Both precisions, the second on demand; `test_births_and_deaths` has both in every run."""


def estimated(network, x0, theta, times, precision, observable=None, **options):
    with jax.enable_x64(precision == "float64"):
        expected = jumpax.expectation(
            observable or jumpax.Moments(*network.species, order=2), network, x0, times, precision=precision,
            **{"paths": 60_000, "gradient": jumpax.ScoreFunction("optimal"), **options},
        )  # fmt: skip
        return jax.tree.map(np.asarray, expected.estimate(theta, jax.random.key(20)))


def check(got, value, slopes):
    """The z-scores of values and derivatives, one row per time."""
    z = (got.value.reshape(len(value), -1) - value) / got.standard_error.reshape(len(value), -1)
    assert np.abs(z).max() < 4, z
    for name, slope in slopes.items():
        made, error = (leaf[name].reshape(len(value), -1) for leaf in (got.gradient, got.gradient_standard_error))
        assert np.abs((made - slope) / error).max() < 4, (name, made, slope, error)
        assert (error < 0.1 * np.abs(slope).max()).all(), name  # the test is not empty


def moments_of_poisson(mean, slopes):
    """Mean and second moment, and their derivatives, from the mean and its derivatives."""
    rows = {name: np.stack([slope, slope * (1 + 2 * mean)], 1) for name, slope in slopes.items()}
    return np.stack([mean, mean + mean**2], 1), rows


@pytest.mark.parametrize("precision", ONE)
def test_seasonal_births(precision):
    """Births at the rate b (1 + sin(w t)) are Poisson, of mean b (t + (1 - cos(w t)) / w)."""
    network = jumpax.Network([jumpax.Reaction("0 -> X", lambda b, w, t: b * (1 + jnp.sin(w * t)))])
    b, w, t = 6.0, 2.0, np.array([0.7, 1.5, 3.0])
    got = estimated(network, {"X": 0}, {"b": b, "w": w}, t, precision, bound=[12.5, 12.5, 18.0], engine="xla")
    by_b = t + (1 - np.cos(w * t)) / w
    by_w = b * (t * np.sin(w * t) / w - (1 - np.cos(w * t)) / w**2)
    check(got, *moments_of_poisson(b * by_b, {"b": by_b, "w": by_w}))


@pytest.mark.parametrize("precision", ONE)
def test_growing_births_up_to_the_bound_on_the_cpu_engine(precision):
    """The rate b (1 + c t) reaches its bound at every stop: a sum over null events would have no finite variance."""
    network = jumpax.Network([jumpax.Reaction("0 -> X", lambda b, c, t: b * (1 + c * t))])
    b, c, t = 2.0, 1.5, np.array([1.0, 2.0])
    got = estimated(network, {"X": 0}, {"b": b, "c": c}, t, precision, bound=[5.00001, 8.00001], engine="cpu")
    check(got, *moments_of_poisson(b * (t + c * t**2 / 2), {"b": t + c * t**2 / 2, "c": b * t**2 / 2}))


@pytest.mark.parametrize(("precision", "engine"), [("float32", "xla"), ("float64", "cpu")])
def test_births_and_deaths(precision, engine):
    """From zero molecules the law stays Poisson, of mean m' = b s(t) - g m."""
    network = jumpax.Network(
        [jumpax.Reaction("0 -> X", lambda b, t: b * SEASON(t)), jumpax.Reaction("X -> 0", jumpax.MassAction("g"))]
    )
    theta, times = {"b": 8.0, "g": 0.7}, np.array([1.0, 3.0])

    def mean(b, g):
        """By quadrature of high accuracy, kinks told."""
        parts = [
            quad(lambda s, t=t: b * numpy_season(s) * np.exp(-g * (t - s)), 0, t, points=[0.7, 1.2, 2.0], epsabs=1e-11)[
                0
            ]
            for t in times
        ]
        return np.array(parts)

    step = 1e-4
    by_g = (mean(8.0, 0.7 + step) - mean(8.0, 0.7 - step)) / (2 * step)
    want = moments_of_poisson(mean(**theta), {"b": mean(1.0, 0.7), "g": by_g})
    bound = [8 * SEASON.highest(0, 1) + 0.7 * 50, 8 * SEASON.highest(1, 3) + 0.7 * 60]
    check(estimated(network, {"X": 0}, theta, times, precision, bound=bound, engine=engine), *want)


@pytest.mark.parametrize("precision", ONE)
def test_epidemic_in_a_measured_season_on_the_cpu_engine(precision):
    bound = sir_bounds(SEASON.highest)
    got = estimated(seasonal_sir(), SIR_START, SIR_THETA, SIR_TIMES, precision, moments, bound=bound, engine="cpu")
    check(got, sir_moments(numpy_season, SIR_THETA), sir_slopes(numpy_season, SIR_THETA))


def moments(counts):
    """As in the reference."""
    each = jnp.stack([counts["S"], counts["I"]])
    return jnp.concatenate([each, each**2])


@pytest.mark.parametrize("precision", ONE)
def test_epidemic_in_a_sine_season(precision):
    def season(t):
        return 1 + 0.9 * np.sin(4 * t)

    def highest(begin, end):
        return season(np.linspace(begin, end, 10_001)).max() + 1e-3

    network = seasonal_sir(lambda S, I, beta, t: beta * (1 + 0.9 * jnp.sin(4 * t)) * S * I)  # noqa: E741
    got = estimated(
        network, SIR_START, SIR_THETA, SIR_TIMES, precision, moments, bound=sir_bounds(highest), engine="xla"
    )
    check(got, sir_moments(season, SIR_THETA, breaks=()), sir_slopes(season, SIR_THETA, breaks=()))


def test_after_a_number_of_events_the_waits_count():
    """Which of two reactions comes first, and second, depends on when: A at the rate a, B at the rate b t."""
    network = jumpax.Network([jumpax.Reaction("0 -> A", jumpax.MassAction("a")), jumpax.Reaction("0 -> B", _later)])

    def mean(a, b):
        """E[B] after one and two events: the density of the second event's time is that of a Poisson process of two."""

        def rate(t):
            return a * t + b * t**2 / 2

        first = quad(lambda t: b * t * np.exp(-rate(t)), 0, 60, epsabs=1e-12)[0]
        second = quad(lambda t: b * t * rate(t) * np.exp(-rate(t)), 0, 60, epsabs=1e-12)[0]
        return np.array([first, first + second])

    theta, step = {"a": 1.0, "b": 0.8}, 1e-4
    slopes = {
        name: (mean(**{**theta, name: v + step}) - mean(**{**theta, name: v - step}))[:, None] / (2 * step)
        for name, v in theta.items()
    }
    expected = jumpax.expectation(
        lambda counts: counts["B"], network, {"A": 0, "B": 0}, steps=[1, 2], paths=60_000, bound=40.0, engine="cpu"
    )
    check(expected.estimate(theta, jax.random.key(21)), mean(**theta)[:, None], slopes)


def _later(b, t):
    return b * t


def test_auto_is_the_score_function_inside_jit_and_outside():
    network = seasonal_sir()
    expected = jumpax.expectation(moments, network, SIR_START, SIR_TIMES, paths=500, bound=sir_bounds(SEASON.highest))
    theta = {name: jnp.float32(value) for name, value in SIR_THETA.items()}

    def loss(theta):
        return expected(theta, jax.random.key(0))[-1, 1]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inside = jax.jit(jax.grad(loss))(theta)
    outside = jax.grad(loss)(theta)
    assert expected.estimator == jumpax.ScoreFunction()
    assert expected.choice is not None
    assert "depend on time" in expected.choice.reason
    assert expected.choose(theta, 0).estimator == jumpax.ScoreFunction()
    for name in theta:
        np.testing.assert_allclose(inside[name], outside[name], rtol=1e-4, atol=1e-6)


def test_a_window_of_the_score_stays_a_window():
    """Two windows that lie beside each other make up the whole: here the last one covers all of the time."""
    network = seasonal_sir()
    options = {"bound": sir_bounds(SEASON.highest), "paths": 2_000, "gradient": jumpax.ScoreFunction(window=3.0)}
    windowed = estimated(network, SIR_START, SIR_THETA, SIR_TIMES, "float32", moments, **options)
    whole = estimated(
        network, SIR_START, SIR_THETA, SIR_TIMES, "float32", moments, **options | {"gradient": jumpax.ScoreFunction()}
    )
    for name in SIR_THETA:
        np.testing.assert_allclose(windowed.gradient[name], whole.gradient[name], rtol=1e-3, atol=1e-3)


@pytest.mark.fault(24)
def test_others_are_refused_by_name():
    network = seasonal_sir()
    for estimator in (
        jumpax.ControlledScore(), jumpax.LatticeTangent(), jumpax.TrapezoidalTangent(), jumpax.CoupledDifference(),
        jumpax.StraightThrough(), jumpax.AlternativePath(), jumpax.ExactGradient(),
        jumpax.ScoreFunction(control="martingale"),
    ):  # fmt: skip
        with pytest.raises(jumpax.UnsupportedError, match=rf"{type(estimator).__name__}.*gradients by ScoreFunction"):
            jumpax.expectation(moments, network, SIR_START, [1.0], paths=10, gradient=estimator, bound=100.0)
    with pytest.raises(jumpax.UnsupportedError, match="waiting=True"):
        Score(network, ("beta",), waiting=False)
    model = jumpax.zoo.association()
    with pytest.raises(jumpax.InputError, match="takes one number"):
        jumpax.expectation(jumpax.Moments("C"), model.network, model.x0, [1.0, 2.0], paths=10, bound=[50.0, 60.0],
                           gradient=jumpax.StraightThrough(horizon="uniformization"))  # fmt: skip


def test_a_broken_bound_makes_the_expectation_fail():
    expected = jumpax.expectation(moments, seasonal_sir(), SIR_START, [1.0, 2.0], paths=100, bound=[5.0, 50.0])
    with pytest.raises(jumpax.SimulationError, match="exceeds bound = 5, 50"):
        expected(SIR_THETA, jax.random.key(0))


@pytest.mark.parametrize("given", [True, False])
def test_a_loss_and_its_gradient_through_simulated_paths_with_bounds(given):
    """Half the squared distance of the mean of I from data, against the master equation."""
    data = losses.TimeSeries([1.0, 2.0], {"I": [6.0, 5.0]}, {"I": 1.0})
    parameters = {"beta": Free(SIR_THETA["beta"]), "gamma": Fixed(1.0), "enter": Fixed(0.05)}
    bounds = (sir_bounds(SEASON.highest)[0] * 2, sir_bounds(SEASON.highest)[2] * 2)
    source = Simulation(paths=40_000, batches=20, bound=list(bounds) if given else None)
    problem = Problem(seasonal_sir(), SIR_START, data, parameters, source=source)
    u = np.array([np.log(SIR_THETA["beta"])])
    assert float(problem.values(jnp.asarray(u))["beta"]) == pytest.approx(SIR_THETA["beta"])
    found = problem.evaluate(jnp.asarray(u), jax.random.key(22))
    want = sir_moments(numpy_season, SIR_THETA, times=(1.0, 2.0))[:, 1]
    by_beta = sir_slopes(numpy_season, SIR_THETA, times=(1.0, 2.0))["beta"][:, 1]
    off = want - np.array([6.0, 5.0])
    gradient = (off * by_beta).sum() * SIR_THETA["beta"]
    assert abs(found.gradient[0] - gradient) < 4 * found.gradient_error[0]
    assert found.gradient_error[0] < 0.2 * abs(gradient)
