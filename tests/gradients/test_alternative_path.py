"""Alternative paths against exact gradients and, after numbers of events, against exact variances.

Every |z| < 4: false-alarm rate 6e-5 per entry for a normal mean, 3e-4 for variances (40 batches, Student's t); about 40
entries, so below 1 % for the file. Seeds were fixed before looking.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
import references
from jumpax.folds import AlternativeChain


def complexes(counts):
    return counts["C"]


def association(n, volume, k_off):
    return jumpax.zoo.association(start=(n, n), k_on=1 / volume, k_off=k_off)


def in_batches(model, estimator, batches=40, paths=2500, **stops):
    """Gradients of the number of complexes with respect to k_off, and variances per path, (batches, stops)."""
    expected = jumpax.expectation(complexes, model.network, model.x0, paths=paths, gradient=estimator, **stops)

    def one(key):
        got = expected.estimate(model.theta, key, wrt=["k_off"])
        return got.gradient["k_off"], got.gradient_standard_error["k_off"] ** 2 * paths

    return [np.asarray(leaf) for leaf in jax.vmap(one)(jax.random.split(jax.random.key(20261120), batches))]


def z(samples, want):
    return (samples.mean(0) - want) / (samples.std(0, ddof=1) / np.sqrt(len(samples)))


def chain_moments(n, volume, k, steps, reset):
    """Exact mean and variance of W (n^ - n) for association from 0 after each of the steps.

    n^ is n or n - 2: only associations branch, into dissociations, with w = p_- / k; one uniform number moves both, so
    that n^ = n + 0 or - 2 for good. Moments E[W^i; n, n^] obey linear recursions, as a branch replaces the one kept with
    probability w / W' and W' = W + w: E[W' if replaced] = w, E[W'^2 if replaced] = (W + w) w, the rest E[W'^2] = (W + w) W.
    """
    _, up, down = references.association_rates(n, n, volume, 1.0, k)
    rise, fall = up / (up + down), down / (up + down)
    below = np.append([1.0, 1.0], rise[:-2])  # p_+ of n - 2
    gain = fall / k
    law, first, second = references.point_mass(n + 1, 0), np.zeros((2, n + 1)), np.zeros((2, n + 1))
    out = []
    for step in range(1, max(steps) + 1):
        apart = np.stack([0 * gain, law * gain])
        twice = np.stack([0 * gain, law * gain**2 + gain * first.sum(0)])
        new = []
        for moment, branched, grown in ((first, apart, 0.0), (second, twice, gain * first)):
            risen = np.roll(rise * (moment + branched + grown), 1, -1)
            fallen = np.roll(np.stack([moment[0] * fall + moment[1] * (below - rise), moment[1] * (1 - below)]), -1, -1)
            new.append(risen + fallen)
        first, second = new
        law = np.roll(rise * law, 1) + np.roll(fall * law, -1)
        if reset:
            first[0], second[0] = 0, 0
        if step in steps:
            mean = -2 * first[1].sum()
            out.append((mean, 4 * second[1].sum() - mean**2))
    return np.array(out).T


def test_published_variances_after_steps():
    reset, kept = (chain_moments(20, 20, 1.0, (50, 51, 400), r) for r in (True, False))
    np.testing.assert_allclose(reset[0, :2], [-3.282170, -3.282802], atol=1e-6)
    np.testing.assert_allclose(kept[0], reset[0], rtol=1e-9)
    assert reset[1, 2] == pytest.approx(13.8, rel=0.05)
    assert kept[1, 2] == pytest.approx(590, rel=0.05)


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("k", [1.0, 10.0])
def test_after_steps(k, reset):
    steps = (50, 51, 400)
    mean, variance = chain_moments(20, 20, k, steps, reset)
    slopes, spreads = in_batches(association(20, 20, k), jumpax.AlternativePath(reset), steps=list(steps))
    assert np.abs(z(slopes, mean)).max() < 4
    assert np.abs(z(spreads, variance)).max() < 4


RING = {"a": 1.0, "b": 0.7, "c": 0.4, "d": 2.0}


def ring():
    """A <-> B, A <-> C, the reactions of each pair not beside one another, and one parameter in two reactions."""
    law = jumpax.MassAction
    return jumpax.Network([
        jumpax.Reaction("A -> B", law("a")), jumpax.Reaction("C -> A", law("d")), jumpax.Reaction("B -> A", law("b")),
        jumpax.Reaction("A -> C", law("c")), jumpax.Reaction("B -> C", law("a")),
    ])  # fmt: skip


def ring_mean(theta, steps, total=4):
    """Mean of A and probability of B = 0 after so many events, from A = total."""
    network = ring()
    states = [s for s in itertools.product(range(total + 1), repeat=3) if sum(s) == total]
    jump = np.zeros((len(states), len(states)))
    levels = tuple(jnp.asarray(np.array(states), float).T)
    propensities = np.stack(network.propensities(levels, theta, jnp.asarray(0.0)), -1)
    for column, (state, a) in enumerate(zip(states, propensities, strict=True)):
        for r in np.flatnonzero(a):
            after = tuple(int(x) for x in np.array(state) + network.stoichiometry[:, r])
            jump[states.index(after), column] += a[r] / a.sum()
    start = tuple(total if s == "A" else 0 for s in network.species)
    p = np.linalg.matrix_power(jump, steps) @ references.point_mass(len(states), states.index(start))
    table = np.array(states)[:, [network.species.index(s) for s in "AB"]]
    return np.array([table[:, 0] @ p, (table[:, 1] == 0) @ p])


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(jumpax.AlternativePath(), id="path"),
        pytest.param(jumpax.ScoreFunction(), id="score", marks=pytest.mark.long),
    ],
)
def test_after_steps_with_several_parameters(estimator):
    expected = jumpax.expectation(
        lambda counts: jnp.stack([counts["A"], (counts["B"] == 0).astype(counts["B"].dtype)]),
        ring(), {"A": 4, "B": 0, "C": 0}, steps=[3, 12], paths=100_000, gradient=estimator,
    )  # fmt: skip
    got = expected.estimate(RING, 20261120)
    for name, value in RING.items():
        with jax.enable_x64(True):
            sides = [[ring_mean({**RING, name: value + h}, n) for n in (3, 12)] for h in (1e-5, -1e-5)]
        want = (np.array(sides[0]) - sides[1]) / 2e-5
        scores = (np.asarray(got.gradient[name]) - want) / np.asarray(got.gradient_standard_error[name])
        assert np.abs(scores).max() < 4, (name, scores)


def test_at_times():
    # published variances per path: those of the score function, 208 and 20.8 at T = 1, times 0.3 and 0.9
    for k, published, half_a_digit in ((0.1, 0.3 * 208, 0.05 * 208), (1.0, 0.9 * 20.8, 0.05 * 20.8)):
        truth = [references.association_at_time(20, 20, 20, 1.0, k, t)[1] for t in (0.5, 1.0)]
        slopes, spreads = in_batches(association(20, 20, k), jumpax.AlternativePath(), times=[0.5, 1.0])
        assert np.abs(z(slopes, truth)).max() < 4
        error = spreads[:, 1].std(ddof=1) / np.sqrt(len(spreads))
        assert abs(spreads[:, 1].mean() - published) < 4 * error + half_a_digit


@pytest.mark.long
@pytest.mark.parametrize("estimator", [jumpax.AlternativePath(), jumpax.ScoreFunction()], ids=["path", "score"])
def test_gradients_of_a_published_loss(estimator):
    # L = (mean / mean* - 1)^2 at T = 3, k* = 1: its derivative, and the spread of 50 estimates with 2,000 paths each
    published = {
        1.2: (0.0595, {"path": 0.0054, "score": 0.0053}), 3.0: (0.1087, {"path": 0.0145, "score": 0.0108}),
        10.0: (0.0290, {"path": 0.0094, "score": 0.0036}),
    }  # fmt: skip
    kind = "path" if isinstance(estimator, jumpax.AlternativePath) else "score"
    model = association(20, 20, 1.0)
    goal = references.association_at_time(20, 20, 20, 1.0, 1.0, 3.0)[0]
    mean = jumpax.expectation(complexes, model.network, model.x0, [3.0], paths=2000, gradient=estimator)

    def loss(k_off, key):
        return (mean({"k_on": jnp.float32(1 / 20), "k_off": k_off}, key)[0] / goal - 1) ** 2

    keys = jax.random.split(jax.random.key(20261120), 50)
    slopes = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0)))
    for k, (want, spreads) in published.items():
        got = np.asarray(slopes(jnp.float32(k), keys))
        assert abs(z(got, want)) < 4
        # each standard deviation is known to 10 % at best, so the logarithm of their ratio to 0.14
        assert abs(np.log(got.std(ddof=1) / spreads[kind])) < 4 * 0.14


def extinction():
    """More births: the alternative has molecules left when the path has none; more deaths: it ends before the path."""
    law = jumpax.MassAction
    return jumpax.Network([jumpax.Reaction("A -> ∅", law("k")), jumpax.Reaction("A -> 2 A", law("b"))])


@pytest.mark.parametrize("reset", [True, pytest.param(False, marks=pytest.mark.long)])
def test_paths_that_end_before_their_alternatives(reset):
    theta, steps = {"k": 1.0, "b": 0.5}, (1, 4, 9)
    many = 2 + steps[-1]

    def mean(k, b):
        walk = np.eye(many + 1)
        walk[1:-1] = (np.eye(many + 1, k=-1) * k + np.eye(many + 1, k=1) * b)[1:-1] / (k + b)
        table = np.stack([np.arange(many + 1.0), np.arange(many + 1.0) ** 2], 1)
        return np.array([np.linalg.matrix_power(walk, n)[2] @ table for n in steps])

    got = jumpax.expectation(
        lambda counts: jnp.stack([counts["A"], counts["A"] ** 2]), extinction(), {"A": 2}, steps=list(steps), paths=100_000,
        gradient=jumpax.AlternativePath(reset),
    ).estimate(theta, 20261120)  # fmt: skip
    h = 1e-6
    want = {"k": (mean(1 + h, 0.5) - mean(1 - h, 0.5)) / (2 * h), "b": (mean(1, 0.5 + h) - mean(1, 0.5 - h)) / (2 * h)}
    for name, slope in want.items():
        scores = (np.asarray(got.gradient[name]) - slope) / np.asarray(got.gradient_standard_error[name])
        assert np.abs(scores).max() < 4, (name, scores)


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_engines_agree_on_alternatives_that_go_on_alone(precision):
    steps = (1, 4, 9)
    fold = AlternativeChain(extinction(), "b", steps=steps)
    runs = [
        jumpax.simulate(
            extinction(), {"k": 1.0, "b": 0.5}, {"A": 2}, steps=list(steps), paths=60, key=3, record=fold, engine=engine,
            precision=precision,
        )
        for engine in ("reference", "cpu", "xla")
    ]  # fmt: skip
    assert (runs[0].events < 9).any()
    for run in runs[1:]:
        for one, two in zip(jax.tree.leaves(runs[0].records), jax.tree.leaves(run.records), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5)


def test_time_dependent_rates_are_refused():
    driven = jumpax.Network([jumpax.Reaction("∅ -> X", lambda k, t: k * t)])
    with pytest.raises(jumpax.UnsupportedError, match=r"AlternativePath\(.*does not treat rates that depend on time"):
        jumpax.expectation(
            jumpax.Moments("X"), driven, {"X": 0}, [1.0], paths=4, gradient=jumpax.AlternativePath(), bound=9.0
        )
