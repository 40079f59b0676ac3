"""Every call of the automatic gradient judges its own tails: alone, and inside jit, grad and vmap."""

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax._base.errors import JumpaxWarning
from jumpax.engines.cpu import engine
from jumpax.engines.native import machine
from jumpax.gradients import Automatic, ScoreFunction, TrapezoidalTangent, failures
from jumpax.gradients.automatic import Choice
from jumpax.gradients.batches import over_batches
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.guarded import Guarded

KEY = jax.random.key(20261129)
LAW = jumpax.MassAction
MODEL = jumpax.zoo.birth_death()
FINE, SPOILED = {**MODEL.theta, "death": 1.4}, {**MODEL.theta, "death": 1.6}
PATHS = 1000


@dataclasses.dataclass(frozen=True)
class Spoilt(AbstractEstimator):
    """The score function, but where death > 1.5 a thousand times too large, with one path that has all of the variance."""

    unbiased = False

    def sums(self, sampling, wrt, theta, words):
        """Sums."""
        sums = ScoreFunction().sums(sampling, wrt, theta, words)
        bad = theta["death"] > 1.5
        return sums._replace(
            gradient=jnp.where(bad, 1000 * sums.gradient, sums.gradient),
            gradient_peak=jnp.where(bad, sums.gradient_square, sums.gradient_peak),
        )


@pytest.fixture(autouse=True)
def _nothing_failed():
    failures.forget()
    yield
    failures.forget()


def expected(gradient, paths=PATHS):
    return jumpax.expectation(jumpax.Moments("X"), MODEL.network, MODEL.x0, [1.0], paths=paths, gradient=gradient)


SCORE, GUARDED = expected(ScoreFunction()), expected(Guarded(Spoilt()))


def _awaited(function, theta):
    return jax.block_until_ready(function(theta, KEY))


def slope(mean):
    return jax.grad(lambda theta, key: mean(theta, key)[0, 0, 0])


def test_a_call_that_fails_is_the_score_functions():
    for theta, failed in ((FINE, False), (SPOILED, True)):
        got, want = GUARDED.estimate(theta, KEY), SCORE.estimate(theta, KEY)
        assert bool(got.replaced) == failed
        assert not got.doubtful
        assert ("score function" in got.note) == failed
        jax.tree.map(np.testing.assert_array_equal, got[:4], want[:4])
    (failure,) = failures.known(GUARDED.sampling.problem)
    assert failure.estimator == Spoilt()
    assert failure.share == pytest.approx(1.0)
    assert "X at time 1 with respect to" in failure.component


def test_inside_grad_and_jit():
    for theta in (FINE, SPOILED):
        want = slope(SCORE)(theta, KEY)
        for got in (slope(GUARDED)(theta, KEY), jax.jit(slope(GUARDED))(theta, KEY)):
            np.testing.assert_allclose(got["death"], want["death"], rtol=1e-5)
    value, _ = jax.jit(jax.value_and_grad(lambda theta, key: GUARDED(theta, key)[0, 0, 0]))(SPOILED, KEY)
    np.testing.assert_allclose(value, SCORE(SPOILED, KEY)[0, 0, 0], rtol=1e-6)
    failures.forget()
    jax.block_until_ready(jax.jit(slope(GUARDED))(FINE, KEY))
    assert not failures.known(GUARDED.sampling.problem)
    assert jax.jit(lambda theta: GUARDED.estimate(theta, KEY))(SPOILED).replaced


def test_inside_vmap_over_theta_and_keys():
    keys = jax.random.split(KEY, 3)
    thetas = {name: jnp.stack([FINE[name], SPOILED[name]]) for name in FINE}
    each = jax.jit(jax.vmap(jax.vmap(slope(GUARDED), (None, 0)), (0, None)))(thetas, keys)
    for row, theta in enumerate((FINE, SPOILED)):
        for column in range(3):
            want = slope(SCORE)(theta, keys[column])
            np.testing.assert_allclose(each["death"][row, column], want["death"], rtol=1e-4)
    assert failures.known(GUARDED.sampling.problem)


