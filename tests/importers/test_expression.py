"""Expressions: the same number on the host, on arrays, and in float32."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.networks.expressions.expression import Name, Number, Time, call, evaluate, evaluate_host, flag, names, text
from jumpax.networks.expressions.operators import OPERATORS

X, Y = Name("x"), Name("y")
ARGUMENTS = {1: (X,), 2: (X, Y), 3: (call("gt", X, Number(1.0)), X, Y)}


@pytest.mark.parametrize("operator", [name for name in OPERATORS if name not in ("number", "flag")])
def test_device_and_host_agree(operator):
    arity = next(n for n in (3, 2, 1) if OPERATORS[operator].fits(n)) if OPERATORS[operator].takes[-1] != "*" else 2
    made = call(operator, *ARGUMENTS[arity])
    xs, ys = np.array([0.0, 0.25, 1.0, 2.5, 7.0]), np.array([3.0, 1.0, 1.0, 0.5, 2.0])
    with jax.enable_x64(True):
        device = evaluate(made, {"x": jnp.asarray(xs), "y": jnp.asarray(ys)}, 0.0)
        assert np.shape(device) == (5,)
    host = [evaluate_host(made, {"x": x, "y": y}) for x, y in zip(xs, ys)]
    np.testing.assert_allclose(np.asarray(device, float), np.array(host, float), rtol=1e-13)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rounding_of_all_sizes(kind):
    xs = [
        0.0,
        0.5,
        -0.5,
        -1.0,
        2.75,
        -7.1,
        2.0**22 + 0.5,
        -(2.0**22) - 0.5,
        3e7 + 0.25,
        -5e11 - 0.5,
        2.0**51 + 0.5,
        1e300,
    ]
    xs = np.array([x for x in xs if abs(x) < 1e30 or kind is np.float64], kind)
    with jax.enable_x64(True):
        for operator, expected in (("floor", np.floor), ("ceil", np.ceil)):
            got = evaluate(call(operator, X), {"x": jnp.asarray(xs)}, 0.0)
            assert got.dtype == kind
            np.testing.assert_array_equal(np.asarray(got), expected(xs))


def test_powers_of_negative_numbers_and_their_derivative():
    cube = call("power", call("subtract", X, Number(3.0)), Number(3.0))
    assert float(evaluate(cube, {"x": jnp.float32(1.0)}, 0.0)) == -8.0
    assert float(jax.jvp(lambda x: evaluate(cube, {"x": x}, 0.0), (jnp.float32(1.0),), (jnp.float32(1.0),))[1]) == 12.0


def test_float32_stays_float32():
    made = call("if", call("gt", X, Number(0.1)), call("max", X, Number(0.3)), call("exp", Number(0.1)))
    assert evaluate(made, {"x": jnp.float32(1.0)}, 0.0).dtype == jnp.float32


def test_numbers_are_worked_out_in_float64():
    assert call("divide", Number(1.0), call("multiply", Number(6e23), Number(1e-23))) == Number(1.0 / (6e23 * 1e-23))
    assert call("divide", Number(1.0), Number(2.0)) == Number(0.5)


def test_written_with_few_parentheses():
    cases = {
        "k * (x - 1) / 2": call("divide", call("multiply", Name("k"), call("subtract", X, Number(1.0))), Number(2.0)),
        "x - (y - 1)": call("subtract", X, call("subtract", Y, Number(1.0))),
        "x / (y * 2)": call("divide", X, call("multiply", Y, Number(2.0))),
        "(x^y)^2": call("power", call("power", X, Y), Number(2.0)),
        "x^(y^2)": call("power", X, call("power", Y, Number(2.0))),
        "(-x)^y": call("power", call("negate", X), Y),
        "if(time > 5 and x < 2, x, 0)": call(
            "if", call("and", call("gt", Time(), Number(5.0)), call("lt", X, Number(2.0))), X, Number(0.0)
        ),
    }
    assert {text(made): made for made in cases.values()} == cases


def test_kinds_are_converted():
    count = call("add", call("gt", X, Number(1.0)), call("gt", X, Number(2.0)))
    assert [evaluate_host(count, {"x": x}) for x in (0.0, 1.5, 3.0)] == [0.0, 1.0, 2.0]
    assert [bool(evaluate_host(flag(X), {"x": x})) for x in (0.0, 2.0)] == [False, True]
    assert names(count) == ("x",)


def test_limits():
    with pytest.raises(InputError, match="does not take 1"):
        call("divide", X)
    with pytest.raises(UnsupportedError, match="operations"):
        functools.reduce(lambda made, _: call("add", made, made), range(60), X)
    with pytest.raises(UnsupportedError, match="levels"):
        functools.reduce(lambda made, _: call("exp", made), range(1000), X)


def test_no_value_stays_an_expression():
    made = call("divide", Number(1.0), Number(0.0))
    assert not isinstance(made, Number)
    assert math.isinf(evaluate_host(made, {}))
