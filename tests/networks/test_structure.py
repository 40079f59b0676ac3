"""Conservation laws and the dependency graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jumpax._base.errors import TooLargeError
from jumpax.networks import MassAction, Network, Reaction
from jumpax.networks.structure import conservation_laws
from jumpax.networks.zoo import MODELS, driven_ring


def _laws(*equations):
    network = Network([Reaction(equation, MassAction(1.0)) for equation in equations])
    return [dict(zip(network.species, row.tolist())) for row in network.conservation_laws()]


def test_enzyme_kinetics_conserves_enzyme_and_substrate():
    laws = _laws("E + S -> ES", "ES -> E + S", "ES -> E + P")
    assert laws == [{"E": 1, "S": 0, "ES": 1, "P": 0}, {"E": 0, "S": 1, "ES": 1, "P": 1}]


def test_weights_are_whole_and_without_common_divisor():
    assert _laws("4 A -> 6 B") == [{"A": 3, "B": 2}]


def test_a_difference_is_conserved_where_no_total_is():
    assert _laws("∅ -> A + B", "A + B -> ∅") == [{"A": 1, "B": -1}]


def test_open_systems_conserve_nothing():
    assert _laws("∅ -> A", "A -> B", "B -> ∅") == []


def test_a_large_ring_is_done_exactly():
    np.testing.assert_array_equal(driven_ring(300).network.conservation_laws(), np.ones((1, 300)))


def test_too_many_conserved_sums_are_refused_by_their_numbers(monkeypatch):
    monkeypatch.setenv("JUMPAX_MEMORY_LIMIT", "1")
    with pytest.raises(TooLargeError, match=r"99,999 conserved sums of 100,000 species would take about 80 GB"):
        conservation_laws([((3, 1),)], 100_000)


_MATRICES = st.integers(1, 5).flatmap(
    lambda species: st.lists(
        st.lists(st.integers(-3, 3), min_size=species, max_size=species), min_size=1, max_size=5
    ).map(lambda columns: np.array(columns, dtype=np.int64).T)
)


@given(_MATRICES)
@settings(max_examples=50, deadline=None)
def test_conservation_laws_are_a_basis_of_the_left_null_space(stoichiometry):
    changes = [tuple((i, int(v)) for i, v in enumerate(column) if v) for column in stoichiometry.T]
    laws = conservation_laws(changes, len(stoichiometry))
    assert not (laws @ stoichiometry).any()
    rank = np.linalg.matrix_rank(stoichiometry)  # safe: entries of at most 3 in at most 5 x 5
    assert len(laws) == len(stoichiometry) - rank
    assert np.linalg.matrix_rank(laws) == len(laws) if len(laws) else True
    assert all(np.gcd.reduce(law) == 1 for law in laws)


@pytest.mark.parametrize("name", MODELS)
def test_the_dependency_graph_has_every_reaction_whose_propensity_changes(name):
    model = MODELS[name]()
    network, rng = model.network, np.random.default_rng(5)
    graph = network.dependency_graph()
    counts = rng.integers(3, 9, len(network.species)).astype(np.float32)
    before = np.array(network.propensities(tuple(counts), model.theta, 0.0))
    for fired, dependents in enumerate(graph):
        after = np.array(network.propensities(tuple(counts + network.stoichiometry[:, fired]), model.theta, 0.0))
        assert set(np.flatnonzero(before != after)) <= set(dependents)
        for dependent in dependents:
            changed = {s for s, v in zip(network.species, network.stoichiometry[:, fired]) if v}
            assert changed & set(network.reads(dependent))
