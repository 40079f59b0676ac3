"""Losses against NumPy and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import nbinom, poisson

import jumpax
from jumpax.inference import losses
from jumpax.inference.losses.quadratic import inverse_root

NETWORK = jumpax.zoo.birth_death().network


def poisson_law(mean, size):
    law = poisson.pmf(np.arange(size), mean)
    return np.append(law[:-1], 1 - law[:-1].sum())


def test_log_likelihood_of_an_exact_law():
    counts, size = np.array([3, 5, 5, 9]), 30
    loss = losses.LogLikelihood("X", counts, size=size)
    value = loss.value(jnp.asarray(poisson_law(4.0, size))[None], {}, jnp.inf)
    assert float(value) == pytest.approx(-poisson.logpmf(counts, 4.0).sum(), rel=1e-5)


def test_times_are_kept_apart():
    loss = losses.LogLikelihood("X", [3, 5, 4], [2.0, 1.0, 2.0])
    assert loss.times == (1.0, 2.0)
    law = jnp.asarray(np.stack([poisson_law(2.0, loss.size), poisson_law(6.0, loss.size)]))
    expected = -poisson.logpmf(5, 2.0) - poisson.logpmf([3, 4], 6.0).sum()
    assert float(loss.value(law, {}, jnp.inf)) == pytest.approx(expected, rel=1e-5)
    same = losses.LogLikelihood("X", {1.0: [5], 2.0: [3, 4]})
    assert same.times == loss.times
    np.testing.assert_array_equal(same.cells, loss.cells)


@pytest.mark.parametrize(("mean", "variance"), [(10.0, 60.0), (25.0, 590.0), (3.0, 3.5)])
def test_the_reference_is_the_negative_binomial_of_the_moments(mean, variance):
    size = 400
    n = np.arange(size)
    law = nbinom.pmf(n, mean**2 / (variance - mean), mean / variance)
    made = losses.NegativeBinomial()(jnp.asarray(law)[None], {})
    np.testing.assert_allclose(made[0, :-1], law[:-1], rtol=2e-3, atol=1e-12)


@pytest.mark.fault(51)
def test_smoothing_is_a_mixture_and_says_what_it_did():
    """Fault 51: a datum that no path reached gets the reference's probability, and is counted."""
    size, paths, weight = 60, 1000.0, 5.0
    law = np.where(np.arange(size) < 25, poisson_law(8.0, size), 0.0)
    loss = losses.LogLikelihood("X", [4, 40, 41, 41], size=size, smoothing=weight)
    mean = law @ np.arange(size)
    reference = poisson.pmf([4, 40, 41, 41], mean)
    p = (paths * law[[4, 40, 41, 41]] + weight * reference) / (paths + weight)
    found = float(loss.value(jnp.asarray(law)[None], {}, paths))
    assert found == pytest.approx(-np.log(p).sum(), rel=0.02)  # the reference is 0.1 % wider than Poisson
    notes = loss.notes(law[None], paths)
    assert notes["unreached_cells"] == 3
    assert notes["unreached_counts"] == [40, 41]
    assert "negative binomial" in notes["smoothing"]
    assert "weight of 5 in 1,000 paths" in notes["smoothing"]


@pytest.mark.fault(51)
def test_without_smoothing_the_floor_is_named():
    loss = losses.LogLikelihood("X", [4, 40], size=60, smoothing=0.0)
    law = np.where(np.arange(60) < 25, poisson_law(8.0, 60), 0.0)
    assert float(loss.value(jnp.asarray(law)[None], {}, 1000.0)) == pytest.approx(
        -poisson.logpmf(4, 8.0) - np.log(1e-30), rel=1e-4
    )
    with pytest.warns(jumpax.JumpaxWarning, match="1 of 2 cells have counts of probability 0; they get 1e-30"):
        loss.notes(law[None], 1000.0)


@pytest.mark.parametrize("paths", [np.inf, 1e6])
def test_information_of_a_poisson_law(paths):
    """d ln p / d mean has variance 1 / mean per cell; with finite paths the rarest counts are pooled."""
    mean, size, cells = 6.0, 40, 50
    n = np.arange(size)
    law = poisson_law(mean, size)
    slope = law * (n / mean - 1)
    loss = losses.LogLikelihood("X", np.full(cells, 6), size=size)
    rows = loss.whitened(jnp.asarray(law)[None], jnp.asarray(slope)[None, None, :, None], jnp.asarray(paths))
    assert float((rows**2).sum()) == pytest.approx(cells / mean, rel=1e-3)


