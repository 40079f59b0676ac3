"""Straight-through gradients: their biases and variances are those that are known, forward and reverse agree.

Association with 20 + 20 molecules in a volume of 20 from no complex, derivative of the mean number of complexes with
respect to k_off. Published biases have two digits, so estimates are held to them within 1 % and 4 standard errors: false
alarms 6e-5 a number if the published ones are right. Seeds were fixed before looking.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import jumpax
import references
from jumpax.folds import RelaxedTangent
from jumpax.folds.relaxation import Relaxation
from jumpax.gradients.replay import replay

KEY = 20261120


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


def association(k, molecules=20, volume=20):
    return jumpax.zoo.association(start=(molecules, molecules), k_on=1 / volume, k_off=k)


def estimate(model, paths, estimator, times=None, steps=None, species="C", wrt=("k_off",)):
    """Gradient, standard error and variance per path, (stops, parameters)."""
    expected = jumpax.expectation(
        lambda counts: counts[species], model.network, model.x0, times, steps=steps, paths=paths,
        gradient=estimator,
    )  # fmt: skip
    got = expected.estimate(model.theta, jax.random.key(KEY), wrt=wrt)
    slope = np.stack([got.gradient[p] for p in wrt], -1)
    error = np.stack([got.gradient_standard_error[p] for p in wrt], -1)
    return slope, error, error**2 * paths


def tangents(model, folds, paths, key=KEY, **stops):
    """Tangent of C by k_off, (folds, paths, stops)."""
    run = jumpax.simulate(
        model.network,
        model.theta,
        model.x0,
        paths=paths,
        key=key,
        precision="float64",
        record=folds,
        **stops,
    )
    return np.array([record[2][0] for record in run.records])


# Bias and variance


@pytest.mark.parametrize(
    ("waiting", "slow", "fast"), [(True, 0.09, -0.02), pytest.param(False, 1.43, 0.15, marks=pytest.mark.long)]
)
def test_logistic_horizon_with_and_without_waiting_times(waiting, slow, fast):
    estimator = jumpax.StraightThrough(temperature=0.3, width=0.05, waiting_times=waiting)
    for k, exact, bias in ((0.1, -3.920842, slow), (1.0, -2.254630, fast)):
        slope, error, variance = estimate(association(k), 60_000, estimator, times=[1.0])
        assert abs(slope[0, 0] / exact - 1 - bias) < 0.01 + 4 * abs(error[0, 0] / exact), (k, slope, error)
    if waiting:
        assert abs(variance[0, 0] / 4.8 - 1) < 0.05


def test_after_a_number_of_events(float64):
    kinds = (Relaxation("gumbel", 0.3), Relaxation("conditional", 0.0), Relaxation("propensity"))
    for k, exact, bias, variances in (
        (1.0, -3.286848, 0.0, (0.026, 0.019, 0.016)),
        (10.0, None, 0.06, (0.0033, 0.0020, 0.0016)),
    ):
        model = association(k)
        folds = [RelaxedTangent(model.network, ("k_off",), kind) for kind in kinds]
        got = tangents(model, folds, 5000, steps=[400])[:, :, 0]
        want = exact or -0.13567
        error = got.std(1, ddof=1) / np.sqrt(5000)
        assert np.all(np.abs(got.mean(1) / want - 1 - bias) < 0.01 + 4 * np.abs(error / want)), (k, got.mean(1))
        # two digits, and 5000 values: some per cent each
        np.testing.assert_allclose(got.var(1), variances, rtol=0.12)


def test_without_a_clock_transients_are_wrong_and_rates_add_to_zero():
    # stationary only: published for this construction, birth-death, birth 10, death 1, per log rate
    model = jumpax.zoo.birth_death(birth=10.0, death=1.0, start=0)
    estimator = jumpax.StraightThrough(temperature=1.0, horizon="state")
    slope, error, _ = estimate(model, 4000, estimator, [0.5, 1.0, 10.0], species="X", wrt=("birth", "death"))
    logarithmic = slope * [10.0, 1.0]
    np.testing.assert_allclose(logarithmic.sum(1), 0.0, atol=1e-4)
    # theirs are from 2,000 paths: sqrt(1 + 4000 / 2000) of our error, and two digits
    assert np.all(np.abs(logarithmic[:, 0] - [1.07, 2.57, 9.52]) < 0.01 + 4 * np.sqrt(3) * 10 * error[:, 0])


def test_pure_birth_is_read_exactly():
    # E[N] = k t: one reaction, so that only the clock moves
    birth = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
    model = jumpax.zoo.Model(birth, {"k": 2.0}, {"N": 0}, (3.0,), "")
    slope, error, _ = estimate(model, 100, jumpax.StraightThrough(horizon="exact"), [3.0], species="N", wrt=("k",))
    np.testing.assert_allclose(slope, 3.0, rtol=1e-5)
    assert error[0, 0] < 1e-5


def test_uniformization_needs_no_clock(float64):
    model = association(1.0)
    fold = RelaxedTangent(model.network, ("k_off",), Relaxation("propensity"), "uniformization", bound=45.0)
    got = tangents(model, [fold], 4000, times=[1.0], bound=45.0)[0, :, 0]
    error = got.std() / np.sqrt(4000)
    assert abs(got.mean() / -2.254630 - 1) < 0.02 + 4 * error / 2.254630
    assert error < 0.02


def uniformized_mean(k_on, k, n, bound, time):
    """Exact mean of the propensity estimator of d E[C] / dk, from its linear equations.

    At each arrival of the bound D moves by sum_r zeta_r p_r (dl_r - p . dl), p the propensities and the null event's over
    the bound; so E[D 1{C = c}] flows with the probabilities and grows by what is linear in D and 1.
    """
    c = np.arange(n + 1.0)
    a = np.stack([k_on * (n - c) ** 2, k * c, bound - k_on * (n - c) ** 2 - k * c])
    by_d = np.stack([-2 * k_on * (n - c), np.full(n + 1, k), 2 * k_on * (n - c) - k])
    by_k = np.stack([0 * c, c, -c])
    jump = np.diag(a[2]) + np.diag(a[0][:-1], -1) + np.diag(a[1][1:], 1)
    p, dl = a / bound, np.stack([np.where(a > 0, s / np.where(a > 0, a, 1), 0) for s in (by_d, by_k)])
    moved = p * (dl - (p * dl).sum(1, keepdims=True))
    slope, source = moved[:, 0] - moved[:, 1]
    flow = jump - bound * np.eye(n + 1)
    block = np.block([[flow, 0 * flow], [jump * source, flow + jump * slope]])
    return (expm(time * block)[n + 1 :, 0]).sum()


def test_uniformization_in_an_expectation():
    model, key = association(1.0), jax.random.key(KEY)
    estimator = jumpax.StraightThrough(relaxation="propensity", horizon="uniformization")

    def expected(bound):
        return jumpax.expectation(
            lambda counts: counts["C"], model.network, model.x0, [1.0], paths=20_000, gradient=estimator, bound=bound
        )

    got = expected(21.0).estimate(model.theta, key, wrt=["k_off"])
    mean = uniformized_mean(1 / 20, 1.0, 20, 21.0, 1.0)
    assert abs(got.gradient["k_off"][0] - mean) < 4 * got.gradient_standard_error["k_off"][0]
    assert abs(mean / -2.254630 - 1) < 0.02
    np.testing.assert_array_equal(expected(21.0)(model.theta, key), got.value)
    exact = references.association_at_time(20, 20, 20, 1.0, 1.0, 1.0)[0]
    assert abs(got.value[0] - exact) < 4 * got.standard_error[0]
    with pytest.raises(jumpax.SimulationError, match="exceeds bound = 19"):
        expected(19.0)(model.theta, key)
    assert np.isnan(jax.jit(expected(19.0))(model.theta, key)).all()


@pytest.mark.long
def test_width_and_variance():
    # burger2026: variance 29 at width 0.01, 0.82 at 0.2 with a bias of -6 %
    for width, variance, bias in ((0.01, 29.0, 0.0), (0.2, 0.82, -0.06)):
        slope, error, spread = estimate(
            association(1.0), 100_000, jumpax.StraightThrough(temperature=0.3, width=width), times=[1.0]
        )
        assert abs(spread[0, 0] / variance - 1) < 0.1
        assert abs(slope[0, 0] / -2.254630 - 1 - bias) < 0.015 + 4 * error[0, 0] / 2.254630


@pytest.mark.long
def test_variance_after_many_events(float64):
    for k, table in ((1.0, {0.1: 0.056, 0.3: 0.026, 1.0: 0.017}), (10.0, {0.3: 0.0033, 1.0: 0.0014})):
        model = association(k)
        folds = [RelaxedTangent(model.network, ("k_off",), Relaxation("gumbel", tau)) for tau in table]
        got = tangents(model, folds, 20_000, steps=[1600])[:, :, 0]
        np.testing.assert_allclose(got.var(1), list(table.values()), rtol=0.12)
    folds = [RelaxedTangent(model.network, ("k_off",), Relaxation("gumbel", 0.05))]
    assert tangents(model, folds, 2000, steps=[1600]).var() > 1e20  # published: 4e57


@pytest.mark.filterwarnings("ignore:(?s).*carries.*of the variance:jumpax.JumpaxWarning")
@pytest.mark.long
def test_repressilator():
    # published: relative error 0.07 at temperature 0.3 and 0.22 at 1, of the log gradients of three means at t = 3
    model = jumpax.zoo.repressilator(beta=10.0, K=1.0, gamma=1.0, start=(5, 1, 0))
    exact = np.array([[0.4265, 3.9339, 1.7369], [0.9205, 2.0360, -0.9098]])
    for tau, published in ((0.3, 0.07), (1.0, 0.22)):
        expected = jumpax.expectation(
            lambda counts: jnp.stack([*counts.values()]), model.network, model.x0, [3.0], paths=100_000,
            gradient=jumpax.StraightThrough(temperature=tau, width=0.05),
        )  # fmt: skip
        got = expected.estimate(model.theta, jax.random.key(KEY), wrt=("beta", "K"))
        slope = np.array([10.0 * got.gradient["beta"][0], got.gradient["K"][0]])
        error = np.array([10.0 * got.gradient_standard_error["beta"][0], got.gradient_standard_error["K"][0]])
        relative = np.linalg.norm(slope - exact) / np.linalg.norm(exact)
        assert abs(relative - published) < 0.03 + 4 * np.linalg.norm(error) / np.linalg.norm(exact), (tau, relative)


# The derivative of a choice


def changes(kind, tau, won, a, slopes, exponentials=()):
    rows = Relaxation(kind, tau).changes(
        [jnp.asarray(bool(w)) for w in won], [jnp.asarray(x) for x in a],
        [[jnp.asarray(x) for x in row] for row in slopes], exponentials,
    )  # fmt: skip
    return np.array(rows, float)


def softmax_change(y, dl):
    return y[:, None] * (dl - y @ dl)


def test_formulas_of_a_choice(float64):
    rng = np.random.default_rng(KEY)
    a, slopes = rng.exponential(size=5), rng.normal(size=(5, 2))
    a[2] = 0.0
    p, dl = a / a.sum(), np.where(a[:, None] > 0, slopes / np.where(a > 0, a, 1)[:, None], 0.0)
    average = np.zeros((5, 2))
    for j in (0, 1, 3, 4):
        one_hot = np.eye(5)[j]
        want = 2 * softmax_change((p + one_hot) / 2, dl) - softmax_change(p, dl) / 2
        for kind, tau in (("reinmax", 0.5), ("conditional", 0.0)):
            np.testing.assert_allclose(changes(kind, tau, one_hot, a, slopes), want, atol=1e-12)
        average += p[j] * want
    np.testing.assert_allclose(average, softmax_change(p, dl), atol=1e-12)  # unbiased where the rest is linear
    np.testing.assert_allclose(changes("propensity", 0.5, one_hot, a, slopes), softmax_change(p, dl), atol=1e-12)


@pytest.mark.parametrize(("level", "tau", "ratio"), [(0, 0.3, 0.937), (0, 1, 0.667), (-4, 0.3, 1.139), (-4, 1, 2.313)])
def test_two_reactions_have_the_published_shrinkage(level, tau, ratio, float64):
    # E[h] / (p+ p-), h the relaxed derivative by the logit; Gumbel numbers drawn given the winner
    a = np.array([np.exp(level), 1.0])
    p, u = a / a.sum(), (np.arange(100_000) + 0.5) / 100_000  # quantiles of the only number that matters
    mean = 0.0
    for j in (0, 1):
        drawn = [jnp.asarray(1 - u), jnp.asarray(u)] if j == 0 else [jnp.asarray(u), jnp.asarray(1 - u)]
        one_hot = np.eye(2)[j]
        mean += p[j] * changes("gumbel", tau, one_hot, a, [[a[0]], [0.0]], drawn)[0, 0].mean()
    assert abs(mean / (p[0] * p[1]) - ratio) < 6e-4


def test_what_cannot_happen_does_not_matter(float64):
    rng = np.random.default_rng(KEY)
    drawn = [jnp.asarray(x) for x in rng.exponential(size=3)]
    a, slopes = np.array([2.0, 0.0, 1.0]), np.array([[1.0], [7.0], [-0.5]])
    got = changes("gumbel", 0.5, [True, False, False], a, slopes, drawn)
    without = changes("gumbel", 0.5, [True, False], a[[0, 2]], slopes[[0, 2]], [drawn[0], drawn[2]])
    np.testing.assert_allclose(got[[0, 2]], without, rtol=1e-12)
    assert got[1, 0] == 0.0


# Engines, reverse mode, refusals


WIDTH = 0.05
PAIRS = [(Relaxation("gumbel", 0.5), "logistic"), (Relaxation("reinmax"), "state"), (Relaxation("propensity"), "exact")]
"""Only the first draws words, as does the replay: further folds that draw would have other Gumbel numbers."""


def agree(model, end, pairs):
    """Replayed derivatives are those of the folds, path by path."""
    names, times = model.network.parameters, [0.4 * end, end]
    options = {"key": KEY, "paths": 6, "precision": "float64"}
    more = [t + 10 * WIDTH for t in times]
    stops = sorted({*times, *more})
    folds = [
        RelaxedTangent(
            model.network,
            names,
            kind,
            horizon,
            **({"times": (*times,), "width": WIDTH} if horizon == "logistic" else {}),
        )
        for kind, horizon in pairs
    ]
    run = jumpax.simulate(model.network, model.theta, model.x0, times=stops, record=folds, **options)
    log = jumpax.simulate(model.network, model.theta, model.x0, times=stops[-1:], record=jumpax.Events(), **options).log
    for (kind, horizon), record in zip(pairs, run.records, strict=True):
        width = WIDTH if horizon == "logistic" else None
        estimator = jumpax.StraightThrough(kind.temperature, kind.kind, horizon, width, kind.draws)
        where = [stops.index(t) for t in (more if width else times)]
        forward = np.array(record)[..., where].transpose(2, 3, 0, 1)
        counts = replay(estimator, model.network, log, KEY, times)
        theta = {k: jnp.float64(v) for k, v in model.theta.items()}
        np.testing.assert_allclose(counts(theta), run.counts[:, [stops.index(t) for t in times]], atol=1e-9)
        slopes = jax.jit(jax.jacrev(counts))(theta)
        reverse = np.stack([slopes[name] for name in names], -1)
        np.testing.assert_allclose(reverse, forward, rtol=1e-10, atol=1e-10 * np.abs(forward).max())


def test_forward_and_reverse_agree_path_by_path(float64):
    agree(association(1.0, 4, 5), 1.0, PAIRS)


@pytest.mark.long
def test_forward_and_reverse_agree_path_by_path_in_more_dimensions(float64):
    model = jumpax.zoo.repressilator(beta=10.0, K=1.0, gamma=1.0, start=(5, 1, 0))
    agree(model, 1.0, [(Relaxation("conditional", 0.3, 2), "exact"), (Relaxation("conditional", 0.0), "logistic")])


@pytest.mark.long
def test_engines_agree_on_a_logistic_horizon(float64):
    model = association(1.0)
    fold = RelaxedTangent(model.network, ("k_off",), Relaxation("gumbel", 0.3), "logistic", (0.3,), 0.02)
    options = {"times": [0.3, 0.5], "paths": 4, "key": KEY, "precision": "float64", "record": [fold]}
    one, other = (
        jumpax.simulate(model.network, model.theta, model.x0, engine=engine, **options).records[0]
        for engine in ("cpu", "reference")
    )
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    assert np.all(np.array(one)[2, 0, :, 0] == 0)
    assert np.all(np.array(one)[2, 0, :, 1] != 0)


def test_refusals():
    with pytest.raises(jumpax.InputError, match=r"relaxation must be one of.*temperature must be positive"):
        jumpax.StraightThrough(temperature=0.0, relaxation="soft")
    with pytest.raises(jumpax.InputError, match="horizon must be"):
        jumpax.StraightThrough(horizon="hard")
    with pytest.raises(jumpax.InputError, match="belong to the logistic horizon"):
        jumpax.StraightThrough(horizon="exact", width=0.1)
    with pytest.raises(jumpax.InputError, match="bound goes with uniformization"):
        RelaxedTangent(association(1.0).network, ("k_off",), Relaxation(), "uniformization")
    model, bounded = association(1.0), jumpax.StraightThrough(horizon="uniformization")
    wrong: list[dict[str, Any]] = [
        {"gradient": bounded, "times": [1.0]}, {"bound": 9.0, "times": [1.0]}, {"gradient": bounded, "steps": [3], "bound": 9.0},
    ]  # fmt: skip
    for options in wrong:
        with pytest.raises(jumpax.InputError, match="bound"):
            jumpax.expectation(jumpax.Moments("C"), model.network, model.x0, paths=2, **options)
    timed = jumpax.Network([jumpax.Reaction("0 -> X", lambda k, t: k * t)])
    with pytest.raises(jumpax.UnsupportedError, match=r"StraightThrough\(.*does not treat rates that depend on time"):
        jumpax.expectation(
            jumpax.Moments("X"), timed, {"X": 0}, [1.0], paths=4, gradient=jumpax.StraightThrough(), bound=9.0
        )
