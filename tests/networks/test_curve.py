"""Curves through measured points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.networks.curve import SELECTED


@pytest.mark.parametrize("points", [2, 12, SELECTED, SELECTED + 1, 500])
def test_straight_between_points_and_constant_outside(points):
    rng = np.random.default_rng(5)
    times, values = np.cumsum(rng.exponential(size=points)), rng.normal(size=points)
    at = np.concatenate([rng.uniform(-1, times[-1] + 1, 1000), times])
    with jax.enable_x64(True):
        curve = jumpax.Curve(times, values)
        np.testing.assert_allclose(jax.jit(curve)(at), np.interp(at, times, values), rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(curve(jnp.asarray(times[:-1])), values[:-1])
    single = np.asarray(curve(jnp.asarray(at, jnp.float32)))
    assert single.dtype == np.float32
    assert values.min().astype(np.float32) <= single.min() <= single.max() <= values.max().astype(np.float32)


def test_highest_value_between_two_times():
    curve = jumpax.Curve([0.0, 1.0, 3.0], [1.0, 5.0, 2.0])
    cases = [(0.0, 3.0, 5.0), (0.0, 0.5, 3.0), (1.5, 2.0, 4.25), (3.0, 9.0, 2.0), (-2.0, -1.0, 1.0), (0.5, 1.0, 5.0)]
    for begin, end, most in cases:
        assert curve.highest(begin, end) == most


def test_curves_are_values():
    one, other = jumpax.Curve([0, 1], [2, 3]), jumpax.Curve(np.array([0.0, 1.0]), [2.0, 3.0])
    assert one == other
    assert hash(one) == hash(other)
    assert one != jumpax.Curve([0, 1], [2, 4])

    def law(k, t):
        return k * one(t)

    first = jumpax.Network([jumpax.Reaction("0 -> X", law)]).digest
    one = jumpax.Curve([0, 1], [2, 4])
    assert jumpax.Network([jumpax.Reaction("0 -> X", law)]).digest != first


def test_points_that_are_no_curve_are_refused_together():
    nan = float("nan")
    for times, values, words in (
        ([0.0, 2.0, 2.0, 1.0], [1.0] * 4, r"times\[2\] = 2 does not come after.*times\[3\] = 1"),
        ([0.0, nan], [float("inf"), 1.0], r"times\[1\] = nan; values\[0\] = inf"),
        ([0.0], [1.0], "at least two"),
        ([0.0, 1.0], [1.0], r"shapes \(2,\) and \(1,\)"),
        ([0.0, 1.0], ["a", 1.0], "values of a curve must be numbers"),
        ([0.0, 1e-30], [0.0, 1e10], "float32"),
    ):
        with pytest.raises(jumpax.InputError, match=words):
            jumpax.Curve(times, values)
