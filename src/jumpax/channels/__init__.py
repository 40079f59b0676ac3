"""Records of ion channels and their exact likelihood, for any gating scheme."""

from jumpax.channels.density import dwell_density as dwell_density
from jumpax.channels.dwells import Dwells as Dwells
from jumpax.channels.likelihood import dwell_log_likelihood as dwell_log_likelihood
from jumpax.channels.sampled import sampled_log_likelihood as sampled_log_likelihood
