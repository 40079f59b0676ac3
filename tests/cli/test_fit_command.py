"""`jumpax fit` and problem files."""

import contextlib
import hashlib
import io
import json
import re

import jax
import numpy as np
import pytest
from scipy.stats import chi2, poisson

from jumpax import InputError, UnsupportedError
from jumpax.cli.app import main
from jumpax.cli.models import Amounts
from jumpax.cli.problem_file import read_problem
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
SERIES = """
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
    (judged,) = document["goodness"]
    assert judged["p_value"] > 1e-3
    assert judged["data"].startswith("200 counts of 'X'")
    assert load(out).attrs["goodness"] == judged["sentence"]
    page = report.read_text(encoding="utf-8")
    assert judged["data"].replace("'", "&#39;") in page
    low, high = (f"{document['profile'][end]:.3g}" for end in ("lower", "upper"))
    assert f"<span>{low} to {high}</span>" in page
    assert f"{low} &lt; birth &lt; {high} 1/h (95% confidence)" in page
    assert f"--seed 3 --out {out}" in page
    for name in ("problem.toml", "counts.csv"):
        assert f"sha256.{name}" in page
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() in page


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
    for words in (
        "unknown model 'birth_deth'",
        "unknown loss 'likelihood'",
        "fit.steps must be a whole number, not 1.5",
    ):
        assert words in message


@pytest.mark.fault(50)
def test_data_are_judged_with_row_numbers(folder):
    (folder / "counts.csv").write_text("cell,number\n0,3\n1,-2\n2,\n3,2.5\n", encoding="utf-8")
    with pytest.raises(InputError) as fault:
        read_problem(written(folder, PROBLEM.format(more="")))
    for words in ("negative: row 2 (-2)", "missing or not finite: row 3", "row 4 (2.5)"):
        assert words in str(fault.value)
    (folder / "counts.csv").write_text("cell,number\n0,three\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2, column 'number': 'three' is not a number"):
        read_problem(written(folder, PROBLEM.format(more="")))


def test_data_may_be_any_table_of_text(folder):
    (folder / "counts.csv").write_text("# two genes\ncell; number\n0; 3\n1; 4\n", encoding="utf-8")
    loss = read_problem(written(folder, PROBLEM.format(more=""))).problem.loss
    (folder / "counts.csv").write_text("number\n4\n3\n", encoding="utf-8")
    again = read_problem(written(folder, PROBLEM.format(more=""))).problem.loss
    np.testing.assert_array_equal(loss.cells, again.cells)


def test_time_series_from_columns(folder):
    (folder / "series.csv").write_text("t,m,e\n1,3.0,0.5\n2,4.0,0.5\n", encoding="utf-8")
    asked = read_problem(written(folder, SERIES))
    assert asked.problem.loss.times == (1.0, 2.0)
    assert asked.settings == {"seed": 0}


def test_a_report_has_data_fit_and_bands_in_one_picture_and_says_what_is_not_explained(folder, capsys):
    """Means that rise and fall, against birth and death, which rises."""
    (folder / "series.csv").write_text("t,m,e\n1,3.0,0.5\n2,9.0,0.5\n3,3.0,0.5\n", encoding="utf-8")
    text = SERIES + "[exact]\nlimits = { X = 60 }\n"
    out, report = folder / "fit.nc", folder / "fit.html"
    assert main(["fit", str(written(folder, text)), "--json", "--out", str(out), "--report", str(report)]) == 0
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert "does not explain the data" in told.err
    assert document["converged"]
    assert "does not explain the data: 3 means" in document["warnings"][0]
    assert document["goodness"][0]["degrees"] == 2
    page = report.read_text(encoding="utf-8")
    assert page.count("<img") == 2
    assert "95 % of single paths" in page
    assert "does not explain the data" in page
    assert load(out).attrs["goodness_p_value"] < 1e-6


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            "{ free = 4.0, lower = 5.0 }",
            "parameters.birth: Free(4.0, lower=5.0, upper=inf): the start 4 is not between",
        ),
        ("{ free = 4.0, lower = 9.0, upper = 3.0 }", "no number lies between the bounds 9 and 3"),
        ("{ free = -4.0 }", "lower=-math.inf for a parameter that may be negative"),
        ("{ free = nan }", "the start must be a number, not nan"),
    ],
)
def test_a_start_outside_its_bounds_is_refused_by_name(folder, entry, words):
    text = PROBLEM.format(more="").replace('{ free = 4.0, unit = "1/h" }', entry)
    with pytest.raises(InputError) as fault:
        read_problem(written(folder, text))
    assert "parameters.birth: " in str(fault.value)
    assert words in str(fault.value)


def test_boxes_and_a_budget(folder, capsys):
    (folder / "means.csv").write_text("t,m,e\n1,5.034,0.1\n2,7.534,0.1\n4,9.392,0.1\n", encoding="utf-8")
    text = """
