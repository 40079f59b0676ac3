"""Predictive bands, judged by the Poisson law of birth and death and a quadrature over its parameter."""

import numpy as np
import pytest
from scipy.stats import norm, poisson

import jumpax
from jumpax.inference import Conditions, Fixed, Free, MasterEquation, Problem, fit, losses, predictive

MODEL = jumpax.zoo.birth_death()
TIMES = (0.5, 1.0, 2.0, 4.0)
PATHS = 20_000
LEVELS = (0.025, 0.5, 0.975)


def problem(cells=30):
    counts = np.random.default_rng(5).poisson(10 * (1 - np.exp(-2.0)), cells)
    data = losses.LogLikelihood("X", counts, np.full(cells, 2.0), size=40)
    parameters = {"birth": Free(8.0), "death": Fixed(1.0)}
    return Problem(MODEL.network, MODEL.x0, data, parameters, source=MasterEquation({"X": 60}))


@pytest.fixture(scope="module")
def found():
    return fit(problem())


@pytest.fixture(scope="module")
def bands(found):
    return predictive(problem(), found, TIMES, paths=PATHS, key=1, quantiles=LEVELS)


def draws(found):
    """Quantiles of the parameter: normal on the scale of logarithms."""
    error = found.standard_errors["birth"] / found.estimates["birth"]
    return found.estimates["birth"] * np.exp(error * norm.ppf((np.arange(2000) + 0.5) / 2000))


@pytest.mark.parametrize("place", range(len(TIMES)))
def test_quantiles_of_counts_are_those_of_the_mixed_poisson_law(found, bands, place):
    """The distribution function on both sides of each quantile, 4.5 standard errors: one false alarm in 6,000 for all twelve."""
    means = draws(found) * (1 - np.exp(-TIMES[place]))
    for level, count in zip(LEVELS, bands.counts[:, place, 0], strict=True):
        slack = 4.5 * np.sqrt(level * (1 - level) / PATHS)
        assert poisson.cdf(count, means).mean() > level - slack
        assert poisson.cdf(count - 1, means).mean() < level + slack


@pytest.mark.parametrize("place", range(len(TIMES)))
def test_quantiles_of_the_mean_are_those_of_the_parameter(found, bands, place):
    """To first order: 2 % of the mean for the curvature of the exponential, and 4.5 standard errors of the simulation."""
    mean = found.estimates["birth"] * (1 - np.exp(-TIMES[place]))
    error = found.standard_errors["birth"] / found.estimates["birth"] * mean
    slack = 4.5 * np.sqrt(mean / PATHS) * np.sqrt(1 + norm.ppf(0.975) ** 2) + error**2 / mean
    assert bands.mean[:, place, 0] == pytest.approx(mean + norm.ppf(LEVELS) * error, abs=slack)


def test_times_are_those_of_the_data_by_default(found):
    made = predictive(problem(), found, paths=200)
    assert made.times.tolist() == [2.0]
    assert made.species == ("X",)
    assert (made.paths, made.lost, made.steady) == (200, 0, False)


def test_conditions_have_bands_each():
    both = Conditions({"a": problem(), "b": problem(60)}, own=["birth"])
    found = fit(both)
    made = predictive(both, found, paths=2000)
    assert list(made) == ["a", "b"]
    width = {name: float(np.ptp(one.mean)) for name, one in made.items()}
    assert width["b"] < width["a"]  # twice the cells


def test_what_is_not_determined_cannot_be_drawn():
    data = losses.LogLikelihood("X", [9, 12, 7, 10, 14, 8, 11])
    parameters = {"birth": Free(8.0), "death": Free(1.1)}
    flat = Problem(MODEL.network, MODEL.x0, data, parameters, settle=20.0, source=MasterEquation({"X": 60}))
    with pytest.warns(jumpax.JumpaxWarning, match="do not determine"):
        result = fit(flat)
    with pytest.raises(jumpax.InputError, match="birth, death of the fit are not determined"):
        predictive(flat, result)


def test_bad_input_is_named(found):
    with pytest.raises(jumpax.InputError, match="quantiles must increase"):
        predictive(problem(), found, quantiles=(0.5, 0.1))
    with pytest.raises(jumpax.InputError, match="paths must be"):
        predictive(problem(), found, paths=3)
    other = Problem(MODEL.network, MODEL.x0, problem().loss, {"birth": Fixed(8.0), "death": Free(1.0)})
    with pytest.raises(jumpax.InputError, match="has death free"):
        predictive(other, found)
