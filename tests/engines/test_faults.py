"""Faults that simulators are known for, and the behaviour that a user deserves; numbers as in docs/faults.md.

An error before anything is compiled names the thing and the remedy. What only a path can show becomes a status of the
path: an exception by default, a mask with `throw=False`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax import InputError, JumpaxWarning, MassAction, Network, Reaction, SimulationError, Status
from jumpax._base import random
from jumpax._base.clock import Time
from jumpax.engines import inputs as make_inputs
from jumpax.engines import xla
from jumpax.engines.lane import begin
from jumpax.engines.program import Program, Times
from jumpax.engines.turn import decide
from jumpax.folds import Score, Snapshots
from tables import model, run, same_paths

DECAY = Network([Reaction("A -> ∅", MassAction("k"), name="decay")])
ARRIVALS = Network([Reaction("∅ -> X", MassAction("k"), name="arrival")])
ENGINES = ["cpu", "xla", "reference"]


def simulate(network, theta, x0, **options):
    return jumpax.simulate(network, theta, x0, **({"times": [1.0, 2.0], "paths": 3, "key": 0} | options))


def statuses(network, theta, x0, **options):
    """Statuses without throwing, and the message when it does throw."""
    flagged = simulate(network, theta, x0, throw=False, **options)
    with pytest.raises(SimulationError) as raised:
        simulate(network, theta, x0, **options)
    return flagged, str(raised.value)


@pytest.mark.fault(1)
def test_fault_01_negative_rate_constant():
    with pytest.raises(InputError, match=r"'k' is negative: -1"):
        simulate(DECAY, {"k": -1.0}, {"A": 5})
    with pytest.raises(InputError, match=r"'k' is negative: -2 \(path 1\)"):
        simulate(DECAY, {"k": [1.0, -2.0, 1.0]}, {"A": 5})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.fault(2)
def test_fault_02_rate_that_is_no_number(value):
    with pytest.raises(InputError, match="'k' is not finite"):
        simulate(DECAY, {"k": value}, {"A": 5})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("law", ["not a number", "infinite"])
@pytest.mark.fault(2)
def test_fault_02_propensity_that_is_no_number(law, engine):
    functions = {"not a number": lambda B, k: k * jnp.sqrt(B - 3.0), "infinite": lambda B, k: k / jnp.maximum(B - 2, 0)}
    network = Network([Reaction("A -> ∅", MassAction("d")), Reaction("∅ -> B", functions[law], name="odd")])
    flagged, message = statuses(network, {"k": 0.5, "d": 30.0}, {"A": 5, "B": 2}, engine=engine)
    assert (flagged.status == Status.BAD_PROPENSITY).all()
    assert (flagged.end_counts == [5, 2]).all()
    assert (flagged.counts == -1).all()
    assert "BAD_PROPENSITY: 3 of 3 paths" in message
    assert f"reaction 'odd' has propensity {'nan' if law == 'not a number' else 'inf'}" in message
    assert "A = 5, B = 2" in message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(3)
def test_fault_03_negative_propensity_names_reaction_state_and_time(engine):
    odd = Reaction("∅ -> B", lambda A, k: k * (A - 5), name="odd")
    network = Network([Reaction("A -> ∅", MassAction("d"), name="decay"), odd])
    flagged, message = statuses(network, {"d": 30.0, "k": 1.0}, {"A": 8, "B": 0}, engine=engine)
    assert (flagged.status == Status.BAD_PROPENSITY).all()
    assert (flagged.end_counts[:, 0] == 4).all()
    assert "'odd' has propensity -1" in message
    assert "A = 4" in message
    assert f"at time {flagged.end_times[0]:g}" in message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(4)
def test_fault_04_constant_consumption(engine):
    with pytest.warns(JumpaxWarning, match="does not read the reactant A"):
        network = Network([Reaction("A -> ∅", lambda k: k, name="drain")])
    flagged, message = statuses(network, {"k": 50.0}, {"A": 2}, engine=engine)
    assert (flagged.status == Status.NEGATIVE_COUNT).all()
    assert (flagged.end_counts == -1).all()
    assert "below zero: A" in message
    assert "'drain'" in message


@pytest.mark.fault(5)
def test_fault_05_law_that_does_not_vanish():
    with pytest.warns(JumpaxWarning, match=r"vanish at X = 1.*X \* \(X - 1\)"):
        Network([Reaction("2 X -> ∅", lambda X, k: k * X**2)])


@pytest.mark.fault(6)
def test_fault_06_one_convention_for_combinations():
    network = Network([Reaction("2 X -> Y", MassAction("k"))])
    assert float(network.propensities((jnp.float32(7), jnp.float32(0)), {"k": 2.0}, 0.0)[0]) == 2.0 * 7 * 6 / 2
    assert "X" in network.describe()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stops", [{"times": [1.0, 50.0, 60.0]}, {"steps": [2, 4, 100]}], ids=["times", "steps"])
@pytest.mark.fault(7)
def test_fault_07_absorbed_paths_are_held(engine, stops):
    score = Score(DECAY, ("k",))
    options = {"times": None} | stops
    paths = simulate(DECAY, {"k": 2.0}, {"A": 4}, record=score, engine=engine, **options)
    assert (paths.status == Status.ABSORBED).all()
    assert (paths.events == 4).all()
    assert (paths["A"][:, 1:] == 0).all()
    np.testing.assert_array_equal(paths.records[0][:, 1], paths.records[0][:, 2])  # the score has stopped too
    assert np.isfinite(paths.end_times).all()


@pytest.mark.fault(7)
def test_fault_07_nothing_ever_happens():
    paths = simulate(DECAY, {"k": 0.0}, {"A": 4})
    assert (paths.status == Status.ABSORBED).all()
    assert (paths["A"] == 4).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(8)
def test_fault_08_explosion_spends_its_budget(engine):
    network = Network([Reaction("X -> 2 X", lambda X, k: k * X**2, name="boom")])
    flagged, message = statuses(network, {"k": 1.0}, {"X": 1}, max_events=200, engine=engine, times=[0.0, 50.0])
    assert (flagged.status == Status.EVENT_BUDGET).all()
    assert (flagged.events == 200).all()
    assert (flagged.counts[:, 0] == 1).all()
    assert (flagged.counts[:, 1] == -1).all()
    assert "EVENT_BUDGET: 3 of 3 paths" in message
    assert "after 200 events" in message
    assert f"at time {flagged.end_times[0]:g} with X = 201" in message
    assert "max_events" in message


@pytest.mark.fault(8)
def test_fault_08_a_budget_that_suffices_exactly():
    assert (simulate(DECAY, {"k": 50.0}, {"A": 5}, max_events=5).events == 5).all()


@pytest.mark.fault(9)
def test_fault_09_truncated_paths_are_not_averaged():
    network = Network([Reaction("X -> 2 X", MassAction("k"))])
    paths = simulate(network, {"k": 1.0}, {"X": 1}, max_events=3, paths=200, throw=False)
    cut = paths.faulty
    assert 0 < cut.sum() < 200
    for statistic in (paths.mean, paths.variance):
        with pytest.raises(SimulationError, match=rf"{cut.sum()} of 200 .*EVENT_BUDGET.*allow_truncated"):
            statistic()
    assert (paths.counts[cut, 1] == -1).all()
    assert paths.valid[~cut].all()
    np.testing.assert_allclose(paths.mean(allow_truncated=True)[1], paths.counts[~cut, 1].mean(0))
    reals = simulate(network, {"k": 1.0}, {"X": 1}, max_events=3, paths=200, throw=False, record=Score(network, ("k",)))
    assert np.isnan(reals.records[0][cut, 1]).all()


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("state", "first"), [((0, 1, 0, 0), 0), ((0, 0, 0, 2**32 - 1), 2**32 - 1)], ids=["0", "1"])
@pytest.mark.fault(10, 11)
def test_faults_10_and_11_extreme_words_move_the_path(precision, state, first):
    """A uniform number whose bits are all 0, or all 1: the wait is finite, and may be 0."""
    program = Program(ARRIVALS, Snapshots(), precision)
    stream = random.Stream(*(jnp.uint32(word) for word in state))
    assert int(random.draw(stream)[0]) == first
    with jax.enable_x64(precision == "float64"):
        zero = jnp.asarray(0, program.dtype)
        theta, number = {"k": zero + 1}, jnp.uint32(0)
        stop = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), make_inputs.make_stops(program, Times((1e3,))))
        lane = begin(program, (number, number), number, (jnp.int32(0),), theta, Time(zero, zero), stop)
        lane = lane._replace(streams=(stream,) * len(lane.streams))
        made = decide(program, lane, theta, jnp.int32(10))
    assert int(made.outcome) == 0  # the first reaction fires: neither a stop nor a fault
    assert 0 <= float(made.arrival.high) < 45


@pytest.mark.fault(12)
def test_fault_12_a_stalled_clock_is_seen():
    """In float32 every wait is too short for the clock, so the paths are drawn in float64."""
    start = 1e5 + 2.0**-10
    options = {"start": start, "precision": "float32", "max_events": 10**6}
    sound = simulate(ARRIVALS, {"k": 1e13}, {"X": 0}, times=start + 2.0**-30, **options)
    assert sound.redrawn.all()
    assert (sound.status == Status.REACHED).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(12)
def test_fault_12_a_clock_that_would_stall_after_the_last_stop(engine):
    options = {"start": 1e5, "times": None, "steps": 0, "precision": "float32", "engine": engine}
    assert (simulate(ARRIVALS, {"k": 1e13}, {"X": 0}, **options).status == Status.REACHED).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": 2.0, "times": 1.0}, "before the start"),
        ({"times": np.inf}, "not finite"),
        ({"times": np.nan}, "not finite"),
        ({"start": np.nan}, "start time must be finite"),
        ({"times": []}, "non-empty"),
        ({"times": None}, "either times=... .* or steps=..."),
        ({"times": 1.0, "steps": 3}, "either times=... .* or steps=..."),
    ],
)
@pytest.mark.fault(13)
def test_fault_13_end_time_that_makes_no_sense(options, words):
    with pytest.raises(InputError, match=words):
        simulate(DECAY, {"k": 1.0}, {"A": 5}, **options)


@pytest.mark.fault(14)
def test_fault_14_grid_out_of_order_names_all():
    with pytest.raises(InputError) as raised:
        simulate(DECAY, {"k": 1.0}, {"A": 5}, times=[-1.0, 0.5, 0.5, 3.0, 2.0])
    for place in ("times[0] = -1.0", "times[2] = 0.5", "times[4] = 2.0", "strictly increasing"):
        assert place in str(raised.value)
    for steps in ([2, 1], [1, 1], [-1, 2], [1.5]):
        with pytest.raises(InputError, match="steps must be"):
            simulate(DECAY, {"k": 1.0}, {"A": 5}, times=None, steps=steps)


@pytest.mark.fault(15)
def test_fault_15_values_are_right_continuous():
    """After the first event of each path, at the time of that event: see also the tests of the clock."""
    logged = simulate(DECAY, {"k": 1.0}, {"A": 1}, times=30.0, paths=1, record=jumpax.Events())
    time = logged.log.times[0]
    paths = simulate(DECAY, {"k": 1.0}, {"A": 1}, times=[0.999 * time, time], paths=1)
    assert paths["A"].tolist() == [[1, 0]]


@pytest.mark.fault(16)
def test_fault_16_fractional_start():
    with pytest.raises(InputError, match=r"'A' is not a whole number: 2.5"):
        simulate(DECAY, {"k": 0.0}, {"A": 2.5})
    assert (simulate(DECAY, {"k": 0.0}, {"A": 24.999999999999996}, round_counts=True)["A"] == 25).all()


@pytest.mark.fault(16)
def test_fault_16_the_remedy_named_exists():
    with pytest.raises(InputError, match="round_counts=True"):
        simulate(DECAY, {"k": 0.0}, {"A": 2.5})


@pytest.mark.fault(17)
def test_fault_17_negative_start():
    with pytest.raises(InputError, match="'A' is negative: -10"):
        simulate(DECAY, {"k": 1.0}, {"A": -10})


@pytest.mark.fault(18)
def test_fault_18_start_of_the_wrong_shape_or_name():
    with pytest.raises(InputError, match="shape"):
        simulate(DECAY, {"k": 1.0}, [5, 6])
    with pytest.raises(InputError, match=r"unknown species 'a'; known: A.*\n.*'A' is missing"):
        simulate(DECAY, {"k": 1.0}, {"a": 5})
    with pytest.raises(InputError, match="unknown parameter 'K'; known: k"):
        simulate(DECAY, {"K": 1.0}, {"A": 5})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(19)
def test_fault_19_count_overflow(engine):
    flagged, message = statuses(ARRIVALS, {"k": 100.0}, {"X": 2**31 - 5}, engine=engine)
    assert (flagged.status == Status.COUNT_OVERFLOW).all()
    assert (flagged.events == 5).all()
    assert "COUNT_OVERFLOW: 3 of 3" in message


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.fault(19)
def test_fault_19_falling_factorials_do_not_overflow(precision):
    network = Network([Reaction("3 A -> 2 A", MassAction("k"))])
    paths = simulate(network, {"k": 1e-9}, {"A": 50_000}, times=None, steps=[10], precision=precision, paths=100)
    assert (paths["A"] == 49_990).all()
    # ten waits of mean 1 / (k C(50000, 3)) in 100 paths: a Gamma of shape 1,000; |z| < 5 fails with probability 6e-7
    mean = 10 / (1e-9 * 50_000 * 49_999 * 49_998 / 6)
    assert abs(paths.end_times.mean() / mean - 1) < 5 / np.sqrt(1000)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(19)
def test_fault_19_counts_beyond_float32_stay_exact(engine):
    paths = simulate(ARRIVALS, {"k": 20.0}, {"X": 2**24}, engine=engine, precision="float32")
    np.testing.assert_array_equal(paths["X"][:, 1] - 2**24, paths.events)
    assert (paths.events % 2 == 1).any()


@pytest.mark.fault(20)
def test_fault_20_values_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="largest count"):
        simulate(DECAY, {"k": 1.0}, {"A": np.int64(2**40)})
    with pytest.raises(InputError, match="largest count"):
        simulate(DECAY, {"k": 1.0}, {"A": 2**80})
    with pytest.raises(InputError, match="max_events"):
        simulate(DECAY, {"k": 1.0}, {"A": 1}, max_events=2**40)
    with pytest.raises(InputError, match="paths"):
        simulate(DECAY, {"k": 1.0}, {"A": 1}, paths=2.5)


@pytest.mark.parametrize("value", [1e39, 1e-46])
@pytest.mark.fault(20)
def test_fault_20_rates_beyond_float32_are_refused(value):
    """1e39 would become infinite and 1e-46 would become 0."""
    with pytest.raises(InputError, match=r"outside float32.*'k' = 1e[+-].*float64"):
        simulate(ARRIVALS, {"k": value}, {"X": 0}, precision="float32")


@pytest.mark.long
@pytest.mark.parametrize("per_path", [False, True])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.fault(21)
def test_fault_21_rare_channels_fire_at_their_rate(last, per_path):
    """A switch with 2e-8 of all events, listed first or last; 2e9 events. |z| < 4 fails with probability 6e-5."""
    switch = Reaction("off -> on", MassAction("k"), name="switch")
    pair = Reaction("A <-> B", MassAction("f"), MassAction("f"))
    network = Network([pair, switch] if last else [switch, pair])
    paths, exact = 1000, 1 - np.exp(-0.04)
    theta = {"k": np.full(paths, 0.02) if per_path else 0.02, "f": 500.0}
    made = simulate(network, theta, {"off": 1, "on": 0, "A": 1000, "B": 1000}, times=2.0, paths=paths, key=7)
    on = made["on"][:, 0]
    assert abs(on.mean() - exact) < 4 * np.sqrt(exact * (1 - exact) / paths)


@pytest.mark.fault(22)
@pytest.mark.parametrize("engine", ["cpu", "tables"])
def test_fault_22_totals_do_not_drift(engine):
    """Propensities are summed anew in every state: after 4e5 events the last molecule still decays, and the end is 0."""
    network = Network([Reaction("A <-> B", MassAction("k"), MassAction("k")), Reaction("A -> ∅", MassAction("d"))])
    how = {"times": 1000.0, "precision": "float32", "engine": engine}
    paths = simulate(network, {"k": 1000.0, "d": 0.05}, {"A": 10, "B": 0}, **how)
    assert (paths.events > 100_000).all()
    assert (paths.status == Status.ABSORBED).all()
    assert (paths.counts == 0).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(23)
def test_fault_23_one_bad_propensity_among_others(engine):
    odd = Reaction("∅ -> Y", lambda X, c: c * jnp.log(3 - X), name="odd")
    network = Network([Reaction("∅ -> X", MassAction("k")), odd])
    flagged, message = statuses(network, {"k": 50.0, "c": 0.0}, {"X": 0, "Y": 0}, engine=engine)
    assert (flagged.status == Status.BAD_PROPENSITY).all()
    assert (flagged.end_counts == [3, 0]).all()
    assert "'odd'" in message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(24)
def test_fault_24_time_dependent_rates(engine, monkeypatch):
    monkeypatch.setattr("jumpax.engines.enlarged.DOUBLINGS", 0)
    network = Network([Reaction("∅ -> X", lambda k, t: k * (1 + t), name="growing")])
    with pytest.raises(jumpax.UnsupportedError, match="bound"):
        simulate(network, {"k": 5.0}, {"X": 0})
    flagged, message = statuses(network, {"k": 5.0}, {"X": 0}, bound=20.0, engine=engine, times=50.0)
    assert (flagged.status == Status.BOUND_BROKEN).all()
    assert "larger" in message
    assert (flagged.end_times < 10).all()  # the bound holds until t = 3 and is looked at 20 times per unit of time
    with pytest.raises(InputError, match="bound must be a positive number"):
        simulate(network, {"k": 5.0}, {"X": 0}, bound=-1.0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(24)
def test_fault_24_what_lies_beyond_the_end_is_not_looked_at(engine):
    """After the end the rate is negative, or above its bound."""
    network = Network([Reaction("∅ -> X", lambda k, t: k * (1 - t), name="fading")])
    paths = simulate(network, {"k": 5.0}, {"X": 0}, bound=5.0, engine=engine, times=[0.5, 1.0], paths=20)
    assert not paths.faulty.any()
    assert (paths.end_times <= 1).all()
    broken = Network([Reaction("∅ -> X", lambda k, t: k * (1 + t), name="growing")])
    assert not simulate(broken, {"k": 5.0}, {"X": 0}, bound=10.0, engine=engine, times=1.0, paths=20).faulty.any()


@pytest.mark.fault(39)
def test_fault_39_paths_and_keys_have_streams_of_their_own():
    first, second = (run("association", (), "float64", paths=500, key=key) for key in (1, 2))
    times = np.concatenate([first.end_times, second.end_times])
    assert len(np.unique(times)) == len(times)


@pytest.mark.fault(40)
def test_fault_40_the_number_of_paths_changes_no_path():
    fewer, more = (run("association", (), "float32", paths=paths) for paths in (8, 16))
    np.testing.assert_array_equal(fewer.counts, more.counts[:8])
    np.testing.assert_array_equal(fewer.end_times, more.end_times[:8])


@pytest.mark.fault(41)
def test_fault_41_x64_changes_the_default_precision_and_nothing_else():
    chosen = run("association", (), "float64")
    with jax.enable_x64(True):
        default = run("association", (), None)
    same_paths(default, chosen)
    assert default.provenance["precision"] == "float64"


def test_stragglers_do_not_hold_the_others():
    """Section 7: of the lanes of a bursty telegraph more than 80 % fire in every turn while paths are left to start."""
    chosen, paths = model("telegraph"), 8192
    theta = chosen.theta | {"k_on": 0.05, "k_off": 0.5, "k_tx": 60.0}
    program = Program(chosen.network, Snapshots(), "float32")
    counts = np.array(list(chosen.x0.values()), np.int32)
    inputs = make_inputs.make(program, Times((20.0,)), random.key_words(5), theta, counts, paths)
    engine = xla.Xla()
    lanes = engine.start(program, inputs, paths)
    while int(lanes.queue) < paths:
        lanes = engine.advance(program, inputs, lanes, 1)
    ended, fired = np.asarray(lanes.ends[:, 1], np.int64), np.asarray(lanes.lane.events, np.int64)
    assert ended.max() > 3 * ended[ended > 0].mean()  # there are stragglers
    events = ended.sum() + fired[np.asarray(lanes.path) >= 0].sum()
    assert events / float(lanes.turns) > 0.8
