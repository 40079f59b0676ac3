"""Exact records: judged by the forward filter of the master equation.

Each z test has a false-alarm rate of 9e-5 (|z| < 4 by Student's t with 199 degrees, the mean of 200 chains taken as normal), and a seed
that was chosen before. There are four of them.
"""

import numpy as np
from forward_filter import boxed, log_likelihood, z_of_mean
from scipy.stats import norm, poisson

import jumpax
from jumpax import Records
from jumpax.filters import particle_filter
from jumpax.records import Exact, Normal

NAN, CHAINS = float("nan"), 200
NETWORK = jumpax.zoo.birth_death().network
THETA = {"birth": 4.0, "death": 0.5, "m": 4.0, "sd": 2.0}
TIMES = np.array([0.0, 1.0, 2.0, 3.0])
COUNTS, NOISY = np.array([4, NAN, 9, 6]), np.array([NAN, 5.5, 8.1, NAN])


def judge(**given):
    theta, n = {**THETA, **given}, np.arange(36)
    reactions = [((1,), lambda x: theta["birth"]), ((-1,), lambda x: theta["death"] * x)]
    densities = []
    for count, y in zip(COUNTS, NOISY, strict=True):
        seen = np.ones(36) if np.isnan(count) else (n == count).astype(float)
        densities.append(seen if np.isnan(y) else seen * norm.pdf(y, n, theta["sd"]))
    return log_likelihood(boxed(35), reactions, poisson.pmf(n, theta["m"]), TIMES, densities)


def run(particles=40, many=CHAINS, **given):
    trace = Records(TIMES, {"X": COUNTS, "Y": NOISY}, {"X": Exact(), "Y": Normal("sd")}, of={"Y": "X"})
    theta = {name: np.full(many, value) for name, value in THETA.items()}
    return particle_filter(NETWORK, trace, theta, {"X": jumpax.Poisson("m")}, particles=particles, key=5, **given)


def test_likelihood_of_exact_noisy_and_missing_records():
    found = run()
    log_likelihoods = found.log_likelihood[:, 0]
    assert abs(z_of_mean(log_likelihoods, judge())) < 4
    # the sd over 200 chains is known to 5 %
    assert abs(np.sqrt((found.standard_error**2).mean()) / log_likelihoods.std(ddof=1) - 1) < 0.2
    assert (found.mean("X")[:, 0, 2] == 9).all()
    assert np.isnan(found.predicted([0.5])["X"][..., 2]).all()  # nothing is known of draws that disagree


def test_gradient_of_exact_records():
    found = run(particles=150, gradient=("birth", "death", "m", "sd"), keep=False)
    for name, value in THETA.items():
        step = 1e-4 * value
        slope = (judge(**{name: value + step}) - judge(**{name: value - step})) / (2 * step)
        gradient = found.gradient[name][:, 0]
        # the start is known: its score has no variance
        assert abs(gradient.mean() - slope) < 4 * gradient.std(ddof=1) / np.sqrt(CHAINS) + 1e-6


def test_a_chain_alone_and_a_limit_on_draws():
    together = run(particles=20, many=3, keep=False)
    trace = Records(TIMES, {"X": COUNTS, "Y": NOISY}, {"X": Exact(), "Y": Normal("sd")}, of={"Y": "X"})
    alone = particle_filter(NETWORK, trace, THETA, {"X": jumpax.Poisson("m")}, particles=20, key=5, chain=[2])
    assert alone.log_likelihood[0, 0] == together.log_likelihood[2, 0]
    np.testing.assert_array_equal(alone.draws[0], together.draws[2])
    few = run(particles=20, many=3, keep=False, max_draws=60)
    assert np.isneginf(few.log_likelihood).any()
    np.testing.assert_array_equal(few.lost["CAPPED"] == 1, few.extinct >= 0)
    assert few.draws.max() <= 60
