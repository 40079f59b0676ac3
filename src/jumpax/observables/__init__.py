"""Numbers from counts."""

from jumpax.observables.observable import Histogram as Histogram
from jumpax.observables.observable import Moments as Moments
from jumpax.observables.observable import Observable as Observable
from jumpax.observables.path_likelihood import log_likelihood as log_likelihood
from jumpax.observables.windows import Windows as Windows
