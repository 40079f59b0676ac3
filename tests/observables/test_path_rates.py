"""Currents, activity and entropy production, found in all ways, against exact laws and formulas.

|z| < 4 raises a false alarm with probability 1e-4 for each number: 4e-3 for the file. Seeds were fixed before looking.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax import MassAction, Network, Reaction
from jumpax.observables import Activity, Current, EntropyProduction, PathSums, Rates, tur_ratio

KEY = jax.random.key(20261120)


def ring(n, shared=False):
    """One species per site; a rate per bond and direction, or one per direction."""

    def rate(kind, i):
        return MassAction(kind if shared else f"{kind}{i}")

    return Network([Reaction(f"S{i} <-> S{(i + 1) % n}", rate("p", i), rate("q", i)) for i in range(n)])


def bonds(network):
    """The clockwise reactions."""
    return [r.name for r in network.reactions[::2]]


def stationary(network, x0, theta, rate, limits=None):
    """The exact mean of a rate."""
    space = jumpax.exact.StateSpace.reachable(network, x0, limits=limits)
    law = jumpax.exact.stationary(space, theta)
    return law.expectation(lambda counts: rate.local(counts, theta))


NETWORK = ring(3)
START = {"S0": 2, "S1": 1, "S2": 0}
THETA = {"p0": 2.0, "p1": 0.7, "p2": 1.5, "q0": 0.4, "q1": 1.1, "q2": 0.6}


def rates():
    return Current(NETWORK, *bonds(NETWORK)), Activity(NETWORK), EntropyProduction(NETWORK)


def test_a_homogeneous_ring_has_the_textbook_values():
    network, theta = ring(4, shared=True), {"p": 2.0, "q": 1.0}
    x0 = {f"S{i}": int(i == 0) for i in range(4)}
    current, activity, sigma = Current(network, *bonds(network)), Activity(network), EntropyProduction(network)
    with jax.enable_x64(True):
        assert stationary(network, x0, theta, current) == pytest.approx(1.0)
        assert stationary(network, x0, theta, activity) == pytest.approx(3.0)
        assert stationary(network, x0, theta, sigma) == pytest.approx(np.log(2.0))
        assert stationary(network, x0, theta, Current(network, bonds(network)[1])) == pytest.approx(0.25)


def test_means_of_functions_make_the_rates_and_their_gradients():
    with jax.enable_x64(True):
        space = jumpax.exact.StateSpace.reachable(NETWORK, START)
        columns = dict(zip(NETWORK.species, jnp.asarray(space.states.T, float), strict=True))

        for rate in rates():

            def whole(theta, rate=rate):
                return stationary(NETWORK, START, theta, rate)

            def parts(theta, rate=rate):
                law = jumpax.exact.stationary(space, theta)
                return rate.rate(law.probabilities @ rate(columns), theta)

            assert whole(THETA) == pytest.approx(float(parts(THETA)), rel=1e-10)
            slopes = jax.grad(parts)(THETA)
            for name, slope in jax.grad(whole)(THETA).items():
                assert slope == pytest.approx(float(slopes[name]), rel=1e-8), (rate, name)
        both = Rates(*rates())
        law = jumpax.exact.stationary(space, THETA)
        assert both(columns).shape == (space.size, 12)
        found = both.rate(law.probabilities @ both(columns), THETA)
        want = [law.expectation(lambda x, rate=rate: rate.local(x, THETA)) for rate in rates()]
        np.testing.assert_allclose(found, want, rtol=1e-10)
        with pytest.raises(jumpax.InputError, match="of one network"):
            Rates(Activity(NETWORK), Activity(ring(4)))


def test_steady_state_and_its_gradient():
    # a mean of 16 keys is 5.24 of its standard errors away with probability 1e-4
    sigma = EntropyProduction(NETWORK, stationary=True)
    mean = jumpax.steady_state(sigma, NETWORK, START, settle=6.0, time=40.0, paths=20, order=1)
    slope = jax.value_and_grad(lambda theta, key: sigma.rate(mean(theta, key), theta))
    found = [slope(THETA, key) for key in jax.random.split(KEY, 16)]
    with jax.enable_x64(True):
        exact = jax.value_and_grad(lambda theta: stationary(NETWORK, START, theta, sigma))(THETA)
        whole = stationary(NETWORK, START, THETA, EntropyProduction(NETWORK))
        assert float(exact[0]) == pytest.approx(float(whole), rel=1e-10)
    rows = np.array([[value, *slopes.values()] for value, slopes in found])
    want = np.array([exact[0], *[exact[1][name] for name in found[0][1]]])
    assert (np.abs(rows.mean(0) - want) < 5.24 * rows.std(0, ddof=1) / 4).all()


def test_expectation_at_a_time():
    sigma = EntropyProduction(NETWORK)
    mean = jumpax.expectation(sigma, NETWORK, START, [0.3], paths=4000, gradient=jumpax.ScoreFunction())
    exact = jumpax.expectation(sigma, NETWORK, START, [0.3], paths=2, gradient=jumpax.ExactGradient())
    got, want = mean.estimate(THETA, KEY, wrt=()), np.asarray(exact(THETA, 0))
    assert (np.abs(got.value - want) < 4 * got.standard_error + 1e-6).all()
    assert sigma.rate(got.value, THETA).shape == (1,)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_paths_carry_them(engine):
    fold, many = PathSums(*rates()), 2000 if engine == "cpu" else 20
    paths = jumpax.simulate(
        NETWORK, THETA, START, times=[4.0, 12.0], paths=many, key=KEY, record=(fold, jumpax.ReactionCounts(NETWORK)),
        engine=engine,
    )  # fmt: skip
    sums, counts = paths.records
    fired = np.stack(counts, -1)
    np.testing.assert_array_equal(sums[0].events, fired[..., ::2].sum(-1) - fired[..., 1::2].sum(-1))
    np.testing.assert_array_equal(sums[1].events, fired.sum(-1))
    log_rates = np.log([THETA[f"{kind}{i}"] for i in range(3) for kind in "pq"])
    factorials = np.array([1, 1, 2, 6])
    potential = np.log(factorials[paths.counts]).sum(-1) - np.log(factorials[[2, 1, 0]]).sum()
    want = fired @ (log_rates - log_rates.reshape(3, 2)[:, ::-1].reshape(-1)) - potential
    np.testing.assert_allclose(sums[2].events, want, atol=2e-4)
    if engine == "cpu":
        with jax.enable_x64(True):
            exact = [float(stationary(NETWORK, START, THETA, rate)) for rate in rates()]
        for total, want in zip(sums, exact, strict=True):
            for kind in total:
                sample = (kind[:, 1] - kind[:, 0]) / 8.0
                assert abs(sample.mean() - want) < 4 * sample.std(ddof=1) / np.sqrt(many)


def test_the_uncertainty_relation_of_a_ring():
    theta, affinity, many = {n: 3.0 if n[0] == "p" else 1.0 for n in THETA}, np.log(3.0), 20_000
    paths = jumpax.simulate(
        NETWORK, theta, {"S0": 1, "S1": 0, "S2": 0}, times=[2.0, 12.0], paths=many, key=KEY,
        record=(PathSums(*rates()), jumpax.ReactionCounts(NETWORK)),
    )  # fmt: skip
    current, _, entropy = paths.records[0]
    ratio = tur_ratio(*(np.diff(kind.events, axis=1)[:, 0] for kind in (current, entropy)))
    assert abs(ratio.value - affinity / 2 / np.tanh(affinity / 2)) < 4 * ratio.standard_error
    with pytest.raises(jumpax.InputError, match="3 or more paths"):
        tur_ratio(np.ones(2), np.ones(2))


def saturated(X, k):
    """One parameter times a function of the counts."""
    return k * X / (1.0 + X)


def half_saturated(X, K):
    """Not of that form."""
    return X / (K + X)


def test_other_laws():
    network = Network([Reaction("0 <-> X", MassAction("b"), saturated)])
    theta, x0 = {"b": 1.0, "k": 2.0}, {"X": 0}
    current, sigma = Current(network, "∅ -> X"), EntropyProduction(network)
    with jax.enable_x64(True):
        for rate in (current, sigma):  # detailed balance
            assert stationary(network, x0, theta, rate, limits=80) == pytest.approx(0, abs=1e-9)
        columns = {"X": jnp.arange(5.0)}
        np.testing.assert_allclose(current.rate(current(columns), theta), 1 - 2 * np.arange(5) / (1 + np.arange(5)))
        np.testing.assert_allclose(sigma.rate(sigma(columns), theta), sigma.local(columns, theta))
    general = Network([Reaction("0 <-> X", MassAction("b"), half_saturated)])
    with pytest.raises(jumpax.UnsupportedError, match="mass action, which 'X -> ∅'"):
        EntropyProduction(general, stationary=True)
    with pytest.raises(jumpax.UnsupportedError, match=r"X -> ∅.*PathSums"):
        EntropyProduction(general)({"X": jnp.ones(())})
    fold = PathSums(EntropyProduction(general))
    assert jumpax.simulate(
        general, {"b": 0.1, "K": 1.0}, x0, times=[1.0], paths=2, key=0, record=fold, engine="reference"
    )


def test_missing_reverses_are_named():
    network = Network([Reaction("A -> B", MassAction("k")), Reaction("B -> C", MassAction("k"))])
    with pytest.raises(jumpax.InputError, match=r"'A -> B' needs 'B -> A'; 'B -> C' needs 'C -> B'"):
        EntropyProduction(network)
    with pytest.raises(jumpax.InputError, match="'B -> C' needs 'C -> B'"):
        Current(network, "B -> C")
    with pytest.raises(jumpax.InputError, match="unknown reaction 'A > B'"):
        Activity(network, "A > B")
    with pytest.raises(jumpax.InputError, match="at least one"):
        Current(network)


def test_two_baths_are_told_apart():
    both = Network([Reaction("A <-> B", MassAction(f"p{i}"), MassAction(f"q{i}"), name=f"bath{i}") for i in range(2)])
    theta = {"p0": 2.0, "q0": 1.0, "p1": 1.0, "q1": 2.0}
    with jax.enable_x64(True):
        got = stationary(both, {"A": 1, "B": 0}, theta, EntropyProduction(both))
    assert got == pytest.approx(2 * (3.0 - 1.5 * 2) + np.log(2.0) * (2.0 - 1.0 + 2.0 - 1.0) / 2)


def test_without_state_functions_the_steady_state_is_the_same():
    pairs = Network([
        Reaction("2 A <-> B", MassAction("a"), MassAction("b")), Reaction("B <-> C", MassAction("c"), MassAction("d")),
        Reaction("C <-> 2 A", MassAction("e"), MassAction("f")),
    ])  # fmt: skip
    theta = dict(zip("abcdef", (1.0, 0.5, 2.0, 0.7, 1.5, 0.4), strict=True))
    with jax.enable_x64(True):
        both = [stationary(pairs, {"A": 6, "B": 0, "C": 0}, theta, EntropyProduction(pairs, s)) for s in (False, True)]
        assert float(both[0]) == pytest.approx(float(both[1]), rel=1e-9)
        assert both[0] > 0.1
        space = jumpax.exact.StateSpace.reachable(pairs, {"A": 6, "B": 0, "C": 0})
        columns = dict(zip(pairs.species, jnp.asarray(space.states.T, float), strict=True))
        sigma = EntropyProduction(pairs, stationary=True)
        np.testing.assert_allclose(sigma.rate(sigma(columns), theta), sigma.local(columns, theta), rtol=1e-12)
