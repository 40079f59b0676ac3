"""Events with delays: their schedule, what ends them, and the law of what they do.

Schedules are exact. z-scores stay below 4.5 (7e-6 each, 22 of them); seeds were fixed before the first look.
"""

import dataclasses
from contextlib import nullcontext

import jax
import numpy as np
import pytest
from scipy import stats

import jumpax
from jumpax import Event, FixedDelay, GammaDelay, InputError, MassAction, Network, Reaction, Status, TimeAverages
from jumpax.engines.past import check_past
from jumpax.networks import Need
from jumpax.networks.expressions.expression import Name, Number, Time, call

BIRTH, DECAY = Reaction("0 -> A", MassAction("b"), name="birth"), Reaction("A -> 0", MassAction("d"), name="decay")
TIMES = np.arange(0.25, 6.1, 0.25)


def later(first, value, before=0.0):
    return np.where(first <= TIMES, value, before)


def pulses(time):
    """How many of the pulses at 0.5, 1, 1.5, ... there were up to a time."""
    return np.maximum(np.floor(2 * time), 0)


def overlapping():
    """Each of these executions adds one to what was there 1.75 before it."""
    found = [0.0]
    for number in range(int(pulses(TIMES[-1] - 1.75))):
        found.append(1.0 + found[int(pulses(0.5 * (number + 1) - 1.75))])
    return np.array(found)[pulses(TIMES - 1.75).astype(int)]


PULSE = Event.at("due", {"due": lambda due: due + 0.5}, name="pulse")
CASES = {
    "a": (later(1.5, 1.0), [Event.at(1.0, {"a": 1.0}, delay=0.5)]),
    "at_trigger": (later(2.25, 1.0), [Event.at(1.0, {"at_trigger": "t"}, delay="wait", early=True)]),
    "of_state": (later(4.5, 4.5), [Event.at(1.0, {"of_state": "t"}, delay=lambda A, t, wait: A * 0.25 + t * wait)]),
    "n": (pulses(TIMES - 1.75), [Event.at("due", {"n": lambda n: n + 1}, delay=1.75, queue=4), PULSE]),
    "m": (overlapping(), [Event.at("due", {"m": lambda m: m + 1}, delay=1.75, early=True, queue=4)]),
    "moved_on": (later(9.0, 1.0), [Event.at("due", {"moved_on": 1.0}, delay=0.125, persistent=False)]),
    "window": (later(4.0, 4.0), [
        *(Event.at(time, {"on": float(on)}) for time, on in ((2.0, True), (2.5, False), (3.0, True))),
        Event.when(lambda on: on > 0.5, {"window": "t"}, delay=1.0, persistent=False),
    ]),
    "again": (later(3.5, 3.5), [  # false and true at one moment, 2.5: what was to come at 3 ends, and begins anew
        *(Event.at(time, {"up": up}, priority=2 - up) for time, up in ((2.0, 1.0), (2.5, 0.0), (2.5, 1.0))),
        Event.when(lambda up: up > 0.5, {"again": "t"}, delay=1.0, persistent=False),
    ]),
    "twice": (later(3.0, 1.0) + later(3.5, 1.0), [
        Event.when(lambda up: up > 0.5, {"twice": lambda twice: twice + 1}, delay=1.0),
    ]),
    "x": (later(3.0, 5.0, 1.0), [  # twice that first: the priority is read when they are carried out
        Event.at(2.0, {"x": lambda x: x + 3}, delay=1.0, priority=0.5),
        Event.at(1.0, {"x": lambda x: 2 * x}, delay=2.0, priority="a"),
    ]),
    "never": (later(9.0, 1.0), [Event.at(1.0, {"never": 1.0}, delay="ever")]),
    "follows": (later(1.5, 1.5), [Event.when(lambda a: a > 0.5, {"follows": "t"})]),
    "at_once": (later(1.5, 1.5), [Event.when(lambda a: a > 0.5, {"at_once": "t"}, delay=0.0)]),
}  # fmt: skip
"""By the parameter that is looked at: its values, and the events behind them."""
SCHEDULE = Network([DECAY], events=[event for _, events in CASES.values() for event in events])
NUMBERS = dict.fromkeys(SCHEDULE.parameters, 0.0) | {"d": 1e-12, "wait": 1.25, "due": 0.5, "x": 1.0, "ever": np.inf}


