"""Models with events as a whole: nothing runs without them, and state of their own is followed path by path.

Every |z| < 4: ten of them, a false alarm once in 1,600 runs. Seeds were chosen before looking.
"""

import json
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest
from model_files import antimony

import jumpax
from jumpax import Status
from jumpax.results import to_dataset

FILES = Path(__file__).parent / "data" / "events"
BIRTHS = "species X; X = 0; k = 10; up: -> X; k;"


def near(sample, expected):
    sample = np.asarray(sample, float)
    z = (sample.mean(0) - expected) / (sample.std(0, ddof=1) / np.sqrt(len(sample)))
    assert (np.abs(z) < 4).all(), (z, sample.mean(0), expected)


def drawn(model, times, **options):
    options = {"paths": 24, "key": 5, "precision": "float32", "engine": "reference"} | options
    return jumpax.simulate(model, times=times, **options)


def test_a_dose_that_moves_its_own_next_time():
    model = jumpax.read(FILES / "repeated_dose.ant")
    assert model.theta == {"ke": 0.1, "next": 0.5, "dose": 100.0}
    paths = drawn(model, [0.25, 1.0, 25.0], paths=4000, engine="cpu")
    assert paths["A"][:, 0].tolist() == [0] * 4000
    near(paths["A"][:, 1:], [100 * np.exp(-0.05), (100 + 100 * np.exp(-2.4)) * np.exp(-0.05)])
    assert np.unique(paths["next"], axis=0).tolist() == [[0.5, 24.5, 48.5]]
    assert paths.values["next"] is paths["next"]


def test_division_at_times():
    """After ten hours P is Poisson of mean 100; half of what is odd is lost, with a chance of 1/2 up to exp(-200)."""
    paths = drawn(jumpax.read(FILES / "division_at_times.ant"), [5.0, 15.0, 25.0], paths=4000, engine="cpu")
    near(paths["P"], [50, 49.75 + 50, (149.75 - 0.5) / 2 + 50])
    assert np.unique(paths["n"], axis=0).tolist() == [[0, 1, 2]]


