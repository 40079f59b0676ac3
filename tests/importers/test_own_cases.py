"""Own cases in the manner of the stochastic suite; `python tests/importers/own_cases.py` is the same with one line for each engine."""

import own_cases
import pytest
from own_cases import CASES, ENGINES, NOT_ON_CPU, PRECISIONS

from jumpax._base.errors import UnsupportedError

FEW = (
    "gamma(3, 0.5, 1, 2)",
    "A starts as truncated poisson",
    "partition",
    "a delay that is not",
    "a volume that an event sets",
)


def outcome(name, engine, precision, folder):
    """What is wrong with a case; nothing where `cpu` refuses it by name."""
    try:
        return own_cases.judge(name, engine, precision, folder)
    except UnsupportedError as fault:
        if engine == "cpu" and any(what in str(fault) for what in NOT_ON_CPU):
            return []
        raise


def test_there_are_40_to_100_with_all_laws_whole_and_truncated():
    assert 40 <= len(CASES) <= 100
    laws = {name.split("(")[0] for name in own_cases.LAWS}
    truncated = {
        name.split("(")[0] for name in own_cases.LAWS if name.count(",") >= 2 or name.startswith("exponential(2, ")
    }
    assert len(laws) == 12
    assert {
        "normal",
        "exponential",
        "gamma",
        "poisson",
        "binomial",
        "chisquare",
        "laplace",
        "cauchy",
        "lognormal",
        "rayleigh",
    } <= truncated


@pytest.mark.parametrize("name", FEW)
def test_a_few(name, tmp_path):
    """On the fastest engine; false alarms as in own_cases.py, 1e-6 a law at most."""
    assert outcome(name, "cpu", "float32", tmp_path) == []


@pytest.mark.long
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_each(name, engine, precision, tmp_path):
    """A fresh seed fails somewhere in 1 of 1000 attempts at the whole; these seeds follow from the names."""
    assert outcome(name, engine, precision, tmp_path) == []


@pytest.mark.parametrize(
    ("law", "shift", "stretch"),
    [("normal(1, 2)", 0.12, 1.0), ("normal(1, 2)", 0.0, 1.05), ("cauchy(1, 2)", 0.3, 1.0), ("poisson(4.5)", 0.12, 1.0)],
)
def test_the_judge_sees_what_it_should(law, shift, stretch):
    """It passes a sample of the law itself, evenly spread, and not one that is moved by 0.06 standard deviations or stretched by 5 %."""
    exact = own_cases.LAWS[law]
    points = (own_cases.np.arange(10_000) + 0.5) / 10_000
    sample = (own_cases.stats.cauchy(1, 2) if law.startswith("cauchy") else exact).ppf(points)
    assert own_cases.faults(sample, exact, 1e-6) == []
    assert own_cases.faults(1 + (sample - 1) * stretch + shift, exact, 1e-6) != []
    assert own_cases.faults(sample, 1.0, 1e-6) != []
