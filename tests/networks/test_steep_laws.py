"""Saturating laws in float32: values and derivatives are finite for every count, threshold and exponent."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jumpax.networks.laws import Hill, MichaelisMenten

COUNTS = (0.0, 1.0, 7.0, 1e4, 2.0**31)
SIZES = (1e-37, 1e-25, 1e-3, 1.0, 50.0, 1e9, 1e25, 1e37)


def law_and_slopes(propensity, *values):
    made = [jnp.float32(v) for v in values]
    return float(propensity(*made)), [float(s) for s in jax.grad(propensity, tuple(range(len(made))))(*made)]


@pytest.mark.parametrize("kind", ["activation", "repression"])
def test_hill(kind):
    law = Hill("X", "v", "K", "n", kind=kind)

    def propensity(x, threshold, exponent):
        return law.propensity({"X": x}, {"v": jnp.float32(2.0), "K": threshold, "n": exponent}, jnp.float32(0.0), ())

    for x, threshold, exponent in itertools.product(COUNTS, SIZES, (0.5, 1.0, 2.0, 25.0, 300.0)):
        value, slopes = law_and_slopes(propensity, x, threshold, exponent)
        with np.errstate(all="ignore"):
            small = np.power(np.float64(min(x, threshold) / max(x, threshold)), exponent)
        on = small / (1 + small) if x < threshold else 1 / (1 + small)
        expected = 2.0 * (on if kind == "activation" else 1 - on)
        assert abs(value - expected) < 1e-4, (x, threshold, exponent)
        assert np.isfinite(slopes).all(), (x, threshold, exponent, slopes)


def test_michaelis_menten():
    law = MichaelisMenten("S", "v", "K")

    def propensity(x, constant):
        return law.propensity({"S": x}, {"v": jnp.float32(2.0), "K": constant}, jnp.float32(0.0), ())

    for x, constant in itertools.product(COUNTS, SIZES):
        value, slopes = law_and_slopes(propensity, x, constant)
        np.testing.assert_allclose(value, 2.0 * x / (constant + x), rtol=1e-5, atol=1e-30)
        assert np.isfinite(slopes).all(), (x, constant, slopes)
