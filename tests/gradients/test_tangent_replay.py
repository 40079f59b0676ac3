"""Reverse mode of the trapezoidal tangent against its forward mode, path by path."""

import jax
import numpy as np
import pytest

import jumpax
from jumpax.folds import Tangent
from jumpax.gradients import replay_tangent


@pytest.mark.parametrize(
    ("make", "options", "times"),
    [
        (jumpax.zoo.telegraph, {"k_on": 0.5, "k_off": 1.0, "k_tx": 20.0, "gamma": 1.0}, [2.0]),
        pytest.param(
            jumpax.zoo.repressilator, {"beta": 10.0, "K": 5.0, "start": (5, 1, 0)}, [0.5, 1.5], marks=pytest.mark.long
        ),
    ],
)
def test_both_modes_agree_path_by_path(make, options, times):
    model = make(**options)
    wrt = model.network.parameters
    with jax.enable_x64(True):
        asked = {"times": times, "paths": 12, "key": 20261120, "precision": "float64", "engine": "xla"}
        fold = Tangent(model.network, wrt)
        forward = jumpax.simulate(model.network, model.theta, model.x0, record=[fold], **asked)
        del asked["engine"]
        log = jumpax.simulate(model.network, model.theta, model.x0, record=jumpax.Events(), **asked).log
        assert log is not None
        counts = replay_tangent(model.network, log, model.theta, times)
        theta = {k: np.float64(v) for k, v in model.theta.items()}
        np.testing.assert_array_equal(counts(theta), forward.counts)
        slopes = jax.jacrev(counts)(theta)
    tangent = np.moveaxis(np.array(forward.records[0][1]), (0, 1), (2, 3))
    for p, name in enumerate(wrt):
        want = tangent[..., p]
        scale = np.abs(want).max()
        assert scale > 0.1
        np.testing.assert_allclose(slopes[name], want, rtol=1e-11, atol=1e-12 * scale)


def test_refusals():
    model = jumpax.zoo.birth_death()
    log = jumpax.simulate(model.network, model.theta, model.x0, times=[0.1], paths=2, key=0, record=jumpax.Events()).log
    assert log is not None
    with pytest.raises(jumpax.InputError, match="death"):
        replay_tangent(model.network, log, {"birth": 1.0}, [0.1])
