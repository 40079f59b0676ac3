"""`jumpax fit problem.yaml`."""

import json

import numpy as np
import pytest

from jumpax.cli.app import main
from petab_files import OBSERVABLES, rows, write

TIMES = np.array([0.5, 1.0, 2.0, 4.0])
GROWN = 1 - np.exp(-TIMES)


def test_a_problem_is_fitted(tmp_path, capsys):
    """Against least squares; 5 of the simulation errors that come out, false alarm below 1e-6."""
    measured = 8 * GROWN + [0.1, -0.3, 0.2, 0.3]
    file = write(tmp_path, rows(TIMES, measured))
    more = ["--out", str(tmp_path / "fit.nc"), "--report", str(tmp_path / "fit.html")]
    assert main(["fit", str(file), "--cells", "100", "--json", *more]) == 0
    told = json.loads(capsys.readouterr().out)
    expected = (GROWN @ measured) / (GROWN @ GROWN)
    assert told["simulation_errors"]["birth"] < 0.1
    assert told["estimates"]["birth"] == pytest.approx(expected, abs=5 * told["simulation_errors"]["birth"])
    assert (tmp_path / "fit.nc").exists()
    page = (tmp_path / "fit.html").read_text(encoding="utf-8")
    assert "95 % of single paths" in page  # what is seen is the mean of X
    assert {f"sha256.{one.name}" in page for one in tmp_path.iterdir() if one.suffix in (".tsv", ".xml", ".yaml")} == {
        True
    }


@pytest.mark.parametrize(
    ("options", "times", "remedy"),
    [
        ([], TIMES, "give --cells, how many"),
        (["--cells", "1"], TIMES, "--cells 1 is one path"),
        (["--cells", "9"], ["inf"] * 4, "give --settle for"),
    ],
)
def test_remedies_are_options(tmp_path, capsys, options, times, remedy):
    file = write(tmp_path, rows(times, GROWN))
    assert main(["fit", str(file), *options]) == 2
    assert remedy in capsys.readouterr().err


def test_a_search_of_what_is_not_linear_is_refused(tmp_path, capsys):
    file = write(tmp_path, rows(TIMES, GROWN), observables=OBSERVABLES.replace("\tX\t", "\tX^2\t"))
    assert main(["fit", str(file), "--cells", "9", "--budget", "1000"]) == 3
    assert "budget is not for" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["fit"], ["infer"], ["check"]])
def test_options_of_petab_are_not_for_toml(tmp_path, capsys, words):
    (tmp_path / "problem.toml").write_text('model = "birth_death"\n')
    assert main([*words, str(tmp_path / "problem.toml"), "--cells", "3"]) == 2
    assert "--cells: for PEtab problems" in capsys.readouterr().err


DECAY = """parameterId	parameterScale	lowerBound	upperBound	nominalValue	estimate	objectivePriorType	objectivePriorParameters
birth	lin			0	0		
death	log10	0.1	10	1	1	parameterScaleNormal	0;0.1
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_parameters_are_drawn(tmp_path, capsys):
    """Ten molecules decay; against the posterior on a grid: 5 Monte Carlo errors of the mean, false alarm below 1e-5 or so."""
    measured = 10 * np.exp(-1.2 * TIMES) + [0.3, -0.2, 0.1, 0.2]
    file = write(tmp_path, rows(TIMES, measured), parameters=DECAY, start='initialAmount="10"')
    options = [
        "--cells",
        "50",
        "--limits",
        "X=10",
        "--chains",
        "2",
        "--draws",
        "200",
        "--warm-up",
        "100",
        "--seed",
        "4",
    ]
    assert main(["infer", str(file), *options, "--json", "--out", str(tmp_path / "draws.nc"), "--report", str(tmp_path / "draws.html")]) == 0  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    grid = np.linspace(0.3, 4.0, 4001)
    away = (10 * np.exp(-grid[:, None] * TIMES) - measured) / 0.5
    density = np.exp(-0.5 * (away**2).sum(1) - 0.5 * (np.log10(grid) / 0.1) ** 2) / grid
    density /= density.sum()
    mean = grid @ density
    sd = np.sqrt((grid - mean) ** 2 @ density)
    found = told["parameters"]["death"]
    assert found["ess_bulk"] > 20
    assert found["mean"] == pytest.approx(mean, abs=5 * sd / np.sqrt(found["ess_bulk"]))
    assert {*told["files"]} == {"out", "report"}


@pytest.mark.parametrize(
    ("options", "code", "remedy"),
    [
        (["infer", "--cells", "9"], 2, "give --limits, the largest counts"),
        (["infer", "--cells", "9", "--limits", "60", "--method", "mala"], 2, "take 'nuts'"),
        (["check", "--theta", "birth=3"], 2, "the tables of"),
    ],
)
def test_what_is_refused_has_a_remedy(tmp_path, capsys, options, code, remedy):
    command, *more = options
    assert main([command, str(write(tmp_path, rows(TIMES, GROWN))), *more]) == code
    assert remedy in capsys.readouterr().err


def test_a_problem_is_checked(tmp_path, capsys):
    file = write(tmp_path, rows(TIMES, GROWN))
    assert main(["check", str(file), "--no-speed"]) == 0
    told = capsys.readouterr().out
    for part in ("to be found", "LogUniform(low=0.1, high=100.0)", "4 numbers, taken as formulas", "lose: X -> "):
        assert part in told
