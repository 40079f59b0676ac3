"""Target moments and Wasserstein distances against NumPy and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import nbinom, poisson, wasserstein_distance

import jumpax
from jumpax.inference import Fixed, Free, MasterEquation, Problem, fit, losses

MODEL = jumpax.zoo.birth_death()


def exactly(loss, start):
    """The fit of the birth rate on the master equation."""
    rates = {"birth": Free(start), "death": Fixed(1.0)}
    return fit(Problem(MODEL.network, MODEL.x0, loss, rates, settle=10.0, source=MasterEquation({"X": 80})))


def poisson_law(mean, size):
    law = poisson.pmf(np.arange(size), mean)
    return np.append(law[:-1], 1 - law[:-1].sum())


def test_distance_is_that_of_scipy():
    counts = np.array([0, 3, 3, 8, 12])
    loss = losses.Wasserstein("X", counts, size=60)
    law = poisson_law(5.0, 60)
    expected = wasserstein_distance(np.arange(60), counts, v_weights=None, u_weights=law)
    assert float(loss.distance(jnp.asarray(law)[None])[0]) == pytest.approx(expected, rel=1e-5)


def test_loss_is_proportional_to_the_distance_far_away():
    """Rounding matters only where the data cannot tell: at 10 molecules apart, 10,000 cells, not at all."""
    loss = losses.Wasserstein("X", nbinom.rvs(20, 0.5, size=10_000, random_state=1), size=200)
    near, far = (loss.value(jnp.asarray(poisson_law(m, 200))[None], {}, np.inf) for m in (80.0, 120.0))
    distances = [float(loss.distance(jnp.asarray(poisson_law(m, 200))[None])[0]) for m in (80.0, 120.0)]
    assert float(far / near) == pytest.approx(distances[1] / distances[0], rel=0.02)


def test_slope_does_not_vanish_where_laws_do_not_overlap():
    loss = losses.Wasserstein("X", [100, 101, 102], size=160)
    value = lambda m: loss.value(jax.scipy.stats.poisson.pmf(jnp.arange(160.0), m)[None], {}, np.inf)  # noqa: E731
    assert float(jax.grad(value)(10.0)) < -1e-3 * float(value(10.0))


@pytest.mark.long
def test_information_is_a_lower_bound_of_that_of_its_minimum():
    """Standard errors are no less than the spread of the fits; the spread of 40 has an error of 11 %, 3 of which are 33 %."""
    generator, cells = np.random.default_rng(5), 200
    results = [exactly(losses.Wasserstein("X", generator.poisson(9.0, cells), size=60), 7.0) for _ in range(40)]
    spread = np.std([r.estimates["birth"] for r in results])
    error = np.mean([r.standard_errors["birth"] for r in results])
    assert error > spread * 0.67
    assert error < 3 * np.sqrt(9.0 / cells)
    assert abs(np.mean([r.estimates["birth"] for r in results]) - 9.0) < 4 * np.sqrt(9.0 / cells / 40)


def test_target_moments_of_raw_ones():
    loss = losses.TargetMoments("X", [4.0, 6.0], [2.0, 3.0], error=0.1, times=[1.0, 2.0])
    raw = jnp.array([[[4.0, 4.0**2 + 2.0**2]], [[5.0, 5.0**2 + 1.5**2]]])
    expected = (np.log(5 / 6) ** 2 + np.log(1.5 / 3) ** 2) / 2 / 0.01
    assert float(loss.value(raw, {}, np.inf)) == pytest.approx(expected, rel=1e-5)
    assert loss.notes(raw, np.inf)["largest_relative_error_left"] == 0.5


def test_whitened_rows_are_the_slopes_of_the_residuals():
    loss = losses.TargetMoments("X", 4.0, 2.0, error=0.5)

    def raw(u):
        return jnp.array([[[u[0], u[0] ** 2 + u[1] ** 2]]])

    at = jnp.array([5.0, 3.0])
    rows = loss.whitened(raw(at), jax.jacfwd(raw)(at)[None], np.inf)
    np.testing.assert_allclose(rows[0], np.diag([1 / 5, 1 / 3]) / 0.5, atol=1e-6)


def test_two_moments_of_a_telegraph_give_two_rates():
    model = jumpax.zoo.telegraph()
    rates = {"k_on": Free(0.2), "k_off": Fixed(1.0), "k_tx": Free(50.0), "gamma": Fixed(1.0)}
    target = losses.TargetMoments("M", 20 / 3, np.sqrt(42.0 + 2 / 9))
    found = fit(Problem(model.network, model.x0, target, rates, settle=10.0, source=MasterEquation({"M": 150})))
    assert found.estimates["k_on"] == pytest.approx(0.5, rel=1e-3)
    assert found.estimates["k_tx"] == pytest.approx(20.0, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"mean": 0.0, "standard_deviation": 1.0}, "positive"),
        ({"mean": [1.0, 2.0], "standard_deviation": 1.0, "times": [1.0, 2.0]}, "1 numbers for 2 times"),
        ({"mean": 1.0, "standard_deviation": 1.0, "error": 0.0}, "error"),
    ],
)
def test_targets_that_cannot_be_are_refused(arguments, match):
    with pytest.raises(jumpax.InputError, match=match):
        losses.TargetMoments("X", **arguments)


def test_histogram_too_small_is_refused():
    with pytest.raises(jumpax.InputError, match="at least 12"):
        losses.Wasserstein("X", [10, 3], size=11)
