"""The benchmark on the stochastic suite: its laws, its rule, and a case in a tiny size."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from model_files import CASES

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import dsmts
import dsmts_laws


@pytest.mark.parametrize("name", ["00003", "00007", "00025", "00029", "00033", "00039"])
def test_laws_agree_with_the_tables(name):
    case = dsmts.load(CASES / name)
    for variable, (mean, sd, _) in dsmts_laws.exact(name).items():
        np.testing.assert_allclose(mean, case.expected[variable, "mean"], rtol=1e-5, atol=2e-6)
        np.testing.assert_allclose(sd, case.expected[variable, "sd"], rtol=1e-5, atol=2e-6)


def normal(case, shift, stretch, n=20_000):
    """Sums of normal numbers with the moments of the table, moved by `shift` standard deviations and stretched."""
    noise = np.random.default_rng(5).standard_normal((n, len(case.times)))
    noise = (noise - noise.mean(0)) / noise.std(0)
    mu, sigma = case.expected["X", "mean"], case.expected["X", "sd"]
    sums = dsmts.Sums(mu)
    sums.add(mu + sigma * (shift + stretch * noise))
    return {"X": sums}


def test_the_rule_sees_what_it_should():
    case = dsmts.load(CASES / "00021")
    for stage in (1, 2):
        assert dsmts.judge(case, normal(case, 0.0, 1.0), stage)["outside"] == 0
        assert dsmts.judge(case, normal(case, 0.05, 1.0), stage)["outside"] >= 50
        assert dsmts.judge(case, normal(case, 0.0, 1.06), stage)["outside"] >= 50
    off = normal(case, 0.0, 1.0)
    off["X"].centre = off["X"].centre + 1e-3
    assert dsmts.judge(case, off, 1)["inexact"] >= 1


def test_a_case_in_a_tiny_size():
    """Fails a faultless simulator in less than 1 of 1000 attempts: only a second excursion, at wider limits, counts."""
    how = argparse.Namespace(engine="xla", precision="float32", level="l3v2", paths=1000)
    row = dsmts.run(dsmts.load(CASES / "00033"), how)
    assert row["verdict"] == "pass", row


def test_engines_are_compared_path_by_path():
    how = argparse.Namespace(engine="reference", like="cpu", precision="float32", level="l3v2")
    row = dsmts.follow(dsmts.load(CASES / "00037"), how)
    assert row["verdict"] == "pass", row
    assert row["events"] > 1000


def test_results_are_kept_row_by_row(tmp_path):
    rows = [{"case": case, "engine": "cpu", "precision": "float32", "seconds": 1.23456} for case in ("2", "1")]
    dsmts.keep(rows, tmp_path / "r.json", 10)
    dsmts.keep([{**rows[0], "seconds": 3.0}], tmp_path / "r.json", 10)
    kept = json.loads((tmp_path / "r.json").read_text())
    assert [(row["case"], row["seconds"]) for row in kept["rows"]] == [("1", 1.235), ("2", 3.0)]
