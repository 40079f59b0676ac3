"""Laws of the counts at the start."""

from jumpax.networks.starts.binomial import Binomial as Binomial
from jumpax.networks.starts.count_law import AbstractCountLaw as AbstractCountLaw
from jumpax.networks.starts.independent import Independent as Independent
from jumpax.networks.starts.negative_binomial import NegativeBinomial as NegativeBinomial
from jumpax.networks.starts.poisson import Poisson as Poisson
from jumpax.networks.starts.start import STREAM as STREAM
from jumpax.networks.starts.start import AbstractStart as AbstractStart
from jumpax.networks.starts.start import check_start as check_start
from jumpax.networks.starts.start import uniforms as uniforms
from jumpax.networks.starts.start_of import Start as Start
from jumpax.networks.starts.start_of import start_of as start_of
from jumpax.networks.starts.start_table import StartTable as StartTable
from jumpax.networks.starts.stochastic_rounding import StochasticRounding as StochasticRounding
from jumpax.networks.starts.two_copies import TwoCopies as TwoCopies
