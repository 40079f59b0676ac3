"""Problem files with several data sets, conditions and laws of observation."""

import json

import numpy as np
import pytest
from scipy.stats import poisson
from test_fit_command import NET

from jumpax import InputError
from jumpax.cli.app import main
from jumpax.cli.problem_file import read_problem
from jumpax.inference import Conditions, losses

RANDOM = np.random.default_rng(36)
CONTROL, DRUG = RANDOM.poisson(9.0, 200), RANDOM.poisson(13.0, 200)
TWO = """
model = "birth_death"
settle = 8.0

[parameters]
birth = { free = 6.0, own = true }
fold = { ratio = ["birth[drug]", "birth[control]"] }

[data]
species = "X"
count = "number"

[conditions.control]
data = { file = "control.csv" }

[conditions.drug]
data = { file = "drug.csv" }

[exact]
limits = { X = 60 }
"""
ONE = """
model = "birth_death"
settle = 8.0
[parameters]
birth = { free = 6.0 }
[exact]
limits = { X = 60 }
"""


@pytest.fixture
def folder(tmp_path):
    for name, counts in {"control": CONTROL, "drug": DRUG}.items():
        rows = "\n".join(f"{cell % 2 + 1},{count},{1 + cell % 2}" for cell, count in enumerate(counts))
        (tmp_path / f"{name}.csv").write_text(f"day,number,depth\n{rows}\n", encoding="utf-8")
    return tmp_path


def written(folder, text):
    (folder / "problem.toml").write_text(text, encoding="utf-8")
    return folder / "problem.toml"


