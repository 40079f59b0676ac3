"""Free, fixed, derived parameters and their scales."""

import math
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.inference import Derived, Fixed, Free
from jumpax.inference.parameters import off_bounds, resolve

NETWORK = jumpax.zoo.telegraph().network


def telegraph(**changes):
    parameters = {
        "k_on": Free(2.0),
        "burst": Free(10.0),
        "k_off": Fixed(20.0),
        "gamma": Fixed(1.0),
        "k_tx": Derived.product("burst", "k_off"),
    }
    return parameters | changes


@pytest.mark.parametrize(
    "free",
    [Free(2.0), Free(2.0, -math.inf), Free(-3.0, -math.inf, -1.0), Free(0.3, 0.0, 1.0), Free(5.0, 4.0, 9.0)],
    ids=lambda free: f"{free.lower} {free.upper}",
)
def test_scales_are_inverted_and_keep_to_the_bounds(free):
    structure, numbers, start = resolve(telegraph(k_on=free), NETWORK)
    u = structure.unconstrained(start, numbers)
    assert float(structure.values(jnp.asarray(u), numbers)["k_on"]) == pytest.approx(free.value, rel=1e-5)
    for far in (-12.0, 12.0):
        value = float(structure.values(jnp.asarray(u).at[0].add(far), numbers)["k_on"])
        assert free.lower <= value <= free.upper


def test_derived_parameters_follow_in_any_order_and_are_differentiable():
    extra = {"twice": Derived(lambda half: 4 * half), "half": Derived(lambda k_tx: k_tx / 2)}
    ratio = {"again": Derived.ratio("k_tx", "k_off"), "root": Derived(operator.neg, ("twice",))}
    structure, numbers, start = resolve({**extra, **telegraph(), **ratio}, NETWORK)
    u = jnp.asarray(structure.unconstrained(start, numbers))
    values = {n: float(v) for n, v in structure.values(u, numbers).items()}
    assert values["k_tx"] == pytest.approx(200.0)
    assert values["twice"] == pytest.approx(400.0)
    assert values["again"] == pytest.approx(10.0)
    assert values["root"] == pytest.approx(-400.0)
    slope = jax.jacfwd(lambda u: structure.values(u, numbers)["k_tx"])(u)
    np.testing.assert_allclose(slope, [0.0, 200.0], rtol=1e-5)
    assert set(structure.theta(values)) == set(NETWORK.parameters)


def test_every_fault_is_told_at_once():
    parameters = telegraph(
        gamma=3.0, k_off=Fixed(float("nan")), a=Derived(lambda b: b), b=Derived(lambda a: a),
        c=Derived(lambda brust: brust),
    )  # fmt: skip
    parameters["lonely"] = Free(1.0)
    del parameters["k_tx"]
    with pytest.raises(jumpax.InputError) as fault:
        resolve(parameters, NETWORK)
    for words in (
        "'gamma' must be Free, Fixed or Derived",
        "'k_tx' of the network is missing",
        "'k_off' is not a finite number",
        "in 'c': unknown parameter 'brust'",
        "Did you mean 'burst'",
        "nothing in the network depends on the free parameter 'lonely'",
        "nothing in the network depends on the free parameter 'burst'",
    ):
        assert words in str(fault.value)


def test_a_circle_is_refused():
    with pytest.raises(jumpax.InputError, match="in a circle: a, b"):
        resolve(telegraph(a=Derived(lambda b: b), b=Derived(lambda a: a)), NETWORK)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((2.0, 3.0), "the start 2 is not between the bounds 3 and inf"),
        ((2.0, 0.0, 1.0), "the start 2 is not between the bounds 0 and 1"),
        ((1.0, 0.0, 1.0), "which are excluded"),
        ((0.0,), "lower=-math.inf for a parameter that may be negative"),
        ((-1.0,), "the start -1 is not between the bounds 0 and inf"),
        ((2.0, 5.0, 1.0), "no number lies between the bounds 5 and 1"),
        ((2.0, 2.0, 2.0), "no number lies between"),
        ((2.0, math.inf), "no number lies between the bounds inf and inf"),
        ((2.0, -math.inf, -math.inf), "no number lies between"),
        ((math.nan,), "the start must be a number, not nan"),
        ((math.inf, -math.inf), "the start must be finite"),
        ((1.0, math.nan), "the lower bound must be a number"),
        ((1.0, 0.0, "9"), "the upper bound must be a number, not '9'"),
        ((True,), "the start must be a number, not True"),
    ],
)
def test_a_start_outside_its_bounds_is_refused_at_once(given, words):
    with pytest.raises(jumpax.InputError) as fault:
        Free(*given)
    assert words in str(fault.value)


@pytest.mark.parametrize(
    "given", [(1,), (np.float32(2.0),), (jnp.asarray(2.0), 1, 3), (-1.0, -math.inf), (-1.0, -2.0, 0.0)]
)
def test_starts_between_their_bounds_are_taken(given):
    assert Free(*given).value == given[0]


def test_other_starts_are_refused_by_name():
    model = jumpax.zoo.birth_death()
    data = jumpax.losses.MomentMatch("X", [3, 4, 5], order=1)
    problem = jumpax.Problem(
        model.network, model.x0, data, {"birth": Free(2.0, 1.0, 9.0), "death": Fixed(1.0)}, settle=5.0
    )
    with pytest.raises(jumpax.InputError, match="parameter 'birth': the start 9 is not between the bounds 1 and 9"):
        problem.starting({"birth": 9.0})
    with pytest.raises(jumpax.InputError, match="parameter 'birth'"):
        jumpax.fit(problem, starts=[{"birth": 2.0}, {"birth": -1.0}])


@pytest.mark.parametrize(
    ("free", "ended"),
    [(Free(0.5, 0.0, 1.0), 1.0), (Free(0.5, 0.0, 1.0), 0.0), (Free(2.0), 0.0), (Free(-1.0, -math.inf, 4.0), 4.0), (Free(2.0), 1.5)],
)  # fmt: skip
def test_a_fit_that_ended_at_a_bound_can_be_resumed(free, ended):
    model = jumpax.zoo.birth_death()
    data = jumpax.losses.MomentMatch("X", [3, 4, 5], order=1)
    problem = jumpax.Problem(model.network, model.x0, data, {"birth": free, "death": Fixed(1.0)}, settle=5.0)
    assert problem.resuming({"birth": ended}).start_values["birth"] == pytest.approx(ended, abs=1e-5)


@pytest.mark.parametrize(
    ("free", "values"),
    [
        (Free.box(1e-5, 1e3), {2e-5: 2e-5, 1e-5: 1e-5, 1e3: 1e3}),
        (Free(1.0), {1e-8: 1e-8, 0.0: 0.0}),
        (Free(0.5, 0.0, 1.0), {0.3: 0.3, 0.0: 0.0, 1.0: 1.0}),
        (Free(0.5, -math.inf, 1.0), {1.0: 1.0, -2.0: -2.0}),
        (Free(0.5, -math.inf), {-2.0: -2.0}),
    ],
)
def test_a_resumed_fit_begins_where_another_ended_on_every_scale(free, values):
    """To a few parts in 100,000 of the value, or of the width of a box with an end at 0; strictly inside."""
    for ended, wanted in values.items():
        start = off_bounds(free.scale, ended, free.lower, free.upper)
        assert free.lower < start < free.upper
        assert start == pytest.approx(wanted, rel=5e-5, abs=2e-6 if free.scale == "logit" else 1e-29)
