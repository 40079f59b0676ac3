"""The judge is judged in double precision; `references` lies one folder up."""

import sys
from pathlib import Path

import jax
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield
