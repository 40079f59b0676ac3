"""What is gathered along a path: the contract, and the folds of the library."""

from jumpax.folds.alternative import Alternative as Alternative
from jumpax.folds.alternative_chain import AlternativeChain as AlternativeChain
from jumpax.folds.control_integrals import ControlIntegrals as ControlIntegrals
from jumpax.folds.first_passage import FirstPassage as FirstPassage
from jumpax.folds.fold import AbstractFold as AbstractFold
from jumpax.folds.fold import Jump as Jump
from jumpax.folds.lattice_weights import LatticeWeights as LatticeWeights
from jumpax.folds.martingale import Martingale as Martingale
from jumpax.folds.parameters import Parameters as Parameters
from jumpax.folds.poisson_integrals import PoissonIntegrals as PoissonIntegrals
from jumpax.folds.reaction_counts import ReactionCounts as ReactionCounts
from jumpax.folds.relaxation import Relaxation as Relaxation
from jumpax.folds.relaxed_tangent import RelaxedTangent as RelaxedTangent
from jumpax.folds.score import Score as Score
from jumpax.folds.snapshots import Snapshots as Snapshots
from jumpax.folds.tangent import Tangent as Tangent
from jumpax.folds.time_averages import TimeAverages as TimeAverages
from jumpax.folds.together import Together as Together
