"""The lattice tangent, sampled: small systems side by side, indicators, coverage; |z| < 4, 6e-5 false alarms an entry.

That its mean is the gradient, to 1e-7 and without sampling, is tested with the fold (tests/folds).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
import references
from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.gradients.lattice_coverage import lattice_coverage
from jumpax.gradients.lattice_tangent import LatticeTangent
from jumpax.networks import MassAction, Network, Reaction

SEED = 20261120
LIMIT = 4.0
CONVERSION = Network(
    [Reaction("A -> B", MassAction("k")), Reaction("∅ -> B", MassAction("b")), Reaction("B -> ∅", MassAction("g"))]
)
RATES, START = {"k": 1.0, "b": 0.7, "g": 1.5}, {"A": 3, "B": 0}


def conversion_gradient():
    """Derivatives of the mean of B at time 1, in the order of RATES; the closed form by central differences."""

    def mean(k, b, g):
        return 3 * k * (np.exp(-k) - np.exp(-g)) / (g - k) + b / g * (1 - np.exp(-g))

    rates = np.array(list(RATES.values()))
    return np.array([(mean(*(rates + e)) - mean(*(rates - e))) / 2e-5 for e in 1e-5 * np.eye(3)])


def test_small_systems_side_by_side():
    rates = {"k_b": 1.0, "k_c": 0.3, "on": 0.2, "off": 0.7, "birth": 0.5, "split": 0.3, "death": 1.5}
    network = Network([
        Reaction("A -> B", MassAction("k_b")), Reaction("A -> C", MassAction("k_c")),
        Reaction("2 D <-> E", MassAction("on"), MassAction("off")),
        Reaction("∅ -> X", MassAction("birth")), Reaction("X -> 2 X", MassAction("split")),
        Reaction("X -> ∅", MassAction("death")),
    ])  # fmt: skip
    x0 = {"A": 1, "B": 0, "C": 0, "D": 7, "E": 0, "X": 0}
    mean = jumpax.expectation(
        lambda n: jnp.stack([n["B"], n["E"], n["X"], n["X"] ** 2]), network, x0, [1.0], paths=100_000,
        gradient=LatticeTangent(),
    )  # fmt: skip
    got = mean.estimate(rates, jax.random.key(SEED))
    b, c = rates["k_b"], rates["k_c"]
    gone = np.exp(-(b + c))
    truth = {"k_b": (0, c / (b + c) ** 2 * (1 - gone) + b / (b + c) * gone),
             "k_c": (0, -b / (b + c) ** 2 * (1 - gone) + b / (b + c) * gone)}  # fmt: skip
    _, slopes, _ = references.dimerisation_at_time(7, rates["on"], rates["off"], 1.0)
    truth |= {"on": (1, slopes[0] / rates["on"]), "off": (1, slopes[1] / rates["off"])}
    checks = [(name, entry, value) for name, (entry, value) in truth.items()]
    x = np.arange(60.0)
    parts = {"birth": (np.ones(60), 0 * x), "split": (x, 0 * x), "death": (0 * x, x)}
    moves = {name: references.birth_death_generator(*part) for name, part in parts.items()}
    whole = sum(rates[name] * move for name, move in moves.items())
    for name, move in moves.items():
        slope = references.transient_with_gradient(whole, move, references.point_mass(60, 0), 1.0)[1]
        checks += [(name, 2, x @ slope), (name, 3, x**2 @ slope)]
    for name, entry, value in checks:
        error = got.gradient_standard_error[name][0, entry]
        assert abs(got.gradient[name][0, entry] - value) < LIMIT * error, (name, entry)


def test_indicator():
    n, n0, k_on, k_off = np.arange(21), 20, 0.05, 1.0
    up, down = (20.0 - n) ** 2, n.astype(float)
    moves = [references.birth_death_generator(up, 0 * down), references.birth_death_generator(0 * up, down)]
    whole = k_on * moves[0] + k_off * moves[1]
    both = [references.transient_with_gradient(whole, m, references.point_mass(21, 0), 1.0) for m in moves]
    median = int(np.searchsorted(np.cumsum(both[0][0]), 0.5))
    model = jumpax.zoo.association(start=(n0, n0), k_on=k_on, k_off=k_off)
    share = jumpax.expectation(
        lambda c: c["C"] >= median, model.network, model.x0, [1.0], paths=100_000, gradient=LatticeTangent()
    )
    got = share.estimate(model.theta, jax.random.key(SEED))
    for name, (_, slope) in zip(("k_on", "k_off"), both, strict=True):
        z = (got.gradient[name][0] - slope[median:].sum()) / got.gradient_standard_error[name][0]
        assert abs(z) < LIMIT, name


def test_f_is_read_at_states_only():
    """The logarithm of a negative count is not a number: A never falls below zero, and no neighbour of weight does."""
    decay = Network([Reaction("A -> ∅", MassAction("k"))])
    mean = jumpax.expectation(
        lambda n: jnp.where(n["A"] < 0, jnp.nan, n["A"]), decay, {"A": 2}, [3.0], paths=4000, gradient=LatticeTangent()
    )
    got = mean.estimate({"k": 1.0}, jax.random.key(SEED))
    assert abs(got.gradient["k"][0] + 2 * 3 * np.exp(-3)) < LIMIT * got.gradient_standard_error["k"][0]


@pytest.mark.parametrize(("split", "covered"), [((), False), (("B -> ∅",), True)])
def test_coverage(split, covered):
    options = {"times": [1.0], "paths": 500, "key": SEED, "split": split}
    if covered:
        found = lattice_coverage(CONVERSION, RATES, START, **options)
        assert found.complete
        assert not found.reactions
    else:
        with pytest.warns(JumpaxWarning, match=r"split=\('B -> ∅',\)"):
            found = lattice_coverage(CONVERSION, RATES, START, **options)
        assert found.share == 1
        assert (found.split, found.hopeless) == (("B -> ∅",), ())
    mean = jumpax.expectation(
        lambda n: n["B"], CONVERSION, START, [1.0], paths=50_000, gradient=LatticeTangent(split=split)
    )
    got = mean.estimate(RATES, jax.random.key(SEED))
    truth = conversion_gradient()
    for name, value in zip(RATES, truth, strict=True):
        # d B / d b has no noise at all, only the error of the Taylor steps: the floor of judge.z_scores
        error = max(got.gradient_standard_error[name][0], 1e-5 * np.abs(truth).max())
        # the mean with a shared carrier, from its linear equations: 0.754731 in place of 0.39821 for k
        want = 0.754731 if name == "k" and not covered else value
        assert abs(got.gradient[name][0] - want) < LIMIT * error, name
    if not covered:
        assert got.gradient["k"][0] - truth[0] > 6 * got.gradient_standard_error["k"][0]


def test_a_dying_population_has_no_remedy():
    model = jumpax.zoo.sir()
    with pytest.warns(JumpaxWarning, match="ScoreFunction"):
        found = lattice_coverage(model.network, model.theta, model.x0, [50.0], paths=100, key=SEED)
    assert found.hopeless
    assert not found.split


def test_refusals():
    with pytest.raises(InputError, match="control"):
        LatticeTangent(control="other")  # type: ignore[arg-type]
    by_steps = jumpax.expectation(lambda n: n["B"], CONVERSION, START, steps=[3], paths=8, gradient=LatticeTangent())
    with pytest.raises(UnsupportedError, match="ScoreFunction"):
        by_steps.estimate(RATES, jax.random.key(0))


@pytest.mark.parametrize(
    "wrong", [{"theta": {"k": -1.0, "g": 1.0}}, {"x0": {"X": 2.5}}, {"times": [np.nan]}, {"x0": {"Y": 1}}, {"paths": 0}]
)
def test_coverage_looks_at_numbers_where_it_needs_no_paths(wrong):
    network = jumpax.Network([jumpax.Reaction("0 <-> X", jumpax.MassAction("k"), jumpax.MassAction("g"))])
    given = {"theta": {"k": 3.0, "g": 1.0}, "x0": {"X": 0}, "times": [1.0]}
    assert jumpax.lattice_coverage(network, **given).complete
    with pytest.raises(jumpax.InputError):
        jumpax.lattice_coverage(network, **(given | wrong))
