"""Chains on estimated likelihoods have the posterior as their law: a normal target whose likelihood has log-normal noise.

The noise is made from the keys by the test, and unbiased on the natural scale; the exact law is a normal one.
"""

import numpy as np
import pytest
from scipy.stats import chi2

from jumpax._base import random
from jumpax.inference.posterior.approach import approach, starts
from jumpax.inference.posterior.chains import Keys, Move, stand, step, warm_up
from jumpax.inference.posterior.target import AbstractTarget, Noisy

PRIOR = np.array([3.0, 5.0])
"""Standard deviations of the prior, about 0."""
MEAN = np.array([1.0, -2.0])
PRECISION = np.array([[4.0, 3.0], [3.0, 9.0]])
"""Of the likelihood."""


class Toy(AbstractTarget):
    def __init__(self, noise, bias=0.0):
        self.noise, self.bias, self.seen = noise, bias, 0

    @property
    def dimension(self):
        return 2

    def draw(self, generator, many):
        return PRIOR * generator.standard_normal((many, 2))

    def log_prior(self, points):
        return -0.5 * ((points / PRIOR) ** 2).sum(1), -points / PRIOR**2

    def estimate(self, points, keys, slopes, coldness=1.0):
        self.seen += len(points)
        words = random.host_words((keys[:, 0], keys[:, 1]), np.zeros(len(keys), np.uint32), 0, 2)
        u = (words.astype(float) + 0.5) * 2.0**-32
        z = np.sqrt(-2 * np.log(u[0])) * np.cos(2 * np.pi * u[1])
        off = points - MEAN
        log = -0.5 * np.einsum("ci,ij,cj->c", off, PRECISION, off) + self.noise * z - 0.5 * self.noise**2
        wrong = off @ PRECISION + self.bias + 2.0 * np.stack([u[0], u[1]], 1)
        return Noisy(coldness * log, -wrong if slopes else None)


def exact():
    covariance = np.linalg.inv(PRECISION + np.diag(1 / PRIOR**2))
    return covariance @ PRECISION @ MEAN, covariance


@pytest.mark.parametrize(("drift", "noise", "bias"), [(False, 0.0, 0.0), (False, 1.2, 0.0), (True, 1.2, 1.5)])
def test_moments_are_those_of_the_posterior(drift, noise, bias):
    """Means and second moments of 100 chains, judged by the scatter between chains: |z| < 4.5 for five numbers.

    By Student's t with 99 degrees a false alarm in 10,800 runs of each case.

    The slopes are noisy and biased: they must not show in the law.
    """
    target, generator, chains = Toy(noise, bias), np.random.default_rng(11), 100
    keys = Keys((np.uint32(3), np.uint32(5)), chains)
    mean, covariance = exact()
    # chains begin with the law itself, with estimates as chains have them: their law has a factor exp(noise z) there
    state = stand(
        target, mean + generator.standard_normal((chains, 2)) @ np.linalg.cholesky(covariance).T, keys.take(), drift
    )
    move = Move(np.linalg.cholesky(covariance), 1.0 if drift else 1.5, drift)
    sums, count = np.zeros((chains, 5)), 0
    for number in range(600):
        state, _, _ = step(target, state, move, generator, keys.take())
        if number >= 100:
            x, y = state.points.T
            sums, count = sums + np.stack([x, y, x * x, x * y, y * y], 1), count + 1
    found = sums / count
    second = covariance + np.outer(mean, mean)
    wanted = np.array([*mean, second[0, 0], second[0, 1], second[1, 1]])
    z = (found.mean(0) - wanted) / (found.std(0, ddof=1) / chains**0.5)
    assert np.abs(z).max() < 4.5, z


def as_of_independent(many):
    """Between which numbers the ratio of a sample variance to the true one lies, of so many normal points, but for 1e-4 of runs."""
    return chi2.ppf([5e-5, 1 - 5e-5], many - 1) / (many - 1)


def test_the_bulk_is_found_and_chains_learn_their_steps():
    """Bounds are those of independent points, as many as the scatter over 300 other seeds tells."""
    target, generator = Toy(0.5), np.random.default_rng(12)
    bulk = approach(target, 64, generator, Keys((np.uint32(1), np.uint32(2)), 64), lambda coldness: None)
    mean, covariance = exact()
    spread = np.sqrt(np.diag(covariance))
    # 64 points: 4.5 standard errors of a mean, which scattered by 0.139 of the spread, and not by 1/8
    assert (np.abs(bulk.points.mean(0) - mean) < 4.5 * 0.139 * spread).all()
    # scatter of the variances 0.165 of themselves; sqrt(2 / 63) = 0.178 is that of 64 independent points
    least, most = as_of_independent(64)
    found = np.diag(bulk.root @ bulk.root.T) / np.diag(covariance)
    assert (found > least).all()
    assert (found < most).all()
    keys = Keys((np.uint32(1), np.uint32(3)), 8)
    state = stand(target, starts(bulk, 8, generator), keys.take(), drift=False)
    adapted = warm_up(
        target, state, Move(bulk.root, 1.0, False), 400, generator, keys, 0.25, lambda number, accepted: None
    )
    assert abs(adapted.accepted - 0.25) < 4.5 * 0.0051  # which was the scatter
    # learnt from 150 steps of 8 chains; scatter 0.124 of themselves, so as of 130 independent points
    least, most = as_of_independent(130)
    learnt = np.diag(adapted.move.root @ adapted.move.root.T) / np.diag(covariance)
    assert (learnt > least).all()
    assert (learnt < most).all()


@pytest.mark.fault(39)
def test_keys_are_never_used_twice():
    keys = Keys((np.uint32(1), np.uint32(2)), 5)
    made = np.concatenate([keys.take() for _ in range(20)])
    assert len(np.unique(made, axis=0)) == 100
    alone = Keys((np.uint32(1), np.uint32(2)), 2)
    np.testing.assert_array_equal(alone.take(), made[:2])  # whatever other chains there are
