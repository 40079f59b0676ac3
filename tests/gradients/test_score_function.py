"""Score gradients against the master equation, by z-scores.

Every |z| < 4: false-alarm rate 6e-5 per entry for a normal mean, 3e-4 for the variance entries (40 batches, Student's t);
about 40 entries, so 0.5 % for the file. Seeds were fixed before looking.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax import exact

PATHS = 200_000
BATCHES = 40
CASES = {
    "association 20": (jumpax.zoo.association(start=(20, 20), k_on=0.05, k_off=1.0), [1.0, 2.0], None),
    "association 10": (jumpax.zoo.association(start=(10, 10), k_on=1.0, k_off=10.0), [0.5], None),
    "telegraph": (jumpax.zoo.telegraph(k_on=0.5, k_off=1.0, k_tx=20.0, gamma=1.0), [0.5, 2.0], {"M": 100}),
    "repressilator": (jumpax.zoo.repressilator(beta=10.0, K=1.0, gamma=1.0, start=(5, 1, 0)), [0.5, 3.0], 32),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_mean_and_variance(name):
    model, times, limits = CASES[name]
    species = model.network.species
    expected = jumpax.expectation(
        jumpax.Moments(*species, order=2), model.network, model.x0, times=times, paths=PATHS // BATCHES
    )

    def mean_and_variance(theta, key):
        moments = expected(theta, key)
        return jnp.stack([moments[..., 0], moments[..., 1] - moments[..., 0] ** 2])

    keys = jax.random.split(jax.random.key(20261120), BATCHES)
    theta = {k: jnp.float32(v) for k, v in model.theta.items()}
    got = jax.jit(jax.vmap(jax.jacobian(mean_and_variance), in_axes=(None, 0)))(theta, keys)

    space = exact.StateSpace.reachable(model.network, model.x0, limits)

    def truth(theta):
        law = exact.distribution(space, theta, times)
        return jnp.stack([law.mean(), jnp.diagonal(law.covariance(), axis1=1, axis2=2)])

    with jax.enable_x64(True):
        want = jax.jacobian(truth)({k: jnp.float64(v) for k, v in model.theta.items()})
    for parameter in model.network.parameters:
        batches = np.asarray(got[parameter], np.float64)
        error = batches.std(0, ddof=1) / np.sqrt(BATCHES)
        z = (batches.mean(0) - np.asarray(want[parameter])) / np.maximum(error, 1e-12)
        assert np.abs(z).max() < 4, (name, parameter, z)


def test_published_acceptance_values():
    # burger2026, association at fixed time: d mean / d k_off in the natural coordinate
    for total, k_on, k_off, time, mean, slope in [
        (20, 1 / 20, 0.1, 1.0, 9.6791, -3.920842),
        (20, 1 / 20, 10.0, 1.0, 1.6844, -0.142781),
        (10, 1.0, 1.0, 2.0, 7.488237, -1.179275),
        (100, 1 / 100, 1.0, 2.0, 37.896791, -16.009276),
    ]:
        model = jumpax.zoo.association(start=(total, total), k_on=k_on, k_off=k_off)
        expected = jumpax.expectation(jumpax.Moments("C"), model.network, model.x0, times=[time], paths=PATHS)
        got = expected.estimate(model.theta, jax.random.key(7), wrt=["k_off"])
        z_mean = (float(got.value[0, 0, 0]) - mean) / float(got.standard_error[0, 0, 0])
        z_slope = (float(got.gradient["k_off"][0, 0, 0]) - slope) / float(got.gradient_standard_error["k_off"][0, 0, 0])
        assert max(abs(z_mean), abs(z_slope)) < 4, (total, k_off, z_mean, z_slope)


def test_fixed_number_of_steps():
    # the embedded chain: burger2026, (20, 20, 1): N = 50 and 51
    model = jumpax.zoo.association(start=(20, 20), k_on=1 / 20, k_off=1.0)
    expected = jumpax.expectation(jumpax.Moments("C"), model.network, model.x0, steps=[50, 51], paths=PATHS)
    got = expected.estimate(model.theta, jax.random.key(8), wrt=["k_off"])
    z = [
        (np.asarray(got.value)[:, 0, 0] - [7.662406, 7.662947]) / np.asarray(got.standard_error)[:, 0, 0],
        (np.asarray(got.gradient["k_off"])[:, 0, 0] - [-3.282170, -3.282802])
        / np.asarray(got.gradient_standard_error["k_off"])[:, 0, 0],
    ]
    assert np.abs(z).max() < 4, z


def test_pure_birth_has_the_length_of_time_as_slope():
    birth = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
    expected = jumpax.expectation(jumpax.Moments("N"), birth, {"N": 0}, times=[3.0], paths=PATHS)
    got = expected.estimate({"k": 2.0}, jax.random.key(9))
    z = (float(got.gradient["k"][0, 0, 0]) - 3.0) / float(got.gradient_standard_error["k"][0, 0, 0])
    assert abs(z) < 4


def test_a_parameter_that_cannot_matter_has_gradient_zero():
    net = jumpax.Network(
        [jumpax.Reaction("A -> 0", jumpax.MassAction("k")), jumpax.Reaction("B -> 0", jumpax.MassAction("idle"))]
    )
    expected = jumpax.expectation(jumpax.Moments("A"), net, {"A": 50, "B": 0}, times=[1.0], paths=1000)
    slope = jax.grad(lambda theta: expected(theta, jax.random.key(0)).sum())({"k": 1.0, "idle": 3.0})
    assert float(slope["idle"]) == 0.0
    assert float(slope["k"]) != 0.0


def test_without_the_last_interval_the_estimate_would_be_wrong():
    # the score of a pure death process from one molecule: paths that have not fired carry their waiting time only
    decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
    expected = jumpax.expectation(jumpax.Moments("A"), decay, {"A": 1}, times=[1.0], paths=PATHS)
    got = expected.estimate({"k": 1.0}, jax.random.key(10))
    truth, error = -np.exp(-1.0), float(got.gradient_standard_error["k"][0, 0, 0])
    assert abs(float(got.gradient["k"][0, 0, 0]) - truth) < 4 * error
    assert abs(truth) > 20 * error  # which is what would be left: only fired paths, all with A = 0, would have a score


def test_baseline_lowers_the_variance_and_not_the_mean():
    model = jumpax.zoo.association(start=(20, 20), k_on=1 / 20, k_off=1.0)
    errors, slopes = {}, {}
    for baseline in ("leave_one_out", None):
        expected = jumpax.expectation(
            jumpax.Moments("C"), model.network, model.x0, times=[1.0], paths=50_000,
            gradient=jumpax.ScoreFunction(baseline=baseline),
        )  # fmt: skip
        got = expected.estimate(model.theta, jax.random.key(11), wrt=["k_off"])
        slopes[baseline] = float(got.gradient["k_off"][0, 0, 0])
        errors[baseline] = float(got.gradient_standard_error["k_off"][0, 0, 0])
    # burger2026 2.3: variance 258 without and 20.8 with a baseline
    assert 9 < (errors[None] / errors["leave_one_out"]) ** 2 < 16
    assert abs(slopes[None] - slopes["leave_one_out"]) < 4 * errors[None]
