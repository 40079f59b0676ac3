"""What is not exact, and says so: the rate equation, which ignores fluctuations."""

from jumpax.approximate.mean_field import MeanField as MeanField
from jumpax.approximate.mean_field import mean_field as mean_field
from jumpax.approximate.rates import rates as rates
