import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import poisson

import references
from jumpax._base.errors import InputError, JumpaxWarning
from jumpax.exact import StateSpace, distribution, log_likelihood
from jumpax.networks import zoo


def birth_death(limit=60):
    model = zoo.birth_death(birth=8.0, death=0.5)
    return StateSpace.reachable(model.network, model.x0, limit), model.theta


def test_one_species_against_the_poisson_law():
    space, theta = birth_death()
    counts = np.random.default_rng(11).poisson(9.0, 200)
    mean = references.immigration_death_mean(8.0, 0.5, 1.5)[0]
    np.testing.assert_allclose(
        log_likelihood(space, theta, "X", counts, 1.5), poisson.logpmf(counts, mean).sum(), rtol=1e-11
    )


def test_several_times_add_up():
    space, theta = birth_death()
    rng = np.random.default_rng(12)
    counts = [rng.poisson(mean, cells) for mean, cells in ((6.0, 20), (12.0, 33))]
    expected = sum(
        poisson.logpmf(c, references.immigration_death_mean(8.0, 0.5, t)[0]).sum() for c, t in zip(counts, (1.0, 4.0))
    )
    np.testing.assert_allclose(log_likelihood(space, theta, "X", counts, [1.0, 4.0]), expected, rtol=1e-10)


def test_hidden_species_are_summed_over_and_the_gradient_is_that_of_the_sum():
    model = zoo.telegraph(k_tx=10.0)
    space = StateSpace.reachable(model.network, model.x0, {"M": 45})
    counts = np.array([0, 0, 1, 3, 3, 7, 12])
    names = ("k_on", "k_off", "k_tx", "gamma")
    law, slopes = references.telegraph_at_time(*(model.theta[name] for name in names), 1.7, 45)

    def loss(log_rates):
        return log_likelihood(space, dict(zip(names, jnp.exp(log_rates))), "M", counts, 1.7)

    at = jnp.log(jnp.array([model.theta[name] for name in names]))
    np.testing.assert_allclose(loss(at), np.log(law[counts]).sum(), rtol=1e-9)
    np.testing.assert_allclose(jax.grad(loss)(at), (slopes[:, counts] / law[counts]).sum(axis=1), rtol=1e-7)
    step = 1e-4
    differences = [(loss(at + d) - loss(at - d)) / (2 * step) for d in step * np.eye(4)]
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(at), differences, rtol=1e-6)


def test_several_species():
    model = zoo.telegraph(k_tx=10.0)
    space = StateSpace.reachable(model.network, model.x0, {"M": 45})
    table = np.array([[1, 0], [1, 4], [0, 2], [1, 4]])
    joint = distribution(space, model.theta, [1.7]).marginal("on", "M")[0]
    expected = np.log(np.asarray(joint)[table[:, 0], table[:, 1]]).sum()
    np.testing.assert_allclose(log_likelihood(space, model.theta, ("on", "M"), table, 1.7), expected, rtol=1e-12)


@pytest.mark.fault(51)
def test_impossible_counts_get_the_floor_and_are_reported():
    space, theta = birth_death(limit=40)
    known = log_likelihood(space, theta, "X", [3, 5], 1.5)
    with pytest.warns(JumpaxWarning, match=r"2 of 4 counts.*\('X',\) = \(77,\).*probability 1e-09"):
        floored = log_likelihood(space, theta, "X", [3, 77, 5, 78], 1.5, floor=1e-9)
    np.testing.assert_allclose(floored, known + 2 * np.log(1e-9), rtol=1e-12)
    # possible, but less probable than the floor
    np.testing.assert_allclose(log_likelihood(space, theta, "X", [40], 1e-3, floor=1e-20), np.log(1e-20), rtol=1e-12)


def test_faults_are_named():
    space, theta = birth_death()
    with pytest.raises(InputError, match="unknown species 'Y'"):
        log_likelihood(space, theta, "Y", [1], 1.0)
    with pytest.raises(InputError, match="2 times need as many arrays"):
        log_likelihood(space, theta, "X", [[1, 2]], [1.0, 2.0])
    with pytest.raises(InputError, match="whole numbers"):
        log_likelihood(space, theta, "X", [1.5], 1.0)
