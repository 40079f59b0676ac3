import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import schemes
from scipy.linalg import expm
from scipy.optimize import brentq

from jumpax import SimulationError
from jumpax.channels import Dwells, dwell_density, dwell_log_likelihood
from jumpax.channels.gating import Gating
from jumpax.channels.likelihood import segment_log_likelihoods


def moments(space, theta, number, level, dead_time, nodes=16):
    """Integral and mean of the density of apparent dwells."""
    x, w = np.polynomial.legendre.leggauss(16)
    edges = dead_time * np.r_[np.arange(1, 30), np.geomspace(30, 6000, 60)]
    t = np.concatenate([a + (b - a) * (x + 1) / 2 for a, b in itertools.pairwise(edges)])
    weight = np.concatenate([(b - a) / 2 * w for a, b in itertools.pairwise(edges)])
    density = np.asarray(dwell_density(space, theta, number, t, level, dead_time, nodes=nodes)) * weight
    return density.sum(), density @ t


def test_two_states_have_the_mean_apparent_times_of_a_geometric_number_of_missed_ones():
    dead_time = 4e-3
    space = schemes.space_of([("C -> O", "open"), ("O -> C", "shut")], {"C": 1})
    theta = {"open": 200.0, "shut": 500.0}
    for number, (leave, back) in ((1, (500.0, 200.0)), (0, (200.0, 500.0))):
        missed = 1 - np.exp(-back * dead_time)
        short = 1 / back - dead_time * (1 - missed) / missed
        mean = dead_time + 1 / leave + missed / (1 - missed) * (short + 1 / leave)
        found = moments(space, theta, number, {"O": 1}, dead_time)
        np.testing.assert_allclose(found, [1.0, mean], rtol=1e-11)


def test_what_is_missed_vanishes_with_the_dead_time_in_proportion():
    space, theta, level = schemes.castillo_katz()
    record = Dwells([1e-3, 2e-3, 5e-4, 3e-3, 1e-3], [0, 1, 0, 1, 0])
    exact = float(dwell_log_likelihood(space, theta, record, level))
    off = [float(dwell_log_likelihood(space, theta, record, level, dead)) - exact for dead in (2e-6, 1e-6)]
    np.testing.assert_allclose(off[0] / off[1], 2.0, rtol=1e-2)


def test_a_dwell_of_less_than_three_dead_times_against_an_integral():
    # the record is seen at level a for `later` more once a stay there has lasted d; until then no excursion can have lasted
    # d, later on those that have are taken away: exp(Q later) less the integral of exp(Q (later - s)) K exp(Q (s - d))
    space, theta, level = schemes.castillo_katz()
    matrix, conductance = schemes.dense(space, theta, level)
    dead, inside = 1e-3, np.diag((conductance == 0).astype(float))
    stay = expm(dead * np.where(conductance[:, None] == conductance[None], matrix, 0.0))
    jumps = (np.eye(3) - inside) @ stay @ (np.eye(3) - inside) @ matrix @ inside
    x, w = np.polynomial.legendre.leggauss(20)
    for total in (1.7e-3, 2.6e-3):
        later = total - dead
        alive = expm(matrix * later)
        if later > dead:
            for s, weight in zip(dead + (later - dead) * (x + 1) / 2, (later - dead) / 2 * w):
                alive = alive - weight * expm(matrix * (later - s)) @ jumps @ expm(matrix * (s - dead))
        expected = np.log((jumps @ alive @ stay @ inside @ schemes.stationary(matrix)).sum())
        found = dwell_log_likelihood(space, theta, Dwells([total], [0]), level, dead, end="finished")
        np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_a_long_stay_of_a_short_lived_level_decays_at_the_root_of_its_characteristic_equation():
    # (s + shut) (s + open) = shut open (1 - exp(-(s + open) d)); in 10 ms by a factor of e^100
    space, dead = schemes.space_of([("C -> O", "open"), ("O -> C", "shut")], {"C": 1}), 1e-4
    theta = {"open": 2.0, "shut": 1e4}
    root = brentq(
        lambda s: (s + 1e4) * (s + 2) - 2e4 * (1 - np.exp(-(s + 2) * dead)), -1.2e4, -9e3, xtol=1e-12, rtol=1e-15
    )
    values = [dwell_log_likelihood(space, theta, Dwells([t], [1]), {"O": 1}, dead) for t in (0.02, 0.03)]
    np.testing.assert_allclose(float(values[1] - values[0]), 0.01 * root, rtol=1e-9)


@pytest.mark.parametrize("scheme", [schemes.castillo_katz, schemes.like_channels])
def test_simulated_records_with_a_dead_time(scheme):
    # apparent dwell times have the exact means, and the score at the true rates has mean 0: z < 4.5 for 5 or 6 numbers, which
    # chance breaks once in 20,000 runs
    space, theta, level = scheme()
    dead, skipped, kept = 1e-3, 20, 12
    records = [r.resolved(dead) for r in schemes.simulated(space, theta, level, end=0.6, paths=600, key=20261202)]
    assert min(map(len, records)) > skipped + kept
    cut = [Dwells(r.durations[skipped : skipped + kept], r.levels[skipped : skipped + kept]) for r in records]
    record, gating = schemes.chained(cut), Gating(space, level)

    def each(logs):
        values = dict(zip(theta, jnp.exp(logs)))
        return segment_log_likelihoods(gating, values, record, dead, "entry", "finished")

    scores = np.asarray(jax.jit(jax.jacfwd(each))(jnp.log(jnp.array(list(theta.values())))))
    z = [scores.mean(0) / (scores.std(0) / np.sqrt(len(scores)))]
    for number in range(len(gating.inside)):
        mean = moments(space, theta, number, level, dead)[1]
        sums = np.array([[r.of_level(number).sum(), np.size(r.of_level(number))] for r in cut])
        off = sums[:, 0] - mean * sums[:, 1]
        z.append([off.mean() / (off.std() / np.sqrt(len(off)))])
    assert np.abs(np.concatenate(z)).max() < 4.5
    assert np.linalg.matrix_rank(scores) == len(theta)


def test_more_nodes_where_rates_are_fast_and_refusal_where_they_do_not_suffice():
    space = schemes.space_of([("C -> O", "open"), ("O -> C", "shut")], {"C": 1})
    theta, dead = {"open": 200.0, "shut": 15e3}, 1e-3
    missed, back = 1 - np.exp(-200 * dead), 200.0
    mean = dead + 1 / 15e3 + missed / (1 - missed) * (1 / back - dead * (1 - missed) / missed + 1 / 15e3)
    errors = [abs(moments(space, theta, 1, {"O": 1}, dead, nodes)[1] / mean - 1) for nodes in (16, 24)]
    assert errors[0] < 1e-6
    assert errors[1] < 1e-9
    with pytest.raises(SimulationError, match="give nodes=20"):
        moments(space, {**theta, "shut": 20e3}, 1, {"O": 1}, dead)
    record = Dwells([0.01, 0.02], [0, 1])
    assert np.isnan(
        jax.jit(lambda k: dwell_log_likelihood(space, {"open": 200.0, "shut": k}, record, {"O": 1}, dead))(1e5)
    )
