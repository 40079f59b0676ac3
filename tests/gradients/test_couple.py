"""The split coupling: each copy is the original chain, and together they part as little as possible."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pairs import pair_space, pair_theta

import jumpax
from jumpax import exact
from jumpax.networks.couple import couple


def saturated(S, v, K):
    return v * S / (K + S)


CLOSED = {
    "association": (jumpax.zoo.association(start=(4, 4)).network, {"A": 4, "B": 4, "C": 0}),
    "dimers": (
        jumpax.Network([jumpax.Reaction("2 X <-> D", jumpax.MassAction("k_on"), jumpax.MassAction("k_off"))]),
        {"X": 7, "D": 0},
    ),
    "enzyme": (
        jumpax.Network(
            [
                jumpax.Reaction("S + E -> P + E", lambda S, E, v, K: E * saturated(S, v, K)),
                jumpax.Reaction("P -> S", jumpax.Hill("P", "b", "K", 2.0)),
            ]
        ),
        {"S": 5, "E": 2, "P": 0},
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_each_copy_is_the_original_chain(name):
    network, x0 = CLOSED[name]
    space, alone = pair_space(network, x0), exact.StateSpace.reachable(network, x0)
    theta = {k: 0.7 + 0.4 * i for i, k in enumerate(network.parameters)}
    times, many = [0.2, 1.0], alone.size
    with jax.enable_x64(True):
        for parameter in network.parameters:
            both = pair_theta(theta, parameter, 0.8)
            joint = exact.distribution(space, both, times).probabilities.reshape(2, many, many)
            for prefix, axis in (("low_", 2), ("high_", 1)):
                own = {k.removeprefix(prefix): v for k, v in both.items() if k.startswith(prefix)}
                want = exact.distribution(alone, own, times).probabilities
                np.testing.assert_allclose(joint.sum(axis), want, atol=1e-12)


def test_equal_copies_never_part():
    network, x0 = CLOSED["association"]
    space = pair_space(network, x0)
    joint = exact.distribution(space, pair_theta({"k_on": 0.3, "k_off": 1.1}, "k_on", 0.0), [2.0]).probabilities[0]
    same = (space.states[:, :3] == space.states[:, 3:]).all(1)
    assert float(jnp.asarray(joint)[same].sum()) == pytest.approx(1.0, abs=1e-6)
    # and that is no small set of likely states: a tenth apart, they part
    apart = exact.distribution(space, pair_theta({"k_on": 0.3, "k_off": 1.1}, "k_on", 0.1), [2.0]).probabilities[0]
    assert float(jnp.asarray(apart)[same].sum()) < 0.99


@pytest.mark.parametrize("engine", ["cpu", "xla"])
def test_equal_copies_never_part_in_floating_point(engine):
    # rounding in a - b must not let a copy fire alone
    decay = jumpax.Network([jumpax.Reaction("2 A -> B", jumpax.MassAction("k"))])
    theta, x0 = {"low_k": 0.0123, "high_k": 0.0123}, {"low_A": 91, "low_B": 0, "high_A": 91, "high_B": 0}
    paths = jumpax.simulate(couple(decay), theta, x0, times=[1.0], paths=500, key=1, engine=engine)
    np.testing.assert_array_equal(paths["low_B"], paths["high_B"])
    assert paths["low_B"].std() > 1


def test_an_ordinary_network():
    network, _ = CLOSED["association"]
    pair = couple(network)
    assert pair == couple(network)
    assert hash(pair) == hash(couple(network))
    assert pair.digest == couple(network).digest
    assert pair.species == ("low_A", "low_B", "low_C", "high_A", "high_B", "high_C")
    assert set(pair.parameters) == {"low_k_on", "low_k_off", "high_k_on", "high_k_off"} == set(pair.nonnegative)
    assert [r.name for r in pair.reactions[:3]] == ["bind, both", "bind, low", "bind, high"]
    assert "min(low, high) of k_on * A * B" in pair.describe()


def test_names_that_look_like_copies_do_not_collide():
    odd = jumpax.Network(
        [
            jumpax.Reaction("A -> low_A", jumpax.MassAction("k")),
            jumpax.Reaction("low_A -> high_A", jumpax.MassAction("low_k")),
        ]
    )
    pair = couple(odd)
    assert len(set(pair.species)) == 6
    assert len(set(pair.parameters)) == 4
    counts = tuple(jnp.float32(x) for x in (3, 5, 0, 2, 7, 0))
    theta = {"low_k": 1.0, "high_k": 2.0, "low_low_k": 10.0, "high_low_k": 3.0}
    got = [float(a) for a in pair.propensities(counts, theta, jnp.float32(0))]
    assert got == [3.0, 0.0, 1.0, 21.0, 29.0, 0.0]


def test_time_is_passed_on():
    pair = couple(jumpax.Network([jumpax.Reaction("0 -> X", lambda k, t: k * t)]))
    assert pair.time_dependent
    counts = (jnp.float32(0), jnp.float32(0))
    rates = pair.propensities(counts, {"low_k": 2.0, "high_k": 3.0}, jnp.float32(4.0))
    assert [float(a) for a in rates] == [8.0, 0.0, 4.0]


def test_what_is_wrong_with_a_law_shows():
    def falls(X, k):
        return k * (X - 5.0)

    with pytest.warns(jumpax.JumpaxWarning, match="does not vanish"):
        network = jumpax.Network([jumpax.Reaction("X -> 0", falls)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair = couple(network)
    theta = {"low_k": 1.0, "high_k": 1.0}
    for low, high in ((4.0, 9.0), (9.0, 4.0), (4.0, 4.0), (np.nan, 9.0), (9.0, np.nan)):
        both = float(pair.propensities((jnp.float32(low), jnp.float32(high)), theta, jnp.float32(0))[0])
        assert not both >= 0  # negative or not a number, which every engine reports
