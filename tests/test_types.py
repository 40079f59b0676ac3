"""Types and shapes that annotations promise, looked at in each call of a process of its own (`tests/typed.py`)."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import jumpax

TESTS = Path(__file__).parent
FILES = (
    "folds/test_tangent.py::test_engines_agree",
    "engines/test_saved.py::test_a_run_goes_on_from_a_file_bit_for_bit",
)
"""Engines `reference`, `xla` and `cpu`, the host loop, tangents: what is wrong on purpose is not among them."""

MOST = 15
"""Uses of `Any` in 1,000 lines: it is right for parameters of a jaxpr or documents of JSON, and seldom else."""


def test_any_is_seldom_a_type():
    uses = lines = 0
    for file in Path(jumpax.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        lines += text.count("\n")
        uses += sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(ast.parse(text)))
    assert lines > 10_000
    assert uses < MOST * lines / 1000, f"{uses} in {lines} lines"


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
