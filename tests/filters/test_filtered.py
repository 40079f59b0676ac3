"""What is told of the paths behind a likelihood: judged by the forward-backward recursion of the master equation.

Each number that `agree` judges has a false-alarm rate of 1.8e-4 (|z| < 4 by Student's t with 59 degrees, of 60 chains), its twenty numbers
together 3.6e-3; seeds were chosen before.
"""

import numpy as np
import pytest
from forward_filter import boxed, generator
from scipy.linalg import expm
from scipy.stats import kstest, norm, poisson

import jumpax
from jumpax import InputError, Records
from jumpax.filters import particle_filter
from jumpax.records import Normal

NETWORK = jumpax.zoo.birth_death().network
BIRTH, DEATH, SD, CHAINS = 4.0, 0.5, 1.5, 60
TIMES, TRACE = np.array([0.5, 1.5, 2.5, 3.5]), np.array([3.1, 9.5, 6.0, 12.1])
LEVELS = (0.05, 0.5, 0.95)
N = np.arange(36)


@pytest.fixture(scope="module")
def judge():
    """Laws of the count before each record, after it, and given all records, (times, counts)."""
    rates = generator(boxed(35), [((1,), lambda x: BIRTH), ((-1,), lambda x: DEATH * x)])
    law, now, before, after, moves = poisson.pmf(N, 4.0), 0.0, [], [], []
    for time, y in zip(TIMES, TRACE, strict=True):
        moves.append(expm(rates * (time - now)))
        law, now = moves[-1] @ law, time
        before.append(law)
        law = law * norm.pdf(y, N, SD)
        law /= law.sum()
        after.append(law)
    back, smooth = np.ones(36), [law]
    for k in range(len(TIMES) - 2, -1, -1):
        back = moves[k + 1].T @ (norm.pdf(TRACE[k + 1], N, SD) * back)
        smooth.append(after[k] * back / (after[k] * back).sum())
    return np.array(before), np.array(after), np.array(smooth[::-1])


@pytest.fixture(scope="module")
def found():
    trace = Records(TIMES, {"Y": TRACE}, Normal(SD), of={"Y": "X"})
    theta = {"birth": np.full(CHAINS, BIRTH), "death": DEATH}
    return particle_filter(NETWORK, trace, theta, {"X": jumpax.Poisson(4.0)}, particles=400, key=11)


def agree(values, wanted):
    values = values.reshape(CHAINS, -1)
    error = values.std(0, ddof=1) / np.sqrt(CHAINS)
    assert (np.abs(values.mean(0) - wanted) < 4 * error + 1e-12).all()


def test_means_of_species_and_of_columns(found, judge):
    for given, laws in zip(("before", "so far", "all"), judge, strict=True):
        agree(found.mean("X", given), laws @ N)
        np.testing.assert_array_equal(found.mean("Y", given), found.mean("X", given))
    np.testing.assert_array_equal(found.mean("X"), found.mean("X", "so far"))
    with pytest.raises(InputError, match="given must be"):
        found.mean("X", "later")


def test_quantiles_are_those_of_the_exact_law(found, judge):
    """Of single chains they are whole numbers; on average over chains within one of the exact ones."""
    for given, laws in zip(("before", "so far", "all"), judge, strict=True):
        exact = np.array([[N[np.searchsorted(np.cumsum(law), level)] for law in laws] for level in LEVELS])
        assert np.abs(found.quantiles("X", LEVELS, given).mean((1, 2)) - exact).max() < 1
    np.testing.assert_array_equal(found.quantiles("X", LEVELS), found.quantiles("X", LEVELS, "so far"))


def test_paths_given_all_records_have_the_smoothed_law(found, judge):
    """Four paths of each chain: the mean is that of the forward-backward recursion."""
    paths = found.paths(4)["X"]
    assert paths.shape == (CHAINS, 1, 4, len(TIMES))
    agree(paths.mean(2), judge[2] @ N)
    assert np.abs(judge[2] @ N - judge[1] @ N)[:3].max() > 0.5  # which is another one than the filtered law


def test_bands_of_counts_and_of_measurements(found, judge):
    bands = found.bands(LEVELS)
    assert bands.counts["X"].shape == bands.measured["Y"].shape == (3, CHAINS, 1, len(TIMES))
    middle = [N[np.searchsorted(np.cumsum(law), 0.5)] for law in judge[2]]
    assert np.abs(bands.counts["X"][1].mean((0, 1)) - middle).max() < 1
    width = bands.measured["Y"][2] - bands.measured["Y"][0]
    variance = judge[2] @ N**2 - (judge[2] @ N) ** 2 + SD**2
    np.testing.assert_allclose(width.mean((0, 1)), 2 * norm.ppf(0.95) * np.sqrt(variance), rtol=0.1)
    near = found.bands(LEVELS, lag=0)
    np.testing.assert_array_equal(near.counts["X"], found.quantiles("X", LEVELS))
    np.testing.assert_array_equal(found.bands(LEVELS, lag=9).counts["X"], bands.counts["X"])


def test_probability_integrals_are_those_of_the_prediction(found, judge):
    exact = [law @ norm.cdf(y, N, SD) for law, y in zip(judge[0], TRACE, strict=True)]
    agree(found.pit()["Y"], exact)
    median = found.predicted([0.5])["Y"][0].mean((0, 1))
    for law, level in zip(judge[0], median, strict=True):
        assert abs(law @ norm.cdf(level, N, SD) - 0.5) < 0.05


def test_probability_integrals_of_fresh_data_are_uniform():
    """By Kolmogorov and Smirnov at 1e-4, of 40 cells at 3 times."""
    rng = np.random.default_rng(12)
    paths = jumpax.simulate(
        NETWORK, {"birth": BIRTH, "death": DEATH}, {"X": 4}, times=[1.0, 2.0, 3.0], paths=40, key=13
    )
    trace = Records([1.0, 2.0, 3.0], {"X": rng.poisson(paths["X"])}, jumpax.records.Poisson())
    run = particle_filter(NETWORK, trace, {"birth": BIRTH, "death": DEATH}, {"X": 4}, particles=300, key=14)
    assert kstest(run.pit()["X"].reshape(-1), "uniform").pvalue > 1e-4


def test_ancestors_become_fewer(found):
    distinct = found.distinct()
    assert (np.diff(distinct, axis=2) >= 0).all()
    assert (distinct[..., -1] > 300).all()
    assert (found.effective > 1).all()
    assert (found.effective <= 400).all()
    with pytest.raises(InputError, match="levels"):
        found.quantiles("X", [2.0])
    assert repr(found).startswith("Filtered(60 chains, 1 cells, 4 times, 400 particles; log-likelihood -")
