"""Laws of measurement against scipy, their samples against their densities, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from jumpax import InputError, UnsupportedError, records
from jumpax.records.tempered import Tempered

VALUES = {"sd": 0.7, "scale": 1.5, "b": 2.0, "phi": 3.0, "p": 0.3}
X = np.array([0.0, 1.0, 4.0, 9.0])
CASES = {
    "normal": (records.Normal("sd", "scale"), lambda y, x: scipy.stats.norm.logpdf(y, 1.5 * x, 0.7)),
    "log-normal": (
        records.LogNormal("sd", "scale"),
        lambda y, x: np.where(x == 0, np.where(y == 0, 0.0, -np.inf), scipy.stats.lognorm.logpdf(y, 0.7, scale=np.maximum(1.5 * x, 1e-9))),
    ),
    "poisson": (records.Poisson("scale", "b"), lambda y, x: scipy.stats.poisson.logpmf(y, 1.5 * x + 2)),
    "poisson from 0": (records.Poisson(), lambda y, x: scipy.stats.poisson.logpmf(y, x)),
    "negative binomial": (
        records.NegativeBinomial("phi", "scale"),
        lambda y, x: scipy.stats.nbinom.logpmf(y, 3.0, 3.0 / (3.0 + 1.5 * x)),
    ),
    "binomial": (records.Binomial("p"), lambda y, x: scipy.stats.binom.logpmf(y, x.astype(int), 0.3)),
    "exact": (records.Exact(), lambda y, x: np.where(y == x, 0.0, -np.inf)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_densities_are_those_of_scipy(name):
    law, expected = CASES[name]
    y, x = np.meshgrid(np.array([0.0, 1.0, 3.0, 9.0]), X)
    with jax.enable_x64(True):
        found = np.asarray(law.log_density(jnp.asarray(y), jnp.asarray(x), VALUES))
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(found, expected(y, x), rtol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_numbers_even_where_nothing_is_possible(name):
    law, _ = CASES[name]
    y, x = (jnp.asarray(one) for one in np.meshgrid(np.array([0.0, 1.0, 9.0]), X))

    def total(values):
        found = law.log_density(y, x, values)
        return jnp.where(jnp.isfinite(found), found, 0.0).sum()

    for at in (VALUES, dict.fromkeys(VALUES, -1.0)):
        slopes = jax.grad(total)({name: jnp.asarray(value) for name, value in at.items()})
        assert all(np.isfinite(slope) for slope in slopes.values())


@pytest.mark.parametrize("name", [name for name in CASES if name != "exact"])
def test_samples_have_the_density(name):
    """Means and variances of 20,000 samples against scipy, z < 5 each: a false alarm in 1e5 runs."""
    law, _ = CASES[name]
    x = np.full(20_000, 6.0)
    drawn = law.sample(np.random.default_rng(7), x, VALUES)
    mean, variance = {
        "normal": (9.0, 0.49),
        "log-normal": (9 * np.exp(0.245), 81 * np.exp(0.49) * (np.exp(0.49) - 1)),
        "poisson": (11.0, 11.0),
        "poisson from 0": (6.0, 6.0),
        "negative binomial": (9.0, 9 + 81 / 3),
        "binomial": (1.8, 1.26),
    }[name]
    assert abs(drawn.mean() - mean) < 5 * np.sqrt(variance / len(x))
    fourth = ((drawn - drawn.mean()) ** 4).mean()
    assert abs(drawn.var() - variance) < 5 * np.sqrt((fourth - drawn.var() ** 2) / len(x))


def test_parameters_and_wrong_values_are_named():
    assert records.Poisson("scale", 2.0).parameters == ("scale",)
    assert records.Binomial("p").wrong({"p": 1.5})[0].startswith("the probability p = 1.5")
    assert "must be positive" in records.Normal("sd").wrong({"sd": -1.0})[0]
    with pytest.raises(InputError, match="sd=-1"):
        records.Normal(-1.0)
    with pytest.raises(InputError, match="draw="):
        records.Custom(lambda y, x, values: y).sample(np.random.default_rng(0), X, {})


@pytest.mark.parametrize("name", CASES)
def test_distribution_functions_are_sums_and_integrals_of_densities(name):
    """Below y and up to y: of counts by sums; of numbers by the rule of Simpson, 1e-9 at this step."""
    law, _ = CASES[name]
    assert law.draws
    y, x = np.meshgrid(np.array([0.0, 1.0, 3.0, 9.0]), X)
    below, upto = law.cumulative(y, x, VALUES)
    if name in ("normal", "log-normal"):
        np.testing.assert_array_equal(below[1:], upto[1:])
        for i, j in np.ndindex(*y.shape):
            if x[i, j] > 0:
                grid = np.linspace(-8.0 if name == "normal" else 1e-9, max(y[i, j], 1e-8), 20_001)
                with jax.enable_x64(True):
                    density = np.exp(law.log_density(jnp.asarray(grid), jnp.full(len(grid), x[i, j]), VALUES))
                assert upto[i, j] == pytest.approx(scipy.integrate.simpson(density, x=grid), abs=1e-8)
        return
    n = np.arange(60.0)[:, None, None]
    with jax.enable_x64(True):
        p = np.exp(law.log_density(*(jnp.asarray(one) for one in np.broadcast_arrays(n, x)), VALUES))
    np.testing.assert_allclose(below, np.where(n < y, p, 0).sum(0), atol=1e-12)
    np.testing.assert_allclose(upto, np.where(n <= y, p, 0).sum(0), atol=1e-12)


def test_laws_say_what_they_do_not_have():
    law = records.Custom(lambda y, x, values: -abs(y - x))
    for one in (law, Tempered(law, "b")):
        assert not one.draws
        with pytest.raises(UnsupportedError, match="no distribution function"):
            one.cumulative(X, X, VALUES)
    assert Tempered(records.Normal(1.0), "b").draws
    assert records.Custom(law.function, draw=lambda generator, x, values: x).draws
