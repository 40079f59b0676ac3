import numpy as np
import pytest

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.exact import StateSpace
from jumpax.networks import Function, MassAction, Network, Reaction, zoo


def test_conservation_makes_the_space_finite():
    space = StateSpace.reachable(zoo.dimerization().network, {"A": 100, "D": 0})
    assert space.size == 51
    assert (space.states @ [1, 2] == 100).all()
    assert (space.targets < space.size).all()


def test_a_pair_does_not_form_from_one_molecule():
    space = StateSpace.reachable(zoo.dimerization().network, {"A": 5, "D": 0})
    one = space.index({"A": 1, "D": 2})
    assert space.targets[0, one] == -1
    assert space.targets[1, one] == space.index({"A": 3, "D": 1})


def test_a_limit_sends_to_the_sink():
    space = StateSpace.reachable(zoo.telegraph().network, zoo.telegraph().x0, {"M": 7})
    assert space.size == 16
    full = space.index({"off": 0, "on": 1, "M": 7})
    names = [reaction.name for reaction in space.network.reactions]
    assert space.targets[names.index("transcription"), full] == space.size
    assert space.targets[names.index("transcription"), space.index({"off": 1, "on": 0, "M": 7})] == -1


def test_states_are_sorted_and_found_again():
    space = StateSpace.reachable(zoo.telegraph().network, zoo.telegraph().x0, {"M": 70})
    assert [tuple(row) for row in space.states] == sorted(tuple(row) for row in space.states)
    assert [space.index(row) for row in space.states] == list(range(space.size))


def test_a_long_chain_takes_more_than_one_batch():
    network = Network([Reaction("A -> 0", MassAction("k"))])
    space = StateSpace.reachable(network, {"A": 3000})
    np.testing.assert_array_equal(space.targets[0], np.arange(-1, 3000))


def test_what_no_parameter_makes_possible_is_not_reached():
    network = Network([Reaction("G -> G + X", MassAction("k")), Reaction("X -> 0", MassAction("g"))])
    assert StateSpace.reachable(network, {"G": 0, "X": 2}).size == 3


def test_several_starts():
    network = zoo.dimerization().network
    space = StateSpace.reachable(network, {"A": np.array([4, 5]), "D": np.array([0, 0])})
    assert space.size == 6
    assert space.starts == (space.index([4, 0]), space.index([5, 0]))


def test_refusals():
    model = zoo.telegraph()
    with pytest.raises(InputError, match=r"more than max_states = 100 states.*M \d+.*limits"):
        StateSpace.reachable(model.network, model.x0, max_states=100)
    with pytest.raises(InputError, match=r"N'.*Did you mean|unknown species 'N'"):
        StateSpace.reachable(model.network, model.x0, {"N": 3})
    with pytest.raises(InputError, match="beyond the limits"):
        StateSpace.reachable(model.network, {**model.x0, "M": 8}, {"M": 7})
    with pytest.raises(InputError, match="whole numbers"):
        StateSpace.reachable(model.network, model.x0, {"M": -1})
    with pytest.raises(InputError, match=r"M 9.*is not among the 16 states"):
        StateSpace.reachable(model.network, model.x0, {"M": 7}).index({"off": 1, "on": 0, "M": 9})
    with pytest.raises(UnsupportedError, match="depend on time"):
        StateSpace.reachable(Network([Reaction("0 -> X", Function(lambda k, t: k * t))]), {"X": 0}, 5)
