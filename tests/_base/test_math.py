"""Elementary functions: error bounds, special values, derivatives, and the operations they are made of."""

import decimal
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jumpax._base.errors import InputError
from jumpax._base.math import exp, log, log_unit, power

BOUND = 0.95
"""Units in the last place, stated in the docstrings for log, log_unit and exp."""
POWER_BOUND = 1.0
DTYPES = (np.float32, np.float64)
EXTENDED = np.finfo(np.longdouble).nmant >= 63
FUNCTIONS = {log: np.log, log_unit: np.log, exp: np.exp, power: np.power}
EXP_RANGE = {np.float32: (-87.3, 88.7), np.float64: (-708.3, 709.7)}


def arguments(function):
    return 2 if function is power else 1


def names(value):
    return value.__name__


@pytest.fixture(params=DTYPES, ids=names)
def dtype(request):
    with jax.enable_x64(request.param is np.float64):
        yield request.param


def reference(function, *points):
    """Values with an error far below that of the format of the points."""
    if points[0].dtype == np.float32:
        return FUNCTIONS[function](*(p.astype(np.float64) for p in points))
    if EXTENDED:
        return FUNCTIONS[function](*(p.astype(np.longdouble) for p in points))
    with decimal.localcontext(prec=40):
        words = [[decimal.Decimal(float(v)) for v in p] for p in points]
        exact = {log: decimal.Decimal.ln, log_unit: decimal.Decimal.ln, exp: decimal.Decimal.exp, power: pow}[function]
        return [exact(*w) for w in zip(*words)]


def errors_in_ulps(function, values, *points):
    """Distance from the reference, in spacings of the format at the reference."""
    assert values.dtype == points[0].dtype
    exact = reference(function, *points)
    exponent = np.frexp(np.array(exact, np.float64))[1] - 1 - np.finfo(values.dtype).nmant
    if isinstance(exact, list):
        ratios = [
            (decimal.Decimal(float(v)) - e) / decimal.Decimal(2) ** int(k) for v, e, k in zip(values, exact, exponent)
        ]
        return np.abs(np.array(ratios, np.float64))
    return np.abs(values - exact) / np.ldexp(exact.dtype.type(1), exponent)


def looped(function):
    """The function as the body of a compiled loop over rows of points, next to another use of its value."""

    def step(total, row):
        value = function(*row)
        return total + value, value

    def run(*points):
        rows = tuple(p.reshape(10, -1) for p in points)
        return lax.scan(step, jnp.zeros_like(rows[0][0]), rows)[1].reshape(-1)

    return jax.jit(run)


def evaluations(function, points):
    yield "jit", jax.jit(function)(*points)
    yield "loop", looped(function)(*points)
    with jax.disable_jit():
        yield "eager", function(*points)


def near(values, dtype, steps=50):
    """The values and their neighbours in the format."""
    integer = np.int32 if dtype is np.float32 else np.int64
    bits = np.asarray(values, dtype).view(integer)
    return (bits[:, None] + np.arange(-steps, steps + 1, dtype=integer)).reshape(-1).view(dtype)


def positive_bit_patterns(rng, count, dtype):
    integer = np.int32 if dtype is np.float32 else np.int64
    return rng.integers(0, np.array(np.inf, dtype).view(integer), count, integer).view(dtype)


