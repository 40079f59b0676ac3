"""Delays of events in files: read, written, and beside libroadrunner where events alone move.

Two things are left out of that comparison and judged by their schedule, as libroadrunner 2.10 has another rule for them than the
standard (and COPASI, which agrees with jumpax on hundreds of such models): triggers that are not persistent, where what is under way
ends when another event is carried out; and triggers that the time turns false.
"""

import importlib.util
import warnings

import numpy as np
import pytest
from model_files import antimony

import jumpax
from jumpax import Event, MassAction, Network, Reaction

STILL = "species A = 9; k = 0; J: A -> ; k * A; "
TIMES = np.arange(0.1, 9.0, 0.25)
LASTING = """
p = 1.5; q = 0; r = 1; s = 0; u = 1; v = 0; n = 0;
E0: at 2.3 after (p > 1), t0 = false: p = 3; E1: at 1.5 after (p > 1), t0 = false: p = 0;
E2: at 1.07 + 0.37 * p after (time > 0.71): q = time, r = r + q + 1;
E3: at 0.5 + 0.11 * time after (p < 0.5), fromTrigger = false: s = time;
E4: at 4.2 after (p > 1), t0 = false, fromTrigger = false: n = n + 1;
E5: at 3.33 after (time > 1.07): u = 2 * u; E6: at 2 after (time > 2.93), priority = u: u = u + 3;
E7: at 1.9 after (u > 3.5): v = v + u;
"""


def drawn(model, names, times=TIMES, engine="cpu"):
    paths = jumpax.simulate(model, times=times, paths=1, key=0, precision="float64", engine=engine)
    return np.stack([paths[name][0] for name in names], 1)


@pytest.mark.skipif(importlib.util.find_spec("roadrunner") is None, reason="needs libroadrunner")
def test_beside_libroadrunner(tmp_path):
    """Persistent events on parameters that nothing else moves: overlaps, values of both times, delays that are formulas."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of SWIG
        import roadrunner

    model, names = antimony(tmp_path, STILL + LASTING), list("pqrsuvn")
    jumpax.write(model, tmp_path / "again.xml")
    peer = roadrunner.RoadRunner(str(tmp_path / "again.xml"))
    peer.integrator.relative_tolerance, peer.integrator.maximum_time_step = 1e-9, 0.01
    peer.timeCourseSelections = names
    judge = np.asarray(peer.simulate(times=[0.0, *TIMES]))[1:]
    ours = drawn(model, names)
    np.testing.assert_allclose(ours, judge, rtol=1e-6)
    assert all(len(np.unique(column)) > 1 for column in ours.T)


def test_two_events_that_end_and_begin_each_other(tmp_path):
    """As case 1754 of the SBML test suite: one goes 1.5 after the other, which follows 0.8 later."""
    model = antimony(tmp_path, STILL + LASTING.split("E2")[0])
    early = [-9.0, *(1.5 + 2.3 * n for n in range(4))]
    late = [0.0, *(2.3 + 2.3 * n for n in range(4))]
    high = np.array([np.searchsorted(late, t, "right") > np.searchsorted(early, t, "right") - 1 for t in TIMES])
    expected = np.where(TIMES < 1.5, 1.5, np.where(high, 3.0, 0.0))
    np.testing.assert_array_equal(drawn(model, ["p"])[:, 0], expected)


@pytest.mark.parametrize("engine", ["reference", "cpu"])
def test_triggers_that_are_not_persistent(tmp_path, engine):
    """What is under way ends when the trigger turns false, by the time or by another event, and by nothing else."""
    text = """a = 0; b = 0; c = 0; x = 0;
    E0: at 2 after (time > 1 && time < 2.5), persistent = false: a = time;
    E1: at 2 after (time > 1 && time < 3.5), persistent = false: b = time;
    E2: at 1 after (x > 0.5), persistent = false, fromTrigger = false: c = time;
    S1: at time > 4: x = 1; S2: at time > 4.75: x = 0; S3: at time > 5: x = 2; S4: at time > 5.5: x = 1; S5: at time > 6.5: x = 0"""
    ours = drawn(antimony(tmp_path, STILL + text), ["a", "b", "c"], [0.5, 2.9, 3.0, 5.9, 6.0, 8.0], engine)
    np.testing.assert_array_equal(ours[:, 0], 0)
    np.testing.assert_allclose(ours[:, 1], [0, 0, 1, 1, 1, 1])  # read at the trigger
    np.testing.assert_allclose(ours[:, 2], [0, 0, 0, 0, 6, 6])


def test_a_delay_of_zero_is_none(tmp_path):
    model = antimony(tmp_path, STILL + "n = 0; E: at 0 after (time > 1): n = n + 1")
    assert model.events[0].delay is None
    assert drawn(model, ["n"], [0.5, 1.0, 2.0])[:, 0].tolist() == [0, 1, 1]


@pytest.mark.parametrize("name", ["m.xml", "m.ant"])
def test_written_and_read_again(tmp_path, name):
    read = antimony(tmp_path, STILL + LASTING)
    jumpax.write(read, tmp_path / name)
    assert jumpax.read(tmp_path / name).events == read.events
    network = Network([Reaction("A -> 0", MassAction("k"), name="decay")], events=[
        Event.at(1.0, {"A": 1}, delay=lambda A, tau: tau / A, persistent=False, name="late"),
        Event.when(lambda A: A < 2, {"A": 7}, delay="tau", early=True, name="refill"),
    ])  # fmt: skip
    theta, x0 = {"k": 0.0, "tau": 3.0}, {"A": 3}
    jumpax.write(network, tmp_path / name, theta=theta, x0=x0)
    again = jumpax.read(tmp_path / name)
    assert [(e.persistent, e.early) for e in again.events] == [(False, False), (True, True)]
    for made in (again, Network(again.network.reactions, events=network.events)):
        paths = jumpax.simulate(made, theta, x0, times=[1.99, 2.0, 4.99, 5.0], paths=1, key=0)
        assert paths["A"].tolist() == [[3, 1, 1, 7]]
