"""`jumpax infer`: from a file to draws, netCDF and a report."""

import json

import pytest

from jumpax.cli import main

PROBLEM = """
model = "birth_death"
x0 = { X = 3 }

[parameters]
birth = { free = 5.0, prior = { law = "LogNormal", median = 8.0, sd = 0.5 } }
sd = { fixed = 1.5 }

[records]
file = "traces.csv"
time = "t"
cell = "cell"

[records.columns.signal]
of = "X"
law = "Normal"
sd = "sd"

[posterior]
method = "pmmh"
chains = 4
draws = 20
warm_up = 10
particles = 40
seed = 3
"""
TRACES = "cell,t,signal\na,1,6.2\na,2,9.1\nb,1,7.0\nb,3,8.8\n"


@pytest.fixture
def problem(tmp_path):
    (tmp_path / "traces.csv").write_text(TRACES)
    file = tmp_path / "problem.toml"
    file.write_text(PROBLEM)
    return file


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_draws_are_printed_and_written(problem, capsys):
    out, report = problem.with_name("draws.nc"), problem.with_name("report.html")
    assert main(["infer", str(problem), "--json", "--out", str(out), "--report", str(report)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seed"] == 3
    assert told["chains"] == 4
    assert told["notes"]["particles"] == 40
    quantiles = told["parameters"]["birth"]["quantiles"]
    assert 2 < quantiles["0.05"] < quantiles["0.95"] < 30
    import xarray

    with xarray.open_dataset(out, group="posterior", engine="h5netcdf") as saved:
        assert saved["birth"].shape == (4, 20)
    assert "90 % of them" in report.read_text()


def test_the_table_and_its_doubts(problem, capsys):
    assert main(["infer", str(problem), "--draws", "10"]) == 0
    printed = capsys.readouterr()
    assert "R-hat" in printed.out
    assert "effective draws" in printed.err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('law = "Normal"', 'law = "Gaussian"', "unknown law 'Gaussian'"),
        ('sd = "sd"', 'scale = "sd"', "Normal needs sd"),
        ('of = "X"', 'of = "Y"', "unknown species 'Y'"),
        ('prior = { law = "LogNormal", median = 8.0, sd = 0.5 }', "lower = 0.0", "'birth' have none"),
        ("median = 8.0", "mean = 8.0", "unknown entry 'mean'"),
        ('time = "t"', 'time = "hours"', "unknown column 'hours'"),
        ("chains = 4", "chains = 4.5", "chains must be whole numbers"),
        ("[posterior]", "[posteriors]", "unknown entry 'posteriors'"),
        ("[posterior]", "[data]", "[data] is for jumpax fit"),
        ("free = 5.0,", "free = 5.0, own = true,", "unknown entry 'own'"),
        ("[posterior]", "[exact]\ntolerance = 2.0\n[posterior]", "tolerance must be a probability"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(problem, capsys, old, new, message):
    problem.write_text(PROBLEM.replace(old, new))
    assert main(["infer", str(problem)]) == 2
    assert message in capsys.readouterr().err


def test_a_file_of_records_is_not_for_fits(problem, capsys):
    """And a prior, which a fit would not use, is no entry of its parameters."""
    assert main(["fit", str(problem)]) == 2
    told = capsys.readouterr().err
    assert "[records] is for jumpax infer" in told
    assert "'birth': a fit takes no prior" in told
