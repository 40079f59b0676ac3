"""When to stop."""

import numpy as np
import pytest

import jumpax
from jumpax.inference import SignalToNoise, SmallSteps


def test_ratio_is_that_of_the_definition():
    rng = np.random.default_rng(3)
    losses = np.cumsum(rng.normal(size=30))
    falls = np.diff(losses)[-20:]
    expected = abs(np.median(falls)) / np.median(abs(falls - np.median(falls)))
    assert SignalToNoise(window=20).ratio(losses) == pytest.approx(expected)


def test_falling_goes_on_and_noise_stops():
    rule, rng = SignalToNoise(window=20, after=0), np.random.default_rng(0)
    noise = rng.normal(size=400)
    assert rule(np.arange(400) * -3.0 + noise, np.zeros((400, 1))) is None
    assert "signal-to-noise of the loss below 0.1" in str(rule(noise, np.zeros((400, 1))))


def test_no_decision_before_its_time():
    rule = SignalToNoise(window=5, after=50)
    assert rule(np.random.default_rng(0).normal(size=49), np.zeros((49, 1))) is None


def test_small_steps():
    assert SmallSteps(1e-3)(np.zeros(1), np.zeros((1, 2))) is None
    assert SmallSteps(1e-3)(np.zeros(2), np.array([[0.0, 0.0], [0.0, 1e-2]])) is None
    assert SmallSteps(1e-3)(np.zeros(2), np.array([[0.0, 0.0], [0.0, 1e-4]])) is not None


def test_settings_without_sense_are_refused():
    with pytest.raises(jumpax.InputError):
        SignalToNoise(window=1)
