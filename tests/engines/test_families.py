"""Paths of families of reactions: those of the reference, by the master equation, whatever runs beside them; faults."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jumpax
from jumpax import Status
from jumpax.exact import StateSpace, distribution

TIMES = [0.5, 2.0]


def rates(counts, theta, u):
    return theta["k"][None], theta["beta"] * jax.nn.sigmoid(u + theta["b"]), theta["g"] * counts


CASCADE = jumpax.Network(
    families=[
        jumpax.Family(
            np.array([[1, 0, -1, 0], [0, 1, 0, -1]]), rates, ("X", "Y"),
            {"k": (), "w": (), "b": 1, "beta": 1, "g": 2}, lambda theta: jnp.stack([theta["w"], 0 * theta["w"]])[None],
        )
    ]
)  # fmt: skip
THETA = {"k": 20.0, "w": 0.2, "b": np.array([-3.0]), "beta": np.array([30.0]), "g": np.array([1.0, 2.0])}
PLAIN = jumpax.Network(
    [
        jumpax.Reaction("A + B -> C", jumpax.MassAction("on")), jumpax.Reaction("C -> A + B", jumpax.MassAction("off")),
        jumpax.Reaction("C + C -> D", jumpax.MassAction("pair")), jumpax.Reaction("D -> C + C", jumpax.MassAction("split")),
    ]
)  # fmt: skip
PAIRS = jumpax.Family.mass_action(np.array([[2, 0], [0, 1]]), np.array([[0, 2], [1, 0]]), "pairing", ("C", "D"))
MIXED = jumpax.Network(PLAIN.reactions[:2], species=tuple("ABCD"), families=[PAIRS])
NUMBERS = {"on": 0.2, "off": 1.0, "pair": 0.3, "split": 0.5}
MIXED_NUMBERS = {"on": 0.2, "off": 1.0, "pairing": np.array([0.3, 0.5])}
START = [12, 9, 3, 0]


def _draw(network, theta, x0, **more):
    return jumpax.simulate(network, theta, x0, **{"times": TIMES, "paths": 40, "key": 3} | more)


@pytest.mark.parametrize(
    ("case", "precision", "stops"),
    [
        ("cascade", "float32", {}), ("cascade", "float64", {"times": None, "steps": [0, 7, 40]}), ("mixed", "float64", {}),
        ("mixed", "float32", {"times": None, "steps": [5, 6]}),
    ],
)  # fmt: skip
def test_paths_follow_the_reference(case, precision, stops):
    network, theta, x0 = (CASCADE, THETA, [0, 3]) if case == "cascade" else (MIXED, MIXED_NUMBERS, START)
    record = [jumpax.TimeAverages(network), jumpax.ReactionCounts(network)]
    fast, slow = (
        _draw(network, theta, x0, precision=precision, record=record, engine=engine, **stops)
        for engine in (None, "reference")
    )
    np.testing.assert_array_equal(fast.counts, slow.counts)
    np.testing.assert_array_equal(fast.events, slow.events)
    np.testing.assert_array_equal(fast.end_counts, slow.end_counts)
    np.testing.assert_array_equal(fast.status, slow.status)
    near = {"rtol": 1e-11, "atol": 1e-11} if precision == "float64" else {"rtol": 3e-6, "atol": 3e-6}
    np.testing.assert_allclose(fast.end_times, slow.end_times, **near)
    assert jax.tree.structure(fast.records) == jax.tree.structure(slow.records)
    np.testing.assert_array_equal(fast.records[1], slow.records[1])
    np.testing.assert_allclose(fast.records[0], slow.records[0], **near)
    assert not np.array_equal(fast.counts[:, 0], fast.counts[:, 1])


def test_families_are_the_reactions_that_they_stand_for():
    fast = _draw(MIXED, MIXED_NUMBERS, START, precision="float64")
    plain = _draw(PLAIN, NUMBERS, START, precision="float64", engine="xla")
    np.testing.assert_array_equal(fast.counts, plain.counts)
    np.testing.assert_array_equal(fast.events, plain.events)


@pytest.mark.parametrize("engine", [None, "reference"])
def test_the_law_is_that_of_the_master_equation(engine):
    """Chi-square of A at a time, 4,000 paths (reference: 300), bins of 8 or more; fails by chance once in 1e6."""
    paths = 4_000 if engine is None else 300
    with jax.enable_x64(True):
        space = StateSpace.reachable(PLAIN, START)
        law = np.asarray(distribution(space, NUMBERS, [1.0]).probabilities[0])
        states = np.asarray(space.states)[:, 0]
    expected = paths * np.bincount(states, law, minlength=13)
    got = _draw(MIXED, MIXED_NUMBERS, START, times=[1.0], paths=paths, key=20261129, engine=engine)
    found = np.bincount(got["A"][:, 0], minlength=13)
    edges, total = [0], 0.0
    for place, value in enumerate(expected):
        total += value
        if total >= 8:
            edges.append(place + 1)
            total = 0.0
    edges.pop()
    found, expected = (np.add.reduceat(row, edges) for row in (found, expected))
    assert len(expected) > 4
    assert stats.chisquare(found, expected * found.sum() / expected.sum()).pvalue > 1e-6


def test_a_path_does_not_depend_on_what_runs_beside_it_or_on_what_is_asked():
    k = np.linspace(5.0, 40.0, 150)
    one = _draw(CASCADE, THETA | {"k": k}, [0, 0], paths=150, threads=1)
    two = _draw(
        CASCADE,
        THETA | {"k": k},
        [0, 0],
        paths=150,
        threads=2,
        times=[0.3, *TIMES],
        record=jumpax.TimeAverages(CASCADE),
    )
    np.testing.assert_array_equal(one.counts, two.counts[:, 1:])
    np.testing.assert_allclose(
        one.end_times, two.end_times, rtol=1e-6
    )  # features are computed anew after so many turns
    few = _draw(CASCADE, THETA | {"k": k[:7], "g": np.tile([1.0, 2.0], (7, 1))}, np.zeros((7, 2)), paths=7)
    np.testing.assert_array_equal(one.counts[:7], few.counts)


def test_many_blocks_of_reactions_have_the_right_law():
    """Means and variances of 150 birth-death genes, Poisson at any time; each chi-square fails by chance once in 1e6."""
    genes, paths = 150, 400
    beta = np.linspace(0.5, 12.0, genes)
    family = jumpax.Family(
        np.hstack([np.eye(genes), -np.eye(genes)]),
        lambda counts, theta: (theta["beta"], jnp.concatenate([counts[:7], counts[7:]])),
        parameters={"beta": genes},
    )
    got = _draw(jumpax.Network(families=[family]), {"beta": beta}, np.zeros(genes), times=[1.0], paths=paths, key=5)
    mean = beta * (1 - np.exp(-1.0))
    counts = got.counts[:, 0].astype(float)
    z = (counts.mean(0) - mean) / np.sqrt(mean / paths)
    assert abs((z**2).sum() - genes) < 5.4 * np.sqrt(2 * genes)  # normal tail beyond 4.9, and skewness
    spread = (counts.var(0, ddof=1) - mean) / np.sqrt((mean + 2 * mean**2) / paths)
    assert abs((spread**2).sum() - genes) < 6.5 * np.sqrt(2 * genes)  # heavier tails at small means


def _broken(counts, theta):
    return jnp.stack([theta["a"], theta["b"] * counts[0], jnp.where(counts[0] > 4, theta["c"], 0.0)])


BROKEN = jumpax.Network(
    families=[jumpax.Family(np.array([[1, 1, -1], [0, 0, -1]]), _broken, ("P", "Q"), ["a", "b", "c"], name="broken")]
)
WRONG = {"a": np.array([1.0, 1, 1, 0]), "b": np.array([0.0, 9, 0, 0]), "c": np.array([5.0, 0, 3e38, 0])}
WRONG_START = [[9, 2], [1, 0], [5, 0], [0, 0]]


@pytest.mark.parametrize("engine", [None, "reference"])
def test_faults_are_flagged_path_by_path(engine):
    theta = WRONG | {"a": np.array([1.0, 1, 3e38, 0])}
    with np.errstate(over="ignore"):
        got = jumpax.simulate(
            BROKEN, theta, WRONG_START, times=[1.0, 50.0], paths=4, key=1, max_events=300, throw=False, engine=engine,
            precision="float32",
        )  # fmt: skip
    assert got.status[[0, 1, 3]].tolist() == [Status.NEGATIVE_COUNT, Status.EVENT_BUDGET, Status.ABSORBED]
    assert got.status[2] >= 4
    assert got.redrawn.tolist() == [False, False, True, False]  # its propensities add up to infinity in float32
    assert int(got.events[1]) == 300
    assert (got.counts[:3, 1] == -1).all()
    assert got.counts[3].tolist() == [[0, 0], [0, 0]]


def test_faults_are_told_by_name():
    with pytest.raises(jumpax.SimulationError, match=r"below zero: Q, used up by 'broken\[2\]'"):
        jumpax.simulate(BROKEN, {"a": 1.0, "b": 0.0, "c": 5.0}, [9, 2], times=[50.0], paths=1, key=1)


def test_counts_beyond_float32_are_drawn_again():
    """A path that comes to 2^24 and back, which numbers of 24 bits cannot count."""
    network = jumpax.Network(
        families=[jumpax.Family(np.array([[1, -1]]), lambda x, p: jnp.stack([p["k"], p["k"]]), ("X",), ["k"])]
    )
    start = 2**24 - 3
    got = jumpax.simulate(network, {"k": 40.0}, [start], times=[1.0], paths=20, key=2, precision="float32")
    slow = jumpax.simulate(
        network, {"k": 40.0}, [start], times=[1.0], paths=20, key=2, precision="float64", engine="reference"
    )
    assert 0 < got.redrawn.sum() < 20
    np.testing.assert_array_equal(got.counts[got.redrawn], slow.counts[got.redrawn])


def test_groups_and_features_may_be_whole_numbers_and_groups_may_be_empty():
    def plain(counts, theta, u):
        return jnp.where(counts[:1] < 30, 9.0, 0.0), u, counts

    def whole(counts, theta, u):
        return jnp.where(counts[:1] < 30, 9, 0), u, counts[:0], counts

    zeta = np.array([[1, 0, -1, 0], [0, 1, 0, -1]])
    one, two = (
        _draw(jumpax.Network(families=[jumpax.Family(zeta, law, features=features)]), {}, [0, 0], paths=3)
        for law, features in [(plain, lambda p: jnp.array([[0.5, 0.0]]) * 2), (whole, lambda p: np.array([[1, 0]]))]
    )
    np.testing.assert_array_equal(one.counts, two.counts)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"bound": 9.0}, "does not have bound"),
        ({"record": jumpax.Events()}, r"does not have record=Events\(\)"),
        (
            {"record": jumpax.FirstPassage(CASCADE, lambda c: c["X"] > 3)},
            "the fold FirstPassage does not treat families",
        ),
        ({"engine": "cpu"}, "engine 'cpu' does not treat families"),
    ],
)
def test_what_is_not_there_is_refused_by_name(more, said):
    with pytest.raises(jumpax.UnsupportedError, match=said):
        _draw(CASCADE, THETA, [0, 0], **more)


def test_events_delays_and_times_beside_families_are_refused_by_name():
    late = jumpax.Reaction("X -> 0", jumpax.MassAction("d"), delay=jumpax.FixedDelay(1.0))
    timed = jumpax.Reaction("X -> 0", lambda X, t: X * t)
    lively = jumpax.Network(families=CASCADE.families, events=[jumpax.Event.at(1.0, {"X": 0})])
    for network, said in [
        (jumpax.Network([late], families=CASCADE.families), "delays"),
        (jumpax.Network([timed], families=CASCADE.families), "rates that depend on time"),
        (lively, "events at times|families of reactions"),
    ]:
        theta = THETA | ({"d": 1.0} if "d" in network.parameters else {})
        with pytest.raises(jumpax.UnsupportedError, match=f"does not treat {said}"):
            _draw(network, theta, [0, 0], bound=100.0 if "depend" in said else None)
