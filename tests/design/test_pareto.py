"""Fronts of expectations that are known in closed form. Seeds were fixed before looking."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.design import pareto_front
from jumpax.design.pareto import efficient

DECAY = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
MEAN = jumpax.expectation(
    lambda counts: counts["A"], DECAY, {"A": 100}, [1.0], paths=400, gradient=jumpax.ScoreFunction()
)


def rest_and_rate(u, key):
    """What is left of A after time 1, in percent, and the rate."""
    k = jnp.exp(u["log_k"])
    return jnp.stack([MEAN({"k": k}, key)[0], 20.0 * k])


@pytest.mark.parametrize(
    ("choice", "rates"),
    [
        # w exp(-k) 100 + (1 - w) 20 k is least where 100 w exp(-k) = 20 (1 - w)
        ({"weights": [[w, 1 - w] for w in (0.3, 0.5, 0.8)]}, np.log([5 * w / (1 - w) for w in (0.3, 0.5, 0.8)])),
        # 100 exp(-k) + 0.1 (20 k - t)^2
        ({"targets": [[20.0], [40.0]], "penalty": 0.1}, None),
    ],
)
def test_a_known_front(choice, rates):
    front = pareto_front(rest_and_rate, {"log_k": 0.0}, key=20261120, steps=60, final=8, **choice)
    found = np.array([float(jnp.exp(u["log_k"])) for u in front.parameters])
    if rates is None:
        grid = np.linspace(0.1, 5.0, 200_000)
        rates = np.array(
            [grid[np.argmin(100 * np.exp(-grid) + 0.1 * (20 * grid - t[0]) ** 2)] for t in choice["targets"]]
        )
    np.testing.assert_allclose(found, rates, rtol=0.05)
    # wherever a point lies on this front, both objectives belong together
    assert (np.abs(front.objectives[:, 0] - 100 * np.exp(-found)) < 5 * front.standard_errors[:, 0]).all()
    np.testing.assert_allclose(front.objectives[:, 1], 20 * found, rtol=1e-5)
    assert front.efficient.all()
    assert front.paths.shape == (len(rates), 60, 2)


def test_dominated_points_are_flagged():
    points = np.array([[0.0, 1.0], [0.5, 0.5], [0.6, 0.6], [0.505, 0.505], [1.0, 0.0]])
    assert efficient(points, np.full_like(points, 0.01)).tolist() == [True, True, False, True, True]


def test_wrong_input_is_named():
    with pytest.raises(jumpax.InputError, match="either weights"):
        pareto_front(rest_and_rate, {"log_k": 0.0})
    with pytest.raises(
        jumpax.InputError, match=r"final must be 2.*weights must be finite numbers of shape \(points, 2\)"
    ):
        pareto_front(rest_and_rate, {"log_k": 0.0}, weights=[[1.0]], final=1)
    with pytest.raises(jumpax.InputError, match="two or more"):
        pareto_front(lambda u, key: jnp.ones(1), 0.0, weights=[[1.0]])
    with pytest.raises(jumpax.InputError, match="not be negative"):
        pareto_front(rest_and_rate, {"log_k": 0.0}, weights=[[1.0, -1.0]])
    with pytest.raises(jumpax.SimulationError, match="not a number"):
        pareto_front(lambda u, key: jnp.stack([jnp.log(u), u]), -1.0, weights=[[1.0, 1.0]])


def test_the_same_key_gives_the_same_front():
    one, other = (
        pareto_front(rest_and_rate, {"log_k": 0.0}, weights=[[1, 1]], key=key, steps=2, average=9, final=2)
        for key in (3, jax.random.key(3))
    )
    np.testing.assert_array_equal(one.objectives, other.objectives)
