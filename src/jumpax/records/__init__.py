"""What was measured along single paths, and by what law."""

from jumpax.records.laws import Binomial as Binomial
from jumpax.records.laws import Custom as Custom
from jumpax.records.laws import Exact as Exact
from jumpax.records.laws import LogNormal as LogNormal
from jumpax.records.laws import NegativeBinomial as NegativeBinomial
from jumpax.records.laws import Normal as Normal
from jumpax.records.laws import Poisson as Poisson
from jumpax.records.measurement import AbstractMeasurement as AbstractMeasurement
from jumpax.records.records import Records as Records
from jumpax.records.signal import Firings as Firings
from jumpax.records.signal import Total as Total
