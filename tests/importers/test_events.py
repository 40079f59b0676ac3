"""Events happen at exactly their moment, in SBML's order; what they do is the law of the suite's cases."""

import numpy as np
import pytest
from model_files import CASES, antimony

import jumpax
from jumpax._base.errors import JumpaxWarning, SimulationError, UnsupportedError

NETWORK = "species A, B; A = 40; B = 10; k = 0.5; g = 0.25; a: A -> B; k * A; b: B -> A; g * B;"
ENGINES = (("reference", "float32"), ("cpu", "float32"), ("cpu", "float64"))
"""Of two engines and `xla` for some of the moments; tests/engines compares them on networks with events."""
STILL = NETWORK.replace("k * A", "1e-12 * k * A").replace("g * B", "1e-12 * g * B")


def drawn(folder, events, times=(1.0, 2.0), **how):
    how = {"paths": 16, "key": 1, "precision": "float32"} | how
    return jumpax.simulate(antimony(folder, NETWORK + events), times=times, **how)


def settled(folder, events, now=1.0, engines=ENGINES):
    """Counts after all that happens at one moment, in which A = 40 and B = 10."""
    model = antimony(folder, STILL + events)
    ends = [
        jumpax.simulate(model, times=[now], paths=1, key=1, engine=engine, precision=precision).counts[0, 0].tolist()
        for engine, precision in engines
    ]
    assert ends == ends[:1] * len(engines)
    return ends[0]


@pytest.mark.fault(25)
def test_at_its_time_between_outputs_and_at_one(tmp_path):
    paths = drawn(tmp_path, "at time >= 1.25: A = 0, B = 7, k = 0, g = 0; E: at time > 2: A = 5", (1.0, 1.5, 2.0))
    assert (paths["A"] + paths["B"])[:, 0].tolist() == [50] * 16
    assert paths["A"][:, 0].std() > 0
    assert paths["A"][:, 1:].tolist() == [[0, 5]] * 16  # the state at 2 is that after the event at 2
    assert paths["B"][:, 1:].tolist() == [[7, 7]] * 16  # nothing reacts after 1.25


def test_right_sides_are_read_before_anything_is_assigned(tmp_path):
    ends = settled(tmp_path, "at time >= 1: A = B, B = A + 100", engines=(*ENGINES, ("xla", "float32")))
    assert ends == [10, 140]


def test_what_nothing_reads_may_be_assigned(tmp_path):
    assert settled(tmp_path, "unread = 1; at time >= 1: A = 5, unread = 3") == [5, 10]


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ("at time >= 1, priority = 1: A = 1; at time >= 1, priority = 2: A = 7", 1),
        ("at time >= 1, priority = 2: A = 1; at time >= 1, priority = 1: A = 7", 7),
        ("at time >= 1, fromTrigger = false: A = 1; at time >= 1, fromTrigger = false: A = A + 5", 6),
        ("at time >= 1, priority = 2: A = 0; at time >= 1 && A >= 0 && A + B == 50, persistent = false: A = 99", 0),
        ("at time >= 1, priority = 2: A = 0; at time >= 1 && A >= 0 && A + B == 50, persistent = true: A = 99", 99),
    ],
)
@pytest.mark.fault(26)
def test_order_and_persistence(tmp_path, events, end):
    engines = (*ENGINES, ("xla", "float32")) if "persistent = false" in events else ENGINES
    assert settled(tmp_path, events, engines=engines)[0] == end


def test_true_from_the_start_is_no_change(tmp_path):
    assert settled(tmp_path, "at A >= 0, t0 = true: A = 3") == [40, 10]
    assert settled(tmp_path, "at A >= 0, t0 = false: A = 3") == [3, 10]


def test_a_state_event_stops_each_path_where_it_crosses(tmp_path):
    text = "species X; X = 0; n = 0; up: -> X; 10 + 0 * n; at X >= 12: X = 0, n = n + 1"
    model = antimony(tmp_path, text)
    paths = jumpax.simulate(model, times=np.arange(1.0, 7.0), paths=64, key=2, precision="float32")
    assert paths["X"].max() == 11
    assert (paths["X"] == paths.events.reshape(-1, 1) % 12)[:, -1].all()  # every twelfth birth is the event


@pytest.mark.fault(26)
def test_storms_and_impossible_counts(tmp_path):
    storm = "at k < 0.6: k = 1; at k > 0.6: k = 0.5; at time >= 0.5: k = 1"
    with pytest.raises(SimulationError, match="storm"):
        settled(tmp_path, storm)
    with pytest.raises(SimulationError, match=r"sets A to 2\.5"):
        settled(tmp_path, "at time >= 0.5: A = 2.5")


@pytest.mark.parametrize(
    "trigger",
    [
        "sin(time) > 0.5", "time > A", "time * time > 2", "time == 3 && A > 2", "time == A",
        "time == 3 || A > 2", "time == 3 || time == k", "time == next",
    ],
)  # fmt: skip
def test_triggers_that_are_refused(tmp_path, trigger):
    with pytest.raises(UnsupportedError, match="trigger"):
        antimony(tmp_path, f"{NETWORK} next = 1; at {trigger}: A = 3, next = next - 0.5")


def test_each_of_several_moments_comes(tmp_path):
    """Of several times each is one, and each that the event itself sets; where other conditions that never change are false, there are none."""
    text = "species A; A = 5; r: A -> ; 1e-12 * A; two = 2; n = 0; m = 0; none = 0; q = 0; next = 0.5;"
    events = (
        "time == 0.5 || (time == 1.5 || time == 1): n = n + 1",
        "two == 2 && (time == 0.75 || time == 1.25): m = m + 1",
        "two == 1 && time == 0.75: none = 1",
        "time == next && next < 1.5: q = q + 1, next = 0.6 + next",
    )
    model = antimony(tmp_path, text + "; ".join(f"at {event}" for event in events))
    paths = jumpax.simulate(model, times=[0.7, 0.9, 1.05, 1.4, 2.0], paths=1, key=3)
    assert paths["n"].tolist() == [[1, 1, 2, 2, 3]]
    assert paths["m"].tolist() == [[0, 1, 1, 2, 2]]
    assert paths["none"].tolist() == [[0] * 5]
    assert paths["q"].tolist() == [[1, 1, 1, 2, 2]]  # 0.5, 1.1; not 1.7


def test_time_dependent_rates_with_state_events(tmp_path):
    """Deaths at A (1 + t), refilled from 4 to 9: each refill is the fifth death."""
    model = antimony(tmp_path, "species A; A = 9; n = 0; a: A -> ; A * (1 + time); at A < 5: A = 9, n = n + 1")
    paths = jumpax.simulate(model, times=[1.0], paths=200, key=1, bound=20.0)
    assert (9 - paths["A"][:, 0] + 5 * paths["n"][:, 0] == paths.events).all()
    assert paths["n"].max() > 1


def test_commands_do_not_pass_over_events():
    from jumpax.cli.models import find_file

    file = str(CASES / "00029" / "00029-sbml-l3v1.xml")
    assert [event.name for event in find_file(file)[0].network.events] == ["reset"]
    with pytest.warns(JumpaxWarning, match="without its events"):
        assert find_file(file, without_events=True)[0].network.events == ()
