"""`audit`: z-scores, biases and work are what they are called, and what cannot be treated is said."""

import json
import math

import numpy as np
import pytest

import jumpax
from jumpax._base.errors import InputError

MODEL = jumpax.zoo.association(start=(10, 10), k_on=1.0, k_off=1.0)
TRIED = {
    "score": jumpax.ScoreFunction(),
    "tangent": jumpax.TrapezoidalTangent(),
    "lattice": jumpax.LatticeTangent(),
}


@pytest.fixture(scope="module")
def found():
    return jumpax.audit(
        MODEL.network, MODEL.theta, MODEL.x0, [0.5, 1.0], estimators=TRIED, paths=20_000, key=20261120, wrt=["k_off"]
    )


def test_judged_by_the_master_equation(found):
    assert found.reference == "exact"
    assert {row.entry for row in found.rows} == set(MODEL.network.species)
    assert {row.stop for row in found.rows} == {0.5, 1.0}
    for row in found.rows:
        assert row.z == pytest.approx((row.gradient - row.reference) / row.error, rel=0.01)
    by_name = {line["estimator"]: line for line in found.summary()}
    assert by_name["score"]["z"] < 4  # 6e-5 for each of 6 entries
    assert by_name["lattice"]["z"] < 4
    assert by_name["score"]["work"] == pytest.approx(1)
    assert by_name["lattice"]["work"] < 1


def test_spread_against_time(found):
    growth = found.against_time()
    assert set(growth) == set(TRIED)
    assert all(len(row) == 2 and all(map(math.isfinite, row)) for row in growth.values())


def test_document_is_json(found):
    text = json.dumps(found.to_dict(), default=float)
    assert json.loads(text)["reference"] == "exact"


def test_without_a_master_equation(monkeypatch):
    found = jumpax.audit(
        MODEL.network, MODEL.theta, MODEL.x0, steps=[20], estimators=TRIED, paths=2000, key=1, wrt=["k_off"]
    )
    assert set(found.refused) == {"tangent", "lattice"}
    assert all(found.refused.values())
    growing = jumpax.zoo.pure_birth()
    with pytest.raises(jumpax.SimulationError, match="raise the limits"):
        jumpax.audit(
            growing.network, growing.theta, growing.x0, [1.0], paths=100, limits=1, estimators={"score": TRIED["score"]}
        )
    monkeypatch.setattr("jumpax.gradients.audits.sampled_cost", lambda *_, **__: None)
    seen = jumpax.audit(
        MODEL.network, MODEL.theta, MODEL.x0, [1.0], estimators={"score": TRIED["score"]}, paths=2000, wrt=["k_off"]
    )
    assert "unbiased" in seen.reference
    np.testing.assert_allclose([row.z for row in seen.rows], 0, atol=1e-3)


def test_refusals():
    with pytest.raises(InputError, match="k_of"):
        jumpax.audit(MODEL.network, MODEL.theta, MODEL.x0, [1.0], wrt=["k_of"])
    with pytest.raises(InputError, match="at least one estimator"):
        jumpax.audit(MODEL.network, MODEL.theta, MODEL.x0, [1.0], estimators={})
