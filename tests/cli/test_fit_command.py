"""`jumpax fit` and problem files."""

import json

import numpy as np
import pytest

from jumpax import InputError
from jumpax.cli.app import main
from jumpax.cli.problem_file import read_columns, read_problem
from jumpax.results import load

COUNTS = np.random.default_rng(4).poisson(9.0, 200)
PROBLEM = """
model = "birth_death"
settle = 8.0

[parameters]
birth = {{ free = 4.0, unit = "1/h" }}
mean = {{ ratio = ["birth", "death"] }}

[data]
file = "counts.csv"
species = "X"
count = "number"
{more}
"""
OWN = """
settle = 8.0
x0 = { X = 0 }
theta = { make = 4.0, lose = 1.0 }

[network]
reactions = [{ equation = "0 -> X", rate = "make" }, { equation = "X -> 0", rate = "lose" }]

[parameters]
make = { free = 4.0, upper = 50.0 }

[data]
file = "counts.csv"
species = "X"
count = "number"

[exact]
limits = { X = 60 }
"""


@pytest.fixture
def folder(tmp_path):
    rows = "\n".join(f"{cell},{count}" for cell, count in enumerate(COUNTS))
    (tmp_path / "counts.csv").write_text(f"cell,number\n{rows}\n", encoding="utf-8")
    return tmp_path


def written(folder, text, name="problem.toml"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_fit_by_simulation_with_a_profile_and_files(folder, capsys):
    """4 standard errors of the simulation: one false alarm in 16,000."""
    more = "[simulation]\npaths = 1600\n[profile]\nname = 'birth'\nvalues = [6, 8, 9, 10, 12]\nlimits = { X = 60 }"
    file = written(folder, PROBLEM.format(more=more))
    out, report = folder / "fit.nc", folder / "fit.html"
    assert main(["fit", str(file), "--json", "--seed", "3", "--out", str(out), "--report", str(report)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert abs(document["estimates"]["birth"] - COUNTS.mean()) < 4 * document["simulation_errors"]["birth"]
    assert document["estimates"]["death"] == 1.0
    assert document["units"]["birth"] == "1/h"
    assert document["profile"]["lower"] < COUNTS.mean() < document["profile"]["upper"]
    assert float(load(out)["estimate"].sel(parameter="mean")) == pytest.approx(document["estimates"]["mean"])
    assert report.read_text(encoding="utf-8").count("<img") == 3


def test_a_network_of_ones_own_with_the_exact_law(folder, capsys):
    assert main(["fit", str(written(folder, OWN))]) == 0
    shown = capsys.readouterr().out
    assert "make" in shown
    assert f"{COUNTS.mean():.3f}"[:4] in shown


def test_every_fault_of_a_file_is_told_at_once(folder, capsys):
    text = PROBLEM.format(more="time = 'when'\n[loss]\nkind = 'likelihood'\n[fit]\nsteps = 1.5")
    text = text.replace("birth = { free = 4.0", "birth = { fre = 4.0").replace("birth_death", "birth_deth")
    assert main(["fit", str(written(folder, text)), "--json"]) == 2
    message = json.loads(capsys.readouterr().out)["error"]["message"]
    for words in ("unknown model 'birth_deth'", "unknown loss 'likelihood'", "steps must be whole numbers"):
        assert words in message


def test_data_are_judged_with_row_numbers(folder):
    (folder / "counts.csv").write_text("cell,number\n0,3\n1,-2\n2,\n3,2.5\n", encoding="utf-8")
    with pytest.raises(InputError) as fault:
        read_problem(written(folder, PROBLEM.format(more="")))
    for words in ("negative: row 2 (-2)", "missing or not finite: row 3", "row 4 (2.5)"):
        assert words in str(fault.value)
    (folder / "counts.csv").write_text("cell,number\n0,three\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"'number' is not a number: row 1 \(three\)"):
        read_columns(folder / "counts.csv", ["number"])
    with pytest.raises(InputError, match="Did you mean 'number'"):
        read_columns(folder / "counts.csv", ["numbr"])


def test_time_series_from_columns(folder):
    (folder / "series.csv").write_text("t,m,e\n1,3.0,0.5\n2,4.0,0.5\n", encoding="utf-8")
    text = """
model = "birth_death"
[parameters]
birth = { free = 4.0 }
[data]
file = "series.csv"
time = "t"
means = { X = "m" }
standard_errors = { X = "e" }
[loss]
kind = "time_series"
"""
    asked = read_problem(written(folder, text))
    assert asked.problem.loss.times == (1.0, 2.0)
    assert asked.settings == {"seed": 0}
