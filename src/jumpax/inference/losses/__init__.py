"""Losses: how badly an expectation explains what was measured."""

from jumpax.inference.losses.distribution import LogLikelihood as LogLikelihood
from jumpax.inference.losses.loss import AbstractLoss as AbstractLoss
from jumpax.inference.losses.moments import MomentMatch as MomentMatch
from jumpax.inference.losses.reference import AbstractReference as AbstractReference
from jumpax.inference.losses.reference import NegativeBinomial as NegativeBinomial
from jumpax.inference.losses.target_moments import TargetMoments as TargetMoments
from jumpax.inference.losses.time_series import TimeSeries as TimeSeries
from jumpax.inference.losses.wasserstein import Wasserstein as Wasserstein
from jumpax.inference.losses.window_means import WindowMeans as WindowMeans
