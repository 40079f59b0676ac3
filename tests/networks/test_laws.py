"""Rate laws against plain formulas, on scalars and arrays, and their derivatives where counts are 0."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jumpax._base.errors import InputError
from jumpax.networks import Function, Hill, MassAction, MichaelisMenten

THETA = {"k": 1.7, "v": 3.1, "K": 12.0, "h": 2.4, "b": 0.3}
COUNTS = np.array([0, 1, 2, 3, 11, 12, 13, 400, 50_000], dtype=float)


def _swing(A, k, t):
    return k * A * (1.0 + 0.5 * jnp.sin(t))


# one row per law: the law, its reactants, and the same formula in float64 NumPy
ROWS = {
    "source": (MassAction("k"), (), lambda A, B, p, t: p["k"] + 0 * A),
    "constant source": (MassAction(2.5), (), lambda A, B, p, t: 2.5 + 0 * A),
    "first order": (MassAction("k"), (("A", 1),), lambda A, B, p, t: p["k"] * A),
    "two kinds": (MassAction("k"), (("A", 1), ("B", 2)), lambda A, B, p, t: p["k"] * A * B * (B - 1) / 2),
    "pairs": (MassAction("k"), (("A", 2),), lambda A, B, p, t: p["k"] * A * (A - 1) / 2),
    "triples": (MassAction("k"), (("A", 3),), lambda A, B, p, t: p["k"] * A * (A - 1) * (A - 2) / 6),
    "activation": (
        Hill("A", "v", "K", "h", "b"),
        (),
        lambda A, B, p, t: p["b"] + p["v"] * (A / p["K"]) ** p["h"] / (1 + (A / p["K"]) ** p["h"]),
    ),
    "repression": (
        Hill("A", "v", "K", "h", kind="repression"),
        (),
        lambda A, B, p, t: p["v"] / (1 + (A / p["K"]) ** p["h"]),
    ),
    "steep repression": (
        Hill("A", "v", 12, 4, 0.25, kind="repression"),
        (("A", 1),),
        lambda A, B, p, t: 0.25 + p["v"] / (1 + (A / 12) ** 4),
    ),
    "cubic activation": (Hill("A", 3.0, "K", 3), (), lambda A, B, p, t: 3 * A**3 / (p["K"] ** 3 + A**3)),
    "half exponent": (
        Hill("A", "v", "K", 0.5),
        (),
        lambda A, B, p, t: p["v"] * A**0.5 / (p["K"] ** 0.5 + A**0.5),
    ),
    "saturated": (MichaelisMenten("A", "v", "K"), (("A", 1),), lambda A, B, p, t: p["v"] * A / (p["K"] + A)),
    "enzyme": (
        MichaelisMenten("A", "v", 2, enzyme="B"),
        (("A", 1), ("B", 1)),
        lambda A, B, p, t: p["v"] * B * A / (2 + A),
    ),
    "function": (
        Function(_swing).resolve(("A", "B")),
        (("A", 1),),
        lambda A, B, p, t: p["k"] * A * (1 + 0.5 * np.sin(t)),
    ),
}


@pytest.fixture(params=ROWS.values(), ids=ROWS.keys())
def row(request):
    return request.param


def _inputs(kind):
    counts = {"A": jnp.asarray(COUNTS, kind), "B": jnp.asarray(COUNTS[::-1].copy(), kind)}
    theta = {name: jnp.asarray(value, kind) for name, value in THETA.items()}
    return counts, theta, jnp.asarray(0.7, kind)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_propensity_is_the_formula_on_arrays_and_scalars(row, kind):
    law, reactants, formula = row
    with jax.enable_x64(kind == np.float64):
        counts, theta, time = _inputs(kind)
        result = law.propensity(counts, theta, time, reactants)
        expected = formula(COUNTS, COUNTS[::-1], THETA, 0.7)
        # the laws take fewer than 20 roundings, and powers double a relative error up to 4 times
        np.testing.assert_allclose(np.broadcast_to(result, COUNTS.shape), expected, rtol=80 * np.finfo(kind).eps)
        whole = np.broadcast_to(result, COUNTS.shape)
        for index in range(len(COUNTS)):
            one = law.propensity({name: x[index] for name, x in counts.items()}, theta, time, reactants)
            assert jnp.shape(one) == ()
            np.testing.assert_allclose(one, whole[index], rtol=4 * np.finfo(kind).eps)
            if not isinstance(one, float):
                assert one.dtype == kind


@pytest.mark.fault(48)
def test_derivatives_are_finite_where_counts_are_zero(row):
    law, reactants, _ = row
    zero, one = jnp.float32(0.0), jnp.float32(1.0)
    theta = {name: jnp.float32(value) for name, value in THETA.items()}

    def rate(counts, theta):
        return jnp.asarray(law.propensity(counts, theta, jnp.float32(0.0), reactants), jnp.float32)

    for others in (0.0, 5.0):
        counts = {"A": zero, "B": jnp.float32(others)}
        for name in counts:
            push = {other: one if other == name else zero for other in counts}
            _, slope = jax.jvp(lambda x: rate(x, theta), (counts,), (push,))
            assert jnp.isfinite(slope), name
        for name in theta:
            push = {other: one if other == name else zero for other in theta}
            _, slope = jax.jvp(lambda p, c=counts: rate(c, p), (theta,), (push,))
            assert jnp.isfinite(slope), name


@pytest.mark.parametrize("kind", ["activation", "repression"])
@pytest.mark.parametrize("exponent", ["h", 3])
def test_hill_derivatives_are_right_below_at_and_above_the_threshold(kind, exponent):
    law = Hill("A", "v", "K", exponent, kind=kind)
    power = 2.4 if exponent == "h" else 3
    with jax.enable_x64(True):
        for x in (3.0, 12.0, 40.0):

            def rate(x, K):
                theta = {"v": jnp.float64(3.1), "K": K, "h": jnp.float64(2.4)}
                return law.propensity({"A": x}, theta, jnp.float64(0), ())

            by_x, by_K = jax.grad(rate, (0, 1))(jnp.float64(x), jnp.float64(12.0))
            on = (x / 12) ** power / (1 + (x / 12) ** power)
            slope = 3.1 * power * on * (1 - on) * (1 if kind == "activation" else -1)
            np.testing.assert_allclose([by_x, by_K], [slope / x, -slope / 12], rtol=1e-12)


@pytest.mark.parametrize("exponent", ["h", 4])
@pytest.mark.parametrize("count", [0.0, 1.0, 2.0**31])
def test_hill_neither_overflows_nor_cancels_in_float32(exponent, count):
    theta = {name: jnp.float32(value) for name, value in {"v": 1.0, "K": 1e-3, "h": 20.0}.items()}
    for kind in ("activation", "repression"):
        law = Hill("A", "v", "K", exponent, kind=kind)
        value, slope = jax.value_and_grad(lambda x, law=law: law.propensity({"A": x}, theta, 0.0, ()))(
            jnp.float32(count)
        )
        assert np.isfinite(slope)
        assert value == (float(count > 0) if kind == "activation" else pytest.approx(float(count == 0), abs=1e-11))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_falling_factorials_vanish_below_the_order_and_are_right_above(order):
    law = MassAction("k")
    reactants = (("A", order),)
    for count in (*range(order), order, order + 1, 50_000):
        theta = {"k": jnp.float32(1.0)}
        result = float(law.propensity({"A": jnp.float32(count)}, theta, jnp.float32(0.0), reactants))
        exact = math.comb(count, order)
        assert result == 0 if exact == 0 else result == pytest.approx(exact, rel=3 * order * 2**-24)


def test_laws_are_values():
    assert MassAction("k") == MassAction("k")
    assert hash(MassAction(2)) == hash(MassAction(np.float64(2)))
    assert Hill("A", "v", "K", 3) == Hill("A", "v", "K", 3.0)
    assert Hill("A", "v", "K", 3) != Hill("A", "v", "K", 4)
    assert Function(_swing) == Function(_swing)
    assert Function(_swing) != Function(lambda A, k, t: k * A)


@pytest.mark.parametrize(
    ("law", "reactants", "formula"),
    [
        (MassAction("k_on"), (("A", 1), ("B", 1)), "k_on * A * B"),
        (MassAction("k"), (("A", 2),), "k * A * (A - 1) / 2"),
        (MassAction(0.5), (), "0.5"),
        (Hill("P", "v", "K", "h", "b"), (), "b + v * (P / K)^h / (1 + (P / K)^h)"),
        (Hill("P", "v", "K", 2, kind="repression"), (), "v / (1 + (P / K)^2)"),
        (MichaelisMenten("S", "v", "K", enzyme="E"), (), "v * E * S / (K + S)"),
        (Function(lambda X, k: k * X / (1 + X)), (), "k * X / (1 + X)"),
        (Function(_swing), (), "k * A * (1.0 + 0.5 * jnp.sin(t))"),
        (Function(lambda x, k: k * x, names=("A-B", "k")), (), "function(A-B, k)"),
    ],
)
def test_formulas(law, reactants, formula):
    assert law.formula(reactants) == formula


def test_functions_know_what_they_read_inside_a_network_only():
    law = Function(lambda X, k, t, scale=2.0: scale * k * X * t)
    with pytest.raises(InputError, match="inside a Network"):
        law.species(())
    known = law.resolve(("X", "Y"))
    assert (known.species(()), known.parameters, known.time_dependent) == (("X",), ("k",), True)
    assert known.propensity({"X": 3.0}, {"k": 5.0}, 7.0, ()) == 210.0


def test_functions_may_be_given_other_names():
    law = Function(lambda x, rate: rate * x, names=("A-B", "lambda")).resolve(("A-B",))
    assert law.parameters == ("lambda",)
    assert law.propensity({"A-B": 2.0}, {"lambda": 4.0}, 0.0, ()) == 8.0


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: MassAction(-1.0), "must not be negative"),
        (lambda: MassAction(math.nan), "finite number"),
        (lambda: MassAction(True), "finite number"),
        (lambda: MassAction("two words"), "without white space"),
        (lambda: MassAction(None), "name of a parameter"),
        (lambda: Hill("P", "v", 0, 2), "threshold must be above 0"),
        (lambda: Hill("P", "v", "K", 2, kind="up"), "'activation' or 'repression'"),
        (lambda: MichaelisMenten("S", "v", 0.0), "constant must be above 0"),
        (lambda: Function(3.0), "a law or a function"),
        (lambda: Function(lambda *counts: 1.0), "named arguments only"),
        (lambda: Function(lambda *, k: k), "named arguments only"),
    ],
)
def test_laws_refuse_what_they_cannot_mean(build, words):
    with pytest.raises(InputError, match=words):
        build()
