"""Whole numbers by printable operations, against NumPy's; the engines that print them give the same."""

import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax import Event, MassAction, Network, Reaction
from jumpax._base import whole

X = np.array([0.0, 0.25, 0.5, 1.5, 2.5, 3.0, 7.75, 1e4 + 0.5, 123456.0, 2.0**22 + 1, 2.0**24 + 2, 1e9], np.float32)


@pytest.mark.parametrize(
    ("ours", "numpys"),
    [
        (whole.floor, np.floor), (whole.ceil, np.ceil), (whole.truncate, np.trunc), (whole.round_half_even, np.round), (whole.sign, np.sign),
        (whole.round_half_away, lambda x: np.sign(x) * np.floor(np.abs(x) + np.float32(0.5) * (np.abs(x) < 2.0**23))),
    ],
)  # fmt: skip
def test_of_one_number(ours, numpys):
    for x in (X, -X):
        np.testing.assert_array_equal(np.asarray(ours(jnp.asarray(x))), numpys(x))


def test_remainders_of_whole_numbers_are_exact():
    rng = np.random.default_rng(0)
    x, y = rng.integers(-(2**23), 2**23, 100_000), rng.integers(1, 5000, 100_000) * rng.choice([-1, 1], 100_000)
    left = np.asarray(whole.remainder(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)))
    np.testing.assert_array_equal(left, np.fmod(x, y))
    assert np.isnan(whole.remainder(jnp.float32(3e9), jnp.float32(7.0)))


def test_engines_agree_on_functions_with_whole_numbers():
    cut = Event.at(1.0, {"A": lambda A: A // 3 + A % 7, "q": lambda A, k: jnp.round(A * 0.5) - jnp.ceil(A / k)})
    network = Network([Reaction("0 -> A", MassAction("k"))], events=[cut])
    ask = {"theta": {"k": 90.0, "q": 0.0}, "x0": {"A": 5}, "times": [1.0], "paths": 200, "key": 2}
    first, second = (jumpax.simulate(network, engine=engine, **ask) for engine in ("cpu", "xla"))
    np.testing.assert_array_equal(first.counts, second.counts)
    np.testing.assert_array_equal(first["q"], second["q"])
    assert len(np.unique(first["q"])) > 5
