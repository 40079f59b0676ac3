"""Events, delays and rates that depend on time in one lane: paths forget the stops, engines follow `reference`, laws are right.

z-scores stay below 4.5 (7e-6 each, some 60 of them); seeds were fixed before the first look.
"""

import numpy as np
import pytest
from scipy import integrate, stats

import jumpax
from jumpax import (
    Event,
    FirstPassage,
    FixedDelay,
    GammaDelay,
    Hill,
    MassAction,
    Network,
    Reaction,
    ReactionCounts,
    Status,
    TimeAverages,
)
from jumpax.folds import Score

BIRTH, DECAY = Reaction("0 -> A", MassAction("b"), name="birth"), Reaction("A -> 0", MassAction("d"), name="decay")


def fading(b, t):
    return b / (1.0 + t)


DOSES = Network([BIRTH, DECAY], events=[
    Event.at("first", {"A": lambda A, dose: A + dose, "b": lambda b: 2 * b}, name="dose"),
    Event.at(1.5, {"A": lambda A: A // 2}, name="half"),
])  # fmt: skip
DIVISION = Network([BIRTH, DECAY], events=[
    Event.when(lambda A, most: most <= A, {"A": lambda A: A // 2, "n": lambda n: n + 1, "last": "t"}, name="division"),
])  # fmt: skip
LATE = Network([
    Reaction("0 -> A", Hill("A", "b", "K", 2, kind="repression"), delay=GammaDelay(2.0, "scale"), name="birth"), DECAY,
])  # fmt: skip
ALL = Network([
    Reaction("0 -> A", fading, delay=GammaDelay(2.0, "scale"), name="birth"), DECAY,
], events=[*DIVISION.events, Event.at("first", {"b": 60.0}, name="more")])  # fmt: skip
CASES = {
    "moments": (DOSES, {"b": 5.0, "d": 0.7, "dose": 9, "first": 0.75}, {}),
    "conditions": (DIVISION, {"b": 12.0, "d": 0.3, "most": 10, "n": 0, "last": -1.0}, {}),
    "delays": (LATE, {"b": 20.0, "K": 6.0, "d": 1.0, "scale": 0.3}, {}),
    "delays and conditions": (
        LATE.with_events(DIVISION.events),
        {"b": 20.0, "K": 6.0, "d": 0.3, "scale": 0.3, "most": 10, "n": 0, "last": -1.0},
        {},
    ),
    "moments and time": (
        Network([Reaction("0 -> A", fading, name="birth"), DECAY], events=DOSES.events),
        {"b": 5.0, "d": 0.7, "dose": 9, "first": 0.75},
        {"bound": 60.0},
    ),
    "everything": (
        ALL,
        {"b": 20.0, "d": 0.3, "scale": 0.3, "most": 10, "n": 0, "last": -1.0, "first": 1.125},
        {"bound": 80.0},
    ),
}
PARTS = [name if name in ("conditions", "everything") else pytest.param(name, marks=pytest.mark.long) for name in CASES]
"""One case on `cpu` and one on `xla` in the short run, all of them in the long one."""
TIMES = (0.5, 0.75, 1.125, 1.5, 2.0, 3.0)


def drawn(name, times=TIMES, **how):
    network, theta, more = CASES[name]
    how = {"paths": 40, "key": 29, **more, **how}
    return jumpax.simulate(network, theta, {"A": 4}, times=times, **how)


def near(sample, expected):
    sample = np.asarray(sample, np.float64)
    error = sample.std(0, ddof=1) / np.sqrt(len(sample))
    z = (sample.mean(0) - expected) / error
    assert (np.abs(z) < 4.5).all(), (z, sample.mean(0), expected)


def engines_of(network):
    return ("xla",) if network.needs & {jumpax.networks.Need.DELAY} else ("xla", "cpu", "gpu_on_host")


@pytest.mark.optimised
@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name == "delays" else name for name in CASES]
)  # of delays there are two more
def test_engines_follow_reference(name, precision):
    network = CASES[name][0]
    folds = (ReactionCounts(network), TimeAverages(network), FirstPassage(network, lambda counts: counts["A"] >= 8))
    folds = (*folds[:2], Score(network, ("b",) if name == "conditions" else ("d",)), folds[2])
    judge = drawn(name, engine="reference", precision=precision, record=folds, paths=16)
    for engine in engines_of(network):
        ours = drawn(name, engine=engine, precision=precision, record=folds, paths=16)
        for field in ("counts", "status", "events", "end_counts"):
            np.testing.assert_array_equal(getattr(ours, field), getattr(judge, field), err_msg=f"{engine} {field}")
        for moved in network.moved:
            np.testing.assert_allclose(ours[moved], judge[moved], rtol=2e-6)
        np.testing.assert_allclose(ours.end_times, judge.end_times, rtol=1e-6)
        for mine, other in zip(ours.records, judge.records, strict=True):
            np.testing.assert_allclose(np.stack(mine), np.stack(other), rtol=2e-4, atol=2e-4, err_msg=engine)


@pytest.mark.optimised
@pytest.mark.parametrize("name", PARTS)
def test_paths_forget_the_stops_the_folds_the_threads_and_each_other(name):
    network = CASES[name][0]
    engine = engines_of(network)[:2][-1]  # that others draw the same paths is tested above
    whole = drawn(name, engine=engine)
    more = drawn(name, np.linspace(0.1, 3.0, 30), engine=engine, record=TimeAverages(network))
    few = drawn(name, engine=engine, paths=7, threads=2)
    np.testing.assert_array_equal(more.end_counts, whole.end_counts)
    np.testing.assert_array_equal(more.events, whole.events)
    np.testing.assert_array_equal(few.end_counts, whole.end_counts[:7])
    for moved in network.moved:
        np.testing.assert_array_equal(more[moved][:, -1], whole[moved][:, -1])


@pytest.mark.optimised
@pytest.mark.parametrize("name", PARTS)
def test_the_log_has_counts_at_every_event(name):
    network = CASES[name][0]
    paths, plain = drawn(name, record=jumpax.Events()), drawn(name)
    np.testing.assert_array_equal(paths.counts, plain.counts)
    log, many = paths.log, len(network.reactions)
    assert (
        np.bincount(np.repeat(np.arange(40), np.diff(log.offsets))[log.reactions < many], minlength=40) == paths.events
    ).all()
    seen = {log.names[number] for number in np.unique(log.reactions)}
    assert {event.name for event in network.events} <= seen
    for path in range(40):
        times, _ = log.of(path)
        counts = log.counts[log.offsets[path] : log.offsets[path + 1]]
        assert (np.diff(times) >= 0).all()
        for place, stop in enumerate(TIMES):
            before = np.searchsorted(times, stop, side="right")
            assert (counts[before - 1] if before else log.start_counts[path]) == paths.counts[path, place], (path, stop)


def test_a_log_is_read_for_its_own_network_only():
    paths = drawn("moments", record=jumpax.Events())
    plain = DOSES.with_events([])
    with pytest.raises(jumpax.InputError, match=r"the log is that of paths of another network.*draw paths of this one"):
        jumpax.log_likelihood(plain, {"b": 5.0, "d": 0.7}, paths.log, 3.0)


def test_the_log_of_a_plain_network_has_counts_too():
    paths = jumpax.simulate(jumpax.zoo.telegraph(), times=[3.0], paths=20, key=0, record=jumpax.Events())
    some = paths.events > 0
    ends = paths.log.counts[paths.log.offsets[1:][some] - 1]
    np.testing.assert_array_equal(ends, paths.end_counts[some])


@pytest.mark.optimised
@pytest.mark.parametrize("engine", ["xla", "cpu"])
def test_stops_after_numbers_of_events(engine):
    paths = drawn("moments", None, steps=[3, 10, 25], engine=engine)
    judge = drawn("moments", None, steps=[3, 10, 25], engine="reference")
    np.testing.assert_array_equal(paths.counts, judge.counts)
    still = Network([DECAY], events=[Event.at(2.0, {"A": 5}), Event.at(7.0, {"A": 1})])
    for which in (engine, "reference"):  # nothing can react before the second refill, and after the last decay
        ends = jumpax.simulate(still, {"d": 1e6}, {"A": 2}, steps=[2, 4, 7, 8, 9], paths=3, key=0, engine=which)
        assert (ends["A"] == [0, 3, 0, 0, 0]).all()
        assert (ends.status == Status.ABSORBED).all()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_dose_and_a_switch_by_mathematics(precision):
    """Births at b, twice that from the dose on: Poisson of known mean, beside what survives of start and dose."""
    network = Network(DOSES.reactions, events=DOSES.events[:1])
    theta = {"b": 5.0, "d": 0.7, "dose": 9, "first": 0.8}
    paths = jumpax.simulate(network, theta, {"A": 0}, times=[0.8, 2.0], paths=20_000, key=5, precision=precision)
    mean = 5 / 0.7 * (1 - np.exp(-0.56))
    stay = np.exp(-0.7 * 1.2)
    later = (mean + 9) * stay + 10 / 0.7 * (1 - stay)
    near(paths["A"], [mean + 9, later])
    near((paths["A"][:, 1] - later) ** 2, mean * stay + 10 / 0.7 * (1 - stay) + 9 * stay * (1 - stay))


def test_a_condition_by_the_master_equation():
    """Immigration and death, set to 2 as soon as there are 8: the chain whose births from 7 lead to 2."""
    network = Network([BIRTH, DECAY], events=[Event.when(lambda A: A >= 8, {"A": 2})])
    paths = jumpax.simulate(network, {"b": 6.0, "d": 0.5}, {"A": 0}, times=[1.0, 4.0], paths=20_000, key=6)
    rates = np.zeros((8, 8))
    for n in range(8):
        rates[n, n + 1 if n < 7 else 2] += 6.0
        if n:
            rates[n, n - 1] += 0.5 * n
    rates -= np.diag(rates.sum(1))
    for place, time in enumerate((1.0, 4.0)):
        law = integrate.solve_ivp(lambda _, p: p @ rates, (0, time), np.eye(8)[0], rtol=1e-10, atol=1e-12).y[:, -1]
        found = np.bincount(paths["A"][:, place], minlength=8)
        keep = law * 20_000 > 5
        assert stats.chisquare(found[keep], law[keep] / law[keep].sum() * found[keep].sum()).pvalue > 1e-6


@pytest.mark.optimised
def test_delays_of_time_dependent_rates_with_a_switch():
    """Starts at b / (1 + t), 40 / (1 + t) from 1 on, each complete 0.5 later: Poisson of the integral up to t - 0.5."""
    network = Network([Reaction("0 -> A", fading, delay=FixedDelay("tau"))], events=[Event.at(1.0, {"b": 40.0})])
    paths = jumpax.simulate(
        network, {"b": 9.0, "tau": 0.5}, {"A": 0}, times=[0.4, 1.2, 3.0], paths=20_000, key=7, bound=41.0
    )
    assert not paths["A"][:, 0].any()
    mean = np.array([9 * np.log(1.7), 9 * np.log(2.0) + 40 * np.log(3.5 / 2)])
    near(paths["A"][:, 1:], mean)
    near((paths["A"][:, 1:] - mean) ** 2, mean)


def test_a_queue_beside_division():
    """Each birth completes an hour after its start whatever divides meanwhile: starts are counted by `events`."""
    network = Network(
        [Reaction("0 -> A", MassAction("b"), delay=FixedDelay(1.0))],
        events=[Event.when(lambda A: A >= 10, {"A": lambda A: A - 10, "n": lambda n: n + 1})],
    )
    paths = jumpax.simulate(network, {"b": 20.0, "n": 0}, {"A": 0}, times=[1.0, 3.0], paths=4000, key=8)
    born = paths["A"] + 10 * paths["n"]
    assert not born[:, 0].any()
    near(born[:, 1], 40.0)
    near((born[:, 1] - 40.0) ** 2, 40.0)
    assert paths["A"].max() < 10


def test_folds_see_events_and_completions():
    network = Network([BIRTH], events=[Event.at(1.0, {"A": 50}), Event.at(3.0, {"A": 0})])
    folds = (TimeAverages(network), FirstPassage(network, lambda counts: counts["A"] >= 40))
    for engine in ("reference", "xla", "cpu"):
        paths = jumpax.simulate(
            network, {"b": 1e-9}, {"A": 10}, times=[2.0, 4.0], paths=2, key=0, record=folds, engine=engine
        )
        assert paths.records[0][0].tolist() == [[30.0, 25.0]] * 2
        alone = jumpax.simulate(
            network, {"b": 1e-9}, {"A": 10}, times=[4.0], paths=2, key=0, record=folds[1], engine=engine
        )
        assert alone.records[1].tolist() == [[1.0]] * 2
        assert alone["A"].tolist() == [[50]] * 2  # a passage ends its path
    late = Network([Reaction("A -> B", MassAction("k"), delay=FixedDelay(2.0))])
    passage = FirstPassage(late, lambda counts: counts["B"] >= 1)
    for engine in ("reference", "xla"):
        paths = jumpax.simulate(
            late,
            {"k": 5.0},
            {"A": 1, "B": 0},
            times=[9.0],
            paths=3,
            key=0,
            record=[passage, jumpax.TimeAverages(late)],
            engine=engine,
        )
        when = paths.records[0][1][:, 0]
        np.testing.assert_allclose(paths.records[1][1][:, 0], (9.0 - when) / 9.0, rtol=1e-5)
        np.testing.assert_allclose(paths.records[1][0][:, 0], (when - 2.0) / 9.0, rtol=1e-4)


def test_a_start_later_than_zero():
    """Moments before the start lie in the past, one at the start happens."""
    network = Network([DECAY], events=[Event.at(1.0, {"A": 7}), Event.at(2.0, {"A": 3}), Event.at(4.0, {"A": 9})])
    for engine in ("reference", "xla", "cpu"):
        for start, left in ((1.5, [5, 3, 9]), (2.0, [3, 3, 9]), (3.0, [5, 5, 9])):
            paths = jumpax.simulate(
                network, {"d": 1e-9}, {"A": 5}, times=[start, 3.5, 4.0], paths=1, key=0, start=start, engine=engine
            )
            assert paths["A"].tolist() == [left], (engine, start)


def test_faults_belong_to_their_paths():
    storm = Network([DECAY], events=[
        Event.at("when", {"d": 2.0}), Event.when(lambda d: d > 1.5, {"d": 1.0}), Event.when(lambda d: d < 1.5, {"d": 2.0}),
    ])  # fmt: skip
    theta = {"d": 1.2, "when": np.array([0.5, 9.0])}
    for engine in ("reference", "xla", "cpu"):
        paths = jumpax.simulate(storm, theta, {"A": 3}, times=[1.0], paths=2, key=0, throw=False, engine=engine)
        assert paths.status[0] == Status.EVENT_STORM
        assert not paths.faulty[1]
    part = Network([DECAY], events=[Event.at(0.5, {"A": lambda A, share: A * share}, name="share")])
    for engine in ("reference", "xla", "cpu"):
        with pytest.raises(jumpax.SimulationError, match=r"BAD_ASSIGNMENT: 2 of 2 .*'share' sets A to 2\.5.*round it"):
            jumpax.simulate(part, {"d": 1e-9, "share": 0.5}, {"A": 5}, times=[1.0], paths=2, key=0, engine=engine)


def test_counts_that_float32_does_not_hold_are_assigned_in_float64():
    network = Network([DECAY], events=[Event.at(0.5, {"A": lambda A: A + 1})])
    for engine in ("reference", "xla", "cpu"):
        paths = jumpax.simulate(
            network, {"d": 1e-12}, {"A": 2**25}, times=[1.0], paths=2, key=0, engine=engine, precision="float32"
        )
        assert (paths["A"] == 2**25 + 1).all()
        assert paths.redrawn.all()


def test_conditions_on_counts_that_float32_does_not_hold_are_read_in_float64():
    """Births from 2^24 - 2 on; 2^24 + 3 is an odd number that float32 rounds up."""
    network = Network([BIRTH], events=[Event.when(lambda A: A >= 2**24 + 3, {"A": 5, "when": "t"})])
    for engine in ("reference", "xla", "cpu"):
        paths = jumpax.simulate(
            network, {"b": 2.0, "when": -1.0}, {"A": 2**24 - 2}, times=[0.5, 20.0], paths=3, key=0, engine=engine,
            precision="float32", record=ReactionCounts(network),
        )  # fmt: skip
        born = paths.records[0]
        early = paths["A"][:, 0] > 5
        assert (paths["A"][early, 0] == 2**24 - 2 + born[early, 0]).all()
        assert (paths["A"][:, 1] == born[:, 1]).all()  # 5 at the fifth birth
        assert paths.redrawn.all()


@pytest.mark.optimised
def test_times_that_float32_rounds_are_met_at_a_stop_of_the_same_number():
    """Four moments that are numbers, and four that are parameters, with a stop at each and one before each number."""
    moments = (0.1, 0.7, 24.7, 1e6 + 0.3)
    numbers = [Event.at(when, {"A": 9 + place}) for place, when in enumerate(moments)]
    named = [Event.at(f"late{place}", {"A": 3 + place}) for place in range(4)]
    theta = {f"late{place}": when + 0.15 for place, when in enumerate(moments)}
    times = [time for when in moments for time in (0.99 * when, when, when + 0.15)]
    network = Network([DECAY], events=[*numbers, *named])
    for engine in ("reference", "xla", "cpu"):
        paths = jumpax.simulate(
            network, {"d": 1e-12, **theta}, {"A": 5}, times=times, paths=1, key=0, engine=engine, precision="float32",
        )  # fmt: skip
        assert paths["A"].tolist() == [[5, 9, 3, 3, 10, 4, 4, 11, 5, 5, 12, 6]], engine
