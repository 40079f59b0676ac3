"""The model of the demonstration, against SciPy."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

import jumpax
from jumpax.demo import START_POINTS, BetaPoisson, bursting, load_counts, run_demo
from jumpax.demo.bursting import SETTLE, SIZE, expected_events
from jumpax.demo.run import EXACT, FOUND
from jumpax.inference import Simulation, fit
from references import telegraph_pmf


@pytest.mark.parametrize(("frequency", "size"), [(2.6, 12.8), (1.33, 20.0), (0.5, 30.0), (8.0, 4.0)])
def test_reference_is_the_stationary_law(frequency, size):
    values = {"k_on": frequency, "k_off": 20.0, "k_tx": 20.0 * size, "gamma": 1.0}
    made = np.asarray(BetaPoisson()(jnp.zeros((1, SIZE)), {n: jnp.asarray(v) for n, v in values.items()}))[0]
    law = telegraph_pmf(np.arange(SIZE), **values)
    likely = law[:-1] > 1e-20
    np.testing.assert_allclose(made[:-1][likely], law[:-1][likely], rtol=2e-3)


@pytest.mark.parametrize(("frequency", "size"), [(2.6, 12.8), (0.5, 4.0)])
def test_expected_events_are_those_of_paths(frequency, size):
    """4 standard errors of the mean of 2,000 paths: one false alarm in 16,000."""
    model = jumpax.zoo.telegraph()
    theta = {"k_on": frequency, "k_off": 20.0, "k_tx": 20.0 * size, "gamma": 1.0}
    paths = jumpax.simulate(model.network, theta, model.x0, times=[SETTLE], paths=2000, key=1)
    error = paths.events.std() / np.sqrt(2000)
    expected = expected_events(frequency, size, mean=float(paths["M"].mean()))
    assert abs(paths.events.mean() - expected) < 4 * error


def exact_maximum(counts):
    """Most likely frequency and size by Nelder and Mead on the closed law, and their standard errors."""
    n, cells = np.arange(counts.max() + 1), np.bincount(counts)

    def loss(u):
        return -cells @ np.log(telegraph_pmf(n, np.exp(u[0]), 20.0, 20.0 * np.exp(u[1]), 1.0))

    size = counts.var() / counts.mean() - 1
    options = {"xatol": 1e-6, "fatol": 1e-8}
    return np.exp(minimize(loss, np.log([counts.mean() / size, size]), method="Nelder-Mead", options=options).x)


@pytest.mark.parametrize("gene", ["Cry1", "Nr1d1"])
def test_exact_fit_is_the_maximum_of_the_closed_law(gene):
    """Cells of all times of day together are a mixture, which one bursting gene does not explain."""
    counts = load_counts(gene)
    with pytest.warns(jumpax.JumpaxWarning, match="does not explain the data"):
        found = fit(bursting(counts, EXACT))
    np.testing.assert_allclose([found.estimates[n] for n in FOUND], exact_maximum(counts), rtol=2e-3)


def judge(gene, time, start):
    """Within 5 % or two standard errors of the exact maximum, with standard errors under 20 %."""
    counts = load_counts(gene, time)
    found = run_demo([gene], time_of_day=time, start=start, seed=start).genes[0].fit
    for name, exact in zip(FOUND, exact_maximum(counts), strict=True):
        error = found.standard_errors[name]
        assert abs(found.estimates[name] - exact) < max(0.05 * exact, 2 * error)
        assert error < 0.2 * found.estimates[name]


def test_a_gene_at_one_time():
    """A smaller fit than that of the demonstration, by simulation alone: its errors are known."""
    counts = load_counts("Cry1", 29)
    found = fit(bursting(counts, Simulation(4000, exact=False), START_POINTS[2]), key=0)
    assert found.doubts == {}
    for name, exact in zip(FOUND, exact_maximum(counts), strict=True):
        assert found.simulation_errors[name] < found.standard_errors[name] < 0.2 * exact
        assert abs(found.estimates[name] - exact) < 4 * found.simulation_errors[name]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:the model does not explain the data")  # of all times of day together
@pytest.mark.parametrize("start", range(3))
@pytest.mark.parametrize("time", [None, 29.0], ids=["pooled", "29h"])
@pytest.mark.parametrize("gene", ["Bmal1", "Cry1", "Nr1d1"])
def test_every_gene_from_every_start(gene, time, start):
    judge(gene, time, start)


def test_wrong_requests_are_refused():
    with pytest.raises(jumpax.InputError, match="start must be 0 to 2"):
        run_demo(start=3)
    with pytest.raises(jumpax.InputError, match="at least one gene"):
        run_demo([])
    with pytest.raises(jumpax.InputError, match="unknown gene 'Per2'"):
        run_demo(["Per2"])