def test_a_batch_branches_on_one_number():
    # both branches would run under plain vmap; the host counts
    ran = []

    def branch(x):
        def costly(x):
            jax.debug.callback(lambda: ran.append(1))
            return -x

        return jax.lax.cond((x > 5).any(), costly, lambda x: x, x)

    over = jax.vmap(over_batches(lambda x, y: x + y), (None, 0))
    np.testing.assert_array_equal(over(1.0, jnp.arange(3.0)), [1, 2, 3])
    assert jax.vmap(over_batches(lambda x: x[:, :0]))(jnp.zeros((3, 2))).shape == (3, 0)  # no parameters, no gradient
    several = jax.vmap(jax.vmap(over_batches(branch)))
    np.testing.assert_array_equal(several(jnp.arange(6.0).reshape(2, 3)), np.arange(6.0).reshape(2, 3))
    jax.effects_barrier()
    assert not ran
    np.testing.assert_array_equal(several(jnp.arange(7.0, 13.0).reshape(2, 3)), -np.arange(7.0, 13.0).reshape(2, 3))
    jax.effects_barrier()
    assert len(ran) == 1


def test_where_the_score_is_as_heavy_the_estimator_stays():
    @dataclasses.dataclass(frozen=True)
    class Tenth(AbstractEstimator):
        """A tenth of the score function, whose share is the same."""

        unbiased = False

        def sums(self, sampling, wrt, theta, words):
            sums = ScoreFunction().sums(sampling, wrt, theta, words)
            return sums._replace(
                gradient=sums.gradient / 10,
                gradient_square=sums.gradient_square / 100,
                gradient_peak=sums.gradient_peak / 100,
            )

    # two molecules on one of these paths: what it contributes is all there is
    rare = {"birth": 0.01, "death": 1.0}
    options = {"network": MODEL.network, "x0": {"X": 0}, "times": [1.0], "paths": 10_000}
    with pytest.warns(JumpaxWarning, match="paths carries .* take more paths"):
        got = jumpax.expectation(lambda n: n["X"] > 1, gradient=Guarded(Tenth()), **options).estimate(rare, KEY)
    assert not got.replaced
    assert got.doubtful
    assert "not to be trusted" in got.note
    with pytest.warns(JumpaxWarning, match="ScoreFunction"):
        want = jumpax.expectation(lambda n: n["X"] > 1, gradient=ScoreFunction(), **options).estimate(rare, KEY)
    np.testing.assert_allclose(got.gradient["birth"], want.gradient["birth"] / 10, rtol=1e-5)


@pytest.mark.fault(49)
def test_a_named_estimator_keeps_its_number_and_warns():
    named = expected(Spoilt())
    with warnings.catch_warnings(action="error"):
        fine = jax.block_until_ready(jax.jit(slope(named))(FINE, KEY))
        named.estimate(FINE, KEY)
    np.testing.assert_allclose(fine["death"], slope(SCORE)(FINE, KEY)["death"], rtol=1e-5)
    says = r"1,000 paths carries 100% of the variance of the derivative of X at time 1 with respect to .*; take gradient='auto' or"
    with pytest.warns(JumpaxWarning, match=says):
        got = named.estimate(SPOILED, KEY)
    assert got.doubtful
    assert not got.replaced
    want = SCORE.estimate(SPOILED, KEY)
    np.testing.assert_allclose(got.gradient["death"], 1000 * want.gradient["death"], rtol=1e-5)
    inside = []
    with pytest.warns(JumpaxWarning, match=says):
        inside.append(_awaited(jax.jit(slope(named)), SPOILED))
    np.testing.assert_allclose(inside[0]["death"], 1000 * want.gradient["death"][0, 0, 0], rtol=1e-4)
    assert not failures.known(named.sampling.problem)


def test_a_path_that_is_no_number_fails():
    @dataclasses.dataclass(frozen=True)
    class Nan(AbstractEstimator):
        """Overflowed squares."""

        unbiased = False

        def sums(self, sampling, wrt, theta, words):
            sums = ScoreFunction().sums(sampling, wrt, theta, words)
            return sums._replace(
                gradient_square=sums.gradient_square * np.inf, gradient_peak=sums.gradient_peak * np.inf
            )

    got = expected(Guarded(Nan())).estimate(FINE, KEY)
    assert got.replaced
    assert np.isfinite(got.gradient_standard_error["death"]).all()


@pytest.mark.fault(48)
def test_a_derivative_that_is_no_number_is_told_with_its_parameters():
    """sqrt has none at 0, where the tangent of a count needs one; the value is fine."""
    reactions = [jumpax.Reaction("0 -> X", LAW("b")), jumpax.Reaction("X -> 0", lambda X, k: k * jnp.sqrt(X))]
    mean = jumpax.expectation(
        jumpax.Moments("X"), jumpax.Network(reactions), {"X": 0}, [1.0], paths=64, gradient=TrapezoidalTangent()
    )
    theta = {"b": 3.0, "k": 1.0}
    words = "TrapezoidalTangent: the derivative with respect to 'b', 'k' is not a number at b = 3, k = 1"
    with pytest.warns(JumpaxWarning, match=words):
        assert np.isfinite(mean.estimate(theta, KEY).value).all()
    with pytest.warns(JumpaxWarning, match=words):
        jax.grad(lambda theta: mean(theta, KEY).sum())(theta)


