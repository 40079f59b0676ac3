"""Events written by hand, judged by mathematics; z-scores stay below 4.5, 7e-6 each, for seeds fixed before the first look."""

import numpy as np
import pytest

import jumpax
from jumpax import Event, InputError, MassAction, Network, Reaction, UnsupportedError
from jumpax.exact import StateSpace
from jumpax.networks import Need

DECAY = [Reaction("A -> 0", MassAction("k"))]
BIRTH = [Reaction("0 -> A", MassAction("k"))]


def near(counts, mean, variance):
    assert abs(counts.mean() - mean) < 4.5 * (variance / len(counts)) ** 0.5


@pytest.mark.fault(25)
def test_doses_at_times_that_are_numbers_parameters_and_functions():
    doses = [
        Event.at(0.5, {"A": lambda A, dose: A + dose}),
        Event.at("late", {"A": lambda A, dose: A + dose}),
        Event.at(lambda late, more: late + more, {"A": 0, "k": "fast"}),
    ]
    network = Network(DECAY, events=doses)
    assert network.parameters == ("k", "dose", "late", "more", "fast")
    assert network.beside == ("dose", "late", "more", "fast")
    theta = {"k": 0.1, "dose": 100, "late": 24.5, "more": 2.0, "fast": 7.0}
    paths = jumpax.simulate(network, theta, {"A": 0}, times=[0.5, 1.0, 25.0, 26.5, 30.0], paths=4000, key=11)
    assert (paths["A"][:, 0] == 100).all()
    survivors = np.exp(-0.05)
    near(paths["A"][:, 1], 100 * survivors, 100 * survivors * (1 - survivors))
    near(paths["A"][:, 2], (100 + 100 * np.exp(-2.4)) * survivors, 120)
    assert not paths["A"][:, 3:].any()
    assert (paths["k"][:, [0, 3]] == np.float32([0.1, 7.0])).all()


def test_a_moment_of_its_own_for_each_path():
    network = Network(BIRTH, events=[Event.at("off", {"k": 0.0})])
    paths = jumpax.simulate(
        network, {"k": 20.0, "off": np.repeat([0.5, 2.0], 2000)}, {"A": 0}, times=[3.0], paths=4000, key=12
    )
    for part, mean in ((paths["A"][:2000, 0], 10.0), (paths["A"][2000:, 0], 40.0)):
        near(part, mean, mean)


