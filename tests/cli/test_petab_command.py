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
    assert main(["fit", str(file), "--cells", "200", "--json", "--out", str(tmp_path / "fit.nc")]) == 0
    told = json.loads(capsys.readouterr().out)
    expected = (GROWN @ measured) / (GROWN @ GROWN)
    assert told["simulation_errors"]["birth"] < 0.1
    assert told["estimates"]["birth"] == pytest.approx(expected, abs=5 * told["simulation_errors"]["birth"])
    assert (tmp_path / "fit.nc").exists()


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


def test_options_of_petab_are_not_for_toml(tmp_path, capsys):
    (tmp_path / "problem.toml").write_text('model = "birth_death"\n')
    assert main(["fit", str(tmp_path / "problem.toml"), "--cells", "3"]) == 2
    assert "--cells: for PEtab problems" in capsys.readouterr().err
