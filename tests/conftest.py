"""For all tests: no broadcasting between arrays of different rank unless it is written out, no screen for plots."""

import os

import jax
import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "Agg")
jax.config.update("jax_numpy_rank_promotion", "raise")
# how fast a busy machine draws examples is not what is tested
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items):
    """The longest files first: files go to processes in this order, and the last ones should be short."""
    items.sort(key=lambda item: item.path.parent.name != "papers")


@pytest.fixture(autouse=True, scope="module")
def _programs_are_forgotten():
    """Every program that XLA keeps takes some 300 memory maps, of which Linux grants 65,530 before it crashes us."""
    yield
    jax.clear_caches()
