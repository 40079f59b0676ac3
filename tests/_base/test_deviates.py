"""Random numbers of the usual laws, word by word, against distribution functions in float64 by NumPy and SciPy."""

import functools
import itertools

import jax
import numpy as np
import pytest
from scipy import stats

from jumpax._base import deviates
from jumpax._base.compiling import quick
from jumpax.networks.draw import LAWS

MOST = 2**32 - 1
ALL = {
    "normal": ((1.0, 2.0), stats.norm(1, 2)),
    "lognormal": ((0.0, 1.0), stats.lognorm(1.0)),
    "exponential": ((2.0,), stats.expon(scale=0.5)),
    "gamma": ((3.0, 2.0), stats.gamma(3, scale=2)),
    "chisquare": ((1.0,), stats.chi2(1)),
    "laplace": ((1.0, 2.0), stats.laplace(1, 2)),
    "cauchy": ((1.0, 2.0), stats.cauchy(1, 2)),
    "rayleigh": ((2.0,), stats.rayleigh(scale=2)),
    "poisson": ((10.0,), stats.poisson(10)),
    "binomial": ((1000.0, 0.5), stats.binom(1000, 0.5)),
}


COLUMNS = 4096


@functools.cache
def compiled(law, dtype):
    def one(words, numbers, low, high):
        return LAWS[law].sample(deviates.chance_of(words, dtype), low, high, *numbers).between(low, high)

    kinds = [jax.ShapeDtypeStruct((COLUMNS,), kind) for kind in (np.uint32, dtype)]
    numbers = (kinds[1],) * len(LAWS[law].arguments)
    return jax.jit(one).lower([kinds[0]] * 6, numbers, kinds[1], kinds[1]).compile(compiler_options=quick())


def tries(law, numbers, words, dtype, low=-np.inf, high=np.inf):
    """One try for each column of words."""
    dtype, words = np.dtype(dtype), np.broadcast_arrays(*words)
    rows = [np.resize(np.asarray(row, np.uint32), COLUMNS) for row in words]
    *numbers, low, high = [np.full(COLUMNS, number, dtype) for number in (*numbers, low, high)]
    with jax.enable_x64(dtype == np.float64):
        made = compiled(law, dtype)(rows, tuple(numbers), low, high)
        return deviates.Deviate(*(np.asarray(part)[: len(words[0])] for part in made))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("law", "number", "low", "high"),
    [
        ("exponential", 1e-3, 0.0, 1e-2),
        ("exponential", 4.0, 0.0, 0.3),
        ("exponential", 1.0, 3.0, 3.125),
        ("exponential", 2.0, 300.0, np.inf),
        ("rayleigh", 2.0, -np.inf, 1e-3),
        ("rayleigh", 2.0, 5.0, 5.0625),
        ("rayleigh", 0.5, 60.0, np.inf),
        ("rayleigh", 2.0, 2.0, 2.0),
    ],
)
def test_numbers_between_bounds_invert_the_distribution_function(law, number, low, high, dtype):
    """F of the number is u, or 1 - u, up to rounding of the number and of u."""
    real = np.dtype(dtype)
    first = np.linspace(0, MOST, 4001).astype(np.uint32)
    made = tries(law, (number,), [first, 0, 0, 0, 0, 0], dtype, low, high)
    assert made.accepted.all()
    assert made.sound.all()
    values, number = made.value.astype(np.float64), np.float64(real.type(number))
    least, most = max(low, 0.0), np.float64(real.type(high))
    if least == most:
        assert (values == least).all()
        return
    hazard, slope = {  # integrated from `least` on, and its derivative
        "exponential": (lambda x: number * (x - least), number),
        "rayleigh": (lambda x: (x - least) * (x + least) / (2 * number**2), values / number**2),
    }[law]
    found = np.expm1(-hazard(values)) / np.expm1(-hazard(most))
    density = slope * np.exp(-hazard(values)) / -np.expm1(-hazard(most))
    close = 16 * np.finfo(real).eps + 2 * density * np.spacing(values.astype(real))
    u = first / 2.0**32 + (0.5 / 2.0**32 if dtype == "float32" else 0.0)
    assert (np.minimum(abs(found - u), abs(found - (1 - u))) < close).all()


@pytest.mark.parametrize(
    ("law", "dtype"), [(law, "float32") for law in ALL] + [(law, "float64") for law in ("exponential", "rayleigh")]
)
def test_the_least_and_the_largest_words_give_numbers_of_the_law(law, dtype):
    """What three extreme uniform numbers make, which may be rounded to 0, has tails of 2^-120 at least."""
    numbers, exact = ALL[law]
    words = np.repeat(list(itertools.product((0, 2**31, MOST), repeat=3)), 2, axis=1)
    made = tries(law, numbers, words.T, dtype)
    assert made.sound.all()
    values = made.value[made.accepted].astype(np.float64)
    assert len(values) > 0
    assert (np.minimum(exact.cdf(values + 1e-6), exact.sf(values - 1e-6)) > 2.0**-120).all(), values


@pytest.mark.parametrize(("law", "numbers"), [("poisson", (1e-8,)), ("binomial", (1000.0, 1e-11))])
def test_rare_numbers_are_as_rare_in_float32(law, numbers):
    """At a mean of 1e-8, 43 words of 2^32 give 1, and all others 0."""
    few = np.arange(100)
    made = tries(law, numbers, [few, 0, 0, 0, 0, 0], "float32").value
    np.testing.assert_array_equal(made, few + 0.5 <= 1e-8 * 2**32)
    np.testing.assert_array_equal(tries(law, numbers, [[100, 2**20, MOST], 0, 0, 0, 0, 0], "float32").value, 0.0)


@pytest.mark.parametrize(
    ("law", "numbers", "value"),
    [
        ("poisson", (0.0,), 0.0),
        ("binomial", (20.0, 0.0), 0.0),
        ("binomial", (20.0, 1.0), 20.0),
        ("binomial", (0.0, 0.5), 0.0),
        ("bernoulli", (0.0,), 0.0),
        ("bernoulli", (1.0,), 1.0),
        ("normal", (3.0, 0.0), 3.0),
        ("uniform", (3.0, 3.0), 3.0),
    ],
)
def test_laws_of_one_number(law, numbers, value):
    made = tries(law, numbers, [[0, 1, 2**31, MOST], 0, 0, 0, 0, 0], "float32")
    assert made.accepted.all()
    assert made.sound.all()
    assert (made.value == value).all()


@pytest.mark.parametrize(
    ("law", "numbers", "bounds"),
    [
        ("poisson", (1e7,), {}),
        ("binomial", (2.0**24, 1e-6), {}),
        ("lognormal", (100.0, 0.0), {}),
        ("uniform", (-3e38, 3e38), {}),
        ("poisson", (-1.0,), {}),
        ("binomial", (2.5, 0.5), {}),
        ("gamma", (0.0, 1.0), {}),
        ("exponential", (np.nan,), {}),
        ("normal", (0.0, 1.0), {"low": 2.0, "high": 1.0}),
        ("normal", (0.0, 1.0), {"low": np.nan}),
        ("exponential", (1.0,), {"high": -1.0}),
    ],
)
def test_what_float32_does_not_hold_and_what_no_law_is(law, numbers, bounds):
    """The first four are drawn again in float64: engines/test_draws.py."""
    words = [[2**30], 0, 0, 0, 2**30, 0]
    assert not tries(law, numbers, words, "float32", **bounds).sound.any()