def test_the_next_choice_knows():
    mean = expected(Automatic(exact=False))
    first = Choice(Spoilt(), "Spoilt", FINE, tuple(FINE), problem=mean.sampling.problem)
    mean._gradient._choice = first
    assert mean.estimate(FINE, KEY).note == ""
    assert mean.choice is first
    assert mean.estimate(SPOILED, KEY).replaced
    assert mean.choice.estimator == ScoreFunction()
    assert "failed in a call: one of 1,000 paths carried 100% of the variance of X" in mean.choice.reason
    assert mean.choice.left_out[0][0] == Spoilt()
    assert not mean.estimate(FINE, KEY).replaced
    # an equal expectation knows as well
    tangent = TrapezoidalTangent(control="martingale")
    failures.remember(mean.sampling.problem, failures.Failure(tangent, "X", 1.0, PATHS))
    again = expected(Automatic(exact=False), paths=500).choose(FINE, KEY)
    assert tangent not in [p.estimator for p in again.pilots]
    assert tangent in [estimator for estimator, _ in again.left_out]


def test_failures_are_remembered_of_so_many_problems():
    for number in range(failures.MOST + 5):
        failures.remember(number, failures.Failure(Spoilt(), "X", 1.0, PATHS))
    assert not failures.known(4)
    assert failures.known(5)


def test_the_second_kernel_is_compiled_only_when_it_is_needed(monkeypatch):
    # jumps of its own: no other test has compiled its kernels
    network = jumpax.Network([jumpax.Reaction("0 -> 7 Q", LAW("in_")), jumpax.Reaction("2 Q -> Q", LAW("out"))])
    theta = {"in_": 5.0, "out": 1.0}
    tangent = TrapezoidalTangent()
    mean = jumpax.expectation(
        jumpax.Moments("Q"), network, {"Q": 5}, [1.0], paths=500, gradient=Guarded(tangent), engine="cpu"
    )
    made, load = [], machine.load
    monkeypatch.setattr(machine, "load", lambda text, how: made.append(text) or load(text, how))
    mean.estimate(theta, KEY)

    def compiled(estimator):
        return engine._text(mean.sampling.run(estimator, network.parameters).program, False) in made

    assert compiled(tangent)
    assert not compiled(ScoreFunction())


PREY = jumpax.Network([
    jumpax.Reaction("X -> 2 X", LAW("a")), jumpax.Reaction("2 X -> X", LAW("c")),
    jumpax.Reaction("X + Y -> 2 Y", LAW("b")), jumpax.Reaction("Y -> 0", LAW("d")),
])  # fmt: skip
RATES = {"a": 2.0, "c": 0.04, "b": 0.08, "d": 1.0}
TRUTH = {"a": 1.994, "c": 58.16, "b": -283.5, "d": -1.319}
"""Of E[Y(4)] from 20 prey and 10 predators: master equation up to 130 and 110."""


def prey(gradient, paths):
    return jumpax.expectation(lambda n: n["Y"], PREY, {"X": 20, "Y": 10}, [4.0], paths=paths, gradient=gradient)


def test_crowded_lotka_volterra():
    # |z| < 5 for 4 derivatives and a mean of 3 keys: false alarms below 1e-5
    mean = prey("auto", 20_000)
    for number in range(3):
        got = mean.estimate(RATES, jax.random.key(number))
        assert abs(got.value[0] - 14.233) < 5 * got.standard_error[0]
        for name, right in TRUTH.items():
            assert abs(got.gradient[name][0] - right) < 5 * got.gradient_standard_error[name][0], (name, mean.choice)
    left_out = [estimator for estimator, _ in mean.choice.left_out]
    assert TrapezoidalTangent(control="martingale") in left_out


def test_crowded_lotka_volterra_by_a_tangent_that_is_guarded():
    # the calls themselves see what a choice might have missed, in jit and vmap too
    mean = prey(Guarded(TrapezoidalTangent()), 4000)
    many = jax.jit(jax.vmap(jax.grad(lambda theta, key: mean(theta, key)[0]), (None, 0)))
    got = jax.block_until_ready(many(RATES, jax.random.split(KEY, 8)))
    assert failures.known(mean.sampling.problem)
    for name, right in TRUTH.items():
        # Student's t of 7 degrees; beyond 10 in 2e-5
        assert abs(got[name].mean() - right) < 10 * got[name].std(ddof=1) / 8**0.5
