"""Windows of time, and fits to means over them."""

import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax import Free, InputError, Problem, fit, losses
from jumpax.inference import MasterEquation

EDGES = [0.0, 0.5, 2.0]


def window_means(birth, death, edges):
    """Of the mean birth / death (1 - exp(-death t)) of a birth-death process that begins empty."""
    edges = np.array(edges)
    integral = birth / death * (edges + np.exp(-death * edges) / death)
    return np.diff(integral) / np.diff(edges)


def test_quadrature_is_exact_for_polynomials_and_good_for_exponentials():
    windows = jumpax.Windows(EDGES, nodes=3)
    times = np.array(windows.times)
    assert len(windows) == 2
    assert (np.diff(times) > 0).all()
    powers = np.stack([times**n for n in range(6)])
    wanted = [np.diff(np.array(EDGES) ** (n + 1)) / (n + 1) / np.diff(EDGES) for n in range(6)]
    np.testing.assert_allclose(windows.mean(powers), wanted, rtol=1e-5)
    got = jumpax.Windows(EDGES, nodes=5).mean(3.0 * (1 - np.exp(-np.array(jumpax.Windows(EDGES, nodes=5).times))))
    np.testing.assert_allclose(got, window_means(3.0, 1.0, EDGES), rtol=1e-5)


def test_axis_may_be_any():
    windows = jumpax.Windows([0.0, 1.0, 2.0, 4.0], nodes=2)
    values = np.random.default_rng(0).normal(size=(5, 6, 2))
    np.testing.assert_allclose(
        windows.mean(values, 1), np.swapaxes(windows.mean(np.swapaxes(values, 1, 2)), 1, 2), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("edges", "nodes"), [([0.0], 2), ([0.0, 0.0], 2), ([1.0, 0.5], 2), ([0.0, np.inf], 2), ([0.0, 1.0], 0)]
)
def test_windows_that_make_no_sense_are_refused(edges, nodes):
    with pytest.raises(InputError):
        jumpax.Windows(edges, nodes)


def test_the_loss_is_half_a_sum_of_squares_and_its_information_that_of_the_means():
    model = jumpax.zoo.birth_death()
    loss = losses.WindowMeans(EDGES, {"X": [1.0, 2.0]}, {"X": [0.5, 0.25]}, nodes=3)
    windows = jumpax.Windows(EDGES, nodes=3)
    assert loss.times == windows.times
    expected = jnp.asarray(np.random.default_rng(1).uniform(1, 3, (6, 1, 1)))
    means = np.asarray(windows.mean(expected[:, 0, 0]))
    wanted = 0.5 * (((means - [1.0, 2.0]) / [0.5, 0.25]) ** 2).sum()
    assert float(loss.value(expected, {}, jnp.inf)) == pytest.approx(wanted, rel=1e-5)
    rows = loss.whitened(expected, jnp.ones((2, 6, 1, 1, 3)), jnp.inf)
    np.testing.assert_allclose(rows, np.broadcast_to(np.array([2.0, 4.0])[None, :, None], (2, 2, 3)), rtol=1e-5)
    assert not loss.faults(model.network, 0.0)
    assert loss.faults(model.network, 0.1)


def test_a_window_without_a_mean_is_refused():
    with pytest.raises(InputError, match="one mean per window"):
        losses.WindowMeans(EDGES, {"X": [1.0]}, {"X": 0.5})


def test_a_fit_to_exact_means_finds_the_rates():
    model = jumpax.zoo.birth_death()
    means = window_means(6.0, 0.8, [0.0, 1.0, 2.0, 4.0])
    loss = losses.WindowMeans([0.0, 1.0, 2.0, 4.0], {"X": means}, {"X": 0.01 * means}, nodes=4)
    problem = Problem(
        model.network, model.x0, loss, {"birth": Free(4.0), "death": Free(1.2)}, source=MasterEquation({"X": 40})
    )
    found = fit(problem, steps=40).estimates
    assert found["birth"] == pytest.approx(6.0, rel=1e-3)
    assert found["death"] == pytest.approx(0.8, rel=1e-3)


def test_simulated_windows_have_the_exact_means():
    """Four standard errors: false alarm 1e-4."""
    model = jumpax.zoo.birth_death(birth=6.0, death=0.8)
    windows = jumpax.Windows([0.0, 1.0, 2.0, 4.0], nodes=4)
    paths = jumpax.simulate(model.network, model.theta, model.x0, times=windows.times, paths=4000, key=3)
    rows = np.asarray(windows.mean(paths["X"].astype(float)))
    error = rows.std(0, ddof=1) / np.sqrt(len(rows))
    assert (np.abs(rows.mean(0) - window_means(6.0, 0.8, [0.0, 1.0, 2.0, 4.0])) < 4 * error).all()
