"""Martingale controls on top of every pathwise estimator: the same mean, less variance.

The unbiased one is judged by the master equation (24 numbers, |z| < 4: false alarms 0.2 %), the biased ones by
themselves without controls on the same paths (72 numbers; their difference has less error than is allowed for it).
"""

import dataclasses

import judge
import numpy as np
import pytest

import jumpax

CASE, KEY, PATHS = "association 20", 20261121, 20_000
BIASED = {
    "logistic": jumpax.StraightThrough(relaxation="propensity"),
    "state": jumpax.StraightThrough(relaxation="reinmax", horizon="state"),
    "conditional": jumpax.StraightThrough(relaxation="conditional", horizon="exact"),
}


def _with_control(estimator):
    return dataclasses.replace(estimator, control="martingale")


@pytest.mark.parametrize(
    "kind", ["logistic", *(pytest.param(k, marks=pytest.mark.long) for k in ("state", "conditional"))]
)
def test_controls_move_no_mean(kind):
    plain = judge.estimate(CASE, BIASED[kind], PATHS, KEY)
    made = judge.estimate(CASE, _with_control(BIASED[kind]), PATHS, KEY)
    for parameter, before in plain.gradient.items():
        error = plain.gradient_standard_error[parameter]
        assert (np.abs(made.gradient[parameter] - before) < 4 * error + 1e-6).all(), parameter
        assert (made.gradient_standard_error[parameter] < 1.01 * error + 1e-9).all(), parameter


def test_controlled_alternative_paths_are_unbiased():
    got = judge.estimate(CASE, _with_control(jumpax.AlternativePath()), PATHS, KEY)
    for parameter, z in judge.z_scores(CASE, got).items():
        assert np.abs(z).max() < 4, (parameter, z)


@pytest.mark.parametrize("estimator", [jumpax.AlternativePath(), jumpax.StraightThrough()])
def test_controls_need_times(estimator):
    model = judge.CASES[CASE].model
    mean = jumpax.expectation(
        jumpax.Moments("C"), model.network, model.x0, steps=[10], paths=100, gradient=_with_control(estimator)
    )
    with pytest.raises(jumpax.UnsupportedError, match="times="):
        mean.estimate(model.theta, KEY)


@pytest.mark.parametrize("kind", [jumpax.AlternativePath, jumpax.StraightThrough, jumpax.LatticeTangent])
def test_other_controls_are_refused(kind):
    with pytest.raises(jumpax.InputError, match="control must be None or 'martingale'"):
        kind(control="none")
