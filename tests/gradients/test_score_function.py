"""Score gradients against the master equation, by z-scores.

Every |z| < 4: false-alarm rate 6e-5 per entry for a normal mean, 3e-4 for the variance entries (40 batches, Student's t);
about 50 entries, so 0.6 % for the file. Seeds were fixed before looking.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import jumpax
import references
from jumpax import JumpaxWarning, exact
from jumpax.folds import Score

PATHS = 200_000
BASELINES = (None, "mean", "leave_one_out", "optimal")


@pytest.mark.long
def test_mean_and_variance():
    model, times = jumpax.zoo.association(start=(20, 20), k_on=0.05, k_off=1.0), [1.0, 2.0]
    expected = jumpax.expectation(
        jumpax.Moments("C", order=2),
        model.network,
        model.x0,
        times=times,
        paths=PATHS // 40,
        gradient=jumpax.ScoreFunction(),
    )

    def mean_and_variance(theta, key):
        moments = expected(theta, key)[:, 0]
        return jnp.stack([moments[:, 0], moments[:, 1] - moments[:, 0] ** 2])

    keys = jax.random.split(jax.random.key(20261120), 40)
    theta = {k: jnp.float32(v) for k, v in model.theta.items()}
    got = jax.jit(jax.vmap(jax.jacobian(mean_and_variance), in_axes=(None, 0)))(theta, keys)

    space = exact.StateSpace.reachable(model.network, model.x0)

    def truth(theta):
        law = exact.distribution(space, theta, times)
        return jnp.stack([law.mean()[:, 2], jnp.diagonal(law.covariance(), axis1=1, axis2=2)[:, 2]])

    with jax.enable_x64(True):
        want = jax.jacobian(truth)({k: jnp.float64(v) for k, v in model.theta.items()})
    for parameter in model.network.parameters:
        assert np.abs(z(np.asarray(got[parameter], np.float64), np.asarray(want[parameter]))).max() < 4, parameter


def test_published_acceptance_values():
    # burger2026, association at fixed time: d mean / d k_off in the natural coordinate
    for total, k_on, k_off, time, mean, slope in [
        (20, 1 / 20, 0.1, 1.0, 9.6791, -3.920842),
        (20, 1 / 20, 10.0, 1.0, 1.6844, -0.142781),
        (10, 1.0, 1.0, 2.0, 7.488237, -1.179275),
        (100, 1 / 100, 1.0, 2.0, 37.896791, -16.009276),
    ]:
        model = jumpax.zoo.association(start=(total, total), k_on=k_on, k_off=k_off)
        expected = jumpax.expectation(
            jumpax.Moments("C"), model.network, model.x0, times=[time], paths=PATHS, gradient=jumpax.ScoreFunction()
        )
        got = expected.estimate(model.theta, jax.random.key(7), wrt=["k_off"])
        z_mean = (float(got.value[0, 0, 0]) - mean) / float(got.standard_error[0, 0, 0])
        z_slope = (float(got.gradient["k_off"][0, 0, 0]) - slope) / float(got.gradient_standard_error["k_off"][0, 0, 0])
        assert max(abs(z_mean), abs(z_slope)) < 4, (total, k_off, z_mean, z_slope)


def test_pure_birth_has_the_length_of_time_as_slope():
    birth = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
    expected = jumpax.expectation(
        jumpax.Moments("N"), birth, {"N": 0}, times=[3.0], paths=PATHS, gradient=jumpax.ScoreFunction()
    )
    got = expected.estimate({"k": 2.0}, jax.random.key(9))
    z = (float(got.gradient["k"][0, 0, 0]) - 3.0) / float(got.gradient_standard_error["k"][0, 0, 0])
    assert abs(z) < 4


def test_a_parameter_that_cannot_matter_has_gradient_zero():
    net = jumpax.Network(
        [jumpax.Reaction("A -> 0", jumpax.MassAction("k")), jumpax.Reaction("B -> 0", jumpax.MassAction("idle"))]
    )
    expected = jumpax.expectation(
        jumpax.Moments("A"), net, {"A": 50, "B": 0}, times=[1.0], paths=1000, gradient=jumpax.ScoreFunction()
    )
    slope = jax.grad(lambda theta: expected(theta, jax.random.key(0)).sum())({"k": 1.0, "idle": 3.0})
    assert float(slope["idle"]) == 0.0
    assert float(slope["k"]) != 0.0


def test_without_the_last_interval_the_estimate_would_be_wrong():
    # the score of a pure death process from one molecule: paths that have not fired carry their waiting time only
    decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
    expected = jumpax.expectation(
        jumpax.Moments("A"), decay, {"A": 1}, times=[1.0], paths=PATHS, gradient=jumpax.ScoreFunction()
    )
    got = expected.estimate({"k": 1.0}, jax.random.key(10))
    truth, error = -np.exp(-1.0), float(got.gradient_standard_error["k"][0, 0, 0])
    assert abs(float(got.gradient["k"][0, 0, 0]) - truth) < 4 * error
    assert abs(truth) > 20 * error  # which is what would be left: only fired paths, all with A = 0, would have a score


def association_score(n, k, end=None, steps=None, part="full"):
    """Law p, E[S; n] and E[S^2; n] of association with V = n from 0, S with respect to k_off; exact.

    S grows by a jump of size s at rate a, and with a drift d: the moments obey p' = Q p, m1' = Q m1 + D p,
    m2' = Q m2 + 2 D m1 + E p, where D has s a beside the diagonal and d on it, E has s^2 a beside the diagonal.
    """
    c, up, down = references.association_rates(n, n, n, 1.0, k)
    total = up + down
    rise, fall = np.zeros(n + 1), np.full(n + 1, 1 / k)
    if part == "choices":
        rise, fall = rise - c / total, fall - c / total
    jumps = [np.diag((up * rise**i)[:-1], -1) + np.diag((down * fall**i)[1:], 1) for i in range(3)]
    start = np.concatenate([references.point_mass(n + 1, 0), np.zeros(2 * n + 2)])
    q, d, e = jumps if steps is None else [jump / total for jump in jumps]
    if steps is None:
        q = q - np.diag(total)
        d = d - (0 if part == "choices" else np.diag(1.0 * c))
    block = np.block([[q, 0 * q, 0 * q], [d, q, 0 * q], [e, 2 * d, q]])
    moved = (expm(block * end) if steps is None else np.linalg.matrix_power(block, steps)) @ start
    return [c, *moved.reshape(3, n + 1)]


def variances(moments, baselines):
    """Exact variance of (f - b) S, for each baseline."""
    c, p, first, second = moments
    constants = {None: 0.0, "mean": c @ p, "leave_one_out": c @ p, "optimal": (c @ second) / second.sum()}
    return [(c - constants[b]) ** 2 @ second - (c @ first) ** 2 for b in baselines]


def complexes(counts):
    return counts["C"]


def in_batches(model, estimator, theta, batches=40, paths=5000, **stops):
    """Gradients with respect to k_off and their variances per path, (batches, stops)."""
    expected = jumpax.expectation(complexes, model.network, model.x0, paths=paths, gradient=estimator, **stops)

    def one(key):
        got = expected.estimate(theta, key, wrt=["k_off"])
        return got.gradient["k_off"], got.gradient_standard_error["k_off"] ** 2 * paths

    return [np.asarray(leaf) for leaf in jax.vmap(one)(jax.random.split(jax.random.key(20261120), batches))]


def z(samples, want):
    return (samples.mean(0) - want) / (samples.std(0, ddof=1) / np.sqrt(len(samples)))


@pytest.mark.parametrize("baseline", [None, "leave_one_out", "optimal"])
def test_baselines_have_their_variance_and_not_another_mean(baseline):
    # per path, at k_off = 1: none 258, mean and leave-one-out 20.8, optimal 20.8 (a little less at other k_off)
    model = jumpax.zoo.association(start=(20, 20), k_on=1 / 20, k_off=1.0)
    moments = association_score(20, 1.0, end=1.0)
    slopes, spreads = in_batches(model, jumpax.ScoreFunction(baseline), model.theta, times=[1.0])
    assert np.abs(z(slopes, moments[0] @ moments[2])).max() < 4
    assert np.abs(z(spreads, variances(moments, [baseline]))).max() < 4


def test_exact_variances_are_the_published_ones():
    rows = [variances(association_score(20, k, end=1.0), BASELINES) for k in (0.1, 1.0, 10.0)]
    published = [(5464, 208, 208, 201), (258, 20.8, 20.8, 20.8), (0.77, 0.253, 0.253, 0.250)]
    np.testing.assert_allclose(rows, published, rtol=0.015)


def test_the_mean_as_a_baseline_shrinks_the_gradient():
    # four paths: by 3/4; what the others do not
    model = jumpax.zoo.association(start=(20, 20), k_on=1 / 20, k_off=1.0)
    truth = references.association_at_time(20, 20, 20, 1.0, 1.0, 1.0)[1]
    estimators = (jumpax.ScoreFunction("mean"), jumpax.ScoreFunction("leave_one_out"), jumpax.ScoreFunction("optimal"))
    for estimator, factor in zip(estimators, (0.75, 1.0, 1.0), strict=True):
        assert estimator.unbiased == (factor == 1)
        slopes, _ = in_batches(model, estimator, model.theta, 16_000, 4, times=[1.0])
        assert abs(z(slopes, factor * truth)[0]) < 4, estimator


def test_after_steps_only_choices_count():
    # exact: gradient -3.282170 at N = 50, -3.282802 at N = 51
    model = jumpax.zoo.association(start=(20, 20), k_on=1 / 20, k_off=1.0)
    slopes, spreads = in_batches(model, jumpax.ScoreFunction(), model.theta, steps=[50, 51, 400])
    moments = [association_score(20, 1.0, steps=n, part="choices") for n in (50, 51, 400)]
    want = [m[0] @ m[2] for m in moments]
    np.testing.assert_allclose(want[:2], [-3.282170, -3.282802], atol=1e-6)
    assert np.abs(z(slopes, want)).max() < 4
    assert np.abs(z(spreads, [variances(m, ["mean"])[0] for m in moments])).max() < 4


def test_variance_after_steps_grows_as_published():
    late, later = (variances(association_score(20, 1.0, steps=n, part="choices"), ["mean"])[0] for n in (400, 1600))
    assert (later - late) / 1200 == pytest.approx(0.835, rel=0.05)


def test_choices_alone_would_be_wrong_at_a_time():
    # published: 14 % too much
    model = jumpax.zoo.association(start=(20, 20), k_on=1 / 20, k_off=1.0)
    fold = Score(model.network, ("k_off",), waiting=False)
    run = jumpax.simulate(
        model.network, model.theta, model.x0, times=[1.0], paths=PATHS, key=20261120, record=fold
    )  # fmt: skip
    f = run["C"][:, 0].astype(float)
    samples = (f - f.mean()) * np.asarray(run.records[0])[:, 0]
    c, _, first, _ = association_score(20, 1.0, end=1.0, part="choices")
    truth = references.association_at_time(20, 20, 20, 1.0, 1.0, 1.0)[1]
    assert c @ first / truth == pytest.approx(1.14, abs=0.01)
    assert abs(z(samples, c @ first)) < 4
    assert abs(z(samples, truth)) > 8


def test_a_window_counts_what_happened_in_it():
    model, times, window = jumpax.zoo.association(start=(20, 20), k_on=1 / 20, k_off=1.0), (0.3, 1.0, 1.5), 0.5
    _, up, down = references.association_rates(20, 20, 20, 1.0, 1.0)
    c, q = np.arange(21.0), references.birth_death_generator(up, down)
    dq = references.birth_death_generator(0.0 * up, c)
    before = [expm(q * max(t - window, 0)) @ references.point_mass(21, 0) for t in times]
    want = [
        c @ references.transient_with_gradient(q, dq, p, min(t, window))[1] for p, t in zip(before, times, strict=True)
    ]
    estimator = jumpax.ScoreFunction(window=window)
    assert not estimator.unbiased
    slopes, _ = in_batches(model, estimator, model.theta, times=list(times))
    assert np.abs(z(slopes, want)).max() < 4
    truth = [references.association_at_time(20, 20, 20, 1.0, 1.0, t)[1] for t in times]
    assert abs(z(slopes, truth)[0]) < 4  # the window reaches the start
    assert (np.abs(z(slopes, truth))[1:] > 8).all()


def test_rate_constants_need_no_derivatives():
    by_law = [
        jumpax.Reaction("A + B -> C", lambda A, B, k: k * A * B), jumpax.Reaction("C -> A + B", lambda C, q: q * C),
        jumpax.Reaction("C -> D", lambda C, k: k * C),
    ]  # fmt: skip
    constants = [
        jumpax.Reaction("A + B -> C", jumpax.MassAction("k")), jumpax.Reaction("C -> A + B", jumpax.MassAction("q")),
        jumpax.Reaction("C -> D", jumpax.MassAction("k")),
    ]  # fmt: skip
    networks = [jumpax.Network(reactions) for reactions in (constants, by_law, [*constants[:2], by_law[2]])]
    folds = [Score(network, ("q", "k"), waiting) for waiting in (True, False) for network in networks]
    assert [tuple(fold.constants) for fold in folds[:3]] == [("q", "k"), (), ("q",)]
    theta, x0 = {"k": 0.3, "q": 0.7}, {"A": 12, "B": 9, "C": 0, "D": 0}
    run = jumpax.simulate(
        networks[0], theta, x0, times=[0.2, 1.0], paths=50, key=3, record=folds, precision="float64", engine="xla"
    )
    scores = np.stack([np.stack(record) for record in run.records])
    assert np.abs(scores[0] - scores[3]).max() > 1
    for same in (scores[:3], scores[3:]):
        np.testing.assert_allclose(same, same[[0, 0, 0]], rtol=1e-9, atol=1e-9)


@pytest.mark.fault(48)
def test_a_rate_constant_of_zero_has_no_score():
    net = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k")), jumpax.Reaction("0 -> A", lambda q: q)])
    mean = jumpax.expectation(jumpax.Moments("A"), net, {"A": 5}, [1.0], paths=50, gradient=jumpax.ScoreFunction())
    with pytest.warns(JumpaxWarning, match="the derivative with respect to 'k' is not a number at k = 0, q = 1"):
        got = mean.estimate({"k": 0.0, "q": 1.0}, 0)
    assert np.isnan(got.gradient["k"]).all()
    assert np.isfinite(got.gradient["q"]).all()


def test_a_control_is_the_controlled_score():
    model = jumpax.zoo.association(start=(20, 20), k_on=1 / 20, k_off=1.0)
    plain, short, same = (
        jumpax.expectation(
            jumpax.Moments("C"), model.network, model.x0, [1.0], paths=500, gradient=estimator
        ).estimate(model.theta, 20261120, wrt=["k_off"])
        for estimator in (
            jumpax.ScoreFunction(),
            jumpax.ScoreFunction(control="martingale", window=0.5),
            jumpax.ControlledScore(window=0.5),
        )
    )  # fmt: skip
    np.testing.assert_array_equal(short.gradient["k_off"], same.gradient["k_off"])
    assert (short.gradient_standard_error["k_off"] < 0.5 * plain.gradient_standard_error["k_off"]).all()
    assert jumpax.ScoreFunction(control="martingale").unbiased


def test_refusals():
    with pytest.raises(jumpax.InputError, match=r"control must be"):
        jumpax.ScoreFunction(control="adjoint")  # type: ignore[arg-type]
    with pytest.raises(jumpax.InputError, match=r"leave out baseline='optimal'"):
        jumpax.ScoreFunction("optimal", control="martingale")
    with pytest.raises(jumpax.InputError, match=r"baseline must be .*; window must be"):
        jumpax.ScoreFunction("median", window=-1.0)  # type: ignore[arg-type]
    model = jumpax.zoo.birth_death()
    windowed = jumpax.expectation(
        jumpax.Moments("X"), model.network, model.x0, steps=[5], paths=10, gradient=jumpax.ScoreFunction(window=1.0)
    )
    with pytest.raises(jumpax.UnsupportedError, match="times="):
        windowed.estimate(model.theta, 0)
