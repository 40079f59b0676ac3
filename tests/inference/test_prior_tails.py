"""Priors between bounds far in a tail, where starts of chains are drawn: judged by the tails of SciPy.

Each test of Kolmogorov and Smirnov has a false-alarm rate of 1e-4, and a seed that was chosen before.
"""

import math

import numpy as np
import pytest
from scipy.stats import kstest, norm

from jumpax import InputError, priors


@pytest.mark.parametrize(
    ("prior", "low", "log_above"),
    [
        (priors.Normal(0.0, 1.0), 8.25, norm.logsf),
        (priors.Normal(0.0, 1.0), 30.0, norm.logsf),
        (priors.LogNormal(1.0, 0.1), 2.2, lambda x: norm.logsf(np.log(x) / 0.1)),
        (priors.Exponential(1.0), 50.0, lambda x: -x),
    ],
)
def test_mass_and_draws_far_above(prior, low, log_above):
    high = 1.1 * low
    for end, mass in ((math.inf, log_above(low)), (high, log_above(low) + np.log1p(-np.exp(log_above(high) - log_above(low))))):  # fmt: skip
        np.testing.assert_allclose(prior.log_mass(low, end), mass, rtol=1e-10)
    drawn = prior.sample(np.random.default_rng(8), low, math.inf, size=500)
    assert (drawn > low).all()
    assert np.isfinite(drawn).all()
    assert kstest(np.exp(log_above(drawn) - log_above(low)), "uniform").pvalue > 1e-4
    one = prior.sample(np.random.default_rng(8), low)
    assert one == drawn[0]


def test_draws_far_below_and_where_there_is_no_probability():
    prior = priors.Normal(0.0, 1.0)
    np.testing.assert_allclose(prior.log_mass(-math.inf, -8.25), norm.logcdf(-8.25), rtol=1e-10)
    assert (prior.sample(np.random.default_rng(8), -math.inf, -8.25, size=100) < -8.25).all()
    assert prior.log_mass(50.0, math.inf) == -math.inf
    for low, high in ((50.0, math.inf), (1.0, np.nextafter(1.0, 2.0))):
        with pytest.raises(InputError, match=r"no probability.*widen"):
            prior.sample(np.random.default_rng(8), low, high)
