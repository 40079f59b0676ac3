"""The demonstration: bursts of transcription from real counts."""

from jumpax.demo.bursting import START_POINTS as START_POINTS
from jumpax.demo.bursting import BetaPoisson as BetaPoisson
from jumpax.demo.bursting import bursting as bursting
from jumpax.demo.counts import GENES as GENES
from jumpax.demo.counts import load_counts as load_counts
from jumpax.demo.run import Demo as Demo
from jumpax.demo.run import GeneFit as GeneFit
from jumpax.demo.run import run_demo as run_demo
