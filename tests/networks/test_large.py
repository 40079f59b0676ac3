"""Networks of tens of thousands of reactions: time and memory are linear in their size, and nothing is a dense array."""

import copy
import pickle
import time
import tracemalloc

import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax._base.errors import InputError
from jumpax.engines.choice import too_large_to_count
from jumpax.engines.program import Program
from jumpax.folds import Snapshots
from jumpax.networks import FixedDelay, Function, MassAction, Network, Reaction, check_counts, check_theta, doubts
from jumpax.networks.zoo import MODELS

LARGER = 4
"""A network so many times as large takes so many times as long, or twice that where caches of the processor tell; were anything
quadratic, 16 times."""


def large(species: int) -> Network:
    """A ring in which each species is made from the one before, decays, and meets the next: three reactions each."""
    laws = [MassAction(f"k{i}") for i in range(7)]
    names = [f"S{i}(a!{i},b~{i % 3})" for i in range(species)]
    pairs = zip(names, names[1:] + names[:1], names[2:] + names[:2], strict=True)
    made = []
    for number, (one, two, three) in enumerate(pairs):
        made += [
            Reaction.of({one: 1}, {two: 1}, laws[number % 3], name=f"to{number}"),
            Reaction.of({one: 1, two: 1}, {three: 1}, laws[3 + number % 3], name=f"meet{number}"),
            Reaction.of({one: 2}, {}, laws[6], name=f"decay{number}"),
        ]
    return Network(made, names)


def look_at(network: Network) -> None:
    """Ask for everything that is asked before an engine begins, and that people look at."""
    species = len(network.species)
    check_theta(network, dict.fromkeys(network.parameters, 1.0))
    check_counts(network, dict.fromkeys(network.species, 3))
    check_counts(network, np.full((2, species), 3))
    assert too_large_to_count(Program(network, Snapshots(), "float32")) == (species > 1_000)
    assert not doubts(network)
    assert len(network.describe()) > 100 * species
    assert network.beside == () == tuple(network.needs)
    assert len(network.digest) == 64
    assert hash(network) == hash(network)
    assert len(network.changes.starts) == 3 * species + 1


def test_time_is_linear():
    look_at(large(300))  # what is looked up for the first time
    seconds = []
    for species in (2_000, 2_000 * LARGER):
        spent = []
        for _ in range(3):
            begin = time.process_time()
            look_at(large(species))
            spent.append(time.process_time() - begin)
        seconds.append(min(spent))
    assert seconds[1] < 2 * LARGER * seconds[0], seconds


def test_memory_is_linear():
    look_at(large(300))
    tracemalloc.start()
    network = large(10_000)
    kept, most = tracemalloc.get_traced_memory()
    look_at(network)
    _, looking = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * kept < 40e6, (kept, most)
    assert looking < 100e6, looking  # the dense stoichiometry would take 2.4e9
    assert "stoichiometry" not in vars(network)
    assert len(network.distinct_laws) == 7


def test_a_wrong_list_of_species_is_told_and_not_at_length():
    reactions = large(3_000).reactions
    begin = time.process_time()
    with pytest.raises(InputError, match="and more of that kind") as told:
        Network(reactions, [f"other{i}" for i in range(3_000)])
    assert len(str(told.value)) < 50_000
    assert time.process_time() - begin < 30


def _mixed():
    def law(counts, theta):
        return theta["k"] * counts[:2]

    zeta = np.array([[-1, 0], [1, -2], [0, 1]])
    family = jumpax.Family(zeta, species=("B", "A", "C"), parameters={"k": (2,)}, propensities=law)
    reactions = [
        Reaction("A + B -> B + 2 C", MassAction("r")),
        Reaction("2 A -> A", MassAction("r"), delay=FixedDelay(1.0, consuming=False)),
    ]
    return Network(reactions, families=[family])


@pytest.mark.parametrize("network", [*(MODELS[name]().network for name in MODELS), _mixed()], ids=[*MODELS, "mixed"])
def test_changes_are_the_stoichiometry_without_zeros(network):
    dense = np.zeros((len(network.species), network.reaction_count), int)
    for number, reaction in enumerate(network.reactions):
        for name, change in reaction.change.items():
            dense[network.species.index(name), number] = change
    first = len(network.reactions)
    for family in network.families:
        rows = [network.species.index(name) for name in family.species]
        dense[rows, first : first + family.reactions] = family.stoichiometry
        first += family.reactions
    changes = network.changes
    np.testing.assert_array_equal(network.stoichiometry, dense)
    assert (changes.amounts != 0).all()
    for number in range(network.reaction_count):
        own = slice(changes.starts[number], changes.starts[number + 1])
        np.testing.assert_array_equal(changes.species[own], np.flatnonzero(dense[:, number]))
        np.testing.assert_array_equal(changes.amounts[own], dense[changes.species[own], number])
        assert (changes.reactions[own] == number).all()


