"""A model of the zoo or of a file is accepted where a network is, with its own numbers; what is given by name goes before them."""

import numpy as np
import pytest

import jumpax
from jumpax import losses
from jumpax.exact import StateSpace

MODEL = jumpax.zoo.telegraph()
FILE = jumpax.FileModel(MODEL.network, MODEL.theta, MODEL.x0)
ASK = {"times": [1.0, 2.0], "paths": 5, "key": 0}


@pytest.mark.parametrize("model", [MODEL, FILE])
def test_a_model_brings_its_numbers(model):
    plain = jumpax.simulate(MODEL.network, MODEL.theta, MODEL.x0, **ASK)
    assert np.array_equal(jumpax.simulate(model, **ASK).counts, plain.counts)
    other = jumpax.simulate(MODEL.network, {**MODEL.theta, "k_on": 9.0}, {**MODEL.x0, "M": 7}, **ASK)
    assert np.array_equal(jumpax.simulate(model, {"k_on": 9.0}, {"M": 7}, **ASK).counts, other.counts)
    rows = jumpax.simulate(model, {"k_on": np.full(5, 9.0)}, x0={"M": 7}, **ASK)
    assert np.array_equal(rows.counts, other.counts)


@pytest.mark.parametrize("model", [MODEL, FILE])
def test_expectations_problems_and_state_spaces_take_it(model):
    def mean(*given):
        observed = jumpax.expectation(
            jumpax.Moments("M"), *given, times=[1.0], paths=8, gradient=jumpax.ScoreFunction()
        )
        return np.asarray(observed(MODEL.theta, 0))

    assert np.array_equal(mean(model), mean(MODEL.network, MODEL.x0))
    assert np.array_equal(mean(model, {"M": 3}), mean(MODEL.network, {**MODEL.x0, "M": 3}))
    steady = jumpax.steady_state(jumpax.Moments("M"), model, settle=1.0, time=1.0, paths=4)
    assert steady.score.sampling.network == MODEL.network
    fixed = {name: jumpax.Fixed(value) for name, value in MODEL.theta.items()}
    data = losses.MomentMatch("M", [3, 4], [1.0, 1.0], order=1)
    problem = jumpax.Problem(model, MODEL.x0, data, fixed | {"k_tx": jumpax.Free(1.0)})
    assert problem.network == MODEL.network
    assert StateSpace.reachable(model, limits={"M": 3}).size == 8


def test_what_is_missing_or_wrong_is_named():
    with pytest.raises(jumpax.InputError, match=r"theta and x0 missing: a network has no numbers of its own"):
        jumpax.simulate(MODEL.network, **ASK)
    with pytest.raises(jumpax.InputError, match=r"^x0 missing"):
        jumpax.expectation(jumpax.Moments("M"), MODEL.network, times=[1.0], paths=4)
    with pytest.raises(jumpax.InputError) as told:
        jumpax.simulate(MODEL, {"k_no": 1.0}, {"N": 2}, **ASK)
    assert "unknown parameter 'k_no'" in str(told.value)
    assert "unknown species 'N'" in str(told.value)
    with pytest.raises(jumpax.InputError, match=r"jumpax\.zoo has models by name"):
        jumpax.simulate("telegraph", **ASK)
