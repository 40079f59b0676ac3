"""The tangent against the exact mean of the estimator, which obeys linear equations, and that against the truth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import jumpax
import references
from jumpax._base.errors import InputError
from jumpax.folds import Score, Together
from jumpax.folds.alternative import Alternative
from jumpax.folds.linear_flow import longest_step, step
from jumpax.folds.tangent import Tangent
from jumpax.networks import MassAction, Network, Reaction, zoo

ASSOCIATION = Network([Reaction("A + B <-> C", MassAction("k_on"), MassAction("k_off"))])
TELEGRAPH = zoo.telegraph().network
RATES = {"k_on": 0.5, "k_off": 1.0, "k_tx": 20.0, "gamma": 1.0}
LIMIT = 4.0
"""Of |z|: each comparison raises a false alarm with probability 6e-5, the file with less than 2e-3."""


def expected(zeta, rates, reactants, x0, t, largest):
    """States (n, D) and E[v 1{state}] (n, D, P) of the tangent at time t; mass action, reactants all different.

    Everything is linear: probabilities flow with a_r, and with them v, which also grows by A v + b in a state and by
    zeta_r (d a_r + grad a_r . v) / (2 a_r) where reaction r leads.
    """
    ends = np.array([largest] * len(x0)) if np.ndim(largest) == 0 else np.array(largest)
    states, index = [tuple(x0)], {tuple(x0): 0}

    def propensity(x, r):
        return rates[r] * np.prod([x[d] for d in reactants[r]])

    for x in states:
        for r in range(len(rates)):
            y = tuple(np.add(x, zeta[:, r]))
            if propensity(x, r) > 0 and y not in index and (np.array(y) <= ends).all():
                index[y] = len(states)
                states.append(y)
    n, width, several = len(states), len(x0), len(rates)
    out = np.zeros((n, width, several))
    for p in range(several):
        block = np.zeros((n * (1 + width),) * 2)
        here = [slice(n + i * width, n + (i + 1) * width) for i in range(n)]
        for i, x in enumerate(states):
            for r in range(several):
                a = propensity(x, r)
                d_rate = a / rates[r] if r == p else 0.0
                slope = np.zeros(width)
                for d in reactants[r]:
                    slope[d] = rates[r] * np.prod([x[e] for e in reactants[r] if e != d])
                share = 0.5 if a > 0 else 1.0
                block[here[i], here[i]] += share * np.outer(zeta[:, r], slope) - a * np.eye(width)
                block[here[i], i] += share * zeta[:, r] * d_rate
                block[i, i] -= a
                j = index.get(tuple(np.add(x, zeta[:, r])))
                if a > 0 and j is not None:
                    block[here[j], here[i]] += a * np.eye(width) + np.outer(zeta[:, r], slope) / 2
                    block[here[j], i] += zeta[:, r] * d_rate / 2
                    block[j, i] += a
        end = expm(t * block)[:, 0]
        out[..., p] = end[n:].reshape(n, width)
    return np.array(states), out


def tangents(network, theta, x0, time, paths, key):
    """Final counts (paths, species) and tangents (paths, species, parameters), in the order of theta."""
    fold = Tangent(network, tuple(theta))
    run = jumpax.simulate(network, theta, x0, times=[time], paths=paths, key=key, record=fold)
    counts, v = run.records
    np.testing.assert_array_equal(np.stack(counts, -1), run.counts)
    return run.counts[:, 0].astype(float), np.array(v, float)[..., 0].transpose(2, 0, 1)


def z(samples, value):
    return (samples.mean(0) - value) / (samples.std(0) / np.sqrt(len(samples)))


@pytest.mark.parametrize(
    ("n", "volume", "k_off", "time", "bias"),
    [(20, 20, 1.0, 1.0, 1e-4), (20, 20, 10.0, 1.0, 1e-3), (10, 1, 1.0, 2.0, 3e-3), (10, 0.1, 1.0, 1.0, None)],
)
def test_association(n, volume, k_off, time, bias):
    zeta = np.array([[-1, 1], [-1, 1], [1, -1]])
    _, v = expected(zeta, (1 / volume, k_off), ((0, 1), (2,)), (n, n, 0), time, n)
    mean = v[:, 2].sum(0)
    step = 1e-5
    up, down = (references.association_at_time(n, n, volume, 1 + s, k_off, time)[0] for s in (step, -step))
    truth = [(up - down) / (2 * step) * volume, references.association_at_time(n, n, volume, 1.0, k_off, time)[1]]
    _, samples = tangents(ASSOCIATION, {"k_on": 1 / volume, "k_off": k_off}, [n, n, 0], time, 100_000, 11)
    samples = samples[:, 2]
    assert (np.abs(z(samples, mean)) < LIMIT).all()
    if bias is None:  # ten molecules, saturated: the documented worst case
        np.testing.assert_allclose(mean / truth - 1, 0.166, atol=0.001)
        assert (np.abs(z(samples, truth)) > 6).all()
    else:
        np.testing.assert_allclose(mean, truth, rtol=bias)


def test_telegraph():
    zeta = np.array([[-1, 1, 0, 0], [1, -1, 0, 0], [0, 0, 1, -1]])
    # species off, on, M
    states, v = expected(zeta, tuple(RATES.values()), ((0,), (1,), (1,), (2,)), (1, 0, 0), 2.0, (1, 1, 55))
    _, slopes = references.telegraph_at_time(*RATES.values(), 2.0, 90)
    m, rates = np.arange(91.0), np.array(list(RATES.values()))
    truth, truth_square = slopes @ m / rates, slopes @ m**2 / rates
    mean, mean_square = v[:, 2].sum(0), 2 * states[:, 2] @ v[:, 2]
    np.testing.assert_allclose(mean, truth, rtol=1e-6)
    np.testing.assert_allclose((mean_square / truth_square - 1)[:2], [-0.096, -0.054], atol=0.0015)
    counts, samples = tangents(TELEGRAPH, RATES, {"off": 1, "on": 0, "M": 0}, 2.0, 200_000, 12)
    assert (np.abs(z(samples[:, 2], truth)) < LIMIT).all()
    squares = 2 * counts[:, 2:] * samples[:, 2]
    assert (np.abs(z(squares, mean_square)) < LIMIT).all()
    assert (np.abs(z(squares[:, :2], truth_square[:2])) > 6).all()


def test_repressilator():
    # mean of the estimator from its linear equations on counts up to 24, for d/dln beta and d/dln K at t = 3
    mean = {"beta": [0.46954, 3.94389, 1.65525], "K": [0.98206, 2.01673, -0.86673]}
    model = zoo.repressilator()
    fold = Tangent(model.network, ("beta", "K"))
    run = jumpax.simulate(model.network, model.theta, model.x0, times=[3.0], paths=50_000, key=13, record=fold)
    v = np.array(run.records[1], float)[..., 0]
    for p, (name, value) in enumerate(mean.items()):
        assert (np.abs(z(v[:, p].T * model.theta[name], value)) < LIMIT).all()


def test_steps_are_limited():
    model = zoo.birth_death(birth=0.5, death=2.0)

    def tangent(reach):
        fold = Tangent(model.network, ("birth", "death"), reach)
        run = jumpax.simulate(
            model.network, model.theta, {"X": 5}, times=[6.0], paths=64, key=1, record=fold, precision="float64"
        )
        return np.array(run.records[1])

    default = tangent(0.3)
    size = np.abs(default).max()
    assert 0 < np.abs(tangent(0.15) - default).max() < 2e-4 * size  # reach^5 / 5! a step, and at most 2 * 6 / 0.3 steps
    assert np.abs(tangent(1e6) - default).max() > 1e-2 * size


def test_a_step_is_as_long_as_its_error_allows():
    """In the norm of the docstring of `longest_step`: reach^5 / 5! of v and b / nu, and 6 % for the higher orders."""
    rng = np.random.default_rng(20261120)
    for _ in range(20):
        a = rng.normal(size=(4, 4)) * 10.0 ** rng.integers(-2, 3, (4, 4)) * (rng.random((4, 4)) < 0.6) - np.diag(
            rng.random(4)
        )
        v, b = rng.normal(size=4), rng.normal(size=4)
        with jax.enable_x64(True):
            matrix = {(int(i), int(j)): jnp.asarray(a[i, j]) for i, j in zip(*np.nonzero(a), strict=True)}
            rows, source = (tuple((jnp.asarray(x),) for x in values) for values in (v, b))
            h = longest_step(matrix, 0.3, jnp.asarray(0.0))
            got = np.array(step(matrix, source, rows, h))[:, 0]
            h = float(h)
        size, powers = 0.3 / h, [np.linalg.matrix_power(np.abs(a), k).sum(1) for k in range(5)]
        assert np.abs(np.linalg.eigvals(np.abs(a))).max() * (1 - 1e-9) < size < powers[1].max() * (1 + 1e-9)
        np.testing.assert_allclose(powers[4].max(), size**4, rtol=1e-9)
        u = sum(power / size**k for k, power in enumerate(powers[:4]))
        exact = expm(h * np.block([[a, b[:, None]], [np.zeros((1, 5))]])) @ [*v, 1.0]
        scale = (np.abs(v) / u).max() + (np.abs(b) / u).max() / size
        assert (np.abs(got - exact[:4]) / u).max() < 1.06 * 0.3**5 / 120 * scale


def test_a_promoter_does_not_shorten_the_steps():
    # row sums of |A|: k_on / 2 + k_off, and k_tx + gamma; nothing comes back from the molecules to the promoter
    theta = {name: jnp.float32(value) for name, value in RATES.items()}
    counts = tuple(jnp.int32(c) for c in (1, 0, 3))
    rates = TELEGRAPH.propensities(tuple(c.astype(jnp.float32) for c in counts), theta, jnp.float32(0))
    fold = Tangent(TELEGRAPH, ("k_on",))
    cap = fold.cap(fold.init(counts, theta, jnp.float32(0)), counts, tuple(rates), theta)
    assert 0.3 / 3.0 < cap < 0.3 / 1.25


def test_rows_of_species_that_follow():
    # 2 A <-> D: the rows of A and D are those of one species, times -2
    network = Network([Reaction("2 A <-> D", MassAction("k"), MassAction("q"))])
    run = jumpax.simulate(
        network,
        {"k": 0.05, "q": 1.0},
        {"A": 20, "D": 0},
        times=[1.0],
        paths=50,
        key=1,
        record=Tangent(network, ("k", "q")),
    )
    a, d = np.array(run.records[1])
    assert np.abs(a).min(-1).max() > 0
    np.testing.assert_allclose(a, -2 * d, rtol=1e-6)


def test_no_time_changes_nothing():
    fold = Tangent(ASSOCIATION, ("k_on", "k_off"))
    theta = {"k_on": jnp.float32(0.1), "k_off": jnp.float32(0.7)}
    counts = tuple(jnp.int32(c) for c in (3, 4, 5))
    carry = tuple(tuple(jnp.float32(10 * d + p + 0.1) for p in range(2)) for d in range(1))  # of A; B and C follow
    after = fold.advance(carry, counts, (jnp.float32(1.2), jnp.float32(3.5)), theta, jnp.float32(1), jnp.float32(0))
    assert jax.tree.map(float, after) == jax.tree.map(float, carry)


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_engines_agree(precision):
    fold = Together((Tangent(ASSOCIATION, ("k_off",)), Alternative(ASSOCIATION, "k_off"),
                     Alternative(ASSOCIATION, "k_on"), Score(ASSOCIATION, ("k_off",))))  # fmt: skip
    theta, x0 = {"k_on": 0.1, "k_off": 2.0}, [10, 12, 0]
    fast, slow = (
        jumpax.simulate(
            ASSOCIATION,
            theta,
            x0,
            times=[0.3, 0.31, 1.0],
            paths=12,
            key=5,
            record=fold,
            engine=engine,
            precision=precision,
        )
        for engine in ("xla", "reference")
    )
    np.testing.assert_array_equal(fast.counts, slow.counts)
    bound = 1e-4 if precision == "float32" else 1e-11
    for one, two in zip(jax.tree.leaves(fast.records), jax.tree.leaves(slow.records), strict=True):
        if np.issubdtype(one.dtype, np.integer):
            np.testing.assert_array_equal(one, two)
        else:
            np.testing.assert_allclose(one, two, rtol=bound, atol=bound * np.abs(one).max())


def test_refusals():
    with pytest.raises(InputError, match=r"k_of.*'k_off'.*reach"):
        Tangent(ASSOCIATION, ("k_of",), reach=0.0)