def test_two_conditions_with_a_comparison_and_files(folder, capsys):
    file = written(
        folder, TWO + "[compare]\n[profile]\nname = 'birth[drug]'\nvalues = [12.0, 12.7, 13.0, 13.3, 14.0]\n"
    )
    out, report = folder / "fit.nc", folder / "fit.html"
    assert main(["fit", str(file), "--json", "--out", str(out), "--report", str(report)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["estimates"]["birth[control]"] == pytest.approx(CONTROL.mean(), rel=1e-3)
    assert document["estimates"]["birth[drug]"] == pytest.approx(DRUG.mean(), rel=1e-3)
    assert document["estimates"]["fold"] == pytest.approx(DRUG.mean() / CONTROL.mean(), rel=1e-3)
    assert document["notes"]["cells[drug]"] == 200
    assert document["comparison"]["differing"] == ["birth"]
    assert document["profile"]["lower"] < DRUG.mean() < document["profile"]["upper"]
    assert report.read_text(encoding="utf-8").count("<img") == 3  # both conditions in one picture
    assert main(["fit", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "birth differs between control, drug" in shown
    assert "birth[drug]" in shown


def test_a_condition_has_what_differs(folder):
    text = TWO.replace(
        'data = { file = "drug.csv" }',
        'data = { file = "drug.csv" }\nsettle = 9.0\nx0 = { X = 4 }\nparameters = { death = { fixed = 2.0 } }\n'
        "exact = { limits = { X = 80 } }",
    )
    problem = read_problem(written(folder, text)).problem
    assert isinstance(problem, Conditions)
    drug, control = problem.problems["drug"], problem.problems["control"]
    assert (drug.settle, drug.x0["X"], dict(drug.source.limits)) == (9.0, 4, {"X": 80})
    assert (control.settle, control.x0["X"], dict(control.source.limits)) == (8.0, 0, {"X": 60})
    assert problem.free == ("birth[control]", "birth[drug]")
    assert {"death[control]", "death[drug]", "fold"} < set(problem.parameters)


def test_several_data_sets_of_one_condition(folder):
    """Counts of both files at one time, and a mean: the sum of three losses."""
    (folder / "series.csv").write_text("t,m,s\n1,9.0,3.0\n2,9.5,3.1\n", encoding="utf-8")
    text = (
        ONE.replace("settle = 8.0\n", "")
        + """
[[data]]
file = "control.csv"
species = "X"
count = "number"
time = "day"
[[data]]
file = "drug.csv"
species = "X"
count = "number"
time = "day"
loss = { kind = "moments", order = 1 }
[[data]]
file = "series.csv"
time = "t"
means = { X = "m" }
standard_errors = { X = 0.4 }
standard_deviations = { X = "s" }
deviation_errors = { X = 0.3 }
loss = { kind = "time_series" }
"""
    )
    loss = read_problem(written(folder, text)).problem.loss
    assert isinstance(loss, losses.Together)
    counts, moments, series = loss.losses
    assert isinstance(counts, losses.LogLikelihood)
    assert isinstance(moments, losses.MomentMatch)
    assert isinstance(series, losses.Together)
    assert loss.times == (1.0, 2.0)
    np.testing.assert_array_equal(series.losses[1].measured, [[3.0], [3.1]])


def test_groups_of_a_file_in_several_data_sets(folder):
    """Twice a Poisson count, and its mean: the loss of both is that of the species itself."""
    (folder / "m.net").write_text(NET, encoding="utf-8")
    (folder / "even.csv").write_text("n,t,m\n8,1,7.5\n6,2,8.1\n", encoding="utf-8")
    head = "model = \"m.net\"\n[parameters]\nmake = { free = 4.0 }\n[exact]\nlimits = { 'X()' = 40 }\n"
    data = """
[[data]]
file = "even.csv"
species = "Dimer"
count = "n"
time = "t"
[[data]]
file = "even.csv"
time = "t"
means = { Dimer = "m" }
standard_errors = { Dimer = 0.5 }
loss = { kind = "time_series" }
"""
    problem = read_problem(written(folder, head + data)).problem
    found = float(problem.evaluate(np.log([4.0]), None).loss)
    mean = 4 * (1 - np.exp(-np.array([1.0, 2.0])))
    wanted = -poisson.logpmf([4, 3], mean).sum() + 0.5 * (((2 * mean - [7.5, 8.1]) / 0.5) ** 2).sum()
    assert found == pytest.approx(wanted, rel=1e-4)


def test_a_law_of_observation_in_a_file(folder, capsys):
    """Thinned Poisson counts are Poisson: mean 0.5 birth + 1, with depths of 1 and 2 (0.5 and 1.0 seen)."""
    text = (
        ONE.replace("[exact]", "p = { fixed = 0.5 }\nb = { fixed = 1.0 }\n[exact]")
        + """
[data]
file = "control.csv"
species = "X"
count = "number"
[loss]
capture = "p"
background = "b"
true_size = 60
"""
    )
    assert main(["fit", str(written(folder, text)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["estimates"]["birth"] == pytest.approx((CONTROL.mean() - 1) / 0.5, rel=1e-3)
    moments = text.replace("true_size = 60", 'kind = "moments"\norder = 1')
    assert main(["fit", str(written(folder, moments)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["estimates"]["birth"] == pytest.approx((CONTROL.mean() - 1) / 0.5, rel=1e-3)
    sized = text.replace('count = "number"', 'count = "number"\nsize_factor = "depth"')
    loss = read_problem(written(folder, sized)).problem.loss
    assert loss.factors.tolist() == [1.0, 2.0]


def test_joint_counts_and_reactions_in_a_file(folder):
    (folder / "both.csv").write_text("a,b\n1,2\n3,4\n1,2\n", encoding="utf-8")
    pair = """
settle = 5.0
x0 = { X = 0, Y = 0 }
theta = { k = 2.0, g = 1.0 }
[network]
reactions = [{ equation = "0 -> X + Y", rate = "k" }, { equation = "X + Y -> 0", rate = "g" }]
[parameters]
k = { free = 2.0 }
"""
    joint = pair + '[data]\nfile = "both.csv"\ncount = { X = "a", Y = "b" }\n'
    loss = read_problem(written(folder, joint)).problem.loss
    assert loss.places == ((1, 2), (3, 4))
    cases = pair.replace("settle = 5.0\n", "").replace("[parameters]", "[parameters]\nphi = { free = 2.0 }") + (
        '[data]\nfile = "both.csv"\ntime = "t"\ncounts = { "0 -> X + Y" = "a" }\n'
        '[loss]\nkind = "reactions"\nerror = "negative_binomial"\nspread = "phi"\n'
    )
    (folder / "both.csv").write_text("t,a\n1,2\n3,4\n", encoding="utf-8")
    loss = read_problem(written(folder, cases)).problem.loss
    assert loss.measured.tolist() == [[2.0], [4.0]]
    assert loss.parameters == ("phi",)


def test_shared_parameters_that_differ_are_told_in_words_of_the_file(folder, capsys):
    text = TWO.replace(", own = true", "").replace('fold = { ratio = ["birth[drug]", "birth[control]"] }\n', "")
    text = text.replace('"drug.csv" }', '"drug.csv" }\nparameters = { birth = { free = 9.0 } }')
    assert main(["fit", str(written(folder, text))]) == 2
    assert "give one start and the same bounds, or own = true for birth" in capsys.readouterr().err
    seen = ONE + '[data]\nfile = "drug.csv"\nspecies = "X"\ncount = "number"\n[loss]\ncapture = "p"\n'
    assert main(["fit", str(written(folder, seen))]) == 2
    assert "give true_size = ... in [loss], beyond the largest true count" in capsys.readouterr().err


def test_errors_name_the_entry(folder):
    text = TWO.replace('data = { file = "drug.csv" }', 'data = { file = "drugs.csv" }\nsettel = 3.0')
    with pytest.raises(InputError) as fault:
        read_problem(written(folder, text))
    assert "conditions.drug: unknown entry 'settel'" in str(fault.value)
    with pytest.raises(InputError, match=r"conditions\.drug: .*drugs\.csv cannot be read"):
        read_problem(written(folder, text.replace("settel", "settle")))
    with pytest.raises(InputError) as fault:
        read_problem(written(folder, TWO.replace('count = "number"', 'count = "numbr"')))
    assert "conditions.control: " in str(fault.value)
    wrong = TWO.replace("[exact]", "[loss]\nkind = 'likely'\n[exact]")
    with pytest.raises(InputError) as fault:
        read_problem(written(folder, wrong))
    assert str(fault.value).count("unknown loss 'likely'") == 1
    several = (
        ONE
        + '[[data]]\nfile = "control.csv"\nspecies = "X"\ncount = "number"\n[[data]]\nfile = "drug.csv"\ncount = "number"\n'
    )
    with pytest.raises(InputError, match=r"data\[2\]: species missing"):
        read_problem(written(folder, several))
    alone = ONE.replace("[exact]", "[data]\nfile = 'drug.csv'\nspecies = 'X'\ncount = 'number'\n[exact]")
    alone = alone.replace("free = 6.0", "free = 6.0, own = true")
    with pytest.raises(InputError, match="own = true of birth is for a value in each condition"):
        read_problem(written(folder, alone))
    with pytest.raises(InputError, match="nothing to compare without"):
        read_problem(
            written(folder, ONE + '[data]\nfile = "control.csv"\nspecies = "X"\ncount = "number"\n[compare]\n')
        )
