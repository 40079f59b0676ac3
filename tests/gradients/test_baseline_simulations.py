"""Baseline simulations: what each form gives for a quadratic loss, and whether its standard errors are honest.

Every |z| < 4 over 2,000 repeats: false-alarm rate 6e-5 each, three in all. Ratios of variances are known to 4 %, heavy
tails included, and may be off by 15 %. Seeds were fixed before looking.
"""

import jax
import numpy as np
import pytest

import jumpax
import references

TRACKED, PLAIN, GOAL = 32, 96, 5.5
MODEL = jumpax.zoo.association(start=(20, 20), k_on=1 / 20, k_off=1.0)


def mean_of(form, tracked=TRACKED):
    baseline = None if form is None else jumpax.BaselineSimulations(PLAIN, form)
    return jumpax.expectation(
        lambda counts: counts["C"],
        MODEL.network,
        MODEL.x0,
        times=[1.0],
        paths=tracked,
        baseline=baseline,
        gradient=jumpax.ScoreFunction(),
    )


def repeats(form):
    """Value, gradient with respect to k_off, and their squared standard errors, for 2,000 keys."""
    mean = mean_of(form)

    def one(key):
        got = mean.estimate(MODEL.theta, key, wrt=["k_off"])
        return (
            got.value[0], got.gradient["k_off"][0],
            got.standard_error[0] ** 2, got.gradient_standard_error["k_off"][0] ** 2,
        )  # fmt: skip

    return [np.asarray(leaf, float) for leaf in jax.vmap(one)(jax.random.split(jax.random.key(20261120), 2000))]


def truth():
    """Mean, variance, and their derivatives with respect to k_off."""
    mean, slope, variance = references.association_at_time(20, 20, 20, 1.0, 1.0, 1.0)
    step = 1e-4
    spread = [references.association_at_time(20, 20, 20, 1.0, 1.0 + s, 1.0)[2] for s in (step, -step)]
    return mean, slope, variance, (spread[0] - spread[1]) / (2 * step)


@pytest.mark.parametrize("form", ["A", "B", "C"])
def test_gradient_of_a_quadratic_loss(form):
    mean, slope, variance, widening = truth()
    value, gradient, value_error, gradient_error = repeats(form)
    all_paths = TRACKED + PLAIN
    exact = 2 * (mean - GOAL) * slope
    want = {
        "C": exact,
        # value and gradient share paths: with leave-one-out scores their covariance is d Var / d theta, over all paths
        "B": exact + 2 * widening / all_paths,
        "A": (exact + 2 * widening / all_paths) * TRACKED / all_paths,
    }[form]
    samples = 2 * (value - GOAL) * gradient
    assert abs(samples.mean() - want) < 4 * samples.std() / np.sqrt(len(samples))
    assert value.var() / (variance / (PLAIN if form == "C" else all_paths)) == pytest.approx(1, abs=0.15)
    assert value_error.mean() / value.var() == pytest.approx(1, abs=0.15)
    assert gradient_error.mean() / gradient.var() == pytest.approx(1, abs=0.15)


def test_forms_share_their_paths():
    theta = {k: np.float32(v) for k, v in MODEL.theta.items()}
    got = {form: mean_of(form).estimate(theta, 5) for form in (None, "A", "C")}
    value = {form: float(one.value[0]) for form, one in got.items()}
    slope = {form: float(one.gradient["k_off"][0]) for form, one in got.items()}
    np.testing.assert_allclose(slope["C"], slope[None], rtol=1e-5)
    np.testing.assert_allclose(slope["A"], slope[None] * TRACKED / (TRACKED + PLAIN), rtol=1e-5)
    pooled = (TRACKED * value[None] + PLAIN * value["C"]) / (TRACKED + PLAIN)
    np.testing.assert_allclose(value["A"], pooled, rtol=1e-6)
    assert value["C"] != value[None]
    # what JAX makes of a loss is the factor at the value of the form, times the gradient of the form
    loss = jax.grad(lambda t: (mean_of("A")(t, 5)[0] - GOAL) ** 2)(theta)["k_off"]
    np.testing.assert_allclose(loss, 2 * (value["A"] - GOAL) * slope["A"], rtol=1e-5)


def test_wrong_input_is_named():
    with pytest.raises(jumpax.InputError, match="'A', 'B' or 'C'"):
        jumpax.BaselineSimulations(10, "D")  # type: ignore[arg-type]
    with pytest.raises(jumpax.InputError, match="paths"):
        jumpax.BaselineSimulations(0)
