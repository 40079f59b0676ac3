"""Densities on the host are those of JAX, with their derivatives; what is not known is left to JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jumpax import Records
from jumpax.filters.on_host import host_function
from jumpax.filters.weighing import Weigher, _in_chunks
from jumpax.records import Binomial, Custom, Exact, LogNormal, NegativeBinomial, Normal, Poisson

LAWS = {
    "normal": Normal("a", scale="b"),
    "log-normal": LogNormal("a"),
    "poisson": Poisson("a", background="b"),
    "negative binomial": NegativeBinomial("a", scale="b"),
    "binomial": Binomial("p"),
    "exact": Exact(),
    "custom": Custom(lambda y, x, values: -jnp.abs(y - x) * values["a"] + jnp.tanh(values["b"]), ("a", "b")),
}


@pytest.mark.parametrize("name", list(LAWS))
def test_density_and_derivatives_of_each_law(name):
    """At records and counts that agree and that do not, zero among them, in two columns with one number missing."""
    law, rng = LAWS[name], np.random.default_rng(1)
    trace = Records([1.0, 2.0], {"X": [4.0, 0.0], "Y": [7.0, float("nan")]}, law)
    row, signals = np.repeat(np.arange(6), 50), rng.integers(0, 12, (2, 300))
    theta = {name: rng.uniform(0.1, 0.9, 6) for name in law.parameters}
    theta.update({name: np.append(values[:-1], -0.3) for name, values in theta.items() if name != "b"})  # no such law
    together, apart = (Weigher(trace, theta, np.zeros(6, int), every, law.parameters) for every in (row, row.copy()))
    on_host, compiled = together._both
    assert on_host is not None
    for time in (0, 1):
        found, other = together(time, row, signals), apart(time, row, signals)
        given = [*together._measured[time][:, row], *signals.astype(float), *together._values[:, row]]
        judge = _in_chunks(compiled, given)
        np.testing.assert_allclose(found.log_density, judge[0], rtol=1e-13, atol=1e-12)
        np.testing.assert_array_equal(found.log_density, other.log_density)
        for column, slope in enumerate(judge[1:]):
            assert found.slopes is not None
            wanted = np.where(np.isneginf(judge[0]), 0.0, slope)
            np.testing.assert_allclose(found.slopes[:, column], wanted, rtol=1e-12, atol=1e-11)


def test_what_is_not_known_is_left_to_jax():
    table = jnp.array([0.1, 0.2, 0.7])
    assert host_function(lambda x: (table[x.astype(int)],), 1) is None
    assert host_function(lambda x: (jnp.cumsum(x),), 1) is None
    assert host_function(lambda x: (x + jnp.arange(997.0),), 1) is None
    assert host_function(lambda x: (x.astype(int) // 2 + 0.5,), 1) is None
    law = Custom(lambda y, x, values: jnp.log(jnp.take(table, jnp.clip(jnp.abs(y - x), 0, 2).astype(int))))
    row = np.arange(5000) % 3
    weigher = Weigher(Records([1.0], {"X": [4.0]}, law), {}, np.zeros(3, int), row)
    found = weigher(0, row, np.arange(5000)[None] % 9)
    wanted = np.log(np.array([0.1, 0.2, 0.7])[np.minimum(np.abs(4 - np.arange(5000) % 9), 2)])
    with jax.enable_x64(True):
        np.testing.assert_allclose(found.log_density, wanted, rtol=1e-6)
