"""`jumpax infer`: from a file to draws, netCDF and a report."""

import json

import pytest

from jumpax.cli import main
from jumpax.cli.exits import Exit

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
FIT = """
model = "birth_death"
settle = 8.0
[parameters]
birth = { free = 4.0 }
[data]
file = "counts.csv"
species = "X"
count = "number"
[exact]
limits = { X = 40 }
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
        ("chains = 4", "chains = 4.5", "posterior.chains must be a whole number, not 4.5"),
        ("[posterior]", "[posteriors]", "unknown entry 'posteriors'"),
        ("[posterior]", "[data]", "[data] is for jumpax fit"),
        ("free = 5.0,", "free = 5.0, own = true,", "parameters.birth: own is for the conditions of jumpax fit"),
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
    assert "parameters.birth: a fit takes no prior" in told


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("command", ["fit", "infer", "simulate"])
def test_a_file_that_cannot_be_written_costs_no_result(command, problem, tmp_path, capsys, monkeypatch):
    """As on a disk that is full: the result is shown, the file and the reason are named, and the exit code tells."""

    def full(path, write):
        raise OSError(28, "No space left on device")

    for module in ("jumpax.results.stored", "jumpax.results.report", "jumpax.plots.files"):
        monkeypatch.setattr(f"{module}.write_whole", full)
    if command == "fit":
        problem.write_text(FIT)
        (tmp_path / "counts.csv").write_text("number\n" + "8\n11\n9\n" * 5)
    files = {"out": tmp_path / "found.nc", "report": tmp_path / "found.html"}
    words = [command, str(problem)]
    if command == "simulate":
        files = {"out": tmp_path / "found.nc", "figure": tmp_path / "found.png"}
        words = ["simulate", "birth_death", "--times", "1", "--paths", "5"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--json", *(word for what, file in files.items() for word in (f"--{what}", str(file)))])
    assert end.value.code == Exit.UNWRITTEN == 4
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    result = document[{"infer": "parameters", "fit": "estimates", "simulate": "mean"}[command]]
    assert ("X" if command == "simulate" else "birth") in result
    assert document["files"] == {}
    assert list(document["unwritten"]) == list(files)
    for what, file in files.items():
        assert "No space left" in document["unwritten"][what]
        assert f"{file} was not written: [Errno 28] No space left on device" in printed.err
