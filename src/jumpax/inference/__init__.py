"""From data to parameters."""

from jumpax.inference import losses as losses
from jumpax.inference.combinations import Combination as Combination
from jumpax.inference.compare import compare as compare
from jumpax.inference.comparison import Comparison as Comparison
from jumpax.inference.conditions import Conditions as Conditions
from jumpax.inference.fit import fit as fit
from jumpax.inference.goodness import Goodness as Goodness
from jumpax.inference.optimiser import natural_gradient as natural_gradient
from jumpax.inference.optimiser import scale_by_information as scale_by_information
from jumpax.inference.parameters import Derived as Derived
from jumpax.inference.parameters import Fixed as Fixed
from jumpax.inference.parameters import Free as Free
from jumpax.inference.predictive import Predicted as Predicted
from jumpax.inference.predictive import predictive as predictive
from jumpax.inference.problem import Problem as Problem
from jumpax.inference.profile import Profile as Profile
from jumpax.inference.profile import agreed as agreed
from jumpax.inference.profile import profile as profile
from jumpax.inference.progress import FitProgress as FitProgress
from jumpax.inference.result import FitResult as FitResult
from jumpax.inference.result import History as History
from jumpax.inference.result import Run as Run
from jumpax.inference.sources import MasterEquation as MasterEquation
from jumpax.inference.sources import Simulation as Simulation
from jumpax.inference.stopping import SignalToNoise as SignalToNoise
from jumpax.inference.stopping import SmallSteps as SmallSteps
