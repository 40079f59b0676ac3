"""For all tests: no broadcasting between arrays of different rank unless it is written out, no screen for plots."""

import os

import jax

os.environ.setdefault("MPLBACKEND", "Agg")
jax.config.update("jax_numpy_rank_promotion", "raise")
