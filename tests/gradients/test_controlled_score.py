"""The controlled score: unbiased whatever the surrogate, and how much a good one is worth.

|z| < 4 raises a false alarm with probability 6e-5 for each entry: 1e-3 for the file. Seeds were fixed before looking.
"""

import jax
import jax.numpy as jnp
import judge
import numpy as np
import pytest

import jumpax
from jumpax.gradients import controlled_score
from jumpax.gradients.controlled_score import ControlledScore
from jumpax.gradients.linear_solve import solve
from jumpax.gradients.rate_equation import adjoint

KEY = 20261120
CASE = "association 20"


@pytest.mark.long
@pytest.mark.parametrize("case", judge.CASES)
@pytest.mark.parametrize("surrogate", ["adjoint2", "fitted", "fitted2"])
def test_every_surrogate_is_unbiased(surrogate, case):
    for parameter, z in judge.z_scores(
        case, judge.estimate(case, ControlledScore(surrogate), 100_000, key=KEY)
    ).items():
        assert np.abs(z).max() < 4, (parameter, z)


def test_a_wrong_surrogate_costs_variance_and_no_bias(monkeypatch):
    right = controlled_score._adjoint_coefficients

    def wrong(chunk, features):
        centre, v = right(chunk, features)
        noise = 3 * jnp.asarray(np.random.default_rng(1).normal(size=v.shape), v.dtype) * jnp.abs(v).max()
        return centre, jnp.where(v == 0, v, noise)  # nothing after the asked time

    monkeypatch.setattr(controlled_score, "_adjoint_coefficients", wrong)
    paths = 30_001  # that no other test has: a program compiled before would not see the surrogate replaced
    plain = judge.estimate(CASE, jumpax.ScoreFunction(), paths, key=KEY)
    for damped in (False, True):
        got = judge.estimate(CASE, ControlledScore(damped=damped), paths, key=KEY)
        for parameter, z in judge.z_scores(CASE, got).items():
            assert np.abs(z).max() < 4, (damped, parameter, z)
            worse = got.gradient_standard_error[parameter] / plain.gradient_standard_error[parameter]
            assert (worse.max() < 1.1) if damped else (worse.min() > 1.1), (damped, parameter, worse)


@pytest.mark.long
def test_gains_over_the_score_are_those_of_the_published_surrogates():
    # work-normalised 0.018 (adjoint) and 8.2e-3 (fitted quadratic) at costs of 1.6/1.1 and 2.1/1.1: variances 0.0124, 4.3e-3;
    # half as much again for the different bins
    model = jumpax.zoo.association(start=(100, 100), k_on=1.0, k_off=1.0)
    errors = []
    for estimator in (jumpax.ScoreFunction(), ControlledScore(), ControlledScore("fitted2")):
        expected = jumpax.expectation(
            jumpax.Moments("C"), model.network, model.x0, [1.0], paths=16_000, gradient=estimator
        )
        got = expected.estimate(model.theta, jax.random.key(KEY)).gradient_standard_error
        errors.append(np.array([float(e[0, 0, 0]) for e in got.values()]))
    for error, want in zip(errors[1:], (0.0124, 4.3e-3), strict=True):
        assert np.exp(np.log((error / errors[0]) ** 2).mean()) < 1.5 * want


@pytest.mark.long
def test_a_rare_reaction_does_not_mislead_the_fit():
    # five paths in a hundred have switched: bins in which none did would be fitted to the drift alone, which knows nothing
    case = "telegraph slow"
    plain, got = (judge.estimate(case, e, 20_000, key=KEY) for e in (jumpax.ScoreFunction(), ControlledScore("fitted")))
    for parameter, z in judge.z_scores(case, got).items():
        assert np.abs(z).max() < 4, (parameter, z)
        ratio = got.gradient_standard_error[parameter] / plain.gradient_standard_error[parameter]
        assert ratio.max() < 1.1, (parameter, ratio)