model = "birth_death"
[parameters]
birth = { box = [0.1, 1000.0], unit = "1/h" }
death = { box = [0.01, 100.0] }
[data]
file = "means.csv"
time = "t"
means = { X = "m" }
standard_errors = { X = "e" }
[loss]
kind = "time_series"
[simulation]
mean_field = false
[fit]
budget = 3000
"""
    out, report = folder / "fit.nc", folder / "fit.html"
    assert main(["fit", str(written(folder, text)), "--json", "--out", str(out), "--report", str(report)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["search"]["explained"]
    saved = load(out)
    assert (saved.attrs["search.budget"], saved.attrs["search.explained"]) == (3000, 1)
    assert saved["search_value"].dims == ("visit", "free")
    assert saved["search_paths"].values[-1] == told["paths"]
    assert told["paths"] <= told["search"]["budget"] == 3000
    for name, true in (("birth", 7.0), ("death", 0.7)):  # data without noise; the master equation ends the search
        assert abs(told["estimates"][name] - true) < 0.1 * told["standard_errors"][name]
    assert "birth" in report.read_text(encoding="utf-8")
    wrong = text.replace("[0.1, 1000.0]", "[0.1]").replace("[0.01, 100.0]", "[5.0, 1.0]")
    with pytest.raises(InputError) as fault:
        read_problem(written(folder, wrong))
    assert "parameters.birth.box must be a list of two numbers, not [0.1]" in str(fault.value)
    assert "parameters.death: a box needs two positive numbers" in str(fault.value)


FLAT = """
model = "birth_death"
settle = 8.0
[parameters]
birth = { free = 4.0 }
death = { free = 1.0 }
mean = { ratio = ["birth", "death"] }
[data]
file = "counts.csv"
species = "X"
count = "number"
[exact]
limits = { X = 60 }
"""


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """At steady state two rates are known by their ratio alone: JSON, table, report and file of one fit each."""
    folder = tmp_path_factory.mktemp("flat")
    (folder / "counts.csv").write_text("number\n" + "\n".join(map(str, COUNTS)) + "\n", encoding="utf-8")
    asked, told = str(written(folder, FLAT)), []
    out, report = folder / "fit.nc", folder / "fit.html"
    for more in (["--json", "--out", str(out), "--report", str(report)], []):
        with (
            contextlib.redirect_stdout(io.StringIO()) as shown,
            contextlib.redirect_stderr(io.StringIO()) as doubts,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setenv("COLUMNS", "160")  # so that no cell is folded
            assert main(["fit", asked, *more]) == 0
        told.append((shown.getvalue(), doubts.getvalue()))
    return json.loads(told[0][0]), told[1][0], told[1][1], report.read_text(encoding="utf-8"), load(out)


def test_what_is_not_determined_is_said_alike_everywhere(flat):
    document, table, doubts, report, stored = flat
    known = "birth / death to 2.3 %"  # 1 / sqrt(200 cells x mean 9)
    assert document["undetermined"] == ["birth", "death"]
    assert document["standard_errors"]["birth"] is document["standard_errors"]["death"] is None
    assert document["intervals"] == {"birth": [0.0, None], "death": [0.0, None]}
    assert [c["name"] for c in document["determined"]] == ["birth / death"]
    assert known in document["warnings"][0]
    assert document["warnings"][0] in doubts
    for text in (table, report.replace("&gt;", ">")):
        assert text.count("not determined") == 2
        assert text.count("> 0") >= 2
        assert known in " ".join(text.split())
    assert stored.attrs["undetermined"] == "birth, death"
    assert np.isinf(stored["standard_error"].sel(parameter="birth"))
    assert document["converged"]
    assert "; converged:" in table


def test_no_number_of_a_report_is_absurd(flat):
    """Nothing above 1e6 or below 1e-6 beside the loss and its error, where the data have about ten counts."""
    document, table, _, report, _ = flat
    ends = [end for ends in document["intervals"].values() for end in ends]
    numbers = [*document["estimates"].values(), *document["standard_errors"].values(), *ends]
    assert all(x is None or x == 0 or 1e-6 < abs(x) < 1e6 for x in numbers)
    for text in (table, report.split("<section><h2>Provenance")[0]):
        assert not re.search(r"\d[eE][+-]?(?!-0?[456])\d\d", re.sub(r"base64,[^\"]*", "", text).split("loss ")[0])


def test_a_profile_and_the_fit_agree(folder, capsys):
    """With a profile that comes down on both sides the interval is that of the profile."""
    more = "[exact]\nlimits = { X = 60 }\n[profile]\nname = 'birth'\nvalues = [6, 8, 9, 10, 12]"
    assert main(["fit", str(written(folder, PROBLEM.format(more=more))), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["intervals"]["birth"] == [document["profile"]["lower"], document["profile"]["upper"]]


def test_intervals_by_profiles(folder, capsys):
    """Mean counts at steady state are Poisson: twice the drop of the log-likelihood is that of chi-squared at both ends."""
    more = "[exact]\nlimits = { X = 60 }"
    assert main(["fit", str(written(folder, PROBLEM.format(more=more))), "--profiles", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    best = poisson.logpmf(COUNTS, COUNTS.mean()).sum()
    for end in document["intervals"]["birth"]:
        assert 2 * (best - poisson.logpmf(COUNTS, end).sum()) == pytest.approx(chi2.ppf(0.95, 1), rel=5e-3)


def test_one_outbreak_is_warned_of_by_the_command(folder, capsys):
    """Before anything is fitted, and again beside the result, in the table and in JSON."""
    numbers = [10, 14, 19, 25, 31, 40, 44, 51, 60, 66]
    rows = "\n".join(f"{week},{number}" for week, number in enumerate(numbers, 1))
    (folder / "outbreak.csv").write_text(f"week,cases\n{rows}\n", encoding="utf-8")
    text = """