@pytest.mark.parametrize("name", MODELS)
def test_reactions_by_name_are_those_by_text(name):
    for reaction in MODELS[name]().network.reactions:
        law, called = reaction.law, reaction.name
        made = Reaction.of(dict(reaction.reactants), dict(reaction.products), law, name=called)
        assert made == reaction == Reaction(reaction.equation, law, name=called)


def test_a_reversible_reaction_by_name():
    laws = MassAction("on"), MassAction("off")
    made = Reaction.of({"A": np.int64(2)}, {"D": 1}, *laws, name="r")
    assert made == Reaction("2 A <-> D", *laws, name="r")
    assert type(made.reactants[0][1]) is int


@pytest.mark.parametrize(
    ("reactants", "options", "told"),
    [
        ({"A": 0}, {}, "above 0"),
        ({"A": 1.0}, {}, "above 0"),
        ({"A": True}, {}, "above 0"),
        ({3: 1}, {}, "cannot be the name"),
        ({"A B": 1}, {}, "white space"),
        ({"2A": 1}, {}, "cannot be the name"),
        ({"A+B": 1}, {}, "cannot be the name"),
        ({"A->B": 1}, {}, "second arrow"),
        ({"∅": 1}, {}, "cannot be the name"),
        ({"": 1}, {}, "cannot be the name"),
        ((("A", 1), ("A", 1)), {}, "comes twice"),
        ({"C": 1}, {}, "changes nothing"),
        ({"A": 1}, {"name": " "}, "the name of a reaction must be text"),
        ({"A": 1}, {"delay": 3.0}, "a delay is needed"),
        ({"A": 1}, {"delay": FixedDelay(3.0), "reverse_law": MassAction("k")}, "goes both ways"),
        ({"A": 1}, {"reverse_law": "k"}, "a rate constant is not a law"),
    ],
)
def test_wrong_reactions_by_name(reactants, options, told):
    with pytest.raises(InputError, match=told):
        Reaction.of(reactants, {"C": 1}, MassAction("k"), **options)


def test_names_with_arrows_in_them_are_read_as_by_text():
    assert Reaction.of({"A>B": 1}, {}, MassAction("k")) == Reaction("A>B -> 0", MassAction("k"))


def test_laws_that_reactions_share_stay_shared():
    network = large(100)
    again = network.with_events(())
    assert all(one is other for one, other in zip(network.reactions, again.reactions, strict=True))

    def rate(S, k):
        return k * S

    shared = [Function(rate)] * 2
    known = Network([Reaction("S -> T", shared[0]), Reaction("S -> U", shared[1])])
    assert known.with_events(()).reactions[0].law is known.reactions[0].law


def test_a_copy_has_no_hash_of_another_process():
    network = _copied(large(20))
    assert "_hash" not in vars(network)
    assert network == large(20)
    assert hash(network) == hash(copy.copy(network)) == hash(large(20))


def _copied(network: Network) -> Network:
    hash(network)
    return pickle.loads(pickle.dumps(network))


GOLDEN = {
    "birth_death": "91efc3ec6f146d72a4b6f84eeb2e9933291776d6245c18f1379f9c01ff16e53f",
    "repressilator": "036a7a12c3849d60e6007638602f67b1983b0f6bfb0ed97da21f21ed15465e21",
    "driven_ring": "905a7b53a67a163b6f4623c28cbd7b65e1959cd660cd7ce7238e684b68bdac6f",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_digests_stay_what_they_were(name):
    assert MODELS[name]().network.digest == GOLDEN[name]


def test_propensities_of_a_network_by_name():
    network = large(30)
    theta = {name: float(number + 1) for number, name in enumerate(network.parameters)}
    made = network.propensities(tuple(jnp.full(30, 5.0)), theta, jnp.float32(0.0))
    assert [float(a) for a in made[:3]] == [1.0 * 5, theta["k3"] * 25, theta["k6"] * 10]


def test_hundreds_of_wrong_names_are_told_in_short():
    """Of each kind a few, and how many more."""
    network = large(300)
    with pytest.raises(InputError) as told:
        check_counts(network, {f"other{i}": 1 for i in range(400)})
    text = str(told.value)
    assert len(text) < 3_000
    assert "unknown species 'other0'; known: S0(a!0,b~0), " in text
    assert " and 295 more" in text
    assert "and 395 more of that kind" in text
    assert "the count of 'S0(a!0,b~0)' is missing" in text
    with pytest.raises(InputError, match="and 395 more of that kind") as told:
        check_theta(network, {f"k{i}": 1.0 for i in range(407)})
    assert len(str(told.value)) < 1_000
    with pytest.raises(InputError, match="in the order S0") as told:
        check_counts(network, [1, 2, 3])
    assert len(str(told.value)) < 500
