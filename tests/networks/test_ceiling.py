"""Largest values of rates from a time on: never below the rate at any of 1000 later times, and equal to it where it only falls.

Laws, numbers of parameters and times come from one generator whose seed was fixed before looking. Nothing here is a matter of chance but
that choice: one rate above its ceiling by one unit in the last place is a failure.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax._base import math
from jumpax.networks.ceiling import ceilings, check_ceilings
from jumpax.networks.laws.rate import quotient
from time_dependent import SEASON

LONG = jumpax.Curve(np.arange(100.0), 1.5 + np.sin(np.arange(100.0)))
FALLING = {
    "decay": lambda X, a, b, t: a * X * jnp.exp(-b * t),
    "decay by our exp": lambda X, a, b, t: a * X * math.exp(-b * t),
    "steep": lambda X, a, b, t: X / (1 + (a * t) ** 4),
    "power law": lambda X, a, b, t: X * a * math.power(1 + t, -b),
    "ramp to zero": lambda X, a, b, t: X * jnp.maximum(0.0, a - 0.1 * b * t),
    "switched off": lambda X, a, b, t: X * jnp.where(t < 5 * b, a, 0.1 * a),
    "two decays": lambda X, a, b, t: X * (a * jnp.exp(-t) + b * jnp.exp(-0.3 * t)) ** 2,
    "rest of a curve": lambda X, a, t: a * X * jumpax.Curve([0.0, 2.0, 7.0], [3.0, 2.0, 0.0])(t),
}
RISING = {  # and what they rise to
    "saturates": (lambda X, a, b, t: a * X * (1 - jnp.exp(-b * t)), lambda X, a, b: a * X),
    "logistic": (lambda X, a, b, t: X * jax.nn.sigmoid(b * t - a), lambda X, a, b: X),
    "hyperbolic": (lambda X, a, b, t: a * X * (1 - 1 / (1 + b * t)), lambda X, a, b: a * X),
    "switched on": (lambda X, a, b, t: X * jnp.where(t >= 5 * b, 2 * a, a), lambda X, a, b: 2 * a * X),
    "ramp to a top": (lambda X, a, b, t: X * jnp.minimum(t, b), lambda X, a, b: b * X),
}
OTHER = {  # where the time is read twice, ceilings are right and not tight
    "cleared drug": lambda X, a, b, t: X * quotient(jnp.exp(-b * t), a + jnp.exp(-b * t)),
    "season": lambda X, a, b, t: a * X * (1 + 0.9 * jnp.sin(b * t)),
    "squared wave": lambda X, a, b, t: a * X * jnp.cos(b * t) ** 2,
    "damped wave": lambda X, a, b, t: a * X * (1 + jnp.exp(-b * t) * jnp.sin(3 * t)),
    "pulse": lambda X, a, b, t: a * X * jnp.exp(-((t - 5 * b) ** 2)),
    "day and night": lambda X, a, b, t: X * jnp.where(jnp.mod(t, 24.0) < 12.0, a, b),
    "window": lambda X, a, b, t: X * jnp.where((t > b) & (t < 3 * b), a, 0.0),
    "ramp and nothing": lambda X, a, b, t: X * jnp.where(t < 5 * b, a * t, 0.0),
    "ramp and rest": lambda X, a, b, t: X * jnp.where(t <= b * b, a * t, a * b),
    "up and down": lambda X, a, b, t: X * jnp.where(t > 2 * b, a * jnp.exp(b - t), jnp.where(b >= t, a * t, a * b)),
    "three": lambda X, a, b, t: X * (jnp.where(t < 3.0, t, 0.1) + jnp.where(t > a, b, t) + jnp.where(b > t, t * t, 0)),
    "measured": lambda X, a, t: a * X * SEASON(t),
    "measured every day": lambda X, a, t: a * X * SEASON(jnp.mod(t, 3.0)),
    "long curve": lambda X, a, t: a * X * LONG(t),
    "two curves": lambda X, a, b, t: X * (a * SEASON(t) + b * LONG(2 * t)),
    "heat": lambda X, a, b, t: X * jnp.exp(a * jnp.sin(t)) / (b + SEASON(t)),
}
LAWS = {**FALLING, **{name: law for name, (law, _) in RISING.items()}, **OTHER}


def network(law):
    return jumpax.Network([jumpax.Reaction("X -> 0", law)])


def draws(seed, many=6):
    rng = np.random.default_rng(seed)
    for _ in range(many):
        numbers = {"a": rng.lognormal(0, 1), "b": rng.lognormal(0, 1)}
        now = np.float32(rng.choice([0.0, rng.exponential(3), rng.exponential(30), 10 ** rng.uniform(-6, 3)]))
        later = np.concatenate([[0], rng.exponential(2, 400), 10.0 ** rng.uniform(-7, 4, 400), np.linspace(0, 12, 200)])
        yield float(rng.integers(1, 1000)), numbers, now, later


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAWS)
def test_no_rate_is_above_its_ceiling(name, precision):
    made = network(LAWS[name])
    with jax.enable_x64(precision == np.float64):
        top = jax.jit(lambda x, theta, now: ceilings(made, (x,), theta, now)[0])
        alone = jax.jit(lambda x, theta, now: made.propensities((x,), theta, now)[0])
        together = jax.jit(jax.vmap(alone, (None, None, 0)))
        for count, numbers, now, later in draws(700):
            theta = {name: precision(numbers[name]) for name in made.parameters}
            times = precision(now) + later.astype(precision)
            ceiling = np.asarray(top(precision(count), theta, precision(now)))
            assert np.isfinite(ceiling)
            assert ceiling.dtype == precision
            rates = np.asarray(together(precision(count), theta, times))
            rates = np.append(rates, [np.asarray(alone(precision(count), theta, t)) for t in times[::100]])
            assert (rates <= ceiling).all()


@pytest.mark.parametrize("name", FALLING)
def test_what_only_falls_is_never_larger_than_now(name):
    made = network(FALLING[name])
    for count, numbers, now, _ in draws(701):
        theta = {name: np.float32(numbers[name]) for name in made.parameters}
        rate = float(made.propensities((jnp.float32(count),), theta, jnp.float32(now))[0])
        top = float(ceilings(made, (jnp.float32(count),), theta, jnp.float32(now))[0])
        largest = (
            count * 3.0 * numbers["a"] * 1e-5 if "curve" in name else 0.0
        )  # of which rounding between knots is a part
        assert rate <= top <= rate * (1 + 3e-5) + largest + 1e-37


@pytest.mark.parametrize("name", RISING)
def test_what_rises_to_a_limit_has_that_ceiling(name):
    law, limit = RISING[name]
    made = network(law)
    for count, numbers, now, _ in draws(702):
        theta = {name: np.float32(numbers[name]) for name in made.parameters}
        top = float(ceilings(made, (jnp.float32(count),), theta, jnp.float32(now))[0])
        assert top == pytest.approx(float(limit(count, **numbers)), rel=1e-5)


def test_a_curve_is_bounded_by_what_is_still_to_come():
    curve = jumpax.Curve([0.0, 1.0, 2.0, 3.0], [5.0, 1.0, 2.0, 0.5])
    made = network(lambda X, t: X * curve(t))
    for now, top in ((0.0, 5.0), (0.5, 3.0), (0.9, 2.0), (2.0, 2.0), (2.5, 1.25), (3.0, 0.5), (9.0, 0.5)):
        assert float(ceilings(made, (jnp.float32(1),), {}, jnp.float32(now))[0]) == pytest.approx(top, rel=1e-5)


def test_a_law_of_pieces_is_bounded_piece_by_piece():
    ramp = network(lambda X, a, t: X * jnp.where((t > 2.0) & (t < a), 3 * t, 1.0))
    for now, top in ((0.0, 15.0), (4.0, 15.0), (4.999, 15.0), (5.01, 1.0), (80.0, 1.0)):
        assert float(ceilings(ramp, (jnp.float32(1),), {"a": 5.0}, jnp.float32(now))[0]) == pytest.approx(top, rel=1e-5)
    five = network(lambda X, t: sum(jnp.where(t < float(i), X * t, 0.0) for i in range(5)))
    assert np.isinf(ceilings(five, (jnp.float32(1),), {}, jnp.float32(0))[0])  # more pieces than are looked at


def test_signs_of_parameters_are_known_when_it_runs():
    growing = network(lambda X, a, t: X * jnp.exp(a * t))
    top = jax.jit(lambda a: ceilings(growing, (jnp.float32(2),), {"a": a}, jnp.float32(1))[0])
    assert float(top(jnp.float32(-1.0))) == pytest.approx(2 * np.exp(-1), rel=1e-5)
    assert float(top(jnp.float32(0.0))) == pytest.approx(2.0, rel=1e-5)
    assert np.isinf(top(jnp.float32(1.0)))
    check_ceilings(growing, [2], {"a": -1.0})


def test_what_grows_without_end_is_refused_by_its_law_and_what_is_not_understood_by_its_operation():
    with pytest.raises(jumpax.UnsupportedError, match=r"from time 3 on.*no largest value.*`X \* a \* t`.*bound=\.\.\."):
        check_ceilings(network(lambda X, a, t: X * a * t), [1], {"a": 1.0}, 3.0)
    odd = network(lambda X, t: X * jnp.interp(t, jnp.array([0.0, 1.0]), jnp.array([1.0, 2.0])))
    with pytest.raises(jumpax.UnsupportedError, match=r"`X \* jnp\.interp.*has the operation \w+,.*bound=\.\.\."):
        check_ceilings(odd, [1])


def test_laws_that_do_not_read_the_time_have_none():
    made = jumpax.Network(
        [jumpax.Reaction("X -> 0", jumpax.MassAction("k")), jumpax.Reaction("0 -> X", lambda t: jnp.exp(-t))]
    )
    found = ceilings(made, (jnp.float32(1),), {"k": jnp.float32(1)}, jnp.float32(0))
    assert found[0] is None
    assert found[1] is not None


@pytest.mark.parametrize("engine", ["cpu", pytest.param("xla", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", LAWS)
def test_rounding_breaks_no_bound(name, engine):
    """Tens of thousands of candidates for each law, some of them where a rate is all but zero, beside a law that holds."""
    made = jumpax.Network([jumpax.Reaction("X -> 0", LAWS[name]), jumpax.Reaction("0 -> X", jumpax.MassAction("c"))])
    theta = {name: value for name, value in {"a": 0.7, "b": 0.9, "c": 3.0}.items() if name in made.parameters}

    def drawn(engine):
        return jumpax.simulate(
            made, theta, {"X": 40}, times=[4.5, 9.0], paths=1000, key=703, engine=engine, precision="float32"
        )

    try:
        paths = drawn(engine)
    except jumpax.UnsupportedError:  # sin, cos, mod and long curves have no printed form
        paths = drawn("xla")
    assert not paths.faulty.any()
    assert paths.events.sum() > 20_000