def cut(points, dtype):
    """Rows of ten; fewer where the reference is decimal."""
    limit = len(points[0]) if dtype is np.float32 or EXTENDED else 2000
    step = max(1, len(points[0]) // limit)
    points = [p[::step] for p in points]
    return [p[: len(p) // 10 * 10] for p in points]


def log_points(dtype):
    rng = np.random.default_rng(1)
    powers = 2.0 ** np.arange(-120, 120)
    finfo = np.finfo(dtype)
    edges = near([finfo.max, finfo.tiny * 2, finfo.smallest_subnormal * 60, 2 / 3, 4 / 3, 0.5**0.5, 2**0.5], dtype)
    return [
        np.concatenate(
            [
                positive_bit_patterns(rng, 2_000_000, dtype),
                rng.uniform(0.5, 3, 500_000).astype(dtype),
                near([1.0], dtype, 100_000),
                near(powers, dtype),
                edges[(edges > 0) & np.isfinite(edges)],
            ]
        )
    ]


def log_unit_points(dtype):
    rng = np.random.default_rng(2)
    normal = log_points(dtype)[0]
    normal = normal[(normal >= np.finfo(dtype).tiny) & (normal <= 1)]
    return [np.concatenate([normal, ((rng.integers(0, 2**24, 1_000_000) + 1) / 2.0**24).astype(dtype)])]


def exp_points(dtype):
    rng = np.random.default_rng(3)
    low, high = EXP_RANGE[dtype]
    halves = (np.arange(int(low / math.log(2)), int(high / math.log(2))) + 0.5) * math.log(2)
    small = positive_bit_patterns(rng, 500_000, dtype)
    return [
        np.concatenate(
            [
                rng.uniform(low, high, 1_000_000).astype(dtype),
                rng.uniform(-1, 1, 500_000).astype(dtype),
                near(halves, dtype),
                near([float(np.log(np.longdouble(np.finfo(dtype).max))) * (1 - 1e-6)], dtype, 10),
                small[small < 1],
                -small[small < 1],
            ]
        )
    ]


def power_points(dtype):
    """Results over the whole range of normal numbers, more of them with |y log x| < 60."""
    rng = np.random.default_rng(4)
    low, high = EXP_RANGE[dtype]
    count = 400_000
    x = np.exp(np.concatenate([rng.uniform(low, high, 2 * count), rng.normal(size=count), rng.normal(size=count) / 50]))
    x = np.concatenate([x.astype(dtype), near(2.0 ** np.arange(-20, 20), dtype), near([0.7071, 1.4142], dtype, 2000)])
    x = x[x != 1]
    logarithm = np.concatenate([rng.uniform(-60, 60, len(x) // 2), rng.uniform(low, high, len(x) - len(x) // 2)])
    y = (rng.permutation(logarithm) / np.log(x.astype(np.float64))).astype(dtype)
    hill = [1, 2, 3, 4, 0.5, 1.5, 2.5]
    counts, exponents = np.meshgrid(np.arange(1, 2000), hill)
    x, y = np.append(x, counts.astype(dtype)), np.append(y, exponents.astype(dtype))
    # Neighbours of 1 may not reach the logarithm wanted once y is rounded; results outside the format are not counted.
    t = y.astype(np.float64) * np.log(x.astype(np.float64))
    return [x[(t > low) & (t < high)], y[(t > low) & (t < high)]]


POINTS = {log: log_points, log_unit: log_unit_points, exp: exp_points, power: power_points}


@pytest.mark.parametrize("function", FUNCTIONS, ids=names)
def test_error_bound_compiled_in_a_loop_and_op_by_op(function, dtype):
    points = cut(POINTS[function](dtype), dtype)
    bound = POWER_BOUND if function is power else BOUND
    for name, values in evaluations(function, points):
        errors = errors_in_ulps(function, np.asarray(values), *points)
        worst = int(np.argmax(np.where(np.isnan(errors), np.inf, errors)))
        assert errors[worst] < bound, (name, [p[worst] for p in points], np.asarray(values)[worst])


def special_values(dtype):
    """Rows of arguments and result."""
    inf, nan, big, tiny = np.inf, np.nan, np.finfo(dtype).max, np.finfo(dtype).tiny
    limit = 128 if dtype is np.float32 else 1024
    above = limit * math.log(2) * (1 + 1e-6)
    # fmt: off
    return {
        log: [
            (0, -inf), (-0.0, -inf), (inf, inf), (-1, nan), (-big, nan), (-inf, nan), (nan, nan), (-nan, nan), (1, 0),
        ],
        log_unit: [(1, 0)],
        exp: [
            (inf, inf), (big, inf), (above, inf), (-inf, 0), (-big, 0), (-above, 0), (nan, nan),
            (0, 1), (-0.0, 1), (tiny, 1), (-tiny, 1),
        ],
        power: [
            (0, 2, 0), (0, 0.5, 0), (-0.0, 3, 0), (0, inf, 0), (0, -1, inf), (0, 0, 1), (0, nan, nan),
            (inf, 0, 1), (nan, 0, 1), (-2, 0, 1), (big, 0, 1), (1, inf, 1), (1, -inf, 1), (1, nan, 1), (1, big, 1),
            (-2, 2, nan), (-inf, 2, nan), (nan, 2, nan), (2, nan, nan), (inf, nan, nan),
            (inf, 2, inf), (inf, -2, 0), (2, inf, inf), (2, -inf, 0), (0.5, inf, 0), (0.5, -inf, inf),
            (2, big, inf), (2, -big, 0), (0.5, big, 0), (big, big, inf), (tiny, tiny, 1), (big, tiny, 1),
            (big, 1, big), (tiny, 1, tiny), (2, limit, inf), (2, limit - 1, 2.0 ** (limit - 1)),
            (2, 2 - limit, tiny), (2, -limit - 99, 0), (4, 0.5, 2), (9, 2, 81), (10, 3, 1000), (2, -1, 0.5), (7, 1, 7),
        ],
    }
    # fmt: on


@pytest.mark.parametrize("jit", [True, False], ids=["jit", "eager"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=names)
def test_special_values(function, dtype, jit):
    *points, expected = np.array(special_values(dtype)[function], dtype).T
    with jax.disable_jit(not jit):
        values = jax.jit(function)(*points)
    np.testing.assert_array_equal(values, expected)


def test_subnormal_arguments_have_right_logarithms(dtype):
    integer = np.int32 if dtype is np.float32 else np.int64
    x = (2 ** np.arange(0, np.finfo(dtype).nmant)).astype(integer).view(dtype)
    errors = errors_in_ulps(log, np.asarray(jax.jit(log)(x)), x)
    assert errors.max() < BOUND


def test_power_at_the_ends_of_the_range(dtype):
    rng = np.random.default_rng(5)
    finfo = np.finfo(dtype)
    x = rng.uniform(0.2, 5, 200_000).astype(dtype)
    ends = np.log(np.array([finfo.tiny, finfo.max], np.float64))[rng.integers(0, 2, x.size)]
    y = (ends * (1 + rng.uniform(-1, 1, x.size) * 8 * finfo.eps) / np.log(x.astype(np.float64))).astype(dtype)
    points = cut([x, y], dtype)
    values = np.asarray(jax.jit(power)(*points))
    exact = reference(power, *points)
    above = np.array([e > finfo.max for e in exact])
    below = np.array([e < finfo.tiny for e in exact])
    assert min(above.sum(), below.sum(), (~above & ~below).sum()) > 100
    # Results that round to the greatest or the smallest number may be taken for it.
    assert np.all(values[above] >= finfo.max)
    assert np.all(values[below] <= finfo.tiny)
    inner = [p[~above & ~below] for p in points]
    errors = errors_in_ulps(power, values[~above & ~below], *inner)
    assert errors.max() < POWER_BOUND


@pytest.mark.parametrize("function", FUNCTIONS, ids=names)
def test_an_addition_by_the_caller_does_not_change_the_value(function, dtype):
    rng = np.random.default_rng(6)
    points = [rng.uniform(0.01, 1, 100_000).astype(dtype) for _ in range(arguments(function))]
    shift = rng.uniform(-1, 1, 100_000).astype(dtype)
    alone = np.asarray(jax.jit(function)(*points))
    together = np.asarray(jax.jit(lambda shift, *points: function(*points) + shift)(shift, *points))
    np.testing.assert_array_equal(together, alone + shift)


ARITHMETIC = {"add", "sub", "mul", "div", "neg", "abs", "max", "min"}
COMPARISON = {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "select_n"}
BITS = {"shift_left", "shift_right_logical", "shift_right_arithmetic", "bitcast_convert_type"}
PLUMBING = {"convert_element_type", "broadcast_in_dim", "custom_jvp_call", "jit", "pjit"}


def equations(jaxpr):
    """All equations, those of inner programs included."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda v: hasattr(v, "eqns")):
            if hasattr(inner, "eqns"):
                yield from equations(getattr(inner, "jaxpr", inner))


def tangents(function):
    return lambda *points: jax.jvp(function, points, points)


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("shape", [(), (3,)], ids=["scalar", "array"])
@pytest.mark.parametrize("variant", [lambda f: f, tangents], ids=["values", "tangents"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=names)
def test_only_plain_operations_and_no_other_float_type(function, variant, shape, x64):
    for dtype in DTYPES[: 1 + x64]:
        with jax.enable_x64(x64):
            points = [jnp.ones(shape, dtype)] * arguments(function)
            program = list(equations(jax.make_jaxpr(variant(function))(*points).jaxpr))
        assert {e.primitive.name for e in program} <= ARITHMETIC | COMPARISON | BITS | PLUMBING
        assert {"mul", "bitcast_convert_type"} <= {e.primitive.name for e in program}
        integer = np.dtype("int32" if dtype is np.float32 else "int64")
        types = {v.aval.dtype for e in program for v in [*e.invars, *e.outvars]}
        assert types <= {np.dtype(dtype), integer, np.dtype(bool)}


DERIVATIVES = {
    log: [lambda x: 1 / x],
    log_unit: [lambda x: 1 / x],
    exp: [np.exp],
    power: [lambda x, y: y * x ** (y - 1), lambda x, y: x**y * np.log(x)],
}
SECOND = {
    log: [[lambda x: -1 / x**2]],
    log_unit: [[lambda x: -1 / x**2]],
    exp: [[np.exp]],
    power: [
        [lambda x, y: y * (y - 1) * x ** (y - 2), lambda x, y: x ** (y - 1) * (1 + y * np.log(x))],
        [lambda x, y: x ** (y - 1) * (1 + y * np.log(x)), lambda x, y: x**y * np.log(x) ** 2],
    ],
}


@pytest.mark.parametrize("function", FUNCTIONS, ids=names)
def test_first_and_second_derivatives_forward_reverse_vmap_and_jit(function, dtype):
    rng = np.random.default_rng(7)
    points = [rng.uniform(0.1, 1, 20).astype(dtype) for _ in range(arguments(function))]
    if function is power:
        points[1][:4] = [0, 1, 2, 3]
    every = tuple(range(len(points)))
    # A few roundings of terms that partly cancel.
    tolerance = {"rtol": 50 * np.finfo(dtype).eps, "atol": 50 * np.finfo(dtype).eps}
    for first in (jax.grad, jax.jacfwd):
        slopes = jax.jit(jax.vmap(first(function, argnums=every)))(*points)
        for i in every:
            assert slopes[i].dtype == dtype
            np.testing.assert_allclose(slopes[i], DERIVATIVES[function][i](*points), **tolerance)
        for second in (jax.jacrev, jax.jacfwd):
            curves = jax.jit(jax.vmap(second(first(function, argnums=every), argnums=every)))(*points)
            for i in every:
                for j in every:
                    np.testing.assert_allclose(curves[i][j], SECOND[function][i][j](*points), **tolerance)


@pytest.mark.parametrize("derivative", [jax.grad, jax.jacfwd], ids=names)
def test_derivatives_of_power_at_zero(derivative):
    slope = jax.jit(jax.vmap(derivative(power), (None, 0)))
    exponents = jnp.array([0.0, 1.0, 1.5, 2.0, 3.0])
    np.testing.assert_array_equal(slope(0.0, exponents), [0, 1, 0, 0, 0])
    by_exponent = jax.jit(jax.vmap(derivative(power, argnums=1), (None, 0)))
    np.testing.assert_array_equal(by_exponent(0.0, jnp.append(exponents, 0.5)), np.zeros(6))
    both = jax.jit(jax.vmap(derivative(power, argnums=(0, 1)), (None, 0)))(0.0, exponents)
    np.testing.assert_array_equal(both, [[0, 1, 0, 0, 0], [0] * 5])
    curve = jax.jit(jax.vmap(jax.jacrev(derivative(power)), (None, 0)))
    np.testing.assert_array_equal(curve(0.0, jnp.array([0.0, 1.0, 2.0, 3.0])), [0, 0, 2, 0])


def test_types_follow_the_arguments():
    def out(function, *points):
        return jax.eval_shape(lambda: function(*points)).dtype

    x = jnp.float32(2)
    assert out(power, x, 2) == out(power, 2.0, x) == out(power, x, x) == out(power, x, jnp.int32(3)) == np.float32
    assert out(log, 3) == out(exp, True) == out(log_unit, np.float64(1)) == np.float32
    assert jax.eval_shape(power, jnp.ones((2, 1)), jnp.ones(3)).shape == (2, 3)
    with jax.enable_x64(True):
        assert out(power, x, 2.0) == out(log, x) == out(exp, x) == np.float32
        assert out(log, 3) == out(power, x, np.ones(2)) == np.float64


@pytest.mark.parametrize("function", [log, exp, functools.partial(power, y=2.0)])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.complex64])
def test_other_types_are_refused(function, dtype):
    with pytest.raises(InputError, match=jnp.dtype(dtype).name):
        function(jnp.ones(2, dtype))
