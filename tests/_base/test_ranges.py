"""Interval arithmetic on traced functions: never too small, on 150 functions made at random and on the rules one by one.

Functions, numbers and seeds were fixed before looking. A rule that is wrong in one direction fails here: see the last test.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jumpax._base import math, ranges
from jumpax._base.ranges import NoRule, Range

POINTS = 1000
ONE = {
    "neg": lambda x: -x, "abs": jnp.abs, "exp": lambda x: jnp.exp(jnp.minimum(x, 4.0)), "own exp": lambda x: math.exp(jnp.minimum(-x, 3.0)),
    "sin": jnp.sin, "cos": jnp.cos, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "square": jnp.square, "cube": lambda x: x**3,
    "power": lambda x: math.power(jnp.abs(x), 1.5), "pow": lambda x: jnp.abs(x) ** 0.3, "root": lambda x: jnp.sqrt(jnp.abs(x)), "log": lambda x: jnp.log(1 + x * x),
    "inverse": lambda x: 1.0 / x, "inverse square": lambda x: x**-2, "floor": jnp.floor, "sign": jnp.sign, "mod": lambda x: jnp.mod(x, 3.0),
    "relu": jax.nn.relu, "clip": lambda x: jnp.clip(x, -1, 2), "atan": jnp.arctan, "expm1": lambda x: jnp.expm1(jnp.minimum(x, 2.0)),
    "heaviside": lambda x: jnp.heaviside(x, 0.5), "inside": jax.jit(lambda x: 2.0 * x + 1.0),
}  # fmt: skip
TWO = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y, "max": jnp.maximum,
    "min": jnp.minimum, "less": lambda x, y: jnp.where(x < y, x, 1.0 - y), "more": lambda x, y: jnp.where(~(x >= y), y, 0.5),
    "both": lambda x, y: jnp.where((x > 0) & (y > 0), x, y), "either": lambda x, y: jnp.where((x > 0) | (y <= 0), x, y),
    "one": lambda x, y: jnp.where((x > 0) ^ (y > 0), x, -y), "equal": lambda x, y: jnp.where(jnp.floor(x) == jnp.floor(y), x, y),
    "unequal": lambda x, y: jnp.where(jnp.floor(x) != jnp.floor(y), x, y), "counted": lambda x, y: (x < y).astype(x.dtype) * y,
}  # fmt: skip


def made(rng, depth):
    """A function of (t, k) made at random."""
    if depth == 0:
        kind = rng.integers(3)
        number = np.float32(rng.normal(scale=2.0))
        return (lambda t, k: t) if kind == 0 else (lambda t, k: k) if kind == 1 else (lambda t, k: jnp.float32(number))
    if rng.random() < 0.5:
        outer, inner = ONE[rng.choice(list(ONE))], made(rng, depth - 1)
        return lambda t, k: outer(inner(t, k))
    outer, left, right = TWO[rng.choice(list(TWO))], made(rng, depth - 1), made(rng, depth - 1)
    return lambda t, k: outer(left(t, k), right(t, k))


@functools.cache
def compiled(function):
    """The ends of the range of a function, and its values at many points: compiled once for all intervals."""
    traced = jax.make_jaxpr(function)(np.float32(0), np.float32(0))

    def ends(low, high, k):
        result = ranges.ranges(traced, [Range(low, high), k], {})[0]
        return ranges.rounded(result)

    return jax.jit(ends), jax.jit(jax.vmap(function, (0, None)))


def found(function, low, high, k):
    return compiled(function)[0](np.float32(low), np.float32(high), np.float32(k))


def outside(function, low, high, k, rng):
    """How many of the values lie outside, and whether both ends are finite."""
    ends = found(function, low, high, k)
    times = np.sort(np.concatenate([
        [low], low + rng.exponential(3.0, POINTS), low + 10.0 ** rng.uniform(-5, 4, POINTS), [high]
    ]).clip(low, high).astype(np.float32))  # fmt: skip
    times = np.where(np.isfinite(times), times, np.float32(low))
    values = np.asarray(compiled(function)[1](times, np.float32(k)))
    values = np.concatenate(
        [values, [np.asarray(function(jnp.float32(t), jnp.float32(k))) for t in np.unique(times)[:5]]]
    )  # as uncompiled
    with np.errstate(invalid="ignore"):
        beyond = (values < np.asarray(ends.low)) | (values > np.asarray(ends.high))
    return int(beyond.sum()), bool(np.isfinite(ends.low) & np.isfinite(ends.high))


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in (1, 2))])
def test_functions_made_at_random_stay_within(part):
    rng = np.random.default_rng(500 + part)
    finite = 0
    for _ in range(50):
        function = made(rng, 3)
        for low, high in ((rng.uniform(0, 4), np.inf), tuple(np.sort(rng.normal(size=2) * 3))):
            wrong, both = outside(function, low, high, rng.normal(scale=2), rng)
            assert wrong == 0
            finite += both
    assert finite > 50  # of 100: the test is not empty


@pytest.mark.parametrize("name", ONE)
def test_each_operation_stays_within_and_is_tight_where_it_is_monotone(name):
    rng = np.random.default_rng(600)

    def function(t, k):
        return ONE[name](t)

    for low, high in ((-2.0, 3.0), (0.0, np.inf), (-3.0, -1.0), (0.0, 0.0), (1.0, 1.5), (-np.inf, 2.0)):
        wrong, _ = outside(function, max(low, -1e30), high, 0.0, rng)
        assert wrong == 0
    if name not in ("sin", "cos", "mod", "heaviside", "floor", "sign"):
        ends = found(function, 1.0, 1.5, 0.0)
        values = sorted(float(ONE[name](jnp.float32(t))) for t in (1.0, 1.5))
        np.testing.assert_allclose([float(ends.low), float(ends.high)], values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", TWO)
def test_each_operation_of_two_stays_within(name):
    rng = np.random.default_rng(700)
    functions = (
        lambda t, k: TWO[name](t, k), lambda t, k: TWO[name](k, t), lambda t, k: TWO[name](jnp.exp(-t), t - k),
        lambda t, k: TWO[name](t, t),
    )  # fmt: skip
    for low, high in ((-2.0, 3.0), (0.0, np.inf), (-3.0, -1.0), (0.0, 0.0)):
        for k in (-1.5, 0.0, 2.0):
            for function in functions:
                assert outside(function, low, high, k, rng)[0] == 0


def test_what_is_not_understood_is_named():
    with pytest.raises(NoRule, match="sort"):
        found(lambda t, k: jnp.sort(jnp.stack([t, k]))[0], 0, 1, 0)
    with pytest.raises(NoRule, match="while"):
        found(lambda t, k: jax.lax.while_loop(lambda x: x < 0, lambda x: x, t), 0, 1, 0)
    with pytest.raises(NoRule, match="convert"):
        found(lambda t, k: t.astype(jnp.int32), 0, 1, 0)


def test_a_function_of_somebody_else_is_looked_into_whatever_its_name():
    def _exp(x):
        return -x

    other = jax.custom_jvp(_exp)
    other.defjvp(lambda x, dx: (-x[0], -dx[0]))
    ends = found(lambda t, k: other(t), 1.0, 2.0, 0.0)
    np.testing.assert_allclose([float(end) for end in ends], [-2, -1], rtol=1e-5)


def test_a_wrong_rule_would_be_seen(monkeypatch):
    monkeypatch.setitem(ranges._OPERATIONS, "neg", ranges._rising)
    assert outside(lambda t, k: -t, 0.0, 5.0, 0.0, np.random.default_rng(1))[0] > 0
