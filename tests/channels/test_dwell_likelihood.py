import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import schemes
from scipy.stats import chi2

from jumpax import InputError, MassAction, Network, Reaction
from jumpax.channels import Dwells, dwell_density, dwell_log_likelihood
from jumpax.channels.gating import Gating
from jumpax.channels.likelihood import segment_log_likelihoods
from jumpax.exact import StateSpace

RECORDS = {
    schemes.castillo_katz: [0, 1, 0, 1, 0, 1],
    schemes.unlike_channels: [0, 1, 3, 2, 0, 2, 0],
    schemes.like_channels: [1, 2, 1, 0, 1],
}


def drawn(levels, key=3):
    return Dwells(np.random.default_rng(key).exponential(2e-3, len(levels)), levels)


@pytest.mark.parametrize("scheme", RECORDS)
def test_a_record_against_a_plain_product_of_matrix_exponentials(scheme):
    space, theta, level = scheme()
    record = drawn(RECORDS[scheme])
    expected = schemes.dense_likelihood(*schemes.dense(space, theta, level), record)
    np.testing.assert_allclose(dwell_log_likelihood(space, theta, record, level), expected, rtol=1e-12)


def test_segments_do_not_touch_and_long_dwells_do_not_vanish():
    space, theta, level = schemes.castillo_katz()
    matrix, conductance = schemes.dense(space, theta, level)
    parts = [drawn([0, 1, 0], 4), drawn([0, 1], 5), drawn([1, 0, 1], 6)]
    expected = [schemes.dense_likelihood(matrix, conductance, part) for part in parts]
    found = segment_log_likelihoods(
        Gating(space, level), theta, schemes.chained(parts), None, "stationary", "unfinished"
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # an hour open, which has the probability exp(-500 x 3600)
    hour = dwell_log_likelihood(space, theta, Dwells([3600.0], [1]), level)
    np.testing.assert_allclose(
        hour, np.log(schemes.stationary(matrix)[conductance == 1].sum()) - 500 * 3600, rtol=1e-12
    )


def pairs(scheme, dead_time):
    """All sequences of two dwells on a grid, and their weights in the integral over both durations."""
    space, theta, level = scheme()
    levels = len(Gating(space, level).inside)
    x, w = np.polynomial.legendre.leggauss(12)
    edges = (dead_time or 0.0) + 1e-3 * np.array([0, 1, 2, 4, 10, 20, 40, 80, 160, 320])
    t = np.concatenate([a + (b - a) * (x + 1) / 2 for a, b in itertools.pairwise(edges)])
    weight = np.concatenate([(b - a) / 2 * w for a, b in itertools.pairwise(edges)])
    inner, outer = (grid.ravel() for grid in np.meshgrid(t, t))
    cases = [(a, b) for a in range(levels) for b in range(levels) if a != b]
    if dead_time is None:
        cases = [(a, b) for a, b in cases if abs(a - b) == 1]
    durations = np.tile(np.stack([inner, outer], 1).ravel(), len(cases))
    record = Dwells(durations, np.repeat(cases, len(inner), 0).ravel(), np.repeat(np.arange(len(durations) // 2), 2))
    return (
        Gating(space, level),
        theta,
        record,
        np.repeat([a for a, _ in cases], len(inner)),
        np.outer(weight, weight).ravel(),
        levels,
    )


@pytest.mark.parametrize("dead_time", [None, 1e-3])
@pytest.mark.parametrize("scheme", [schemes.castillo_katz, schemes.like_channels])
def test_the_density_of_two_dwells_integrates_to_one(scheme, dead_time):
    gating, theta, record, first, weight, levels = pairs(scheme, dead_time)
    found = jnp.exp(segment_log_likelihoods(gating, theta, record, dead_time, "entry", "finished"))
    total = np.asarray(found) * np.tile(weight, len(found) // len(weight))
    np.testing.assert_allclose(np.bincount(first, total, levels), 1.0, rtol=1e-6)


@pytest.mark.parametrize("dead_time", [None, 1e-4])
def test_gradients_against_central_differences_at_equal_rates(dead_time):
    space, theta, level = schemes.castillo_katz()
    record = drawn(RECORDS[schemes.castillo_katz])

    def log_likelihood(logs):
        return dwell_log_likelihood(space, dict(zip(theta, jnp.exp(logs))), record, level, dead_time)

    at, steps = jnp.full(4, jnp.log(200.0)), 1e-4 * np.eye(4)
    both = jax.jit(jax.value_and_grad(log_likelihood))
    differences = [(both(at + d)[0] - both(at - d)[0]) / 2e-4 for d in steps]
    np.testing.assert_allclose(both(at)[1], differences, atol=1e-6)


def test_second_derivatives():
    space, theta, level = schemes.space_of([("C -> O", "up"), ("O -> C", "down")], {"C": 1}), ("up", "down"), {"O": 1}
    record = drawn([0, 1, 0, 1])

    def slope(logs):
        return jax.grad(lambda u: dwell_log_likelihood(space, dict(zip(theta, jnp.exp(u))), record, level))(logs)

    at, towards = jnp.log(jnp.array([200.0, 400.0])), jnp.array([1.0, 0.5])
    both = jax.jit(lambda u: jax.jvp(slope, (u,), (towards,)))
    (value, second), (after, _) = both(at), both(at + 1e-5 * towards)
    np.testing.assert_allclose(second, (after - value) / 1e-5, rtol=1e-4)


def test_rates_come_back_from_a_record():
    # the squared distance from the truth, in units of the information, is chi-square with 4 degrees of freedom: beyond its
    # 99.99 % quantile in one of 10,000 records
    space, theta, level = schemes.castillo_katz()
    record = schemes.simulated(space, theta, level, end=8.0, paths=1, key=20261201)[0]

    def loss(logs):
        return -dwell_log_likelihood(space, dict(zip(theta, jnp.exp(logs))), record, level)

    gradient = jax.jit(jax.value_and_grad(loss))
    truth = np.log(list(theta.values()))
    at, steps = truth + 0.3, 1e-4 * np.eye(4)
    for _ in range(12):
        slope = np.asarray(gradient(at)[1])
        information = np.array([(gradient(at + d)[1] - gradient(at - d)[1]) / 2e-4 for d in steps])
        move = np.linalg.solve(information + 1e-3 * np.eye(4), -slope)
        at = at + move * min(1.0, 0.5 / np.abs(move).max())
    assert np.abs(slope).max() < 1e-4
    assert np.linalg.eigvalsh(information).min() > 1
    assert (at - truth) @ information @ (at - truth) < chi2.ppf(0.9999, 4)


def test_densities_of_dwells_have_the_means_of_the_chain():
    # open 1 / shut; shut from A on, m = 1 / (open + off) + off / (open + off) (1 / on + m)
    space, theta, level = schemes.castillo_katz()
    x, w = np.polynomial.legendre.leggauss(200)
    t = 0.06 * (x + 1) / 2
    for number, mean in ((1, 1 / 500), (0, 1 / 900 * (1 + 700 / 300))):
        density = np.asarray(dwell_density(space, theta, number, t, level))
        np.testing.assert_allclose([0.03 * w @ density, 0.03 * w @ (t * density)], [1.0, mean], rtol=1e-3)


@pytest.mark.parametrize("dead_time", [None, 1e-4])
def test_what_the_rates_cannot_make_has_no_probability(dead_time):
    space, theta, level = schemes.castillo_katz()
    for rates in ({**theta, "open": 0.0}, {"on": 3.1, "off": 77.0, "open": 0.0, "shut": 0.3}):
        for levels in (RECORDS[schemes.castillo_katz], [1, 0]):
            assert dwell_log_likelihood(space, rates, drawn(levels), level, dead_time) == -np.inf


def test_conductances_may_be_in_any_unit():
    space, _, level = schemes.unlike_channels()
    plain = Gating(space, level)
    for unit in (1e-12, 20e-12 / 3, 1e15):
        gating = Gating(space, {name: size * unit for name, size in level.items()})
        np.testing.assert_array_equal(gating.levels, plain.levels)
        np.testing.assert_allclose(gating.conductances, plain.conductances * unit, rtol=1e-9)
    # 0.1 + 0.2 is not 0.3 in binary numbers
    chain = schemes.castillo_katz()[0]
    same = Gating(chain, lambda counts: 1e-12 * ((0.1 + 0.2) * counts["A"] + 0.3 * counts["O"]))
    assert same.levels.tolist() == (chain.states[:, chain.network.species.index("R")] == 0).astype(int).tolist()


def test_wrong_things_are_named():
    space, theta, level = schemes.like_channels()
    record = Dwells([1e-3, 2e-3, 3e-3], [0, 1, 2])
    with pytest.raises(InputError, match=r"dwell 1 is at level 3, which no state has.*further channel"):
        dwell_log_likelihood(space, theta, Dwells([1.0, 1.0], [0, 3]), level)
    with pytest.raises(InputError, match=r"goes from level 0 to level 2.*give a dead_time"):
        dwell_log_likelihood(space, theta, Dwells([1.0, 1.0], [0, 2]), level)
    with pytest.raises(InputError, match=r"1 dwells are shorter.*dwells.resolved\(0.002\)"):
        dwell_log_likelihood(space, theta, record, level, 2e-3)
    for wrong in (True, "1e-4", -1.0, np.nan):
        with pytest.raises(InputError, match="dead_time must be a number of seconds > 0"):
            dwell_log_likelihood(space, theta, record, level, wrong)
    for number in (1.0, True, None, 3):
        with pytest.raises(InputError, match=f"there is no level {number!r}; levels are numbered from 0 to 2"):
            dwell_density(space, theta, number, [0.1], level)
    with pytest.raises(InputError, match="unknown species 'X'"):
        dwell_log_likelihood(space, theta, record, {"X": 1})
    with pytest.raises(InputError, match="all 3 states have the same level"):
        dwell_log_likelihood(space, theta, record, lambda counts: counts["C"] + counts["O"])
    with jax.enable_x64(False), pytest.raises(InputError, match="need float64"):
        dwell_log_likelihood(space, theta, record, level)
    born = Network([Reaction("∅ -> O", MassAction("up")), Reaction("O -> ∅", MassAction("down"))])
    with pytest.raises(InputError, match="leads out of the space"):
        dwell_log_likelihood(StateSpace.reachable(born, {"O": 0}, 2), theta, record, level)


@pytest.mark.parametrize("dead_time", [None, 1e-4])
@pytest.mark.parametrize("still", ["up", "down"])
def test_an_entry_that_never_comes_is_refused_by_name(still, dead_time):
    space, theta, level = schemes.space_of([("C -> O", "up"), ("O -> C", "down")], {"C": 1}), ("up", "down"), {"O": 1}
    values = dict.fromkeys(theta, 100.0) | {still: 0.0}
    with pytest.raises(InputError, match=f"start='entry'.*at {still} = 0"):
        dwell_log_likelihood(space, values, drawn([0, 1, 0, 1]), level, dead_time, start="entry")


def test_a_rate_of_0_that_leaves_the_entries_is_none_the_worse():
    """A shut state that is only left does not matter in the end: C and O alone are the judge."""
    record, theta = drawn([0, 1, 0, 1]), {"up": 100.0, "down": 500.0, "gone": 30.0, "back": 0.0}
    three = schemes.space_of([("A -> C", "gone"), ("C -> A", "back"), ("C -> O", "up"), ("O -> C", "down")], {"C": 1})
    two = schemes.space_of([("C -> O", "up"), ("O -> C", "down")], {"C": 1})
    found, wanted = (
        dwell_log_likelihood(space, {n: theta[n] for n in space.network.parameters}, record, {"O": 1}, start="entry")
        for space in (three, two)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
