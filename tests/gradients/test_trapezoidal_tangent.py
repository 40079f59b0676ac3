"""The trapezoidal tangent: no bias where there must be none, its known biases elsewhere, its variances, its controls.

Every |z| < 4, so 6e-5 per entry; about 60 entries, 0.4 % for the file. Known biases are given to the digits printed, and
half of the last one is added to four standard errors. Ratios of variances from 30,000 paths have relative errors below
3 %; they are asked to be within 10 % of published ones. Seeds were fixed before looking.
"""

import jax
import jax.numpy as jnp
import judge
import numpy as np
import pytest

import jumpax

SEED = 20261120
CONTROLLED = jumpax.TrapezoidalTangent("martingale")


def _estimate(model, time, estimator, paths, species=None, **options):
    expected = jumpax.expectation(
        jumpax.Moments(*(species or model.network.species)), model.network, model.x0, [time], paths=paths,
        gradient=estimator, **options,
    )  # fmt: skip
    got = expected.estimate(model.theta, jax.random.key(SEED))
    slope, error = (
        np.stack([np.asarray(leaf[k])[0] for k in model.network.parameters])
        for leaf in (got.gradient, got.gradient_standard_error)
    )
    return slope.reshape(len(slope), -1), error.reshape(len(error), -1)


def test_telegraph_has_no_bias_in_the_mean_and_the_known_one_in_the_square():
    got = judge.estimate("telegraph", CONTROLLED, 100_000, SEED)
    _, slopes = judge.truth("telegraph")
    for parameter, z in judge.z_scores("telegraph", got).items():
        assert np.abs(z[:, :3]).max() < 4, (parameter, z)
    square = 3 + list(judge.CASES["telegraph"].model.network.species).index("M")
    for parameter, bias in {"k_on": -0.096, "k_off": -0.054}.items():
        want = slopes[parameter][1, square]
        error = got.gradient_standard_error[parameter][1, square] / abs(want)
        seen = got.gradient[parameter][1, square] / want - 1
        assert abs(seen - bias) < 4 * error + 0.0005, (parameter, seen, error)
        assert error < 0.003


def test_known_bias_of_saturated_association():
    model = jumpax.zoo.association(start=(10, 10), k_on=10.0, k_off=1.0)
    slope, error = _estimate(model, 1.0, jumpax.TrapezoidalTangent(), 100_000, ["C"])
    with jax.enable_x64(True):
        space = jumpax.exact.StateSpace.reachable(model.network, model.x0)
        theta = {k: jnp.float64(v) for k, v in model.theta.items()}
        want = jax.jacobian(lambda theta: jumpax.exact.distribution(space, theta, [1.0]).mean())(theta)
    place = model.network.species.index("C")
    for row, parameter in enumerate(model.network.parameters):
        true = float(want[parameter][0, place])
        assert abs(slope[row, 0] / true - 1.166) < 4 * error[row, 0] / abs(true) + 0.0005
        assert error[row, 0] < 0.01 * abs(true)


@pytest.mark.parametrize(
    ("total", "k_on", "k_off", "time", "ratio"),
    [
        (20, 1 / 20, 0.1, 1.0, 32),
        (20, 1 / 20, 1.0, 1.0, 82),
        (20, 1 / 20, 10.0, 1.0, 55),
        pytest.param(100, 1 / 100, 1.0, 2.0, 896, marks=pytest.mark.long),
        pytest.param(10, 1.0, 1.0, 2.0, 135, marks=pytest.mark.long),
    ],
)
def test_variance_below_that_of_the_score(total, k_on, k_off, time, ratio):
    model = jumpax.zoo.association(start=(total, total), k_on=k_on, k_off=k_off)
    place = model.network.parameters.index("k_off")
    errors = [
        _estimate(model, time, estimator, 30_000, ["C"])[1][place, 0]
        for estimator in (jumpax.ScoreFunction(), jumpax.TrapezoidalTangent())
    ]
    assert abs((errors[0] / errors[1]) ** 2 / ratio - 1) < 0.1


@pytest.mark.parametrize(
    ("make", "options", "time", "gain"),
    [
        (jumpax.zoo.association, {"start": (100, 100), "k_on": 1.0, "k_off": 1.0}, 1.0, 21),
        (jumpax.zoo.association, {"start": (100, 100), "k_on": 1.0, "k_off": 10.0}, 1.0, 28),
        pytest.param(
            jumpax.zoo.association, {"start": (10, 10), "k_on": 10.0, "k_off": 10.0}, 1.0, 5.4, marks=pytest.mark.long
        ),
        pytest.param(
            jumpax.zoo.repressilator, {"beta": 40.0, "K": 20.0, "start": (20, 5, 2)}, 3.0, 3.6, marks=pytest.mark.long
        ),
    ],
)
def test_controls_gain(make, options, time, gain):
    # geometric mean over species and parameters; 21-28, 6 and 4 were published, with bins fitted to the model
    model = make(**options)
    plain, controlled = (_estimate(model, time, e, 16_000)[1] for e in (jumpax.TrapezoidalTangent(), CONTROLLED))
    assert np.exp(np.log((plain / controlled) ** 2).mean()) > 0.9 * gain


def test_controls_move_no_mean_in_small_batches():
    model = jumpax.zoo.association(start=(20, 20), k_on=0.05, k_off=1.0)
    keys = jax.random.split(jax.random.key(SEED), 500)
    slopes = []
    for estimator in (jumpax.TrapezoidalTangent(), CONTROLLED):
        expected = jumpax.expectation(
            jumpax.Moments("C", order=2), model.network, model.x0, [0.5, 1.0], paths=96, gradient=estimator
        )
        got = jax.vmap(lambda key, expected=expected: expected.estimate(model.theta, key).gradient)(keys)
        slopes.append(np.stack([np.asarray(leaf).reshape(len(keys), -1) for leaf in got.values()], 1))
    moved = slopes[1] - slopes[0]
    assert np.abs(moved).max() > 0
    assert np.abs(moved.mean(0) / (moved.std(0) / np.sqrt(len(keys)))).max() < 4
    assert (slopes[1].std(0) < slopes[0].std(0)).all()


def test_refusals():
    with pytest.raises(jumpax.InputError, match="martingale") as fault:
        jumpax.TrapezoidalTangent("none", reach=0)  # type: ignore[arg-type]
    assert "reach" in str(fault.value)
    model = jumpax.zoo.birth_death()
    steps = jumpax.expectation(
        jumpax.Moments("X"), model.network, model.x0, steps=[10], paths=10, gradient=jumpax.TrapezoidalTangent()
    )
    with pytest.raises(jumpax.UnsupportedError, match="ScoreFunction"):
        steps.estimate(model.theta, 0)
    assert not CONTROLLED.unbiased