@pytest.mark.long
def test_a_fitted_surrogate_serves_an_indicator():
    model = judge.CASES[CASE].model

    def bound(counts):
        return jnp.where(counts["C"] >= 7, 1.0, 0.0)

    slopes = {}
    for estimator in (jumpax.ScoreFunction(), ControlledScore("fitted2"), ControlledScore("adjoint")):
        expected = jumpax.expectation(bound, model.network, model.x0, [1.0], paths=40_000, gradient=estimator)
        slopes[estimator] = expected.estimate(model.theta, jax.random.key(KEY), wrt=["k_off"])
    space = jumpax.exact.StateSpace.reachable(model.network, model.x0)
    column = np.array([*model.network.species]) == "C"
    inside = jnp.asarray((space.states[:, column][:, 0] >= 7).astype(float))
    want = jax.grad(
        lambda theta: (jumpax.exact.distribution(space, theta, [1.0]).probabilities @ inside.astype(jnp.float32))[0]
    )({k: jnp.float32(v) for k, v in model.theta.items()})["k_off"]
    plain, fitted, idle = ((g.gradient["k_off"][0], g.gradient_standard_error["k_off"][0]) for g in slopes.values())
    assert abs(fitted[0] - want) < 4 * fitted[1]
    assert fitted[1] < 0.8 * plain[1]
    # an indicator has no slope, so the adjoint knows nothing: what is left is the score with the other half's mean
    np.testing.assert_allclose(idle[1], plain[1], rtol=0.01)


@pytest.mark.long
def test_a_window_that_covers_the_path_changes_nothing():
    model = judge.CASES[CASE].model
    got = []
    for window in (None, 5.0, 0.6):
        expected = jumpax.expectation(
            jumpax.Moments("C"),
            model.network,
            model.x0,
            [1.0, 2.0],
            paths=5000,
            gradient=ControlledScore(window=window),
        )
        assert ControlledScore(window=window).unbiased == (window is None)
        got.append(expected.estimate(model.theta, jax.random.key(KEY), wrt=["k_off"]))
    np.testing.assert_allclose(got[0].gradient["k_off"], got[1].gradient["k_off"], rtol=1e-5)
    assert (got[2].gradient_standard_error["k_off"] < got[0].gradient_standard_error["k_off"]).all()


def test_adjoint_of_a_linear_network_is_its_mean():
    # E[x(T) | x(t)] = e^{-(T - t)} x(t) + 2 (1 - e^{-(T - t)})
    net = jumpax.zoo.birth_death().network
    theta = {"birth": jnp.float32(2.0), "death": jnp.float32(1.0)}
    widths, keep = np.array([0.7, 0.3]), np.array([1])
    made = adjoint(net, theta, jnp.array([5.0]), widths, keep, lambda x: x, 2)
    np.testing.assert_allclose(made.p[0, 0, :, :, 0], np.exp([[-1.0, -0.3], [-0.3, 0.0]]), rtol=1e-3)
    np.testing.assert_allclose(made.centre[:, 1, 0], 2 + 3 * np.exp([-0.7, -1.0]), rtol=1e-3)
    np.testing.assert_array_equal(made.q, 0)


def test_solve_is_that_of_numpy():
    random = np.random.default_rng(2)
    matrices, right = random.normal(size=(3, 2, 5, 5)), random.normal(size=(3, 2, 5, 4))
    matrices[0, 0, 0, 0] = 0.0
    np.testing.assert_allclose(
        solve(jnp.asarray(matrices, jnp.float32), jnp.asarray(right, jnp.float32)), np.linalg.solve(matrices, right),
        rtol=1e-3, atol=1e-3,
    )  # fmt: skip


def test_what_it_cannot_treat_is_refused():
    model = judge.CASES[CASE].model
    with pytest.raises(jumpax.InputError, match=r"surrogate must be one of.*window must be"):
        ControlledScore("guess", window=-1.0)  # type: ignore[arg-type]
    mean = jumpax.expectation(
        jumpax.Moments("C"), model.network, model.x0, steps=[10], paths=10, gradient=ControlledScore()
    )
    with pytest.raises(jumpax.UnsupportedError, match="ScoreFunction"):
        mean.estimate(model.theta, 0)