def test_conditions_on_counts_and_what_reads_the_time():
    division = Event.when(lambda A, most: most <= A, {"A": lambda A: A // 2, "last": "t", "n": lambda n: n + 1})
    network = Network(BIRTH, events=[division])
    assert network.needs == {Need.TRIGGER}
    theta = {"k": 5.0, "most": 10, "last": -1.0, "n": 0}
    paths = jumpax.simulate(network, theta, {"A": 5}, times=[4.0], paths=3000, key=13)
    born = paths["A"][:, 0] - 5 + 5 * paths["n"][:, 0]
    assert (born == paths.events).all()
    near(born, 20.0, 20.0)
    divided = paths["n"][:, 0] > 0
    assert ((paths["last"][:, 0] >= 0) == divided).all()
    assert (paths["last"][divided, 0] <= 4.0).all()


@pytest.mark.fault(26)
def test_order_and_priority_at_one_moment():
    first, second = Event.at(1.0, {"A": 1}), Event.at(1.0, {"A": lambda A: 10 * A}, name="second")
    ask = {"theta": {"k": 1e-9}, "x0": {"A": 2}, "times": [1.0], "paths": 2, "key": 0}
    for events, left in (([first, second], 10), ([second, first], 1)):  # each finds what the one before has left
        assert (jumpax.simulate(Network(BIRTH, events=events), **ask)["A"] == left).all()
    doses = [Event.at(1.0, {"A": lambda A, more=more: A + more}) for more in (10, 5)]  # defaults stay
    assert (jumpax.simulate(Network(BIRTH, events=doses), **ask)["A"] == 17).all()
    growing = [Event.at(1.0, {"A": lambda A: A + 1}, priority=1), Event.at(1.0, {"B": "A"}, name="copy", priority=2)]
    network = Network([*BIRTH, Reaction("0 -> B", MassAction("k"))], events=growing)
    assert (jumpax.simulate(network, **{**ask, "x0": {"A": 2, "B": 0}}).counts[:, 0] == [3, 2]).all()


def test_an_event_at_the_start_and_a_condition_that_holds_there():
    ask = {"theta": {"k": 1e-9}, "times": [0.0, 1.0], "paths": 2, "key": 0}
    assert (jumpax.simulate(Network(BIRTH, events=[Event.at(0.0, {"A": 9})]), x0={"A": 0}, **ask)["A"] == 9).all()
    for initially, left in ((True, 5), (False, 1)):
        held = Event.when(lambda A: A >= 3, {"A": 1}, initially=initially)
        assert (jumpax.simulate(Network(BIRTH, events=[held]), x0={"A": 5}, **ask)["A"] == left).all()


def test_what_does_not_treat_events_says_so():
    network = Network(DECAY, events=[Event.at(1.0, {"A": 5}, name="refill")])
    theta, start = {"k": 1.0}, {"A": 3}
    for who, ask in {
        r"StraightThrough\(.*\)": lambda: jumpax.expectation(
            jumpax.Moments("A"), network, start, [1.0], paths=4, gradient=jumpax.StraightThrough()
        ),
        "jumpax.audit": lambda: jumpax.audit(network, theta, start, [1.0]),
        "the master equation": lambda: StateSpace.reachable(network, start),
    }.items():
        with pytest.raises(
            UnsupportedError, match=rf"{who} does not treat events at times \('refill'\); jumpax.simulate"
        ):
            ask()


def test_wrong_events_are_told():
    with pytest.raises(InputError, match=r"not the time; for times there is Event\.at"):
        Event.when(lambda A, t: t < A, {"A": 0})
    with pytest.raises(InputError, match="this one reads the time"):
        Event.at(lambda t: t, {"A": 0})
    with pytest.raises(InputError, match="an event maps species and parameters"):
        Event.at(1.0, {})
    with pytest.raises(InputError, match="the new value of 'A' is a number, a name or a function, not None"):
        Event.at(1.0, {"A": None})
    with pytest.raises(InputError, match=r"made by Event\.at or Event\.when"):
        Network(DECAY, events=["dose"])
    network = Network(DECAY, events=[Event.at(1.0, {"A": lambda A, doze: A + doze})])
    with pytest.raises(InputError, match="parameter 'doze' is missing"):
        jumpax.simulate(network, {"k": 1.0}, {"A": 1}, times=[2.0], paths=2, key=0)
    branching = Event.when(lambda A: 1 if A > 3 else 0, {"A": 0})
    with pytest.raises(InputError, match=r"(?i)the condition of an event.*jnp\.where"):
        jumpax.simulate(Network(BIRTH, events=[branching]), {"k": 1.0}, {"A": 1}, times=[2.0], paths=2, key=0)


def test_networks_with_other_events_differ():
    empty = Event.at(1.0, {"A": 0})
    plain, lively = Network(DECAY), Network(DECAY, events=[empty])
    assert lively.with_events([]) == plain != lively
    assert lively.digest != plain.digest
    assert plain.with_events([empty]) == lively
    assert lively.needs == {Need.MOMENT}
    assert plain.needs == frozenset()
    assert str(empty) == "A = 0 when time >= 1"


def test_progress_is_told():
    seen = []
    network = Network(DECAY, events=[Event.at(1.0, {"A": 5})])
    jumpax.simulate(network, {"k": 1.0}, {"A": 3}, times=[2.0], paths=3, key=0, progress=seen.append)
    assert [told.finished for told in seen][-1] == 3
