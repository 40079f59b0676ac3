"""Losses: how badly an expectation explains what was measured."""

from jumpax.inference.losses.deviations import Deviations as Deviations
from jumpax.inference.losses.deviations import means_and_deviations as means_and_deviations
from jumpax.inference.losses.distribution import LogLikelihood as LogLikelihood
from jumpax.inference.losses.joint import JointLogLikelihood as JointLogLikelihood
from jumpax.inference.losses.loss import AbstractLoss as AbstractLoss
from jumpax.inference.losses.moments import MomentMatch as MomentMatch
from jumpax.inference.losses.observation import AbstractObservation as AbstractObservation
from jumpax.inference.losses.observation import Background as Background
from jumpax.inference.losses.observation import Capture as Capture
from jumpax.inference.losses.observed_moments import ObservedMoments as ObservedMoments
from jumpax.inference.losses.reaction_series import ReactionSeries as ReactionSeries
from jumpax.inference.losses.reference import AbstractReference as AbstractReference
from jumpax.inference.losses.reference import NegativeBinomial as NegativeBinomial
from jumpax.inference.losses.target_moments import TargetMoments as TargetMoments
from jumpax.inference.losses.time_series import TimeSeries as TimeSeries
from jumpax.inference.losses.together import Together as Together
from jumpax.inference.losses.wasserstein import Wasserstein as Wasserstein
from jumpax.inference.losses.window_means import WindowMeans as WindowMeans
