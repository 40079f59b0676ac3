"""Families of reactions as part of a network: names, shapes, equality, what is wrong with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.networks import Need, Stacked, check_theta


def rates(counts, theta, u):
    return theta["k"][None], theta["beta"] * jax.nn.sigmoid(u + theta["b"]), theta["g"] * counts


def weights(theta):
    return jnp.stack([theta["w"], 0 * theta["w"]])[None]


CHANGE = np.array([[1, 0, -1, 0], [0, 1, 0, -1]])
SHAPES = {"k": (), "w": (), "b": 1, "beta": 1, "g": 2}


def cascade(**more):
    return jumpax.Family(CHANGE, rates, ("X", "Y"), SHAPES, weights, **more)


DECAY = jumpax.Reaction("Y + Z -> Z", jumpax.MassAction("eat"), name="eaten")
MIXED = jumpax.Network([DECAY], families=[cascade(name="genes")], name="mixed")
THETA = {"eat": 0.5, "k": 20.0, "w": 0.2, "b": np.array([-3.0]), "beta": np.array([30.0]), "g": np.array([1.0, 2.0])}


def test_a_network_holds_reactions_and_families_in_order():
    assert MIXED.species == ("Y", "Z", "X")
    assert MIXED.parameters == ("eat", "k", "w", "b", "beta", "g")
    assert MIXED.shapes["g"] == (2,)
    assert MIXED.shapes["eat"] == ()
    assert (MIXED.reaction_count, MIXED.reaction_name(0), MIXED.reaction_name(4)) == (5, "eaten", "genes[3]")
    np.testing.assert_array_equal(MIXED.stoichiometry, [[-1, 0, 1, 0, -1], [0, 0, 0, 0, 0], [0, 1, 0, -1, 0]])
    assert MIXED.needs == {Need.FAMILY}
    assert MIXED.beside == ()
    assert "5 reactions" in repr(MIXED)
    assert "genes: 4 reactions, of 2 species" in MIXED.describe()


def test_propensities_are_the_same_one_by_one_and_stacked():
    counts = jnp.array([3.0, 2.0, 10.0])
    sigmoid = 30 / (1 + np.exp(1.0))
    want = [0.5 * 3 * 2, 20.0, sigmoid, 10.0, 6.0]
    stacked = Stacked(MIXED)
    theta = {name: jnp.asarray(value) for name, value in THETA.items()}
    u = stacked.features(theta) @ counts
    np.testing.assert_allclose(np.concatenate(stacked.propensities(counts, theta, u)), want, rtol=1e-6)
    np.testing.assert_allclose(MIXED.propensities(tuple(counts), THETA, 0.0), want, rtol=1e-6)


def test_equal_families_make_equal_networks_with_equal_digests():
    again = jumpax.Network([DECAY], families=[cascade(name="genes")], name="mixed")
    assert again == MIXED
    assert hash(again) == hash(MIXED)
    assert again.digest == MIXED.digest
    other = jumpax.Family(CHANGE, rates, ("X", "Y"), SHAPES | {"g": (1,)}, weights, "genes")
    assert jumpax.Network([DECAY], families=[other], name="mixed") != MIXED
    assert jumpax.Network([DECAY], families=[other]).digest != MIXED.digest
    assert jumpax.Network([DECAY], species=MIXED.species).digest != MIXED.digest


def test_mass_action_by_arrays_is_that_of_reactions():
    """A dimer, a trimer, two species, none: the same combinations of molecules."""
    equations = ["A + A -> B", "3 A -> B", "A + B -> 0", "0 -> A", "2 B + A -> A"]
    one = jumpax.Network([jumpax.Reaction(e, jumpax.MassAction(f"k{i}")) for i, e in enumerate(equations)])
    reactants = np.array([[2, 3, 1, 0, 1], [0, 0, 1, 0, 2]])
    products = np.array([[0, 0, 0, 1, 1], [1, 1, 0, 0, 0]])
    many = jumpax.Network(families=[jumpax.Family.mass_action(reactants, products, "k", ("A", "B"))])
    np.testing.assert_array_equal(many.stoichiometry, one.stoichiometry)
    assert many == jumpax.Network(families=[jumpax.Family.mass_action(reactants, products, "k", ("A", "B"))])
    k = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    for counts in ((0.0, 0.0), (1.0, 1.0), (2.0, 1.0), (7.0, 5.0)):
        want = one.propensities(counts, {f"k{i}": v for i, v in enumerate(k)}, 0.0)
        np.testing.assert_allclose(many.propensities(counts, {"k": k}, 0.0), want, rtol=1e-6)


def test_parameters_have_their_shapes_or_one_more_axis_of_paths():
    own = check_theta(MIXED, THETA | {"g": np.ones((7, 2)), "k": np.ones(7)}, paths=7)
    assert own["g"].shape == (7, 2)
    for name, value, said in [
        ("g", np.ones(3), r"'g' has shape \(3,\); give an array of shape \(2,\), or one per path"),
        ("g", 1.0, r"'g' has shape \(\)"),
        ("eat", np.ones((7, 2)), r"'eat' has shape \(7, 2\); give one number"),
        ("b", np.ones((6, 1)), "6 values for 7 paths"),
        ("g", np.array([1.0, np.nan]), r"'g' is not finite: nan \(path 1\)|entry"),
    ]:
        with pytest.raises(jumpax.InputError, match=said):
            check_theta(MIXED, THETA | {name: value}, paths=7)


def test_wrong_families_are_told_with_all_that_is_wrong():
    with pytest.raises(jumpax.InputError, match="change nothing") as caught:
        jumpax.Family(np.array([[1, 0], [0.5, 0]]), None, ("A",), {"k": -1})  # type: ignore[arg-type]
    for said in ("whole numbers", "names of species", "must be a function", "shapes"):
        assert said in str(caught.value)
    for law, features in [(lambda counts, theta, t: counts, None), (lambda counts, theta: counts, lambda theta: theta)]:
        with pytest.raises(jumpax.InputError, match="must take"):
            jumpax.Family(np.eye(3, dtype=int), law, features=features)
    with pytest.raises(jumpax.InputError, match="one number per reaction, 3"):
        jumpax.Family(np.eye(3, dtype=int), lambda counts, theta: counts[:2])
    with pytest.raises(jumpax.InputError, match="features must give"):
        jumpax.Family(np.eye(3, dtype=int), lambda counts, theta, u: counts, features=lambda theta: np.ones((2, 2)))
    with pytest.raises(jumpax.InputError, match=r"theta\['q'\]; its parameters=\.\.\. are: 'p'"):
        jumpax.Family(np.eye(3, dtype=int), lambda counts, theta: theta["q"] * counts, parameters=["p"])
    with pytest.raises(jumpax.InputError, match="of one shape"):
        jumpax.Family.mass_action(np.eye(3), np.eye(2), "k")


def test_wrong_networks_of_families_are_told():
    with pytest.raises(jumpax.InputError, match=r"jumpax\.Family\(\.\.\.\)"):
        jumpax.Network(families=[rates])  # type: ignore[list-item]
    with pytest.raises(jumpax.InputError, match=r"family 'family'.*'Y'"):
        jumpax.Network(families=[cascade()], species=["X"])
    with pytest.raises(jumpax.InputError, match="'g' has different shapes"):
        jumpax.Network([jumpax.Reaction("X -> 0", jumpax.MassAction("g"))], families=[cascade()])
    with pytest.raises(jumpax.InputError, match="at least one reaction"):
        jumpax.Network()
    with pytest.raises(jumpax.UnsupportedError, match="families of reactions"):
        MIXED.dependency_graph()
