"""The pooled Fisher information, and what it says of parameters and their combinations."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.inference import Derived, Fixed, Free, MasterEquation, Problem, Simulation, fit, losses
from jumpax.inference.combinations import combinations
from jumpax.inference.information import Information, pooled
from jumpax.inference.problem import Evaluation
from jumpax.inference.uncertainty import uncertainty

DECAYS = jumpax.Network(
    [jumpax.Reaction("A -> 0", jumpax.MassAction("a")), jumpax.Reaction("B -> 0", jumpax.MassAction("b"))]
)
SLOPES = np.array([[30.0, 2.0], [10.0, -1.0]])
"""Of two means in two parameters, in units of the standard errors of the means."""


def problem(free=None, source=None):
    data = losses.TimeSeries([1.0], {"A": [7.3], "B": [4.1]}, {"A": 1.0, "B": 1.0})
    return Problem(
        DECAYS, {"A": 20, "B": 20}, data, free or {"a": Free(1.0), "b": Free(1.0)}, source=source or Simulation()
    )


def evaluations(rng, count, noise):
    """Evaluations whose Jacobians have independent errors in each of 8 batches."""
    jacobian = SLOPES[None, None, :, None] + noise * rng.normal(size=(count, 8, 1, 2, 1, 2))
    levels = jnp.ones((8, 1, 2, 1))
    return [Evaluation(*[jnp.zeros(())] * 5, levels, jnp.asarray(j, jnp.float32)) for j in jacobian]  # fmt: skip


@pytest.mark.parametrize("count", [1, 16])
def test_pooled_information_has_no_bias_and_knows_its_noise(count):
    """4 standard errors of the mean of 150 draws for four numbers; squared errors match the variance to 40 %, 4 sigma of
    a chi-squared law with heavier tails taken into account.
    """
    rng = np.random.default_rng(20)
    made = [pooled(problem(), np.zeros(2), evaluations(rng, count, 2.0)) for _ in range(150)]
    matrices = np.array([m.matrix for m in made])
    truth = SLOPES.T @ SLOPES
    z = (matrices.mean(0) - truth) / (matrices.std(0, ddof=1) / np.sqrt(150))
    assert np.abs(z).max() < 4
    spread = np.array([m.eigenvalues for m in made]).var(0, ddof=1)
    claimed = np.mean([m.noise**2 for m in made], 0)
    np.testing.assert_allclose(claimed, spread, rtol=0.4 if count > 1 else 0.8)


def known(values, noise, vectors=None):
    vectors = np.eye(len(values)) if vectors is None else vectors
    values, noise = np.array(values, float), np.broadcast_to(np.array(noise, float), len(values))
    return Information(vectors @ np.diag(values) @ vectors.T, np.ones(len(values)), values, vectors, noise)


def test_directions_are_known_to_be_there_known_to_be_flat_or_not_known():
    information = known([0.01, 2.0, 2.0, 900.0], [0.01, 1.0, 0.5, 30.0])
    np.testing.assert_array_equal(information.flat, [True, False, False, False])
    np.testing.assert_array_equal(information.unresolved, [False, True, False, False])
    np.testing.assert_array_equal(information.resolved, [False, False, True, True])
    assert not information.sharp
    assert known([0.01, 2.0, 900.0], [0.01, 0.3, 30.0]).sharp


def test_noise_is_not_taken_for_lack_of_information():
    """The same eigenvalues: not resolved if noisy, not determined if exact; determined ones keep their errors."""
    turned = np.array([[1, 1], [-1, 1]]) / math.sqrt(2)
    problem_of_two = problem({"a": Free(2.0), "b": Free(3.0), "half": Derived(lambda a, b: a / b)})
    u = np.log([2.0, 3.0])
    noisy = uncertainty(problem_of_two, u, known([2.0, 400.0], [1.0, 10.0], turned), np.zeros((2, 2)))
    assert noisy.unresolved == ("a", "b", "half")
    assert noisy.undetermined == ()
    assert np.isnan([noisy.standard_errors["a"], *noisy.intervals["a"]]).all()
    flat = uncertainty(problem_of_two, u, known([1e-3, 400.0], 1e-3, turned[:, ::-1]), np.zeros((2, 2)))
    assert flat.undetermined == ("a", "b")
    assert flat.unresolved == ()
    assert flat.intervals["b"] == (0.0, math.inf)
    assert flat.standard_errors["half"] == pytest.approx(2 / 3 * math.sqrt(2 / 400), rel=1e-4)
    assert [str(c) for c in flat.determined] == ["a / b to 7.1 %"]


def test_a_parameter_that_is_known_to_orders_of_magnitude_only_is_not_determined():
    found = uncertainty(problem(), np.zeros(2), known([0.05, 400.0], 1e-3), np.zeros((2, 2)))
    assert found.undetermined == ("a",)
    assert found.intervals["a"] == (0.0, math.inf)
    assert found.standard_errors["b"] == pytest.approx(1 / 20)
    assert found.determined == ()  # b stands in the table already


def named(free, values, vectors):
    return [str(c) for c in combinations(problem(free), known(values, 0.0, np.array(vectors)))]


def test_combinations_are_named_in_plain_form():
    half = math.sqrt(0.5)
    turned = [[half, half], [half, -half]]
    both = {"a": Free(1.0), "b": Free(1.0)}
    assert named(both, [0.0, 100.0], turned) == ["a / b to 14 %"]
    assert named(both, [100.0, 0.0], turned) == ["a b to 14 %"]
    assert named(both, [0.0, 100.0], [[0.8, 0.6], [0.6, -0.8]]) == ["b / a^0.75 to 12 %"]
    assert named(both, [0.0, 100.0], [[0.7, 0.714], [0.714, -0.7]]) == ["a / b to 14 %"]
    mixed = {"a": Free(0.5, 0.0, 2.0), "b": Free(4.0, 3.0)}
    assert named(mixed, [0.0, 100.0], turned) == ["ln (a / (2 - a)) - ln (b - 3) to ± 0.14"]
    assert named(both, [30.0, 100.0], turned) == []
    assert named(both, [0.0, 0.0], turned) == []


def test_combinations_beside_a_parameter_that_is_determined():
    """Two rates of which only the ratio matters, and a third one."""
    network = jumpax.Network(
        [
            jumpax.Reaction("0 -> X", jumpax.MassAction("birth")),
            jumpax.Reaction("X -> 0", jumpax.MassAction("death")),
            jumpax.Reaction("A -> 0", jumpax.MassAction("a")),
        ]
    )
    data = losses.TimeSeries([1.0, 40.0], {"A": [7.3, 0.1], "X": [6.1, 12.2]}, {"A": 0.5, "X": [1e3, 0.5]})
    names = {"birth": Free(12.0), "death": Free(1.0), "a": Free(1.0)}
    two = Problem(network, {"X": 0, "A": 20}, data, names)
    null = np.array([1, 1, 0]) / math.sqrt(2)
    ratio = np.array([1, -1, 0]) / math.sqrt(2)
    found = combinations(two, known([0.0, 50.0, 400.0], 0.0, np.stack([null, [0, 0, 1], ratio], 1)))
    assert [str(c) for c in found] == ["birth / death to 7.1 %"]
    assert found[0].relative


def test_precise_data_beside_rough_ones_are_not_a_singular_matrix():
    """Eigenvalues 1e8 apart, both known: errors are those of the two decays by themselves."""
    times, a, b = 1.0, 0.5, 0.8
    means = 20 * np.exp(-np.array([a, b]) * times)
    errors = np.array([3e-4, 3.0])
    data = losses.TimeSeries([times], {"A": means[:1], "B": means[1:]}, {"A": errors[0], "B": errors[1]})
    start = {"a": Free(0.6), "b": Free(0.6)}
    found = fit(Problem(DECAYS, {"A": 20, "B": 20}, data, start, source=MasterEquation()))
    assert found.undetermined == found.unresolved == ()
    wanted = errors / (times * means)
    np.testing.assert_allclose([found.standard_errors[n] for n in "ab"], wanted, rtol=1e-2)
    assert found.estimates["b"] == pytest.approx(b, rel=1e-2)


def test_a_parameter_without_bounds_is_judged_in_units_of_its_own_error():
    """A rate b + shift: shift by itself has an error of many times its size, and is determined none the less."""
    network = jumpax.Network([jumpax.Reaction("0 -> X", lambda shift: 40.0 + shift)])
    data = losses.TimeSeries([1.0], {"X": [40.02]}, {"X": 5.0})
    found = fit(
        Problem(network, {"X": 0}, data, {"shift": Free(0.5, -math.inf)}, source=MasterEquation({"X": 110})), steps=50
    )
    assert found.undetermined == ()
    assert found.standard_errors["shift"] == pytest.approx(5.0, rel=1e-3)
    low, high = found.intervals["shift"]
    assert (low, high) == pytest.approx((0.02 - 9.8, 0.02 + 9.8), abs=0.05)


def test_fixed_parameters_have_no_error():
    found = uncertainty(
        problem({"a": Free(2.0), "b": Fixed(1.0)}), np.log([2.0]), known([100.0], 0.0), np.zeros((1, 1))
    )
    assert found.standard_errors == {"a": pytest.approx(0.2), "b": 0.0}
    assert found.undetermined == ()
