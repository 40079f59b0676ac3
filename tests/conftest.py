"""For all tests: no broadcasting between arrays of different rank unless it is written out, no screen for plots."""

import gc
import os
from pathlib import Path

import jax
import pytest
from hypothesis import HealthCheck, settings

from jumpax._base.compiling import OLDER_XLA

os.environ.setdefault("MPLBACKEND", "Agg")
# files are tested two at once, and threads of OpenBLAS that wait for each other keep a core busy: seven times the work for
# exponentials of matrices. NumPy, which is loaded by now, looks at this in processes that are yet to come: those of -n 2
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# JAX does not write its files aside: processes that share a folder may see half of one, and warn
worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
os.environ.setdefault("JUMPAX_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / f"jumpax-{worker}"))
jax.config.update("jax_numpy_rank_promotion", "raise")
# how fast a busy machine draws examples is not what is tested
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
QUICK = pytest.StashKey[bool]()
OLDER = (
    "--xla_cpu_use_fusion_emitters=false " if OLDER_XLA else ""
)  # XLA ends the process at a flag that it does not know
FLAGS = f"{OLDER}--xla_cpu_parallel_codegen_split_count=1"
"""Tests compile much and compute little. A third of that time goes to XLA's emitters of fusions, which jumpax itself does
without for sums over paths; and two files are tested at once, so that threads of a compilation gain nothing."""
LONGEST = ("papers", Path(__file__).parent.name)
"""Rooms of the longest files, most of which run others as processes of their own."""
OPTIMISED = ("_base", "contract", "engines", "folds", "statistical", "test_ceiling.py")
"""Rooms and files whose programs are optimised in every run: they compare bits, and judge what rounding does. What the others
want of XLA's programs is right to tolerances of theirs, optimised or not. Their paths are mostly drawn by the engine
`cpu`, which jumpax compiles itself: always as it ships.
"""
QUICK_FILES = ("delays", "faults", "lattices", "needs", "one_house", "records", "resume", "size")
"""Files of these rooms that are none of these: they judge laws, messages and what is kept. Tests in them that compare bits are
marked `optimised`, and so are those that draw so many paths by `xla` that it is worth while.

All this holds with `-m 'not long'`, as in CI. Other runs compile as users do, of which test_as_shipped.py is a small one.
"""


def pytest_configure(config):
    config.stash[QUICK] = config.option.markexpr == "not long"
    if config.stash[QUICK]:
        os.environ["XLA_FLAGS"] = f"{FLAGS} {os.environ.get('XLA_FLAGS', '')}".strip()


def is_optimised(node):
    """Whether the programs of a file are, or of the file of a test."""
    if node.path.stem.removeprefix("test_") in QUICK_FILES:
        return False
    return node.path.name in OPTIMISED or node.path.parent.name in OPTIMISED


def pytest_collection_modifyitems(items):
    """Files go to processes in this order: the longest first, and then all that are optimised, so that caches are kept."""

    def place(item):
        return item.path.parent.name not in LONGEST, not is_optimised(item)

    items.sort(key=place)


def compile_quickly(quickly):
    """Or not; JAX would take programs for the same that differ in this only."""
    if quickly != jax.config.read("jax_disable_most_optimizations"):
        jax.config.update("jax_disable_most_optimizations", quickly)
        jax.clear_caches()


@pytest.fixture(autouse=True, scope="module")
def _files_are_compiled_quickly(request):
    compile_quickly(request.config.stash[QUICK] and not is_optimised(request.node))


@pytest.fixture(autouse=True)
def _tests_are_compiled_quickly(request):
    marked = request.node.get_closest_marker("optimised") is not None
    compile_quickly(request.config.stash[QUICK] and not (marked or is_optimised(request.node)))


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
