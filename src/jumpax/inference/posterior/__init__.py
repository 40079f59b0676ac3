"""What data say of parameters, as a law of them."""

from jumpax.inference.posterior.log_density import LogDensity as LogDensity
from jumpax.inference.posterior.log_density import log_density as log_density
from jumpax.inference.posterior.maximum import Maximum as Maximum
from jumpax.inference.posterior.posterior import posterior as posterior
from jumpax.inference.posterior.refusals import Refusal as Refusal
from jumpax.inference.posterior.result import Posterior as Posterior
from jumpax.inference.posterior.smoothed import Smoothed as Smoothed
from jumpax.inference.posterior.smoothed import smoothed as smoothed
