"""Every unbiased estimator against the master equation: |z| < 4 for every parameter, time, mean and second moment.

A false alarm has probability 6e-5 per entry; about 60 independent entries per estimator. Seeds were fixed before looking.
"""

import judge
import numpy as np
import pytest

import jumpax

ESTIMATORS = {
    "ScoreFunction": (jumpax.ScoreFunction(), 100_000),
    "AlternativePath": (jumpax.AlternativePath(), 100_000),
    "LatticeTangent": (jumpax.LatticeTangent(), 100_000),
    "ControlledScore": (jumpax.ControlledScore(), 100_000),
}
"""Estimators that claim to be unbiased, and how many paths they get."""
DEFAULT = ("association 20", "telegraph")
"""Cases of every run of the tests; the others are `long`."""
ROWS = [
    pytest.param(kind, case, marks=[] if case in DEFAULT else pytest.mark.long)
    for kind in ESTIMATORS
    for case in judge.CASES
]


@pytest.mark.parametrize(("kind", "case"), ROWS)
def test_unbiased(kind, case):
    estimator, paths = ESTIMATORS[kind]
    assert estimator.unbiased
    got = judge.estimate(case, estimator, paths, key=20261120)
    for parameter, z in judge.z_scores(case, got).items():
        assert np.abs(z).max() < 4, (kind, case, parameter, z)
