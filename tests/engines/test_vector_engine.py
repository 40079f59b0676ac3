"""Paths of vector networks: those of the other engines, whatever runs beside them; faults."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax import Status

TIMES = [0.5, 2.0]


def _cascade(counts, params, u):
    return params["k"][None], params["beta"] * jax.nn.sigmoid(u + params["b"]), params["g"] * counts


CASCADE = jumpax.VectorNetwork(
    np.array([[1, 0, -1, 0], [0, 1, 0, -1]]), _cascade, lambda p: jnp.stack([p["w"], 0 * p["w"]])[None], ("X", "Y")
)
CASCADE_PARAMS = {"k": 20.0, "w": 0.2, "b": np.array([-3.0]), "beta": np.array([30.0]), "g": np.array([1.0, 2.0])}


def _association(counts, params):
    a, b, c, d = counts
    return jnp.stack([params["on"] * a * b, params["off"] * c, params["pair"] * c * (c - 1) / 2, params["split"] * d])


ASSOCIATION = jumpax.VectorNetwork(
    np.array([[-1, 1, 0, 0], [-1, 1, 0, 0], [1, -1, -2, 2], [0, 0, 1, -1]]), _association, species=tuple("ABCD")
)
ASSOCIATION_PARAMS = {"on": 0.2, "off": 1.0, "pair": 0.3, "split": 0.5}


def _same(name):
    if name == "cascade":
        reactions = [
            jumpax.Reaction("0 -> X", jumpax.MassAction("k")),
            jumpax.Reaction("0 -> Y", lambda X, w, b, beta: beta * jax.nn.sigmoid(w * X + b)),
            jumpax.Reaction("X -> 0", jumpax.MassAction("gx")),
            jumpax.Reaction("Y -> 0", jumpax.MassAction("gy")),
        ]
        theta = {"k": 20.0, "w": 0.2, "b": -3.0, "beta": 30.0, "gx": 1.0, "gy": 2.0}
        return CASCADE, CASCADE_PARAMS, jumpax.Network(reactions, species=("X", "Y")), theta, [0, 3]
    reactions = [
        jumpax.Reaction("A + B -> C", jumpax.MassAction("on")),
        jumpax.Reaction("C -> A + B", jumpax.MassAction("off")),
        jumpax.Reaction("C + C -> D", jumpax.MassAction("pair")),
        jumpax.Reaction("D -> C + C", jumpax.MassAction("split")),
    ]
    network = jumpax.Network(reactions, species=tuple("ABCD"))
    return ASSOCIATION, ASSOCIATION_PARAMS, network, ASSOCIATION_PARAMS, [12, 9, 3, 0]


@pytest.mark.parametrize("name", ["cascade", "association"])
def test_paths_are_those_of_the_other_engines(name):
    vector, params, network, theta, x0 = _same(name)
    with jax.enable_x64(True):
        averages = jumpax.TimeAverages(network)
        want = jumpax.simulate(
            network, theta, x0, times=TIMES, paths=40, key=3, precision="float64", engine="xla", record=averages
        )
        got = jumpax.vector_paths(vector, params, x0, times=TIMES, windows=[(0, 0.5), (0.5, 2.0)], paths=40, key=3)
        np.testing.assert_array_equal(got.counts, want.counts)
        np.testing.assert_array_equal(got.events, want.events)
        means = np.stack([np.asarray(leaf) for leaf in jax.tree.leaves(want.records)], -1)
        np.testing.assert_allclose(got.windows, means, rtol=1e-11, atol=1e-11)
        assert set(np.unique(got.status)) <= {Status.REACHED, Status.ABSORBED}


def test_a_path_does_not_depend_on_what_runs_beside_it_or_on_what_is_asked():
    k = np.linspace(5.0, 40.0, 40)
    params = CASCADE_PARAMS | {"k": k}
    options = {"key": 11, "per_path": ("k",)}
    one = jumpax.vector_paths(CASCADE, params, [0, 0], times=TIMES, paths=40, **options)
    two = jumpax.vector_paths(
        CASCADE, params, [0, 0], times=[0.3, *TIMES], windows=[(0.1, 1.9)], observe=["Y"], paths=40, lanes=16, **options
    )
    np.testing.assert_array_equal(one.counts[:, :, 1:], two.counts[:, 1:])
    np.testing.assert_array_equal(one.events, two.events)
    few = jumpax.vector_paths(CASCADE, params | {"k": k[:7]}, [0, 0], times=TIMES, paths=7, **options)
    np.testing.assert_array_equal(one.counts[:7], few.counts)


def test_many_blocks_of_reactions_have_the_right_law():
    """Means and variances of 150 birth-death genes, Poisson at any time; each chi-square fails by chance once in 1e6."""
    genes, paths = 150, 400
    rates = np.linspace(0.5, 12.0, genes)

    def propensities(counts, params):
        return params["beta"], jnp.concatenate([counts[:7], counts[7:]])

    network = jumpax.VectorNetwork(np.hstack([np.eye(genes), -np.eye(genes)]), propensities)
    got = jumpax.vector_paths(network, {"beta": rates}, np.zeros(genes), times=[1.0], paths=paths, key=5)
    mean = rates * (1 - np.exp(-1.0))
    counts = np.asarray(got.counts[:, 0], float)
    z = (counts.mean(0) - mean) / np.sqrt(mean / paths)
    assert abs((z**2).sum() - genes) < 5.4 * np.sqrt(2 * genes)  # normal tail beyond 4.9, and skewness
    spread = (counts.var(0, ddof=1) - mean) / np.sqrt((mean + 2 * mean**2) / paths)
    assert abs((spread**2).sum() - genes) < 6.5 * np.sqrt(2 * genes)  # heavier tails at small means


def test_faults_are_flagged_path_by_path():
    def rates(counts, params):
        return jnp.stack([params["a"], params["b"] * counts[0], jnp.where(counts[0] > 4, params["c"], 0.0)])

    network = jumpax.VectorNetwork(np.array([[1, 1, -1], [0, 0, -1]]), rates)
    params = {"a": np.array([1.0, 1, 1, 0]), "b": np.array([0.0, 9, 0, 0]), "c": np.array([5.0, 0, np.nan, 0])}
    got = jumpax.vector_paths(
        network, params, [[9, 2], [1, 0], [5, 0], [0, 0]], times=[1.0, 50.0], paths=4, key=1, max_events=300,
        per_path=("a", "b", "c"),
    )  # fmt: skip
    assert got.status.tolist() == [Status.NEGATIVE_COUNT, Status.EVENT_BUDGET, Status.BAD_PROPENSITY, Status.ABSORBED]
    assert int(got.events[1]) == 300
    assert np.isnan(got.counts[:3, 1]).all()
    assert not np.isnan(got.counts[3]).any()


def test_groups_and_features_may_be_whole_numbers_and_groups_may_be_empty():
    def plain(counts, params, u):
        return jnp.where(counts[:1] < 30, 9.0, 0.0), u, counts

    def whole(counts, params, u):
        return jnp.where(counts[:1] < 30, 9, 0), u, counts[:0], counts

    zeta = np.array([[1, 0, -1, 0], [0, 1, 0, -1]])
    asked = {"x0": [0, 0], "paths": 3, "key": 0, "windows": [(0, 2)], "observe": 1}
    one, two = (
        jumpax.vector_paths(jumpax.VectorNetwork(zeta, rates, features), {}, **asked)
        for rates, features in [(plain, lambda p: jnp.array([[0.5, 0.0]]) * 2), (whole, lambda p: np.array([[1, 0]]))]
    )
    np.testing.assert_array_equal(one.windows, two.windows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"windows": [(2.0, 1.0)]}, "window"),
        ({"times": [0.0]}, "time"),
        ({"times": ()}, "windows="),
        ({"observe": ["Z"]}, "Z"),
        ({"observe": [2]}, "number 2"),
        ({"x0": [0, 0.5]}, "whole"),
        ({"x0": [0]}, "shape"),
        ({"per_path": ("k",)}, "one per path"),
        ({"per_path": ("kk",)}, "kk"),
        ({"per_path": ("w",), "params": CASCADE_PARAMS | {"w": np.ones(3)}}, "per_path"),
        ({"paths": 0}, "paths"),
        ({"windows": (0.0, 1.0)}, "sequence of pairs"),
        ({"times": 1.0}, "sequence of pairs"),
        ({"observe": [True, False]}, "names or numbers"),
        ({"params": CASCADE_PARAMS | {"w": "much"}}, "real numbers"),
        ({"params": {"w": CASCADE_PARAMS["w"]}}, "look for 'k'"),
    ],
)
def test_wrong_input_is_named(change, said):
    asked = {"params": CASCADE_PARAMS, "x0": [0, 0], "paths": 3, "key": 0, "times": [1.0]} | change
    with pytest.raises(jumpax.InputError, match=said):
        jumpax.vector_paths(CASCADE, asked.pop("params"), asked.pop("x0"), **asked)


def test_wrong_networks_are_named():
    with pytest.raises(jumpax.InputError, match="change nothing") as caught:
        jumpax.VectorNetwork(np.array([[1, 0], [0.5, 0]]), None, species=("A",))  # type: ignore[arg-type]
    for said in ("whole numbers", "names of species", "must be a function"):
        assert said in str(caught.value)
    for rates, features in [(lambda counts, params, t: counts, None), (lambda counts, params: counts, lambda p: p)]:
        with pytest.raises(jumpax.InputError, match="must take"):
            jumpax.VectorNetwork(np.eye(3, dtype=int), rates, features)
    short = jumpax.VectorNetwork(np.eye(3, dtype=int), lambda counts, params: counts[:2])
    with pytest.raises(jumpax.InputError, match="one number per reaction, 3"):
        jumpax.vector_paths(short, {}, [0, 0, 0], times=[1.0], paths=1, key=0)
    wide = jumpax.VectorNetwork(np.eye(3, dtype=int), lambda counts, params, u: counts, lambda params: np.ones((2, 2)))
    with pytest.raises(jumpax.InputError, match="features must give"):
        jumpax.vector_paths(wide, {}, [0, 0, 0], times=[1.0], paths=1, key=0)


def test_equal_networks_are_equal():
    again = jumpax.VectorNetwork(CASCADE.stoichiometry, _cascade, CASCADE.features, ("X", "Y"))
    assert again == CASCADE
    assert hash(again) == hash(CASCADE)
    assert again != ASSOCIATION
