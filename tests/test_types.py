"""Types and shapes that annotations promise, looked at in each call of a process of its own (`tests/typed.py`)."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
FILES = (
    "folds/test_tangent.py::test_engines_agree",
    "engines/test_saved.py::test_a_run_goes_on_from_a_file_bit_for_bit",
)
"""Engines `reference`, `xla` and `cpu`, the host loop, tangents: what is wrong on purpose is not among them."""


def test_functions_are_given_and_give_back_what_they_say():
    paths = [str(TESTS), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    run = [
        sys.executable,
        "-m",
        "pytest",
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
        "-p",
        "typed",
        "-q",
        "-m",
        "not long",
    ]
    made = subprocess.run(
        [*run, *(str(TESTS / file) for file in FILES)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )  # fmt: skip
    assert made.returncode == 0, made.stdout[-6000:]
    assert " passed" in made.stdout
