"""Checks of theta and of initial counts."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from jumpax._base.errors import InputError
from jumpax.networks import MassAction, Network, Reaction, check_counts, check_theta

NETWORK = Network(
    [Reaction("A + B -> C", MassAction("k_on")), Reaction("C -> A + B", lambda C, log_k: jnp.exp(log_k) * C)], name="n"
)
THETA = {"k_on": 0.5, "log_k": -1.0}


def _lines(call, *arguments, **options):
    with pytest.raises(InputError) as caught:
        call(NETWORK, *arguments, **options)
    head, *lines = str(caught.value).split("\n")
    assert head.endswith("does not fit the network 'n':")
    return [line.removeprefix("- ") for line in lines]


def test_theta_comes_back_in_float64_and_in_order():
    result = check_theta(NETWORK, {"log_k": np.float32(-0.5), "k_on": [1, 2, 3]}, paths=3)
    assert list(result) == ["k_on", "log_k"]
    assert [(v.dtype, v.shape) for v in result.values()] == [(np.float64, (3,)), (np.float64, ())]
    np.testing.assert_array_equal(result["k_on"], [1, 2, 3])
    assert check_theta(NETWORK, {name: jnp.float32(v) for name, v in THETA.items()})["k_on"] == 0.5


def test_all_faults_of_theta_are_reported_at_once():
    assert _lines(check_theta, {"k_onn": 1.0, "log_k": math.nan}) == [
        "unknown parameter 'k_onn'; known: k_on, log_k. Did you mean 'k_on'?",
        "parameter 'k_on' is missing",
        "parameter 'log_k' is not finite: nan",
    ]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"k_on": -0.5}, "parameter 'k_on' is negative: -0.5"),
        ({"k_on": [1.0, -2.0, -3.0]}, "parameter 'k_on' is negative: -2 (path 1)"),
        ({"k_on": math.inf}, "parameter 'k_on' is not finite: inf"),
        ({"k_on": "1"}, "parameter 'k_on' is not a number: '1'"),
        ({"k_on": None}, "parameter 'k_on' is not a number: None"),
        ({"k_on": 1j}, "parameter 'k_on' is not a number: 1j"),
        ({"k_on": np.ones((2, 2))}, "parameter 'k_on' has shape (2, 2); give one number, or one per path"),
        ({"k_on": [1, 2], "log_k": [1, 2, 3]}, "parameter 'log_k' has 3 values for 2 paths"),
    ],
)
@pytest.mark.fault(1, 2)
def test_each_fault_of_theta(values, fault):
    assert _lines(check_theta, THETA | values) == [fault]


def test_theta_per_path_must_have_the_number_of_paths():
    assert _lines(check_theta, THETA | {"k_on": [1, 2]}, paths=5) == ["parameter 'k_on' has 2 values for 5 paths"]


def test_a_list_is_no_theta():
    with pytest.raises(InputError, match="must map the names"):
        check_theta(NETWORK, [1.0, 2.0])


@pytest.mark.parametrize(
    ("x0", "expected"),
    [
        ({"C": 3, "A": 1, "B": 2.0}, [1, 2, 3]),
        ([1, 2, 3], [1, 2, 3]),
        (np.array([[1, 2, 3], [4, 5, 6]], np.uint8), [[1, 2, 3], [4, 5, 6]]),
        ({"A": [1, 4], "B": 2, "C": jnp.array([3, 6])}, [[1, 2, 3], [4, 2, 6]]),
        ([2**31 - 1, 0, 0], [2**31 - 1, 0, 0]),
    ],
)
def test_counts_come_back_in_int32_and_in_order(x0, expected):
    result = check_counts(NETWORK, x0)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected)


@pytest.mark.fault(16, 17, 18)
def test_all_faults_of_counts_are_reported_at_once():
    assert _lines(check_counts, {"A": 2.5, "b": 1, "C": -1}) == [
        "unknown species 'b'; known: A, B, C.",
        "the count of 'B' is missing",
        "count of 'A' is not a whole number: 2.5; pass round_counts=True to round it",
        "count of 'C' is negative: -1",
    ]


@pytest.mark.parametrize(
    ("x0", "fault"),
    [
        ([1, 2, math.nan], "count of 'C' is not finite: nan"),
        ([1, 2, np.int64(2**40)], "count of 'C' is above 2147483647, the largest count: 1099511627776"),
        ([1, 2, 2**31], "count of 'C' is above 2147483647, the largest count: 2147483648"),
        ([1, 2, 2**70], "count of 'C' is above 2147483647, the largest count: 1.1805916207174113e+21"),
        ([1, 2], "shape (2,); needed is (3,) or (paths, 3), in the order A, B, C"),
        (np.zeros((3, 2)), "shape (3, 2); needed is (3,) or (paths, 3), in the order A, B, C"),
        (["1", "2", "3"], "not numbers: ['1', '2', '3']"),
        ([[1, 2, 3], [1, -2, 3]], "count of 'B' is negative: -2 (path 1)"),
        ({"A": 1, "B": None, "C": 0}, "count of 'B' is not a number: None"),
        ({"A": [1, 2], "B": [1, 2, 3], "C": 0}, "count of 'B' has 3 values for 2 paths"),
    ],
)
@pytest.mark.fault(17, 18, 20)
def test_each_fault_of_counts(x0, fault):
    assert _lines(check_counts, x0) == [fault]


@pytest.mark.fault(16)
def test_fractions_are_rounded_when_asked():
    np.testing.assert_array_equal(check_counts(NETWORK, [24.999999999999996, 0.2, 7], round_counts=True), [25, 0, 7])
    assert _lines(check_counts, [-0.6, 0, 0], round_counts=True) == ["count of 'A' is negative: -1"]


def test_counts_per_path_must_have_the_number_of_paths():
    assert _lines(check_counts, np.zeros((2, 3)), paths=4)[0] == "count of 'A' has 2 values for 4 paths"
