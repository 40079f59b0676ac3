"""For all tests: no broadcasting between arrays of different rank unless it is written out, no screen for plots."""

import gc
import os
from pathlib import Path

import jax
import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "Agg")
# JAX does not write its files aside: processes that share a folder may see half of one, and warn
worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
os.environ.setdefault("JUMPAX_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / f"jumpax-{worker}"))
jax.config.update("jax_numpy_rank_promotion", "raise")
# how fast a busy machine draws examples is not what is tested
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items):
    """The longest files first: files go to processes in this order, and the last ones should be short."""
    items.sort(key=lambda item: item.path.parent.name != "papers" and item.path.name != "test_documents.py")


gc.freeze()
gc.set_threshold(50_000, 20, 20)  # all that JAX keeps is looked through anew at each full collection
MOST_MAPS = 20_000


@pytest.fixture(autouse=True, scope="module")
def _programs_are_forgotten():
    """Every program that XLA keeps takes some 300 memory maps, of which Linux grants 65,530 before it crashes us."""
    yield
    maps = Path("/proc/self/maps")
    if not maps.exists() or maps.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
