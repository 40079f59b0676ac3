"""For all tests: no broadcasting between arrays of different rank unless it is written out, no screen for plots."""

import os

import jax
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True, scope="module")
def _programs_are_forgotten():
    """Every program that XLA keeps takes some 300 memory maps, of which Linux grants 65,530 before it crashes us."""
    yield
    jax.clear_caches()
