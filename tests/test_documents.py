"""What documents and docstrings show, runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import jumpax

README = Path(__file__).parents[1] / "README.md"
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(jumpax.__path__, "jumpax.") if not module.name.endswith("__main__")
)


def test_readme_runs():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    names = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
    assert names["paths"]["M"].shape == (1000, 2)
    assert set(names["slope"]) == set(names["theta"])


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_run(name):
    tests = [t for t in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)) if t.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in tests:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
