"""Records against closed forms and against the event log."""

import jax
import numpy as np
import pytest

import jumpax
from jumpax.engines.recorded import Recorded, beside, joined
from jumpax.folds import FirstPassage, ReactionCounts, Score, TimeAverages
from jumpax.observables import log_likelihood
from tables import model

PRECISIONS = ["float32", "float64"]
Z = 5.0
"""Largest |z| of a mean: a false alarm has probability 6e-7 each; there are about 60 in this file, so 4e-5 in all. Seeds
were fixed before the first look."""


def agrees(samples, expected):
    """Whether the mean over axis 0 is as expected."""
    error = samples.std(0, ddof=1) / np.sqrt(len(samples))
    np.testing.assert_array_less(np.abs(samples.mean(0, dtype=np.float64) - expected), Z * error + 1e-12)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_time_averages_and_reaction_counts_of_birth_and_death(precision):
    """E[X(t)] = k/g + (x - k/g) e^(-g t); births are k t; the deaths are what is missing."""
    chosen = model("birth_death")
    k, g, x = 20.0, 0.7, 50
    times = np.array([0.5, 2.0, 5.0])
    record = [TimeAverages(chosen.network), ReactionCounts(chosen.network)]
    paths = jumpax.simulate(chosen.network, {"birth": k, "death": g}, {"X": x}, times=times, paths=4000, key=21,
                            record=record, precision=precision)  # fmt: skip
    average, counts = paths.records
    integral = k / g * times + (x - k / g) * (1 - np.exp(-g * times)) / g
    agrees(average[0], np.diff(integral, prepend=0) / np.diff(times, prepend=0))
    births, deaths = counts
    agrees(births, k * times)
    agrees(deaths, g * integral)
    np.testing.assert_array_equal(x + births - deaths, paths["X"])
    np.testing.assert_array_equal((births + deaths)[:, -1], paths.events)


def test_a_window_of_length_zero_has_the_count_itself():
    chosen = model("birth_death")
    paths = jumpax.simulate(chosen.network, chosen.theta, {"X": 9}, times=[0.0, 0.1], paths=2, key=0,
                            record=TimeAverages(chosen.network))  # fmt: skip
    assert (paths.records[0][:, 0] == 9).all()


def replay(network, log, path, stops):
    """Counts at the stops, from the log alone."""
    times, reactions = log.of(path)
    walked = log.start_counts[path] + np.vstack([np.zeros(len(network.species), int), np.cumsum(network.stoichiometry.T[reactions], 0)])  # fmt: skip
    return walked[np.searchsorted(times, stops, side="right")]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["telegraph_protein", "sir"])
def test_the_log_replayed_gives_the_snapshots(name, precision):
    chosen = model(name)
    paths = jumpax.simulate(chosen.network, chosen.theta, chosen.x0, times=chosen.times, paths=70, key=4,
                            precision=precision, record=jumpax.Events())  # fmt: skip
    log = paths.log
    np.testing.assert_array_equal(np.diff(log.offsets), paths.events)
    for path in range(70):
        times, _ = log.of(path)
        assert (np.diff(times) >= 0).all()
        np.testing.assert_array_equal(replay(chosen.network, log, path, paths.stops), paths.counts[path])
        if len(times):
            assert times[-1] == paths.end_times[path]


SCORED = {"association": (0.5, ("k_on", "k_off")), "telegraph": (4.0, ("k_on", "k_tx", "gamma")),
          "toggle_switch": (1.0, ("alpha_U", "K", "gamma"))}  # fmt: skip


@pytest.mark.parametrize("name", SCORED)
def test_the_score_is_the_gradient_of_the_path_likelihood(name):
    chosen, (end, wrt) = model(name), SCORED[name]
    options = {"times": end, "paths": 64, "key": 6, "precision": "float64"}
    log = jumpax.simulate(chosen.network, chosen.theta, chosen.x0, record=jumpax.Events(), **options).log
    score = jumpax.simulate(
        chosen.network, chosen.theta, chosen.x0, record=Score(chosen.network, wrt), **options
    ).records
    with jax.enable_x64(True):
        jacobian = jax.jacobian(lambda theta: log_likelihood(chosen.network, theta, log, end))(chosen.theta)
    for parameter, ours in zip(wrt, score, strict=True):
        scale = np.abs(jacobian[parameter]).max()
        np.testing.assert_allclose(ours[:, 0], jacobian[parameter], rtol=0, atol=1e-10 * scale, err_msg=parameter)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", SCORED)
def test_the_score_has_mean_zero(name, precision):
    chosen, (end, wrt) = model(name), SCORED[name]
    paths = jumpax.simulate(chosen.network, chosen.theta, chosen.x0, times=[end / 2, end], paths=4000, key=7,
                            precision=precision, record=Score(chosen.network, wrt))  # fmt: skip
    for score in paths.records:
        agrees(score, 0.0)


def _is_empty(counts):
    return counts["X"] == 0


@pytest.mark.parametrize("start", [0.0, 100.0])
def test_first_passage_is_an_event_of_the_log(start):
    network = jumpax.Network([jumpax.Reaction("X -> ∅", jumpax.MassAction("d"))])
    options = {"times": [start + 1, start + 2], "paths": 200, "key": 9, "precision": "float64", "start": start}
    reached, when = jumpax.simulate(network, {"d": 1.0}, {"X": 3}, record=FirstPassage(network, _is_empty), **options).records  # fmt: skip
    log = jumpax.simulate(network, {"d": 1.0}, {"X": 3}, record=jumpax.Events(), **options).log
    assert 0 < reached[:, 1].sum() < 200
    for path in range(200):
        times, _ = log.of(path)
        assert reached[path, 1] == (len(times) == 3)
        if reached[path, 1]:
            np.testing.assert_allclose(when[path, 1], times[-1], rtol=4e-16)
    assert np.isnan(when[~reached]).all()


@pytest.mark.parametrize("engine", ["xla", "reference"])
def test_first_passage_in_the_start_state_is_at_the_start(engine):
    network = jumpax.Network([jumpax.Reaction("X -> ∅", jumpax.MassAction("d"))])
    paths = jumpax.simulate(network, {"d": 1.0}, {"X": 0}, start=5.0, times=6.0, paths=1, key=0,
                            engine=engine, record=FirstPassage(network, _is_empty))  # fmt: skip
    assert paths.records[1][0, 0] == 5.0


def test_columns_that_lie_side_by_side_are_not_copied():
    table = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    columns = [table[..., i] for i in range(3)]
    found = beside(columns)
    np.testing.assert_array_equal(found, np.stack(columns, -1))
    assert np.shares_memory(found, table)
    for others in ([*columns, table[..., 2]], columns[::-1], [columns[0], columns[1].copy()], [columns[0].T] * 2):
        np.testing.assert_array_equal(beside(others), np.stack(others, -1))
        assert not np.shares_memory(beside(others), table)


def test_parts_of_a_run_are_joined_column_by_column():
    def part(first):
        table = first + np.arange(24, dtype=np.int32).reshape(2, 3, 4)
        record = ((table[..., 0], table[..., 1]), table[..., 2], table[..., 3] / 2.0)
        return Recorded(record, table[:, 0, 0], table[:, 0, 1], table[:, 0], table[:, 0, :2] / 3.0)

    parts = [part(0), part(100)]
    found = joined(parts)
    for leaf, *leaves in zip(*map(jax.tree.leaves, (found, *parts)), strict=True):
        np.testing.assert_array_equal(leaf, np.concatenate(leaves))
    assert np.shares_memory(beside(found.record[0]), found.record[0][0])
