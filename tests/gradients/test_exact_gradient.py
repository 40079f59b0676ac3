"""The exact gradient against the master equation itself, and whether its cost is known beforehand."""

import jax
import jax.numpy as jnp
import judge
import numpy as np
import pytest

import jumpax
from jumpax import ExactGradient, exact
from jumpax.gradients.exact_gradient import exact_cost

MODEL = jumpax.zoo.association(start=(20, 20), k_on=0.05, k_off=1.0)
THETA = {k: jnp.float32(v) for k, v in MODEL.theta.items()}


@pytest.mark.parametrize(
    ("name", "limits", "precision", "close"),
    [("association 20", None, "float64", 1e-10), ("telegraph", {"M": 100}, "float32", 1e-5)],
)
def test_is_the_master_equation(name, limits, precision, close):
    got = judge.estimate(name, ExactGradient(limits), 7, 0, precision)
    value, slopes = judge.truth(name)
    np.testing.assert_allclose(got.value, value, rtol=close)
    assert not got.standard_error.any()
    for parameter, want in slopes.items():
        np.testing.assert_allclose(got.gradient[parameter], want, atol=close * np.abs(want).max())
        assert not got.gradient_standard_error[parameter].any()


def test_numbers_of_events():
    # burger2026, (20, 20, 1): N = 50 and 51
    mean = jumpax.expectation(
        jumpax.Moments("C"), MODEL.network, MODEL.x0, steps=[50, 51], paths=2, gradient=ExactGradient()
    )
    got = mean.estimate(THETA, 0, wrt=["k_off"])
    np.testing.assert_allclose(got.value[:, 0, 0], [7.662406, 7.662947], rtol=1e-6)
    np.testing.assert_allclose(got.gradient["k_off"][:, 0, 0], [-3.282170, -3.282802], rtol=1e-6)


def test_transformations_agree():
    mean = jumpax.expectation(
        jumpax.Histogram("C", 12), MODEL.network, MODEL.x0, [2.0, 3.0], paths=2, start=1.0, gradient=ExactGradient()
    )

    def f(theta):
        return mean(theta, 0)[1, 9]

    value, slope = jax.value_and_grad(f)(THETA)
    space = exact.StateSpace.reachable(MODEL.network, MODEL.x0)
    assert float(value) == pytest.approx(float(exact.distribution(space, MODEL.theta, [2.0]).marginal("C")[0, 9]))
    jitted = jax.jit(jax.grad(f))(THETA)
    many = jax.vmap(jax.grad(lambda k: f({**THETA, "k_off": k})))(jnp.array([1.0, 2.0]))
    for name in THETA:
        np.testing.assert_allclose(slope[name], jitted[name], rtol=1e-6)
    np.testing.assert_allclose(many[0], slope["k_off"], rtol=1e-6)
    step = 2.0**-7
    ends = [jax.value_and_grad(f)({**THETA, "k_off": 2.0 + d})[0] for d in (-step, step)]
    assert float(ends[1] - ends[0]) / (2 * step) == pytest.approx(float(many[1]), rel=1e-3)


def test_equal_estimators_share_programs():
    assert ExactGradient({"M": 5, "on": 1}) == ExactGradient({"on": 1, "M": 5})
    assert hash(ExactGradient({"M": 5})) == hash(ExactGradient({"M": 5}))
    assert ExactGradient().unbiased


def test_what_is_too_large_or_leaks_is_refused():
    model = jumpax.zoo.birth_death()

    def estimate(estimator):
        return jumpax.expectation(
            jumpax.Moments("X"), model.network, model.x0, [1.0], paths=2, gradient=estimator
        ).estimate(model.theta, 0)

    with pytest.raises(jumpax.UnsupportedError, match=r"states=500.*Give limits.*exact_cost"):
        estimate(ExactGradient(states=500))
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"has left the state space.*raise the limits of X \(now 3\)"):
        estimate(ExactGradient(limits=3))
    with pytest.raises(jumpax.InputError, match="unknown species 'Y'"):
        estimate(ExactGradient({"Y": 3}))
    with pytest.raises(jumpax.InputError, match="tolerance"):
        ExactGradient(tolerance=0.0)


def test_cost_where_molecules_are_conserved():
    cost = exact_cost(MODEL.network, MODEL.x0, THETA, [1.0, 2.0])
    assert cost is not None
    assert cost.states == 21
    assert cost.limits == {"A": 20, "B": 20, "C": 20}
    fewer = exact_cost(MODEL.network, MODEL.x0, THETA, [1.0, 2.0], wrt=["k_off"])
    assert fewer is not None
    assert fewer.work == pytest.approx(cost.work * 2 / 3)
    steps = exact_cost(MODEL.network, MODEL.x0, THETA, steps=[9])
    assert steps is not None
    assert steps.work == 21 * 10 * 3


def test_limits_are_found():
    # rare bursts, which few paths show: 1 % have one, 5e-5 two, 2e-7 three
    bursts = jumpax.Network([jumpax.Reaction("0 -> 30 X", jumpax.MassAction("k"))])
    cost = exact_cost(bursts, {"X": 0}, {"k": 0.01}, [1.0])
    assert cost is not None
    assert 60 <= cost.limits["X"] < 120
    space = exact.StateSpace.reachable(bursts, {"X": 0}, cost.limits)
    assert float(exact.distribution(space, {"k": 0.01}, [1.0]).leak[0]) < 1e-6


def test_what_does_not_fit_is_none():
    model = jumpax.zoo.birth_death()
    cost = exact_cost(model.network, model.x0, model.theta, [1.0], {"X": 100})
    assert cost is not None
    assert exact_cost(model.network, model.x0, model.theta, [1.0], {"X": 100}, budget=cost.work - 1) is None
    assert exact_cost(model.network, model.x0, model.theta, [1.0], {"X": 100}, budget=10) is None
    explodes = jumpax.Network([jumpax.Reaction("2 X -> 3 X", jumpax.MassAction("k"))])
    assert exact_cost(explodes, {"X": 50}, {"k": 5.0}, [1.0]) is None
    timed = jumpax.Network([jumpax.Reaction("0 -> X", lambda k, t: k * t)])
    with pytest.raises(jumpax.UnsupportedError, match="the master equation does not treat rates that depend on time"):
        exact_cost(timed, {"X": 0}, {"k": 1.0}, [1.0])
    with pytest.raises(jumpax.InputError, match="times"):
        exact_cost(model.network, model.x0, model.theta)
