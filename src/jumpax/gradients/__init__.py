"""Expectations over paths, and their gradients."""

from jumpax.gradients.baseline_simulations import BaselineSimulations as BaselineSimulations
from jumpax.gradients.estimator import AbstractEstimator as AbstractEstimator
from jumpax.gradients.expectation import Estimate as Estimate
from jumpax.gradients.expectation import Expectation as Expectation
from jumpax.gradients.expectation import expectation as expectation
from jumpax.gradients.score_function import ScoreFunction as ScoreFunction
