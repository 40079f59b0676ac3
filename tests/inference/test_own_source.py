"""Expectations from a source of the user's own."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.inference import Fixed, Free, MasterEquation, Problem, Simulation, evaluation, losses
from jumpax.inference.sources import AbstractSource

MODEL = jumpax.zoo.birth_death()


@dataclasses.dataclass(frozen=True)
class ByFormula(AbstractSource):
    """The mean of a birth and death process that started empty, computed in JAX; none where births are too many."""

    most: float = 1e9
    deterministic = True

    @property
    def total(self):
        return float("inf")

    def expected(self, question, silent=False):
        times = jnp.asarray(question.stops) - question.start

        def mean(theta, key):
            made = theta["birth"] / theta["death"] * (1 - jnp.exp(-theta["death"] * times))
            return jnp.where(theta["birth"] < self.most, made, jnp.nan)[None, :, None, None]

        return mean


def test_a_fit_takes_its_expectations_from_there():
    data = losses.TimeSeries([1.0, 2.0], {"X": [6.0, 9.0]}, {"X": [0.5, 0.5]})
    parameters = {"birth": Free(5.0), "death": Fixed(1.0)}
    found = jumpax.fit(Problem(MODEL.network, {"X": 0}, data, parameters, source=ByFormula()), key=1)
    shape, weight = 1 - np.exp(-np.array([1.0, 2.0])), 1 / 0.5**2
    assert found.estimates["birth"] == pytest.approx(shape @ [6.0, 9.0] / (shape @ shape), rel=1e-3)
    assert found.standard_errors["birth"] == pytest.approx((weight * shape @ shape) ** -0.5, rel=1e-2)


def test_a_step_to_where_there_is_no_law_is_halved():
    """The natural gradient overshoots by a tenth from there."""
    data = losses.TimeSeries([1.0, 2.0], {"X": [6.0, 9.0]}, {"X": [0.5, 0.5]})
    problem = Problem(MODEL.network, {"X": 0}, data, {"birth": Free(7.0), "death": Fixed(1.0)}, source=ByFormula())
    free = jumpax.fit(problem, key=1)
    best = free.estimates["birth"]
    assert free.runs[0].history.values.max() > 1.02 * best
    found = jumpax.fit(problem.drawing(lambda _: ByFormula(most=1.02 * best)), key=1)
    assert found.estimates["birth"] == pytest.approx(best, rel=1e-3)
    assert found.runs[0].halved >= 1
    assert "no law" in found.notes["steps that were halved"]
    assert "steps that were halved" not in free.notes
    with pytest.warns(jumpax.JumpaxWarning, match="the least loss lies about"):
        edge = jumpax.fit(problem.drawing(lambda _: ByFormula(most=0.9 * best)), key=1)
    assert edge.estimates["birth"] == pytest.approx(0.9 * best, rel=2e-3)
    assert not edge.converged
    assert edge.runs[0].reason == "the next step leads to where paths cannot be followed or there is no law"
    with pytest.raises(jumpax.SimulationError, match="not a number at birth = 7"):
        jumpax.fit(problem.drawing(lambda _: ByFormula(most=6.0)), key=1)


def test_only_what_computes_outside_of_xla_is_compiled_in_haste(monkeypatch):
    """An equation that a source solves in JAX would take ten times as long."""
    hasty = []
    monkeypatch.setattr(evaluation, "quick", lambda: hasty.append(1) or {})
    for source, least in ((ByFormula, 0), (Simulation, 0), (MasterEquation, 1)):
        hasty.clear()
        evaluation.compiled.__wrapped__(MODEL.network, source)
        assert len(hasty) == least, source
