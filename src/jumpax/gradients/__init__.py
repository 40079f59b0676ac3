"""Expectations over paths, and their gradients."""

from jumpax.gradients.alternative_path import AlternativePath as AlternativePath
from jumpax.gradients.baseline_simulations import BaselineSimulations as BaselineSimulations
from jumpax.gradients.coupled_difference import CoupledDifference as CoupledDifference
from jumpax.gradients.estimator import AbstractEstimator as AbstractEstimator
from jumpax.gradients.exact_gradient import ExactCost as ExactCost
from jumpax.gradients.exact_gradient import ExactGradient as ExactGradient
from jumpax.gradients.exact_gradient import exact_cost as exact_cost
from jumpax.gradients.expectation import Estimate as Estimate
from jumpax.gradients.expectation import Expectation as Expectation
from jumpax.gradients.expectation import expectation as expectation
from jumpax.gradients.lyapunov import TangentExponents as TangentExponents
from jumpax.gradients.lyapunov import tangent_exponents as tangent_exponents
from jumpax.gradients.replay import replay as replay
from jumpax.gradients.score_function import ScoreFunction as ScoreFunction
from jumpax.gradients.straight_through import StraightThrough as StraightThrough
from jumpax.gradients.trapezoidal_tangent import TrapezoidalTangent as TrapezoidalTangent
