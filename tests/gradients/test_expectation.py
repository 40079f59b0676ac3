"""`expectation` as a JAX function: transformations, one simulation, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax

MODEL = jumpax.zoo.association(start=(20, 20), k_on=0.05, k_off=1.0)
THETA = {k: jnp.float32(v) for k, v in MODEL.theta.items()}
KEY = jax.random.key(5)


@pytest.fixture(scope="module")
def mean():
    return jumpax.expectation(
        jumpax.Moments("C", order=2),
        MODEL.network,
        MODEL.x0,
        times=[0.5, 1.0],
        paths=3000,
        gradient=jumpax.ScoreFunction(),
    )


def scalar(mean, key=KEY):
    return lambda theta: mean(theta, key)[1, 0, 0]


def test_shape_follows_the_observable():
    shaped = jumpax.expectation(
        lambda counts: {"c": counts["C"], "both": jnp.stack([counts["A"], counts["B"]])},
        MODEL.network, MODEL.x0, times=[0.5, 1.0, 2.0], paths=64,
    )(MODEL.theta, 0)  # fmt: skip
    assert shaped["c"].shape == (3,)
    assert shaped["both"].shape == (3, 2)
    np.testing.assert_allclose(shaped["both"][:, 0] + shaped["c"], 20.0, rtol=1e-6)


def test_value_is_that_of_the_simulated_paths(mean):
    paths = jumpax.simulate(MODEL.network, MODEL.theta, MODEL.x0, times=[0.5, 1.0], paths=3000, key=KEY)
    np.testing.assert_allclose(mean(THETA, KEY)[:, 0, 0], paths["C"].mean(0), rtol=1e-5)


def test_transformations_agree(mean):
    f = scalar(mean)
    slope = jax.grad(f)(THETA)
    value, again = jax.value_and_grad(f)(THETA)
    forward = jax.jacfwd(f)(THETA)
    jitted = jax.jit(jax.grad(f))(THETA)
    full = jax.jacobian(lambda theta: mean(theta, KEY))(THETA)
    assert float(value) == float(f(THETA))
    for name in THETA:
        assert float(slope[name]) == float(again[name])
        np.testing.assert_allclose(slope[name], forward[name], rtol=1e-6)
        np.testing.assert_allclose(slope[name], jitted[name], rtol=1e-4)
        np.testing.assert_allclose(slope[name], full[name][1, 0, 0], rtol=1e-5)


def test_estimate_carries_the_same_numbers(mean):
    got = mean.estimate(THETA, KEY)
    slope = jax.grad(scalar(mean))(THETA)
    np.testing.assert_allclose(got.value, mean(THETA, KEY), rtol=1e-6)
    for name in THETA:
        np.testing.assert_allclose(got.gradient[name][1, 0, 0], slope[name], rtol=1e-5)
        assert float(got.gradient_standard_error[name][1, 0, 0]) > 0


@pytest.mark.fault(49)
def test_standard_errors_are_honest(mean):
    keys = jax.random.split(jax.random.key(6), 200)
    single = mean.estimate(THETA, 0)
    values = jax.vmap(lambda key: mean(THETA, key)[1, 0, 0])(keys)
    slopes = jax.vmap(lambda key: jax.grad(scalar(mean, key))(THETA)["k_off"])(keys)
    # the ratio of a standard deviation over 200 runs to the truth is 1 +- 0.05: 5 standard deviations
    assert abs(float(values.std()) / float(single.standard_error[1, 0, 0]) - 1) < 0.25
    assert abs(float(slopes.std()) / float(single.gradient_standard_error["k_off"][1, 0, 0]) - 1) < 0.3


def test_vmap_over_theta_and_keys(mean):
    rates = jnp.array([0.5, 1.0, 2.0])
    f = scalar(mean)
    many = jax.vmap(lambda k: f({**THETA, "k_off": k}))(rates)
    ones = jnp.stack([f({**THETA, "k_off": k}) for k in rates])
    np.testing.assert_allclose(many, ones, rtol=1e-5)
    slopes = jax.vmap(jax.grad(lambda k: f({**THETA, "k_off": k})))(rates)
    each = jnp.stack([jax.grad(lambda k: f({**THETA, "k_off": k}))(k) for k in rates])
    np.testing.assert_allclose(slopes, each, rtol=1e-3)
    keys = jax.random.split(KEY, 3)
    by_key = jax.vmap(lambda key: scalar(mean, key)(THETA))(keys)
    np.testing.assert_allclose(by_key, jnp.stack([scalar(mean, key)(THETA) for key in keys]), rtol=1e-5)


def test_paths_beyond_one_chunk():
    many = jumpax.expectation(
        jumpax.Moments("C"), MODEL.network, MODEL.x0, times=[1.0], paths=40_001, gradient=jumpax.ScoreFunction()
    )
    paths = jumpax.simulate(MODEL.network, MODEL.theta, MODEL.x0, times=[1.0], paths=40_001, key=KEY)
    np.testing.assert_allclose(many(THETA, KEY)[0, 0, 0], paths["C"].mean(), rtol=1e-5)


def test_histogram_sums_to_one_and_its_gradient_to_zero():
    law = jumpax.expectation(
        jumpax.Histogram("C", 8), MODEL.network, MODEL.x0, times=[1.0], paths=2000, gradient=jumpax.ScoreFunction()
    )
    assert float(law(THETA, KEY).sum()) == pytest.approx(1.0, abs=1e-5)
    slope = jax.jacobian(lambda theta: law(theta, KEY))(THETA)["k_off"]
    assert abs(float(slope.sum())) < 1e-4 * float(jnp.abs(slope).sum())


def test_only_what_is_differentiated_is_gathered(monkeypatch):
    # a number of paths that no other test has: what was compiled before is not traced again
    mean = jumpax.expectation(
        jumpax.Moments("C", order=2), MODEL.network, MODEL.x0, times=[0.5], paths=37, gradient=jumpax.ScoreFunction()
    )
    seen = []
    inner = type(mean.estimator).fold

    def spy(self, network, wrt, stops):
        seen.append(wrt)
        return inner(self, network, wrt, stops)

    monkeypatch.setattr(type(mean.estimator), "fold", spy)
    jax.grad(lambda k: mean({**THETA, "k_off": k}, 123)[0, 0, 0])(jnp.float32(1.125))
    assert seen
    assert all(wrt == ("k_off",) for wrt in seen)


def test_a_new_theta_never_recompiles(mean):
    f = jax.value_and_grad(scalar(mean))
    f(THETA)
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiled.append(event) if "backend_compile" in event else None
    )
    jax.jit(lambda x: x + 3)(1.0)
    assert compiled  # the listener hears compilations
    compiled.clear()
    for k in (0.3, 0.7, 1.9):
        f({**THETA, "k_off": jnp.float32(k)})
    again = jumpax.expectation(
        jumpax.Moments("C", order=2),
        MODEL.network,
        MODEL.x0,
        times=[0.5, 1.0],
        paths=3000,
        gradient=jumpax.ScoreFunction(),
    )
    jax.value_and_grad(scalar(again))(THETA)
    assert not compiled


def test_second_derivatives_are_refused_by_name(mean):
    with pytest.raises(jumpax.UnsupportedError, match="second derivatives"):
        jax.hessian(scalar(mean))(THETA)


def test_wrong_input_is_named(mean):
    with pytest.raises(jumpax.InputError, match=r"unknown parameter 'k_of'.*\n.*'k_off' is missing"):
        mean({"k_on": 1.0, "k_of": 1.0}, 0)
    with pytest.raises(jumpax.InputError, match="vmap"):
        mean({"k_on": 1.0, "k_off": jnp.ones(3)}, 0)
    with pytest.raises(jumpax.InputError, match="ScoreFunction"):
        jumpax.expectation(jumpax.Moments("C"), MODEL.network, MODEL.x0, times=[1.0], paths=10, gradient="score")
    with pytest.raises(jumpax.InputError, match=r"did not expect|unknown species 'D'"):
        jumpax.expectation(
            jumpax.Moments("D"), MODEL.network, MODEL.x0, times=[1.0], paths=10, gradient=jumpax.ScoreFunction()
        )(THETA, 0)
    with pytest.raises(jumpax.InputError, match="x64"):
        jumpax.expectation(jumpax.Moments("C"), MODEL.network, MODEL.x0, times=[1.0], paths=10, precision="float64")


@pytest.mark.fault(3, 9)
def test_a_faulty_path_is_an_error_and_never_an_average():
    def falls(X, k):
        return k * (X - 5.0)

    with pytest.warns(jumpax.JumpaxWarning, match="does not vanish"):
        net = jumpax.Network([jumpax.Reaction("X -> 0", falls)])
    mean = jumpax.expectation(
        jumpax.Moments("X"), net, {"X": 9}, times=[50.0], paths=32, gradient=jumpax.ScoreFunction()
    )
    # from X = 9 the law is fine until X = 5, where it vanishes; one molecule less at the start it is negative at once
    assert float(mean({"k": 1.0}, 0)[0, 0, 0]) == 5.0
    bad = jumpax.expectation(jumpax.Moments("X"), net, {"X": 4}, times=[1.0], paths=32, gradient=jumpax.ScoreFunction())
    with pytest.raises(jumpax.SimulationError, match="not a number at k = 1"):
        bad({"k": 1.0}, 0)
    assert np.isnan(jax.jit(lambda k: bad({"k": k}, 0).sum())(1.0))