@pytest.mark.parametrize(
    ("engine", "precision"),
    [
        ("reference", "float32"),
        ("cpu", "float32"),
        ("cpu", "float64"),
        ("gpu_on_host", "float32"),
        pytest.param("xla", "float32", marks=pytest.mark.long),
    ],
)
def test_a_schedule(engine, precision):
    paths = jumpax.simulate(
        SCHEDULE, NUMBERS, {"A": 9}, times=TIMES, paths=1, key=0, engine=engine, precision=precision
    )
    for name, (values, _) in CASES.items():
        np.testing.assert_array_equal(paths[name][0], values, err_msg=name)


def test_a_schedule_of_a_large_network():
    network = Network([DECAY], events=[e for name in ("a", "n", "at_trigger") for e in CASES[name][1]])
    numbers = {name: NUMBERS[name] for name in network.parameters}
    paths = jumpax.simulate(network, numbers, {"A": 9}, times=TIMES, paths=1, key=0, engine="tables")
    for name in ("a", "n", "at_trigger"):
        np.testing.assert_array_equal(paths[name][0], CASES[name][0], err_msg=name)


RANDOM = Network([BIRTH, DECAY], events=[
    Event.when(lambda A: A >= 8, {"A": lambda A: A // 2, "seen": "A"}, delay=lambda A, wait: wait * A, early=True, name="half", priority=1, queue=10),
    Event.when(lambda A: A >= 6, {"n": lambda n: n + 1}, delay="wait", persistent=False, name="stay", priority=1),
    Event.when(lambda n: n >= 3, {"b": lambda b: b / 2}, delay=0.25, name="slower", queue=2),
])  # fmt: skip
THETA = {"b": 12.0, "d": 0.8, "wait": 0.125, "n": 0.0, "seen": 0.0}
STOPS = (0.5, 1.0, 2.0, 3.0)


def drawn(times=STOPS, network=RANDOM, theta=THETA, **how):
    return jumpax.simulate(network, theta, {"A": 4}, **{"times": times, "paths": 40, "key": 29, **how})


@pytest.mark.parametrize("engine", ["cpu", "xla"])
def test_engines_follow_reference_and_paths_forget_the_stops(engine):
    average = TimeAverages(RANDOM)
    judge = drawn(engine="reference", paths=16, record=average)
    ours = drawn(engine=engine, paths=16, record=average)
    more = drawn(np.linspace(0.1, 3.0, 30), engine=engine, paths=11, record=average)
    assert judge["n"][:, -1].max() >= 4
    for field in ("counts", "status", "events"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(judge, field), err_msg=field)
    for moved in RANDOM.moved:
        np.testing.assert_array_equal(ours[moved], judge[moved])
        np.testing.assert_array_equal(more[moved][:, -1], ours[moved][:11, -1])
    np.testing.assert_array_equal(more.end_counts, ours.end_counts[:11])
    np.testing.assert_allclose(ours.records[0], judge.records[0], rtol=1e-4)
    steps = drawn(None, steps=[5, 40], engine=engine, paths=8)
    np.testing.assert_array_equal(steps.counts, drawn(None, steps=[5, 40], engine="reference", paths=8).counts)


def test_the_log_has_executions():
    """Each of `half` comes after the passage that began it, by its delay; `stay` only where counts stayed."""
    paths = drawn(record=jumpax.Events())
    np.testing.assert_array_equal(paths.counts, drawn().counts)
    log, found = paths.log, 0
    for path in range(40):
        times, numbers = log.of(path)
        counts = log.counts[log.offsets[path] : log.offsets[path + 1], 0]
        rose = (counts >= 8) & (np.concatenate([[4], counts[:-1]]) < 8)
        due = times[rose] + 0.125 * counts[rose]
        np.testing.assert_allclose(times[numbers == 4], np.sort(due[due <= 3.0]), rtol=1e-5)
        for when in times[numbers == 5]:
            inside = (times > when - 0.1249) & (times < when)
            assert (counts[inside] >= 6).all()
            found += 1
    assert found > 40


@pytest.mark.long
def test_beside_delayed_reactions():
    late = Network([
        Reaction("0 -> A", MassAction("b"), delay=GammaDelay(2.0, "wait"), name="birth"), DECAY,
    ], events=RANDOM.events)  # fmt: skip
    judge, ours = (drawn(network=late, engine=engine) for engine in ("reference", "xla"))
    np.testing.assert_array_equal(ours.counts, judge.counts)
    np.testing.assert_array_equal(ours["n"], judge["n"])


def z(sample, expected):
    sample = np.asarray(sample, np.float64)
    return (sample.mean(0) - expected) / (sample.std(0, ddof=1) / np.sqrt(len(sample)))


@pytest.mark.parametrize("engine", ["cpu", "tables"])
def test_births_that_are_reset_late_are_a_renewal_process(engine):
    """From each reset 5 births and tau more: reset number k comes by t as often as Gamma(5 k) by b (t - k tau)."""
    network = Network([BIRTH], events=[
        Event.when(lambda A: A >= 5, {"A": 0, "n": lambda n: n + 1}, delay="tau"),
    ])  # fmt: skip
    times, theta = np.array([1.5, 4.0]), {"b": 6.0, "tau": 0.4, "n": 0.0}
    paths = jumpax.simulate(network, theta, {"A": 0}, times=times, paths=20_000, key=61, engine=engine)
    for k in (1, 2, 3):
        share = stats.gamma.cdf(6.0 * (times - k * 0.4), 5 * k)
        error = np.sqrt(share * (1 - share) / 20_000)
        assert (np.abs((paths["n"] >= k).mean(0) - share) <= 4.5 * error + 1 / 20_000).all(), k


def test_a_visit_that_is_left_too_early_does_not_count():
    """Visits begin at rate a P(away); each lasts longer than tau with probability exp(-c tau)."""
    visit = {"delay": "tau", "queue": 64}
    network = Network([Reaction("X -> Y", MassAction("a")), Reaction("Y -> X", MassAction("c"))], events=[
        Event.when(lambda Y: Y >= 1, {"long": lambda long: long + 1}, persistent=False, **visit),
        Event.when(lambda Y: Y >= 1, {"every": lambda every: every + 1}, **visit),
    ])  # fmt: skip
    a, c, tau, times = 3.0, 2.0, 0.5, np.array([1.0, 3.0])
    theta = {"a": a, "c": c, "tau": tau, "long": 0.0, "every": 0.0}
    paths = jumpax.simulate(network, theta, {"X": 1, "Y": 0}, times=times, paths=20_000, key=62)
    s = times - tau
    begun = a * (c * s / (a + c) + a / (a + c) ** 2 * (1 - np.exp(-(a + c) * s)))
    assert (np.abs(z(paths["every"], begun)) < 4.5).all()
    assert (np.abs(z(paths["long"], begun * np.exp(-c * tau))) < 4.5).all()


@pytest.mark.parametrize("engine", ["reference", "cpu"])
def test_what_cannot_be_scheduled_is_told(engine):
    full = Network([DECAY], events=[dataclasses.replace(CASES["n"][1][0], queue=3, name="late"), PULSE])
    theta = {"d": 1e-12, "n": 0.0, "due": np.array([0.5, 9.0])}
    how = {"times": [4.0], "paths": 2, "key": 0, "engine": engine}
    paths = jumpax.simulate(full, theta, {"A": 3}, throw=False, **how)
    assert paths.status.tolist()[0] == Status.QUEUE_FULL
    assert not paths.faulty[1]
    with pytest.raises(jumpax.SimulationError, match=r"QUEUE_FULL: 1 of 2 .*'late' \(queue=3\).*an event its own"):
        jumpax.simulate(full, theta, {"A": 3}, **how)
    back = Network([DECAY], events=[Event.at(1.0, {"A": 1}, delay=lambda A, wait: wait - A, name="back")])
    for wait, said in ((2.5, "-0.5"), (np.nan, "nan")):
        with pytest.raises(
            jumpax.SimulationError, match=rf"BAD_DELAY: 2 of 2 .*delay of 'back' is {said}.*number >= 0"
        ):
            jumpax.simulate(back, {"d": 1e-12, "wait": wait}, {"A": 3}, **how)


def test_a_start_on_the_way_is_refused():
    """The dose comes at 1 and is carried out at 6."""
    dose = Network([DECAY], events=[Event.at("due", {"n": 1.0}, delay="wait", name="dose")])
    theta, how = {"d": 1e-12, "n": 0.0, "due": 1.0, "wait": 5.0}, {"paths": 2, "key": 0, "engine": "cpu"}
    for start, values in ((0.0, (0, 1)), (1.0, (0, 1)), (6.5, (0, 0))):
        found = jumpax.simulate(dose, theta, {"A": 3}, times=[start + 4.9, start + 6.5], start=start, **how)
        np.testing.assert_array_equal(found["n"], [values, values])
    told = r"the time of 'dose' may be before start = {}, and the delay end after it"
    for start in (3.0, 6.0):
        with pytest.raises(InputError, match=told.format(f"{start:g}")):
            jumpax.simulate(dose, theta, {"A": 3}, times=[7.0], start=start, **how)
    mean = jumpax.expectation(jumpax.Moments("A"), dose, {"A": 3}, times=[7.0], start=3.0, paths=2)
    with pytest.raises(InputError, match=told.format(3) + "; nothing"):
        mean(theta, 0)
    for traced in ("due", "wait"):
        with pytest.raises(InputError, match=told.format(3) + rf" \({traced} may tell, but not where JAX traces it"):
            jax.eval_shape(lambda value, name=traced: mean(theta | {name: value}, 0), theta[traced])
    unknown = Network([DECAY], events=[Event.at(1.0, {"n": 1.0}, delay=lambda A: 5.0 * A, name="dose")])
    with pytest.raises(InputError, match=told.format(9)):
        jumpax.simulate(unknown, {"d": 1e-12, "n": 0.0}, {"A": 1}, times=[10.0], start=9.0, **how)


@pytest.mark.parametrize("persistent", [True, False])
def test_a_start_on_the_way_is_refused_whatever_comes_true_by_time(persistent):
    """From 3 to 9, and to 4: what is not persistent is over with the shorter one."""
    for end, refused in ((9.0, True), (4.0, persistent)):
        window = call("and", call("ge", Time(), Number(3.0)), call("lt", Time(), Name("end")))
        late = Event("dose", window, (("n", Number(1.0)),), persistent=persistent, delay=Name("wait"))
        network = Network([DECAY], events=[late])
        values = {name: np.array(value) for name, value in {"d": 1.0, "n": 0.0, "end": end, "wait": 4.0}.items()}
        for start in (0.0, 3.0, 7.5):
            check_past(network, values, start)
        for start in (5.0, 7.0):
            with pytest.raises(InputError, match="'dose' may be before start") if refused else nullcontext():
                check_past(network, values, start)


def test_wrong_delays_are_told_at_once():
    for wrong, said in (
        ({"delay": -1.0}, "must not be negative; got -1"),
        ({"delay": FixedDelay("tau")}, "the delay of an event is a number, a name or a function, not FixedDelay"),
        ({"delay": 1.0, "queue": 0}, "queue of an event must be a whole number from 1 to 256; got 0"),
    ):
        with pytest.raises(InputError, match=said):
            Event.at(1.0, {"A": 0}, **wrong)
    network = Network([DECAY], events=[Event.at(1.0, {"A": 0}, delay=lambda tow: 2 * tow, name="late")])
    assert network.needs == {Need.MOMENT, Need.POSTPONED}
    assert network.parameters == ("d", "tow")
    with pytest.raises(InputError, match="parameter 'tow' is missing"):
        jumpax.simulate(network, {"d": 1.0}, {"A": 3}, times=[2.0], paths=2, key=0)
    assert str(Event.at(1.0, {"A": 0}, delay="tau")) == "A = 0 when time >= 1, after tau"
