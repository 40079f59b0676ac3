"""Saturating laws in float32: values and derivatives are finite for every count, threshold and exponent."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jumpax.networks.laws import Hill, MichaelisMenten

COUNTS = (0.0, 1.0, 7.0, 1e4, 2.0**31)
SIZES = (1e-37, 1e-25, 1e-3, 1.0, 50.0, 1e9, 1e25, 1e37)
EXPONENTS = (0.5, 1.0, 2.0, 25.0, 300.0)


def values_and_slopes(propensity, columns):
    slopes = jax.value_and_grad(propensity, tuple(range(len(columns))))
    return jax.jit(jax.vmap(slopes))(*jnp.asarray(columns, jnp.float32))


@pytest.mark.parametrize("kind", ["activation", "repression"])
def test_hill(kind):
    law = Hill("X", "v", "K", "n", kind=kind)

    def propensity(x, threshold, exponent):
        return law.propensity({"X": x}, {"v": jnp.float32(2.0), "K": threshold, "n": exponent}, jnp.float32(0.0), ())

    columns = x, threshold, exponent = np.array(list(itertools.product(COUNTS, SIZES, EXPONENTS))).T
    values, slopes = values_and_slopes(propensity, columns)
    with np.errstate(all="ignore"):
        small = (np.minimum(x, threshold) / np.maximum(x, threshold)) ** exponent
    on = np.where(x < threshold, small, 1.0) / (1 + small)
    np.testing.assert_allclose(values, 2.0 * (on if kind == "activation" else 1 - on), atol=1e-4)
    assert np.isfinite(slopes).all()


def test_michaelis_menten():
    law = MichaelisMenten("S", "v", "K")

    def propensity(x, constant):
        return law.propensity({"S": x}, {"v": jnp.float32(2.0), "K": constant}, jnp.float32(0.0), ())

    columns = x, constant = np.array(list(itertools.product(COUNTS, SIZES))).T
    values, slopes = values_and_slopes(propensity, columns)
    np.testing.assert_allclose(values, 2.0 * x / (constant + x), rtol=1e-5, atol=1e-30)
    assert np.isfinite(slopes).all()
