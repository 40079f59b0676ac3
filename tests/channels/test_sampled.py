import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import schemes
from scipy.linalg import expm
from scipy.stats import norm

from jumpax import InputError
from jumpax.channels import sampled_log_likelihood

INTERVAL, MEANS, SDS = 5e-4, np.array([0.1, 1.2]), np.array([0.3, 0.5])


def forward(matrix, conductance, current, means, sds):
    """In logarithms by plain sums."""
    step, law, total = expm(matrix * INTERVAL), schemes.stationary(matrix), 0.0
    for number, y in enumerate(current):
        law = (step @ law if number else law) * (
            1.0 if np.isnan(y) else norm.pdf(y, means[conductance], sds[conductance])
        )
        total += np.log(law.sum())
        law = law / law.sum()
    return total


def test_against_the_sum_over_all_sequences_of_states():
    space, theta, level = schemes.castillo_katz()
    matrix, conductance = schemes.dense(space, theta, level)
    step, law = expm(matrix * INTERVAL), schemes.stationary(matrix)
    current, total = np.array([0.2, 1.4, np.nan, 0.9, -0.3, 1.1]), 0.0
    density = np.where(
        np.isnan(current)[:, None], 1.0, norm.pdf(current[:, None], MEANS[conductance], SDS[conductance])
    )
    for path in itertools.product(range(3), repeat=len(current)):
        moves = np.prod([step[b, a] for a, b in itertools.pairwise(path)])
        total += law[path[0]] * moves * np.prod(density[np.arange(len(current)), path])
    found = sampled_log_likelihood(space, theta, current, INTERVAL, level, MEANS, SDS)
    np.testing.assert_allclose(found, np.log(total), rtol=1e-12)


@pytest.mark.parametrize("samples", [1, 2, 3000])
def test_blocks_of_a_record_make_the_whole(samples):
    space, theta, level = schemes.unlike_channels()
    means = np.array([0.0, 1.0, 2.0, 3.0])
    current = np.random.default_rng(8).normal(1.0, 1.0, samples)
    expected = forward(*schemes.dense(space, theta, level), current, means, np.full(4, 0.4))
    np.testing.assert_allclose(
        sampled_log_likelihood(space, theta, current, INTERVAL, level, means, 0.4), expected, rtol=1e-11
    )


def test_gradients_in_rates_means_and_noise():
    space, theta, level = schemes.castillo_katz()
    current = np.random.default_rng(9).normal(0.5, 0.6, 70)

    def value(u):
        rates = dict(zip(theta, jnp.exp(u[:4])))
        return sampled_log_likelihood(space, rates, current, INTERVAL, level, u[4:6], jnp.exp(u[6:]))

    at = jnp.concatenate([jnp.log(jnp.array(list(theta.values()))), jnp.asarray(MEANS), jnp.log(jnp.asarray(SDS))])
    both = jax.jit(jax.value_and_grad(value))
    differences = [(both(at + d)[0] - both(at - d)[0]) / 2e-5 for d in 1e-5 * np.eye(8)]
    np.testing.assert_allclose(both(at)[1], differences, atol=1e-7)


def test_a_channel_that_never_opens_has_the_law_of_the_noise_alone():
    space, theta, level = schemes.castillo_katz()
    current = [0.0, 1.3, 40.0]
    for rates in ({**theta, "open": 0.0}, {"on": 3.1, "off": 77.0, "open": 0.0, "shut": 0.3}):
        found = sampled_log_likelihood(space, rates, current, INTERVAL, level, MEANS, SDS)
        np.testing.assert_allclose(found, norm.logpdf(current, MEANS[0], SDS[0]).sum(), rtol=1e-12)


@pytest.mark.parametrize("sds", [0.0, -0.2, [0.1, np.nan], [0.1, np.inf]])
def test_noise_that_is_none_is_refused(sds):
    space, theta, level = schemes.castillo_katz()
    with pytest.raises(InputError, match="sds must be finite numbers > 0"):
        sampled_log_likelihood(space, theta, [0.0], INTERVAL, level, MEANS, sds)
    with pytest.raises(InputError, match="means must be finite numbers, not"):
        sampled_log_likelihood(space, theta, [0.0], INTERVAL, level, [0.0, np.nan], 0.1)


def test_wrong_things_are_named():
    space, theta, level = schemes.castillo_katz()
    with pytest.raises(InputError, match=r"means must have 2 numbers, for the levels of conductance 0, 1"):
        sampled_log_likelihood(space, theta, [0.0], INTERVAL, level, [0.0, 1.0, 2.0], 0.1)
    with pytest.raises(InputError, match="interval"):
        sampled_log_likelihood(space, theta, [0.0], 0.0, level, MEANS, 0.1)
    with pytest.raises(InputError, match="NaN where one is missing"):
        sampled_log_likelihood(space, theta, [np.inf], INTERVAL, level, MEANS, 0.1)
