"""Operations of the code generator against JAX, for one lane and for vectors of several widths."""

import functools
import itertools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jumpax._base.shares import multiply_add
from jumpax.engines.native.code import Module
from jumpax.engines.native.machine import load, optimise, simplify
from jumpax.engines.native.operations import BITS
from jumpax.engines.native.printer import Printer

KINDS = tuple(BITS)
WIDTHS = (1, 4, 16)
EDGES = {
    "bool": [False, True],
    "int32": [0, 1, -1, 2, 7, -7, 31, 2**31 - 1, -(2**31), 65_537],
    "uint32": [0, 1, 2, 7, 31, 2**31 - 1, 2**31, 2**32 - 1, 65_537],
    "int64": [0, 1, -1, 7, -7, 31, 2**31, 2**32 + 5, 2**63 - 1, -(2**63)],
    "uint64": [0, 1, 7, 31, 2**32 - 1, 2**32 + 5, 2**63, 2**64 - 1],
    "float32": [0.0, -0.0, 1.5, -2.25, 1e-30, 3.0e38, np.inf, -np.inf, np.nan, 0.1],
    "float64": [0.0, -0.0, 1.5, -2.25, 1e-300, 1e308, np.inf, -np.inf, np.nan, 0.1],
}
"""Pairs of these are what every operation is tried on."""
WHOLE, REAL = KINDS[1:5], KINDS[5:]
BINARY = {
    **{name: (getattr(jax.lax, name), WHOLE + REAL) for name in ("add", "sub", "mul", "div", "max", "min")},
    **{name: (getattr(jax.lax, name), KINDS) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    "and": (jax.lax.bitwise_and, KINDS[:5]), "or": (jax.lax.bitwise_or, KINDS[:5]), "xor": (jax.lax.bitwise_xor, KINDS[:5]),
}  # fmt: skip
UNARY = {
    "neg": (jax.lax.neg, WHOLE + REAL), "abs": (jax.lax.abs, ("int32", "int64", *REAL)), "sqrt": (jax.lax.sqrt, REAL),
    "not": (jax.lax.bitwise_not, KINDS[:5]), "square": (jax.lax.square, WHOLE + REAL),
}  # fmt: skip
SHIFTS = {
    "left": jax.lax.shift_left,
    "right": jax.lax.shift_right_logical,
    "arithmetic": jax.lax.shift_right_arithmetic,
}


def printed(function, columns, width):
    """What the lines that are printed for a function of scalars give, `width` rows at a time."""
    printer, names = Printer(), [f"a{i}" for i in range(len(columns))]
    shapes = [jax.ShapeDtypeStruct((), column.dtype) for column in columns]
    closed, result = jax.make_jaxpr(function, return_shape=True)(*shapes)
    lines, (out,) = printer.lines(closed, names)
    module = Module(printer.constants)
    with module.function(f"void @advance({', '.join(f'ptr %{name}' for name in (*names, 'out'))}, i32 %count)") as code:
        count = code.emit("sext i32 %count to i64", "int64")
        with code.count(count, width) as row:
            vectors = code.beside(width)
            for name, column in zip(names, columns, strict=True):
                place = code.place(f"%{name}", column.dtype.name, row)
                vectors.numbers[name] = vectors.load(column.dtype.name, place)
            vectors.run(lines)
            vectors.store(vectors.number(out), code.place("%out", result.dtype.name, row))
        code.say("ret void")
    rows = -(-len(columns[0]) // 16) * 16
    given = [np.resize(c, rows).astype(np.int32 if c.dtype == bool else c.dtype) for c in columns]
    out = np.zeros(rows, np.int32 if result.dtype == bool else result.dtype)
    load(module.text(), optimise if width == 1 else simplify)([*given, out], [rows])
    return out[: len(columns[0])].astype(result.dtype)


def agree(function, *kinds):
    """Equal results; XLA makes zeros of those below the least normal number, and the sign of a zero is left open."""
    columns = [np.array(c, k) for c, k in zip(zip(*itertools.product(*(EDGES[k] for k in kinds))), kinds, strict=True)]
    with jax.enable_x64(True):
        expected = np.asarray(jax.jit(function)(*(jnp.asarray(c) for c in columns)))
        for width in WIDTHS:
            found = printed(function, columns, width)
            assert found.dtype == expected.dtype
            if found.dtype.kind == "f":
                least = np.finfo(found.dtype).tiny
                found, expected = (np.where(np.abs(made) < least, 0, made) for made in (found, expected))
            np.testing.assert_array_equal(found, expected, err_msg=f"{kinds}, {width} lanes")


@pytest.mark.parametrize("name", BINARY)
def test_of_two_numbers(name):
    function, kinds = BINARY[name]
    for kind in kinds:
        agree(function, kind, kind)


@pytest.mark.parametrize("name", UNARY)
def test_of_one_number(name):
    function, kinds = UNARY[name]
    for kind in kinds:
        agree(function, kind)


@pytest.mark.parametrize("name", SHIFTS)
def test_shifts(name):
    for kind, by in itertools.product(WHOLE, (0, 1, 7, 31)):
        agree(lambda x, by=by, kind=kind: SHIFTS[name](x, jnp.asarray(by, kind)), kind)


@pytest.mark.parametrize("kind", REAL)
def test_products_and_sums_in_one(kind):
    """Rounded once, on machines that can, or twice: as exact numbers of Python say."""
    rows = np.array(
        [(x, y, z) for x, y, z in itertools.product([0.1, -2.25, 1e-30], [0.3, 1e10], [1.5, -0.03, 0.0])], kind
    )
    columns = [np.ascontiguousarray(column) for column in rows.T]
    products = [Fraction(float(x)) * Fraction(float(y)) for x, y, _ in rows]
    once = [rows.dtype.type(float(p + Fraction(float(z)))) for p, (_, _, z) in zip(products, rows, strict=True)]
    twice = [rows.dtype.type(float(p)) + z for p, (_, _, z) in zip(products, rows, strict=True)]
    with jax.enable_x64(True):
        for width in WIDTHS:
            for found, one, two in zip(printed(multiply_add, columns, width), once, twice, strict=True):
                assert found in (one, two)


def test_choices_and_powers():
    for kind in KINDS:
        agree(lambda flag, x, y: jax.lax.select(flag, x, y), "bool", kind, kind)
    for power in (0, 1, 2, 3, -1):
        agree(functools.partial(jax.lax.integer_pow, y=power), "float32")


@pytest.mark.parametrize("target", KINDS)
def test_conversions(target):
    """Of what the target can hold: beyond, each processor gives something else."""
    for kind in KINDS:
        if kind in REAL and target in WHOLE:
            most = 2.0 ** (BITS[target] - (target[0] == "i"))

            def within(x, kind=kind, most=most):
                low = 0.0 if target[0] == "u" else -most
                return jnp.where((x >= low) & (x < most), x, jnp.asarray(0, kind)).astype(target)

            agree(within, kind)
        else:
            agree(lambda x: x.astype(target), kind)


def test_bits_as_another_type():
    for first, second in (("float32", "int32"), ("float32", "uint32"), ("float64", "int64"), ("float64", "uint64")):
        agree(functools.partial(jax.lax.bitcast_convert_type, new_dtype=jnp.dtype(second)), first)
        agree(functools.partial(jax.lax.bitcast_convert_type, new_dtype=jnp.dtype(first)), second)


def test_products_of_words_in_64_bits():
    agree(lambda x, y: x.astype("uint64") * y.astype("uint64"), "uint32", "uint32")
    agree(lambda x, y: ((x.astype("uint64") * y.astype("uint64")) >> 32).astype("uint32"), "uint32", "uint32")
