"""jumpax: differentiable exact stochastic simulation."""

from jumpax._base.errors import InputError as InputError
from jumpax._base.errors import JumpaxError as JumpaxError
from jumpax._base.errors import JumpaxWarning as JumpaxWarning
from jumpax._base.errors import SimulationError as SimulationError
from jumpax._base.errors import UnsupportedError as UnsupportedError
from jumpax._base.status import Status as Status
from jumpax.engines import EventLog as EventLog
from jumpax.engines import Events as Events
from jumpax.engines import Paths as Paths
from jumpax.engines import simulate as simulate
from jumpax.folds import FirstPassage as FirstPassage
from jumpax.folds import ReactionCounts as ReactionCounts
from jumpax.folds import TimeAverages as TimeAverages
from jumpax.gradients import Estimate as Estimate
from jumpax.gradients import Expectation as Expectation
from jumpax.gradients import ScoreFunction as ScoreFunction
from jumpax.gradients import expectation as expectation
from jumpax.networks import Hill as Hill
from jumpax.networks import MassAction as MassAction
from jumpax.networks import MichaelisMenten as MichaelisMenten
from jumpax.networks import Network as Network
from jumpax.networks import Reaction as Reaction
from jumpax.networks import zoo as zoo
from jumpax.observables import Histogram as Histogram
from jumpax.observables import Moments as Moments
from jumpax.observables import log_likelihood as log_likelihood
