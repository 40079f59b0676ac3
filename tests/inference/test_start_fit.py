"""Fits whose start has a law with free parameters."""

import numpy as np
import pytest

import jumpax
from jumpax.inference import MasterEquation, losses

DECAY = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
TIMES = (0.5, 1.0, 2.0)


def _data():
    draw = np.random.default_rng(1)
    return {time: draw.poisson(40 * np.exp(-0.7 * time), 300) for time in TIMES}


def test_the_mean_of_a_poisson_start_is_found_as_maximum_likelihood_finds_it():
    data = _data()
    parameters = {"k": jumpax.Free(1.0), "m": jumpax.Free(20.0)}
    found = jumpax.fit(
        jumpax.Problem(DECAY, {"A": jumpax.Poisson("m")}, losses.MomentMatch("A", data, order=1), parameters), key=43
    )
    # counts stay Poisson with mean m exp(-k t): Newton's method for the likelihood, in (ln m, k)
    total, times, point = np.array([data[t].sum() for t in TIMES], float), np.array(TIMES), np.array([3.0, 1.0])
    rows = np.stack([np.ones(3), -times])
    for _ in range(50):
        mean = 300 * np.exp(point @ rows)
        point = point + np.linalg.solve((rows * mean) @ rows.T, rows @ (total - mean))
    error = np.sqrt(np.diag(np.linalg.inv((rows * mean) @ rows.T)))
    # the weights of the moments are those of the data, 8 % off: that moves an estimate by a fraction of its error
    assert abs(np.log(found.estimates["m"]) - point[0]) < 0.5 * error[0]
    assert abs(found.estimates["k"] - point[1]) < 0.5 * error[1]
    assert abs(found.standard_errors["k"] / error[1] - 1) < 0.25


def test_what_does_not_fit_together_is_told():
    loss, start = losses.MomentMatch("A", _data(), order=1), {"A": jumpax.Poisson("m")}
    with pytest.raises(jumpax.InputError, match="parameter 'm' of the start is missing"):
        jumpax.Problem(DECAY, start, loss, {"k": jumpax.Free(1.0)})
    with pytest.raises(jumpax.InputError, match="depends on the free parameter 'm'"):
        jumpax.Problem(DECAY, {"A": 40}, loss, {"k": jumpax.Free(1.0), "m": jumpax.Free(1.0)})
    with pytest.raises(jumpax.InputError, match="MasterEquation starts in one state"):
        jumpax.Problem(
            DECAY, start, loss, {"k": jumpax.Free(1.0), "m": jumpax.Free(1.0)}, source=MasterEquation({"A": 90})
        )
