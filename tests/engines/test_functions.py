"""Functions that a law may call have the same values in a block of lanes as on a single path."""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy import special

import jumpax

FUNCTIONS = (
    jnp.sin, jnp.cos, jnp.tan, jnp.arctan, lambda x: jnp.arcsin(x / 40), lambda x: jnp.arccos(x / 40),
    lambda x: jnp.arctan2(x, 3.0), lambda x: jnp.sinh(x / 9), lambda x: jnp.cosh(x / 9), lambda x: jnp.tanh(x / 9),
    jnp.arcsinh, lambda x: jnp.arccosh(x + 1), lambda x: jnp.arctanh(x / 40), lambda x: jnp.exp(-x),
    lambda x: jnp.exp2(-x), lambda x: jnp.expm1(-x), lambda x: jnp.log(x + 1), jnp.log1p, lambda x: jnp.log2(x + 1),
    jnp.sqrt, jnp.cbrt, lambda x: (x + 1) ** 1.7, jax.nn.sigmoid, lambda x: special.erf(x / 9),
    lambda x: special.erfc(x / 9), lambda x: special.gammaln(x + 1), lambda x: jnp.floor(x / 3),
)  # fmt: skip


def together(X):
    """All functions at once, with weights that do not cancel."""
    return X * functools.reduce(operator.add, [(300.0 + f(X)) / (2 + n) for n, f in enumerate(FUNCTIONS)])


def arctan(X):
    return X * (3 + jnp.arctan(X))


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.long)])
@pytest.mark.parametrize("law", [together, arctan])
def test_functions_on_lanes_are_those_on_one_path(law, precision):
    """A wait is an exponential over the rate. Compilers have other code for these functions where lanes fill vectors:
    XLA's for arctan is wrong if vectors of 512 bits are preferred: rates too low by a third.
    """
    network = jumpax.Network([jumpax.Reaction("X -> Y", law)])
    start = {"X": np.tile(np.arange(10, 26), 4), "Y": 0}
    lanes, single = (
        jumpax.simulate(network, {}, start, steps=[5], paths=64, key=5, engine=engine, precision=precision).end_times
        for engine in ("xla", "reference")
    )
    np.testing.assert_allclose(lanes, single, rtol=1e-5 if precision == "float32" else 1e-12)