model = "birth_death"
[parameters]
birth = { free = 8.0 }
[data]
file = "outbreak.csv"
time = "week"
means = { X = "cases" }
standard_errors = { X = 2.0 }
[loss]
kind = "time_series"
[fit]
steps = 2
[exact]
limits = { X = 90 }
"""
    for more in (["--json"], []):
        assert main(["fit", str(written(folder, text)), *more]) == 0
        shown = capsys.readouterr()
        assert "jumpax: warning: the means of 'X' are whole numbers" in shown.err
        told = json.loads(shown.out)["notes"]["doubt"] if more else " ".join(shown.out.split())
        assert "many independent paths at each time" in told
        assert more or "means, taken as those of independent paths at each time" in told
    assert main(["fit", str(written(folder, text.replace("[loss]", "paths = 300\n[loss]"))), "--json"]) == 0
    assert "warning" not in capsys.readouterr().err


SBML = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="m">
<listOfCompartments><compartment id="c" size="2" constant="true"/></listOfCompartments>
<listOfSpecies><species id="X" compartment="c" initialAmount="5" hasOnlySubstanceUnits="false" boundaryCondition="false"
 constant="false"/></listOfSpecies>
<listOfParameters><parameter id="make" value="2" constant="true"/><parameter id="lose" value="2" constant="true"/>
<parameter id="twice" constant="false"/></listOfParameters>
<listOfRules><assignmentRule variable="twice"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><cn>2</cn>
<ci>c</ci><ci>X</ci></apply></math></assignmentRule></listOfRules><listOfReactions>
<reaction id="birth" reversible="false" fast="false"><listOfProducts><speciesReference species="X" stoichiometry="1"
 constant="true"/></listOfProducts><kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><ci>make</ci></math>
</kineticLaw></reaction><reaction id="death" reversible="false" fast="false"><listOfReactants><speciesReference species="X"
 stoichiometry="1" constant="true"/></listOfReactants><kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><apply>
<times/><ci>lose</ci><ci>X</ci></apply></math></kineticLaw></reaction></listOfReactions></model></sbml>"""
ANTIMONY = "species X; X = 0; make = 2; lose = 1; scale = 3; birth: => X; make; death: X => ; lose * X; twice := 2 * X; big := scale * X"
NET = """begin parameters
 1 make 2
 2 lose 1
end parameters
begin species
 1 X() 0
end species
begin reactions
 1 0 1 make
 2 1 0 lose
end reactions
begin groups
 1 Dimer 2*1
end groups
"""
FROM_FILE = """
model = "{model}"
settle = 12.0
{more}
[parameters]
make = {{ free = 4.0, upper = 50.0 }}
[data]
file = "counts.csv"
species = "{species}"
count = "number"
"""
EXACT = "[exact]\nlimits = {{ '{0}' = 60 }}\n"


