"""Laws of counts, judged by scipy.stats and by what their derivatives are at the edges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jumpax._base import count_laws

LAWS = {
    "poisson": (count_laws.poisson, count_laws.log_poisson, scipy.stats.poisson, [(0.0,), (1e-3,), (2.5,), (300.0,)]),
    "negative binomial": (
        count_laws.negative_binomial, count_laws.log_negative_binomial,
        lambda mean, size: scipy.stats.nbinom(size, size / (size + mean)), [(0.0, 2.0), (1e-3, 0.3), (2.5, 1.5), (300.0, 40.0)],
    ),
    "binomial": (
        count_laws.binomial, count_laws.log_binomial, scipy.stats.binom,
        [(7.0, 0.0), (7.0, 1.0), (0.0, 0.3), (7.0, 0.25), (400.0, 0.7)],
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_probabilities_are_those_of_scipy(name, kind):
    law, log_law, peer, cases = LAWS[name]
    for numbers in cases:
        n = np.concatenate([np.arange(-2.0, 12.0), [290.0, 1000.0]])
        wanted = peer(*numbers)
        np.testing.assert_allclose(log_law(kind(n), *numbers), wanted.logpmf(n), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(law(kind(n), *numbers), wanted.pmf(n), rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize(
    ("name", "numbers", "which", "expected"),
    [  # of the probabilities of 0, 1, 2, 3, by the polynomials that they are next to the edge
        ("poisson", (0.0,), 0, [-1, 1, 0, 0]),
        ("negative binomial", (0.0, 2.0), 0, [-1, 1, 0, 0]),
        ("negative binomial", (0.0, 2.0), 1, [0, 0, 0, 0]),
        ("binomial", (3.0, 0.0), 1, [-3, 3, 0, 0]),
        ("binomial", (3.0, 1.0), 1, [0, 0, -3, 3]),
    ],
)
def test_derivatives_at_the_edges(name, numbers, which, expected):
    law, log_law, peer, _ = LAWS[name]
    n = np.arange(4.0)
    slopes = [jax.grad(lambda *at, k=k: law(k, *at), which)(*numbers) for k in n]
    np.testing.assert_allclose(slopes, expected, atol=1e-14)
    logs = [jax.grad(lambda *at, k=k: log_law(k, *at), which)(*numbers) for k in n]
    # of the logarithm, the same where the probability is 1; 0 where it is 0
    np.testing.assert_allclose(logs, np.where(peer(*numbers).pmf(n) == 1, expected, 0), atol=1e-14)


@pytest.mark.parametrize(
    ("name", "numbers"), [("poisson", (2.5,)), ("negative binomial", (2.5, 1.5)), ("binomial", (3.0, 0.25))]
)
def test_derivatives_inside(name, numbers):
    """Differences of scipy's, (f(x + h) - f(x - h)) / 2h with h = 1e-5: exact to h^2 and 1e-16 / h."""
    _, log_law, peer, _ = LAWS[name]
    for k in range(4):
        for which in range(name == "binomial", len(numbers)):
            slope = jax.grad(lambda *at, k=k: log_law(float(k), *at), which)(*numbers)
            up, down = (
                peer(*(x + sign * (i == which) for i, x in enumerate(numbers))).logpmf(k) for sign in (1e-5, -1e-5)
            )
            assert slope == pytest.approx((up - down) / 2e-5, rel=1e-7, abs=1e-8)


def test_numbers_that_make_no_sense_have_no_probability():
    for found in (
        count_laws.log_poisson(1.0, -1.0), count_laws.log_poisson(0.0, float("nan")), count_laws.log_binomial(1.0, 2.0, 1.5),
        count_laws.log_binomial(0.0, 2.0, -0.5), count_laws.log_negative_binomial(0.0, 1.0, 0.0),
        count_laws.log_negative_binomial(0.0, -1.0, 1.0),
    ):  # fmt: skip
        assert np.isneginf(found)
    slope = jax.grad(lambda m, r: count_laws.log_negative_binomial(0.0, m, r), (0, 1))(-1.0, -1.0)
    np.testing.assert_array_equal(slope, [0.0, 0.0])
