import jax
import jax.numpy as jnp
import numpy as np
import pytest
import schemes

from jumpax import SimulationError
from jumpax.channels import Dwells, dwell_density, dwell_log_likelihood
from jumpax.channels.gating import Gating
from jumpax.channels.likelihood import segment_log_likelihoods


def moments(space, theta, number, level, dead_time, nodes=16):
    """Integral and mean of the density of apparent dwells."""
    x, w = np.polynomial.legendre.leggauss(16)
    edges = dead_time * np.r_[np.arange(1, 30), np.geomspace(30, 6000, 60)]
    t = np.concatenate([a + (b - a) * (x + 1) / 2 for a, b in zip(edges[:-1], edges[1:])])
    weight = np.concatenate([(b - a) / 2 * w for a, b in zip(edges[:-1], edges[1:])])
    density = np.asarray(dwell_density(space, theta, number, t, level, dead_time, nodes=nodes)) * weight
    return density.sum(), density @ t


@pytest.mark.parametrize(("dead_time", "tolerance"), [(1e-4, 1e-11), (4e-3, 1e-11), (1e-2, 1e-9)])
def test_two_states_have_the_mean_apparent_times_of_a_geometric_number_of_missed_ones(dead_time, tolerance):
    space = schemes.space_of([("C -> O", "open"), ("O -> C", "shut")], {"C": 1})
    theta = {"open": 200.0, "shut": 500.0}
    for number, (leave, back) in ((1, (500.0, 200.0)), (0, (200.0, 500.0))):
        missed = 1 - np.exp(-back * dead_time)
        short = 1 / back - dead_time * (1 - missed) / missed
        mean = dead_time + 1 / leave + missed / (1 - missed) * (short + 1 / leave)
        found = moments(space, theta, number, {"O": 1}, dead_time)
        np.testing.assert_allclose(found, [1.0, mean], rtol=tolerance)


def test_nothing_is_missed_by_a_dead_time_of_nothing():
    space, theta, level = schemes.unlike_channels()
    record = Dwells([1e-3, 2e-3, 5e-4, 3e-3, 1e-3], [0, 1, 3, 2, 0])
    exact = float(dwell_log_likelihood(space, theta, record, level))
    off = [float(dwell_log_likelihood(space, theta, record, level, dead)) - exact for dead in (2e-6, 1e-6)]
    assert abs(off[1]) < 2e-3
    np.testing.assert_allclose(off[0] / off[1], 2.0, rtol=1e-2)


def test_a_sequence_within_two_dead_times_against_integrals_over_missed_events():
    # open for t < 2 d: either no shut time, or one that ended at v after having begun at u, v - u < d
    opens, shuts, dead = 300.0, 800.0, 1e-3
    space = schemes.space_of([("C -> O", "open"), ("O -> C", "shut")], {"C": 1})
    t = 1.7e-3
    x, w = np.polynomial.legendre.leggauss(30)
    later = t - dead
    u = later * (x + 1) / 2
    inner = np.array([later - start for start in u])
    once = (
        later
        / 2
        * w
        @ (shuts * np.exp(-shuts * later) * np.exp(shuts * 0 * u) * _excursions(inner, opens, shuts, x, w))
    )
    alive = np.exp(-shuts * later) + once
    found = dwell_log_likelihood(
        space, {"open": opens, "shut": shuts}, Dwells([t], [1]), {"O": 1}, dead, start="entry", end="finished"
    )
    twice = (opens * shuts * later**2) ** 2 / 24  # two missed shut times, from above
    assert 0 <= float(jnp.exp(found)) / (alive * shuts * np.exp(-opens * dead)) - 1 < twice


def _excursions(longest, opens, shuts, x, w):
    """Integral over the length of the shut time, during which nothing shuts."""
    return np.array([top / 2 * w @ (opens * np.exp((shuts - opens) * top * (x + 1) / 2)) for top in longest])


@pytest.mark.parametrize("scheme", [schemes.castillo_katz, schemes.unlike_channels])
def test_simulated_records_with_a_dead_time(scheme):
    # apparent dwell times have the exact means, and the score at the true rates has mean 0: z < 4.5 for 6 or 8 numbers, which
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
    with pytest.raises(SimulationError, match="give nodes=16"):
        moments(space, theta, 1, {"O": 1}, dead, 10)
    record = Dwells([0.01, 0.02], [0, 1])
    assert np.isnan(
        jax.jit(lambda k: dwell_log_likelihood(space, {"open": 200.0, "shut": k}, record, {"O": 1}, dead))(1e5)
    )