def test_moments_in_units_of_their_covariance():
    counts = np.array([3, 5, 8, 1, 9, 4, 4, 7, 2, 5])
    loss = losses.MomentMatch("X", counts, order=2)
    powers = np.stack([counts, counts**2], 1).astype(float)
    covariance = np.cov(powers.T) / len(counts)
    at = np.array([6.0, 40.0])
    r = at - powers.mean(0)
    expected = r @ np.linalg.solve(covariance, r) / 2
    assert float(loss.value(jnp.asarray(at)[None, None], {}, 1e4)) == pytest.approx(expected, rel=1e-4)
    slope = np.array([[1.0], [13.0]])
    rows = loss.whitened(None, jnp.asarray(slope)[None, None, None], 1e4)
    assert float((rows**2).sum()) == pytest.approx((slope.T @ np.linalg.solve(covariance, slope)).item(), rel=1e-4)


def test_directions_without_variance_drop_out():
    root = inverse_root(np.array([[4.0, 4.0], [4.0, 4.0]]))
    np.testing.assert_allclose(root.T @ root, np.full((2, 2), 1 / 16), atol=1e-12)


def test_too_few_cells_for_the_covariance_are_refused():
    with pytest.raises(jumpax.InputError, match="too few different counts"):
        losses.MomentMatch("X", [3, 3, 4, 3], order=2)


def test_series_are_sums_of_squares():
    loss = losses.TimeSeries([1.0, 2.0], {"A": [3.0, 4.0], "B": [1.0, 2.0]}, {"A": 0.5, "B": [0.1, 0.2]})
    at = np.array([[3.5, 1.1], [4.0, 1.6]])
    assert float(loss.value(jnp.asarray(at)[..., None], {}, 1e4)) == pytest.approx((1 + 1 + 4) / 2, rel=1e-4)


SERIES = losses.TimeSeries([1.0, 2.0], {"X": [3.0, 5.0]}, {"X": [0.5, 0.2]})
WINDOWS = losses.WindowMeans([0.0, 1.0, 3.0], {"X": [3.0, 5.0]}, {"X": [0.5, 0.2]}, nodes=3)
CELLS = losses.MomentMatch("X", [3, 5, 8, 1, 9, 4], [1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
LAWS = [losses.Capture("p"), losses.Background("b")]


@pytest.mark.parametrize(
    "loss",
    [
        SERIES,
        WINDOWS,
        CELLS,
        losses.ObservedMoments(SERIES, LAWS),
        losses.ObservedMoments(WINDOWS, {"X": LAWS}),
        losses.Together(WINDOWS, CELLS, losses.ObservedMoments(CELLS, LAWS)),
    ],
)
def test_losses_that_are_linear_are_half_the_squares_of_their_residuals(loss):
    """At their own times; and residuals of a mean are means of residuals."""
    assert loss.linear is loss
    generator, values = np.random.default_rng(6), {"p": 0.6, "b": 0.3}
    raw = generator.uniform(1, 4, (2, 1, len(loss.times), 1))

    def seen(x):
        moments = [jnp.stack([x**n for n in range(1, order + 1)], -1) for order in orders(loss)]
        made = loss.seen(tuple(moments) if isinstance(loss, losses.Together) else moments[0], values)
        return jax.tree.map(lambda leaf: leaf[0], made)

    both = [seen(jnp.asarray(x)) for x in raw]
    residuals = [loss.residuals(one) for one in both]
    assert residuals[0].shape[0] == len(loss.times)
    assert float(loss.value(both[0], values, 1e4)) == pytest.approx(float((residuals[0] ** 2).sum()) / 2, rel=1e-4)
    middle = jax.tree.map(lambda a, b: (a + b) / 2, *both)
    np.testing.assert_allclose(loss.residuals(middle), (residuals[0] + residuals[1]) / 2, rtol=1e-3, atol=1e-3)


def orders(loss):
    parts = loss.losses if isinstance(loss, losses.Together) else (loss,)
    return [part.observable(NETWORK).order for part in parts]


def test_what_is_searched_by_another_loss_keeps_its_times():
    """Bounds of rates are given for each interval between the times of the data."""
    cells = losses.LogLikelihood("X", [3, 5, 4, 8], [2.0, 1.0, 2.0, 1.0])
    deviations = losses.Deviations([1.0, 4.0], {"X": [3.0, 2.0]}, {"X": 0.5}, means={"X": [4.0, 4.0]})
    for loss in (cells, losses.Together(SERIES, cells, deviations)):
        assert loss.linear.times == loss.times
    assert losses.Together(SERIES, losses.Deviations([3.0], {"X": [3.0]}, {"X": 0.5})).linear is None
