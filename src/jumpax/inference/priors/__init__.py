"""What is believed of a parameter before data are seen."""

from jumpax.inference.priors.heavy_tails import Cauchy as Cauchy
from jumpax.inference.priors.heavy_tails import Laplace as Laplace
from jumpax.inference.priors.heavy_tails import LogLaplace as LogLaplace
from jumpax.inference.priors.heavy_tails import Rayleigh as Rayleigh
from jumpax.inference.priors.laws import Beta as Beta
from jumpax.inference.priors.laws import Exponential as Exponential
from jumpax.inference.priors.laws import Gamma as Gamma
from jumpax.inference.priors.laws import HalfNormal as HalfNormal
from jumpax.inference.priors.laws import LogNormal as LogNormal
from jumpax.inference.priors.laws import LogUniform as LogUniform
from jumpax.inference.priors.laws import Normal as Normal
from jumpax.inference.priors.laws import Uniform as Uniform
from jumpax.inference.priors.prior import AbstractPrior as AbstractPrior