@pytest.mark.parametrize(
    ("name", "text", "species", "limited", "factor"),
    [
        ("m.xml", SBML, "X", "X", 1.0), ("m.xml", SBML, "twice", "X", 0.5), ("m.ant", ANTIMONY, "X", "X", 1.0),
        ("m.net", NET, "X()", "X()", 1.0),
    ],
)  # fmt: skip
def test_a_fit_of_an_imported_network(folder, capsys, name, text, species, limited, factor):
    """The likelihood of Poisson counts is largest where the mean of the model is that of the data.

    In the SBML file it is make / (lose / 2), with lose = 2 of the TOML; the observable is twice the count.
    """
    written(folder, text, name)
    numbers = "x0 = { X = 1 }\ntheta = { lose = 2.0 }" if name == "m.xml" else ""
    asked = FROM_FILE.format(model=name, species=species, more=numbers) + EXACT.format(limited)
    if species == "twice":
        asked = asked.replace("[data]", "[loss]\nkind = 'moments'\norder = 1\n[data]")
    assert main(["fit", str(written(folder, asked)), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["estimates"]["make"] == pytest.approx(factor * COUNTS.mean(), rel=1e-3)


def test_a_group_as_what_was_counted_by_simulation(folder):
    """Twice a Poisson count of mean 4: its mean within 5 standard errors, a false alarm in 2e-6; odd numbers never."""
    written(folder, NET, "m.net")
    even = "\n".join(f"{cell},{2 * count}" for cell, count in enumerate(COUNTS))
    (folder / "counts.csv").write_text(f"cell,number\n{even}\n", encoding="utf-8")
    asked = FROM_FILE.format(model="m.net", species="Dimer", more="") + "[simulation]\npaths = 1600\n"
    problem = read_problem(written(folder, asked)).problem
    found = problem.evaluate(np.log([4.0 / 46.0]), jax.random.key(5))  # make = 4, between 0 and 50
    law = found.expected[0]
    assert law[1::2].sum() == 0.0
    assert abs((np.arange(len(law)) * law).sum() - 8.0) < 5 * 4.0 / 40.0
    assert found.gradient[0] < 0  # more of it explains the data better


@pytest.mark.long
def test_a_fit_of_a_group_by_simulation(folder, capsys):
    """4 standard errors of the simulation: one false alarm in 16,000."""
    written(folder, NET, "m.net")
    even = "\n".join(f"{cell},{2 * count}" for cell, count in enumerate(COUNTS))
    (folder / "counts.csv").write_text(f"cell,number\n{even}\n", encoding="utf-8")
    asked = FROM_FILE.format(model="m.net", species="Dimer", more="") + "[simulation]\npaths = 1600\n"
    asked = asked.replace("[data]", "[loss]\nkind = 'moments'\norder = 1\n[data]")
    assert main(["fit", str(written(folder, asked)), "--json", "--seed", "5"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert abs(document["estimates"]["make"] - COUNTS.mean()) < 4 * document["simulation_errors"]["make"]


@pytest.mark.parametrize(
    ("model", "more", "species", "code", "words"),
    [
        ("none.xml", "", "X", 2, "no such file"),
        ("m.xlm", "", "X", 2, "unknown model"),
        ("m.ant", "theta = { loose = 1.0 }", "X", 2, "Did you mean 'lose'"),
        ("m.ant", "", "thrice", 2, "unknown species 'thrice'"),
        ("m.ant", "", "big", 0, ""),
        ("half.ant", "", "half", 2, "need not be a whole number"),
        ("time.ant", "", "X", 3, "no largest value"),
        ("free.ant", "", "sum", 3, "reads make"),
    ],
)
def test_what_a_fit_refuses_of_a_file(folder, model, more, species, code, words):
    written(folder, ANTIMONY, "m.ant")
    written(folder, ANTIMONY + "; half := X / 2", "half.ant")
    written(folder, ANTIMONY.replace("lose * X", "lose * X * (1 + time)"), "time.ant")
    written(folder, ANTIMONY + "; sum := X + make", "free.ant")
    asked = written(folder, FROM_FILE.format(model=model, species=species, more=more))
    if not code:
        assert read_problem(asked).problem.loss.rules[0][0] == species
        return
    with pytest.raises(InputError if code == 2 else UnsupportedError) as fault:
        read_problem(asked)
    assert words in str(fault.value)


def test_a_model_with_events_is_taken(folder):
    written(folder, ANTIMONY + "; E: at X > 50: X = 0", "events.ant")
    asked = written(folder, FROM_FILE.format(model="events.ant", species="X", more=""))
    assert [event.name for event in read_problem(asked).problem.network.events] == ["E"]


@pytest.mark.parametrize("command", ["simulate", "exact", "check", pytest.param("audit", marks=pytest.mark.long)])
def test_every_command_takes_files(folder, capsys, command):
    more = {
        "simulate": ["--times", "1", "--paths", "20", "--engine", "xla"], "exact": ["--times", "1", "--limits", "30"],
        "audit": ["--times", "1", "--paths", "50", "--limits", "30"], "check": ["--no-speed"],
    }[command]  # fmt: skip
    for name, text in (("m.net", NET), ("m.xml", SBML))[: 1 if command in ("audit", "simulate") else 2]:
        assert main([command, str(written(folder, text, name)), *more, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
    if command == "check":
        assert document["model"]["observables"] == {"twice": "2 * c * (X / c)"}
        assert document["model"]["engine"] in ("cpu", "xla")
        events = str(written(folder, ANTIMONY + "; E: at X > 50: X = 0", "e.ant"))
        assert main(["check", events, "--no-speed"]) == 0
        assert "event E: X = 0 when X > 50" in capsys.readouterr().out
    else:
        assert document["command"] == command


def test_a_fit_rounds_on_request(folder, capsys):
    """A start of 0.8 molecules is 1; the law at rest does not depend on it, and notes are in the answer."""
    written(folder, NET.replace("1 X() 0", "1 X() 0.8"), "m.net")
    asked = written(folder, FROM_FILE.format(model="m.net", species="X()", more="") + EXACT.format("X()"))
    assert main(["fit", str(asked), "--json"]) == 2
    assert "--round takes 1" in capsys.readouterr().err
    assert main(["fit", str(asked), "--json", "--round"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["notes"]["model"] == ["X() starts with 0.8 molecules, taken as 1"]
    assert document["estimates"]["make"] == pytest.approx(COUNTS.mean(), rel=1e-3)
    own = FROM_FILE.format(model="m.net", species="X()", more='x0 = { "X()" = 2.5 }')
    problem = read_problem(written(folder, own), amounts=Amounts(round_counts=True)).problem
    assert problem.x0 == {"X()": 3}
