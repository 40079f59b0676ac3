"""Numbers and bits of programs that are compiled as users compile them; conftest.py says what the other tests leave out."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
CHOSEN = (
    "contract/test_contract.py::test_engine_follows_reference[xla-driven_ring]",
    "contract/test_contract.py::test_paths_do_not_depend_on_folds[xla-driven_ring]",
    "engines/test_invariance.py::test_times_asked_for[telegraph-float64-xla]",
    "gradients/test_score_function.py::test_pure_birth_has_the_length_of_time_as_slope",
)
"""Where rounding decides: choices of two engines, paths with and without folds or stops; and a gradient."""


def test_what_ships_has_the_same_numbers():
    flags = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    run = [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-q", "-m", ""]
    made = subprocess.run(
        [*run, *(str(TESTS / chosen) for chosen in CHOSEN)],
        capture_output=True, text=True, check=False, env=flags,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout[-6000:]
