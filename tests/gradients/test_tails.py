"""How large a share one path may have, what a tail index says, and how second moments of tangents grow."""

import numpy as np
import pytest

import jumpax
from jumpax.gradients import tails
from jumpax.gradients.growth import grows, second_moment_rate
from jumpax.gradients.sampled import _merge
from jumpax.gradients.tails import limit, tail_index

COMPONENTS = 10
LIGHT = {  # degree of the limit, and a law of contributions
    "normal": (2, lambda rng, size: rng.normal(size=size)),
    "exponential": (2, lambda rng, size: rng.exponential(size=size)),
    "both sides": (2, lambda rng, size: rng.laplace(size=size)),
    "square": (2, lambda rng, size: rng.normal(size=size) ** 2),
    "product": (2, lambda rng, size: rng.normal(size=size) * rng.normal(size=size)),
    "cube": (3, lambda rng, size: rng.normal(size=size) ** 3),
    "square by score": (3, lambda rng, size: rng.normal(size=size) ** 2 * rng.normal(size=size)),
}  # fmt: skip


def shares(draw, rng, calls, paths):
    x = draw(rng, (calls, COMPONENTS, paths))
    x = (x - x.mean(-1, keepdims=True)) ** 2
    return x.max(-1) / x.sum(-1)


@pytest.mark.parametrize("law", LIGHT)
@pytest.mark.parametrize("paths", [1000, 4000])
def test_light_tails_hardly_ever_alarm(law, paths):
    # below 1e-3 of the calls; more than 3 of 600 then have a chance of 4e-3, in one of 14 tests 5 % if the rate were that high
    degree, draw = LIGHT[law]
    most = limit(paths, COMPONENTS, degree)
    rng = np.random.default_rng(20261129)
    alarms = sum((shares(draw, rng, 50, paths) > most).any(1).sum() for _ in range(12))
    assert alarms <= 3


def test_heavy_tails_alarm():
    # Student's t of 2 degrees: the variance is infinite; a call of ten components has a miss of less than 1e-6
    rng = np.random.default_rng(20261129)
    most = limit(20_000, COMPONENTS, 2)
    assert (shares(lambda rng, size: rng.standard_t(2, size=size), rng, 10, 20_000) > most).any(1).all()
    assert (shares(lambda rng, size: rng.standard_t(2.5, size=size), rng, 10, 20_000) > most).any(1).mean() > 0.8


def test_few_paths_say_nothing():
    assert limit(300, 1, 2) > 1 > limit(3000, 10, 2)


def test_peaks_of_chunks_are_bounds():
    from jumpax.gradients.chunk import Sums

    rng = np.random.default_rng(1)
    parts = [rng.normal(size=(64, 1, 1, 2)) + shift for shift in (0.0, 1.0, 3.0)]
    parts[1][5] += 20
    stacked = [
        (np.float32(len(p)), p.sum(0)[..., 0], p.std(0)[..., 0] ** 2 * len(p), p.sum(0), ((p - p.mean(0)) ** 2).sum(0),
         ((p - p.mean(0)) ** 2).max(0)) for p in parts
    ]  # fmt: skip
    merged = _merge(Sums(*(np.stack(leaf) for leaf in zip(*stacked, strict=True))))
    whole = np.concatenate(parts)
    true = ((whole - whole.mean(0)) ** 2).max(0)
    np.testing.assert_allclose(merged.gradient_square, ((whole - whole.mean(0)) ** 2).sum(0), rtol=1e-5)
    assert (merged.gradient_peak >= 0.9999 * true).all()
    assert (merged.gradient_peak < 1.3 * true).all()


def largest(x):
    squares = np.sort((x - x.mean(-1, keepdims=True)) ** 2)[..., ::-1]
    return squares[..., : x.shape[-1] // tails.TOP + 1]


@pytest.mark.parametrize("paths", [384, 1024])
def test_tail_index(paths):
    rng = np.random.default_rng(20261129)

    def below(draw):
        return (tail_index(largest(draw((2000, paths)))) < tails.INDEX).mean()

    # a Pareto tail of index 3 itself: with 95 % confidence it is not below 3 (4 standard errors: 2 %)
    assert below(lambda size: rng.choice([-1, 1], size) * rng.uniform(size=size) ** (-1 / 3)) < 0.07
    assert below(lambda size: rng.laplace(size=size)) < 0.03
    assert below(lambda size: rng.normal(size=size)) < 0.002
    assert below(lambda size: rng.choice([-1, 1], size) * rng.uniform(size=size) ** (-1 / 1.5)) > (
        0.7 if paths < 1000 else 0.95
    )


def test_nothing_has_no_tail():
    assert np.isinf(tail_index(np.zeros((2, 13)))).all()


def test_growth_of_the_trapezoidal_tangent_is_that_of_a_matrix_by_hand():
    # 0 -> X at k, X -> 0 at d x: v' = -(d/2) v while X > 0, else -d v; v -> v (1 - 1/(2x)) at a death
    model, theta = jumpax.zoo.birth_death(), {"birth": 10.0, "death": 1.0}
    k, d = theta["birth"], theta["death"]
    x = np.arange(60)
    by_hand = np.diag(np.where(x > 0, -d, -2 * d) - k - d * x)
    by_hand[x[1:], x[:-1]] = k
    by_hand[x[:-1], x[1:]] = d * x[1:] * (1 - 1 / (2 * x[1:])) ** 2
    found = second_moment_rate(jumpax.TrapezoidalTangent(), model.network, theta, x[:, None])
    assert abs(found - np.linalg.eigvals(by_hand).real.max()) < 1e-4
    some = second_moment_rate(jumpax.TrapezoidalTangent(), model.network, theta, x[:5, None])
    assert some < found


def test_weights_of_the_lattice_tangent_fall_like_a_death():
    # one more molecule is still there after t with chance exp(-d t), whatever else happens: w^2 falls at 2 d
    model, theta = jumpax.zoo.birth_death(), {"birth": 10.0, "death": 1.0}
    rate = second_moment_rate(jumpax.LatticeTangent(), model.network, theta, np.arange(60)[:, None])
    assert abs(rate + 2 * theta["death"]) < 1e-4


def test_extinct_prey_makes_the_tangent_grow():
    law = jumpax.MassAction
    network = jumpax.Network([
        jumpax.Reaction("X -> 2 X", law("a")), jumpax.Reaction("2 X -> X", law("c")),
        jumpax.Reaction("X + Y -> 2 Y", law("b")), jumpax.Reaction("Y -> 0", law("d")),
    ])  # fmt: skip
    theta = {"a": 2.0, "c": 0.04, "b": 0.08, "d": 1.0}
    gone = np.array([[0, 0]])
    # nothing fires any more, and v_X' = (a + c/2) v_X
    assert abs(second_moment_rate(jumpax.TrapezoidalTangent(), network, theta, gone) - 4.04) < 1e-4
    many = np.array([(x, y) for x in range(12) for y in range(12)])
    assert grows(jumpax.TrapezoidalTangent(), network, theta, many, 0.25)
    assert not grows(jumpax.TrapezoidalTangent(), network, theta, many[(many > 0).all(1)], 0.25)
