"""Propensities beside the reaction rates of libroadrunner, a simulator of SBML that shares no code with the importer."""

import importlib.util
import sys
import warnings
from pathlib import Path

import pytest
import support
from model_files import CASES, written

import jumpax
from jumpax.importers.antimony import _converted

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import reaction_rates

pytestmark = pytest.mark.skipif(importlib.util.find_spec("roadrunner") is None, reason="needs libroadrunner")
UNLIKE = {
    "models of models (package comp)",  # other names
    "SBML Level 1",  # no identities of reactions there
    "compartments without dimensions (their size is 1); without a size that is read",  # libroadrunner divides by 0
}
FILES = {
    feature.name: feature.sbml
    for feature in support.FEATURES
    if feature.sbml is not None and not feature.sbml.refused and feature.name not in UNLIKE
}
REVERSIBLE = (
    "species A, B, C; A = 5; B = 3; C = 1; v = 2; K = 3; q = 0.7; r: A + B -> C; v * (A * B - C / q) / (K + A + B + C)"
)
CONCENTRATIONS = (
    "compartment c = 2.5; compartment d = 0.1; species A in c, B in d; A = 2; B = 30; k = 0.3; K = 4; y := A / (K + A) + time"
    "; function f(a, b) piecewise(a^2, a > b, b) end; r: A => B; c * k * A * f(A, B) * y; s: B => A; d * k * B / (1 + A)"
)


def compare(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of SWIG, and about laws
        found = reaction_rates.differences(path, options, number=3)
    assert found == []


@pytest.mark.parametrize("name", FILES)
def test_the_table_of_what_is_read(tmp_path, name):
    file = FILES[name]
    text = file.text if file.suffix == ".xml" else _converted(file.text, name)
    compare(written(tmp_path, "m.xml", text))


@pytest.mark.filterwarnings("ignore::jumpax.JumpaxWarning")
@pytest.mark.parametrize("text", [REVERSIBLE, CONCENTRATIONS])
def test_in_another_unit(tmp_path, text):
    compare(written(tmp_path, "m.xml", _converted(text, "m")), molecules_per_unit=250.0, round_counts=True)


@pytest.mark.parametrize("case", ["00001", "00019", "00037"])
def test_cases_of_the_test_suite(case):
    compare(max((CASES / case).glob("*.xml")))


@pytest.mark.parametrize("name", ["repressilator", "vilar_oscillator", "mm1_queue"])
def test_what_is_written(tmp_path, name):
    compare(jumpax.write(jumpax.zoo.MODELS[name](), tmp_path / "m.xml"))
