"""What records of single paths say: likelihoods, and laws of what was not seen, exact or by particles."""

from jumpax.filters.exact import exact_filter as exact_filter
from jumpax.filters.exact import exact_log_likelihood as exact_log_likelihood
from jumpax.filters.exact_filtered import ExactFiltered as ExactFiltered
from jumpax.filters.filtered import Filtered as Filtered
from jumpax.filters.particle import particle_filter as particle_filter
