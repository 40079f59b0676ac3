"""The textbook networks."""

import numpy as np
import pytest

from jumpax.networks import check_counts, check_theta
from jumpax.networks.zoo import MODELS, asep, driven_ring, repressilator, schlogl, vilar_oscillator


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


def test_numbers_fit_the_network(model):
    theta = check_theta(model.network, model.theta)
    x0 = check_counts(model.network, model.x0)
    rates = model.network.propensities(tuple(x0), theta, 0.0)
    assert len(rates) == len(model.network.reactions)
    assert all(np.isfinite(rate) and rate >= 0 for rate in rates)
    assert np.all(np.diff((0.0, *model.times)) > 0)
    assert model.reference


def test_every_parameter_has_a_unit_and_every_reaction_a_name(model):
    assert set(model.network.parameters) <= set(model.network.units)
    assert all(reaction.name != reaction.equation for reaction in model.network.reactions)


def test_models_are_equal_when_built_again(model):
    again = MODELS[model.network.name.rstrip("_0123456789")]()
    assert again == model
    assert again.network.digest == model.network.digest


def test_schlogl_has_its_three_fixed_points():
    model = schlogl()
    x = np.arange(1000, dtype=np.float32)
    rates = np.stack(model.network.propensities((x,), model.theta, 0.0))
    signs = np.sign(model.network.stoichiometry[0] @ rates)
    np.testing.assert_array_equal(np.flatnonzero(np.diff(signs)) // 10 * 10, [80, 240, 560])


def test_vilar_oscillator_propensities_by_hand():
    model = vilar_oscillator(gamma_C=3.0)
    counts = {"DA": 1, "DAp": 0, "MA": 2, "DR": 0, "DRp": 1, "MR": 3, "C": 4, "A": 5, "R": 6}
    rates = model.network.propensities(tuple(counts[s] for s in model.network.species), model.theta, 0.0)
    expected = [3 * 30, 5, 4, 0.2 * 6, 5, 0, 50, 0, 20, 100, 0, 100, 0, 50, 1.5, 15]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_repressilator_goes_round():
    model = repressilator(beta=60.0, K=20.0, basal=0.5, start=(10, 0, 0))
    rates = model.network.propensities((10, 20, 40), model.theta, 0.0)
    np.testing.assert_allclose(rates, [0.5 + 60 / 9, 0.5 + 60 / 1.125, 30.5, 10, 20, 40], rtol=1e-6)


@pytest.mark.parametrize("sites", [2, 5])
def test_exclusion_keeps_one_particle_or_hole_on_each_site(sites):
    network = asep(sites).network
    pairs = np.kron(np.eye(sites, dtype=int), [1, 1])
    np.testing.assert_array_equal(network.conservation_laws(), pairs)


def test_a_ring_has_two_reactions_per_site():
    assert driven_ring(7).network.stoichiometry.shape == (7, 14)
