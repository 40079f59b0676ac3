"""Numbers from counts, and from paths."""

from jumpax.observables.activity import Activity as Activity
from jumpax.observables.current import Current as Current
from jumpax.observables.entropy_production import EntropyProduction as EntropyProduction
from jumpax.observables.observable import Histogram as Histogram
from jumpax.observables.observable import Moments as Moments
from jumpax.observables.observable import Observable as Observable
from jumpax.observables.observable import check_observable as check_observable
from jumpax.observables.path_likelihood import log_likelihood as log_likelihood
from jumpax.observables.path_rate import AbstractPathRate as AbstractPathRate
from jumpax.observables.path_sums import PathSum as PathSum
from jumpax.observables.path_sums import PathSums as PathSums
from jumpax.observables.rates import Rates as Rates
from jumpax.observables.tur_ratio import TurRatio as TurRatio
from jumpax.observables.tur_ratio import tur_ratio as tur_ratio
from jumpax.observables.windows import Windows as Windows