def test_division_by_size():
    """Path by path: 60 births to the first division, 50 to each other one."""
    paths = drawn(jumpax.read(FILES / "division_by_size.ant"), [5.0, 15.0, 40.0], paths=500, engine="cpu")
    counts, n = paths["P"], paths["n"]
    born = counts - 40 + 50 * n
    np.testing.assert_array_equal(n, np.where(born < 60, 0, 1 + (born - 60) // 50))
    np.testing.assert_array_equal(born[:, -1], paths.events)
    near(born, [50, 150, 400])
    assert counts.max() < 100


def test_an_event_with_a_delay():
    """Two hours after each passage from 20 to 21, D is one more than it was at that passage."""
    paths = drawn(jumpax.read(FILES / "event_with_delay.ant"), [60.0], paths=40, engine="xla", record=jumpax.Events())
    log, overlaps = paths.log, 0
    for path in range(40):
        times, numbers = log.of(path)
        counts = log.counts[log.offsets[path] : log.offsets[path + 1], 0]
        rose = times[(counts == 21) & (np.concatenate([[0], counts[:-1]]) == 20)]
        late = rose[rose + 2.0 <= 60.0] + 2.0
        np.testing.assert_allclose(times[numbers >= 2 * 2], late, rtol=1e-6)
        n = [0]
        for one in late:
            n.append(1 + n[np.sum(late < one - 2.0)])
        overlaps += len(late) - n[-1]
        assert paths["D"][path, 0] == n[-1]
    assert overlaps > 10


def test_nothing_takes_a_network_without_heeding_its_events(tmp_path):
    file = FILES / "repeated_dose.ant"
    model = jumpax.read(file)
    for call in (
        lambda: jumpax.audit(model.network, model.theta, model.x0, [1.0], paths=2),
        lambda: jumpax.exact.StateSpace.reachable(model.network, model.x0),
    ):
        with pytest.raises(jumpax.UnsupportedError, match=r"events at times \('_E0'\); jumpax\.simulate draws"):
            call()
    assert model.without_events.parameters == ("ke",)
    plain = antimony(tmp_path, "species A = 3; k = 1; A -> ; k * A")
    assert plain.network is plain.without_events


@pytest.mark.parametrize("command", ["exact", "audit"])
def test_commands_that_do_not_treat_them_refuse_them(command, capsys):
    from jumpax.cli import main

    assert main([command, str(FILES / "repeated_dose.ant"), "--times", "1"]) > 0
    assert "events at times ('_E0')" in " ".join(capsys.readouterr().err.split())


def test_the_command_simulates_them(capsys):
    from jumpax.cli import main

    assert main(["simulate", str(FILES / "repeated_dose.ant"), "--times", "1,25", "--paths", "2000", "--json"]) == 0
    mean = json.loads(capsys.readouterr().out)["mean"]["A"]
    assert mean == pytest.approx([95.12, 103.75], abs=4.5 * (25 / 2000) ** 0.5)


def test_thresholds_and_counters_that_only_events_change(tmp_path):
    text = "level = 5; n = 0; m = 0; at X >= level: level = level + 5, n = n + 1; at X >= 12 && m < 2: m = m + 1, X = 0"
    paths = drawn(antimony(tmp_path, BIRTHS + text), [0.5, 1.0, 2.0, 6.0])
    counts, born = paths["X"], paths["X"] + 12 * paths["m"]
    np.testing.assert_array_equal(born[:, -1], paths.events)
    np.testing.assert_array_equal(paths["m"], np.minimum(2, born // 12))
    np.testing.assert_array_equal(paths["n"], np.where(born < 12, born // 5, np.maximum(2, counts // 5)))
    np.testing.assert_array_equal(paths["level"], 5 + 5 * paths["n"])


def test_times_that_differ_from_path_to_path(tmp_path):
    """Births end half an hour after the fifth: then there are 5 and Poisson(5)."""
    model = antimony(tmp_path, BIRTHS + "off = inf; at X >= 5: off = time + 0.5; E: at time >= off: k = 0")
    paths = drawn(model, [0.25, 6.0], paths=2000, engine="cpu")
    assert (paths.status == Status.ABSORBED).all()
    near(paths["X"][:, 1], 10.0)
    near(paths["X"][:, 1] ** 2, 105.0)
    off, k = paths["off"], paths["k"]
    assert np.isinf(off[paths["X"][:, 0] < 5, 0]).all()
    np.testing.assert_array_equal(k, np.where(off <= np.array([0.25, 6.0]), 0.0, 10.0))
    np.testing.assert_allclose(paths.end_times, off[:, 1])  # the event is what happened last
    near(off[:, 1], 0.5 + 5 / 10)


def test_status_end_and_events_of_each_path(tmp_path):
    model = antimony(tmp_path, "species A = 3; k = 1; A -> ; k * A; at time >= 0.5: k = 2")
    paths = drawn(model, [0.5, 1.0], paths=60)
    gone = paths["A"][:, -1] == 0
    assert 0 < gone.sum() < 60
    np.testing.assert_array_equal(paths.status, np.where(gone, Status.ABSORBED, Status.REACHED))
    np.testing.assert_array_equal(paths.events, 3 - paths["A"][:, -1])
    np.testing.assert_array_equal(paths.end_counts, paths.counts[:, -1])
    assert (paths.end_times >= 0.5).all()  # of the event
    assert len(np.unique(paths.end_times)) > 10
    assert (paths.end_times <= 1.0).all()


def test_the_origin_is_that_of_the_run(tmp_path):
    model = antimony(tmp_path, "species A = 3; k = 1; A -> ; k * A; E: at A < 2: k = 2")
    paths = drawn(model, [0.5, 1.0], key=17, max_events=99)
    plain = jumpax.simulate(
        model.without_events, model.theta, model.x0, times=[1.0], paths=1, key=17, engine="reference", max_events=99
    )
    for name in ("key", "network", "engine", "start", "max_events"):
        assert paths.provenance[name] == plain.provenance[name], name
    assert paths.provenance["network_digest"] == model.network.digest
    assert paths.provenance["events"] == ["E: k = 2 when A < 2"]
    with jax.enable_x64(True):
        again = drawn(model, [0.5, 1.0], key=jax.random.key(17), max_events=99)
    np.testing.assert_array_equal(again.counts, paths.counts)


def test_the_budget_is_that_of_a_path(tmp_path):
    model = antimony(tmp_path, BIRTHS + "n = 0; at X >= 3: X = 0, n = n + 1")
    with pytest.raises(jumpax.SimulationError, match=r"EVENT_BUDGET.*raise max_events"):
        drawn(model, np.arange(1.0, 7.0), paths=4, max_events=30)
    fired = drawn(model, np.arange(1.0, 7.0), paths=4).events
    assert fired.min() > 30
    assert (drawn(model, np.arange(1.0, 7.0), paths=4, max_events=int(fired.max())).events == fired).all()


def test_numbers_of_events_are_given_as_those_of_rates(tmp_path):
    model = antimony(tmp_path, "species A = 9; k = 0; A -> ; k * A; t1 = 1; to = 4; E: at time >= t1: A = to")
    given = model.theta | {"t1": np.array([0.5, 1.5, np.inf]), "to": np.array([1, 2, 3])}
    paths = drawn(model, [0.25, 0.5, 1.0, 2.0], theta=given, paths=3)
    assert paths["A"].tolist() == [[9, 1, 1, 1], [9, 9, 9, 2], [9, 9, 9, 9]]
    assert paths.end_times.tolist() == [0.5, 1.5, 0.0]
    for wrong, words in (({"t1": 2.0}, "'to' is missing"), (model.theta | {"tx": 1.0}, "unknown parameter 'tx'")):
        with pytest.raises(jumpax.InputError, match=words):
            jumpax.simulate(model.network, {"k": 0.0} | wrong, model.x0, times=[1.0], paths=2, key=0)
    with pytest.raises(jumpax.InputError, match=r"'to' has 2 values for 24 paths"):
        drawn(model, [1.0], theta=model.theta | {"to": np.ones(2)})


def test_events_at_the_start(tmp_path):
    text = "species A = 9; k = 0; A -> ; k * A; n = 0; E: at time >= 0, t0 = {}: A = 3, n = n + 1"
    for before, left in (("false", 3), ("true", 9)):
        paths = drawn(antimony(tmp_path, text.format(before)), [0.0, 1.0], paths=2)
        assert paths["A"].tolist() == [[left, left]] * 2
    alone = drawn(antimony(tmp_path, text.format("false")), [0.0], paths=2)
    assert alone["A"].tolist() == [[3], [3]]
    assert alone["n"].tolist() == [[1], [1]]


def test_a_parameter_without_a_value_has_none_before_its_event(tmp_path):
    model = antimony(tmp_path, "species A = 9; k = 0; A -> ; k * A; var when; at time >= 1: when = time")
    np.testing.assert_array_equal(drawn(model, [0.5, 1.5], paths=1)["when"], [[np.nan, 1.0]])
    with pytest.raises(jumpax.InputError, match="'n' is read, but has no finite value"):
        antimony(tmp_path, "species A = 9; k = 0; A -> ; k * A; var n; at time >= 1: n = n + 1")


def test_of_equal_priorities_any_is_first(tmp_path):
    """The last one wins: a fair coin."""
    text = "species A = 9; k = 0; A -> ; k * A; " + "; ".join(
        f"at time >= 1, priority = {p}, fromTrigger = false: A = {a}" for p, a in (("k", 1), ("0", 7), ("2", 5))
    )
    model = antimony(tmp_path, text)
    ends = jumpax.simulate(model, times=[1.0], paths=900, key=4, engine="cpu")["A"][:, 0]
    assert set(np.unique(ends)) == {1, 7}  # never 5: it goes first
    near(ends == 1, 0.5)


def test_clocks_in_other_words(tmp_path):
    base = "species A = 9; k = 0; A -> ; k * A; p = {}; "
    for p, trigger in (
        (1e9, "time >= p"), (1e9, "p <= time"), (1e9, "time - p > 0"), (2e9, "2 * time >= p"), (0.25, "p * time > 2.5e8"),
        (1e9, "not(time < p)"), (3.0, "(time - 1e9) / 24 >= p - 3"),
    ):  # fmt: skip
        model = antimony(tmp_path, f"{base.format(p)} at {trigger}: A = 3")
        for engine in ("reference", "cpu", *(["xla"] if p == 3.0 else [])):
            paths = jumpax.simulate(
                model, times=[0.0, 1e9 - 1, 1e9 + 1e-6], paths=1, key=0, engine=engine, precision="float64"
            )
            assert paths["A"].tolist() == [[9, 9, 3]], (trigger, engine)


def test_events_share_their_state(tmp_path):
    """A switch of two events that set each other's time: on from 1 to 1.5, from 2.5 to 3, ..."""
    text = "on = 1; off = 1e6; n = 0; at time >= on: k = 10, off = on + 0.5, n = n + 1; at time >= off: k = 0, on = off + 1, off = 1e6"
    model = antimony(tmp_path, f"species X = 0; k = 0; up: -> X; k; {text}")
    paths = drawn(model, [1.0, 1.5, 2.5, 3.0, 4.0], paths=2000, engine="cpu")
    near(paths["X"][:, 1:], [5.0, 5.0, 10.0, 10.0])
    assert np.unique(paths["n"], axis=0).tolist() == [[1, 1, 2, 2, 3]]
    assert np.unique(paths["k"], axis=0).tolist() == [[10, 0, 10, 0, 10]]


def test_times_that_differ_beside_rates_that_depend_on_time(tmp_path):
    model = antimony(tmp_path, "species A = 9; A -> ; A * (1 + time); p = 1; at time >= p: A = 9, p = p + 1")
    paths = drawn(model, [0.5, 2.5], paths=2, bound=60.0)
    assert paths["p"].tolist() == [[1, 3]] * 2
    paths = drawn(model, [0.5, 2.5], paths=2, bound=60.0, theta={"p": np.array([1.0, 2.0])})
    assert paths["p"].tolist() == [[1, 3], [2, 3]]


def test_a_data_set_has_the_parameters_of_events(tmp_path):
    model = antimony(tmp_path, "species A = 9; k = 0; A -> ; k * A; n = 0; at time >= 1: n = n + 1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        data = to_dataset(drawn(model, [0.5, 1.5], paths=2))
    assert data["parameter_n"].values.tolist() == [[0, 1]] * 2
