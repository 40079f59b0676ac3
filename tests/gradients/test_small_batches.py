"""Batches of 32 paths: the trapezoidal tangent gives a gradient where the score function gives noise.

Relative error: root mean square over 64 batches of the error of the gradient in log parameters, over its exact length (some
single components nearly vanish).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax

ZOO = jumpax.zoo
CASES = {
    "association": (ZOO.association(start=(100, 100), k_on=0.01, k_off=1.0), "C", 1.0, None),
    "repressilator K 20": (ZOO.repressilator(beta=40.0, K=20.0, gamma=1.0, start=(20, 5, 2)), "P1", 3.0, 84),
    "repressilator K 5": (ZOO.repressilator(beta=40.0, K=5.0, gamma=1.0, start=(20, 5, 2)), "P1", 3.0, 84),
}


def _gradients(case, estimator, paths, keys):
    """Derivatives of the mean with respect to the logarithms of the parameters, one row per key."""
    model, species, time, _ = CASES[case]
    mean = jumpax.expectation(
        jumpax.Moments(species), model.network, model.x0, [time], paths=paths, gradient=estimator, precision="float32"
    )
    theta = {name: jnp.float32(value) for name, value in model.theta.items()}
    slope = jax.jit(jax.vmap(jax.grad(lambda theta, key: mean(theta, key)[0, 0, 0]), in_axes=(None, 0)))(theta, keys)
    return np.stack([np.asarray(slope[name]) * model.theta[name] for name in theta], -1)


@pytest.mark.parametrize(
    "case", ["association", *(pytest.param(name, marks=pytest.mark.long) for name in list(CASES)[1:])]
)
def test_thirty_two_paths(case):
    limits = CASES[case][-1]
    exact = jumpax.ExactGradient(limits, tolerance=1e-4, states=700_000)
    (truth,) = _gradients(case, exact, 2, jax.random.split(jax.random.key(0), 1))
    keys = jax.random.split(jax.random.key(20261122), 64)

    def error(estimator):
        off = _gradients(case, estimator, 32, keys) - truth
        return np.sqrt((off**2).sum(-1).mean() / (truth**2).sum())

    tangent, score = error(jumpax.TrapezoidalTangent(control="martingale")), error(jumpax.ScoreFunction())
    print(f"{case}: tangent {tangent:.3f}, score function {score:.2f}")
    assert tangent < 0.4
    assert score > 5 * tangent
