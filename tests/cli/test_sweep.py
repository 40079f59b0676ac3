"""`jumpax simulate --sweep`: paths for each row of a table."""

import json

import numpy as np
import pytest
import xarray

import jumpax
from jumpax.cli import main
from jumpax.results import load

BIRTH, DEATH, TIMES = np.array([2.0, 8.0, 30.0]), np.array([1.0, 0.5, 2.0]), np.array([1.0, 2.0])
START = np.array([0, 5, 40])


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "sets.csv"
    rows = [f"{b},{d},{x}" for b, d, x in zip(BIRTH, DEATH, START)]
    file.write_text("\n".join(["birth,death,X", *rows, ""]))
    return str(file)


def words(table, *more):
    return ["simulate", "birth_death", "--sweep", table, "--times", "1,2", "--paths", "500", *more]


def test_each_row_has_its_means(table, capsys):
    """By the closed form; one in 10^5 right programs is taken for wrong."""
    assert main(words(table, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["paths"] for row in told["rows"]] == [500] * 3
    assert told["theta"] == {}
    for i, row in enumerate(told["rows"]):
        assert row["given"] == {"birth": BIRTH[i], "death": DEATH[i], "X": START[i]}
        left = np.exp(-DEATH[i] * TIMES)
        mean = START[i] * left + BIRTH[i] / DEATH[i] * (1 - left)
        assert (abs(np.array(row["mean"]["X"]) - mean) < 5.1 * np.array(row["standard_error"]["X"])).all()


def test_shards_of_a_sweep_are_the_sweep(table, tmp_path, capsys):
    whole, merged = tmp_path / "whole.nc", tmp_path / "merged.nc"
    parts = [str(tmp_path / f"part-{i}.nc") for i in range(4)]
    assert main(words(table, "--out", str(whole))) == 0
    assert [main(words(table, "--shard", f"{i}/4", "--out", part)) for i, part in enumerate(parts)] == [0] * 4
    assert main(["merge", *parts, "--out", str(merged)]) == 0
    xarray.testing.assert_identical(load(whole).drop_attrs(), load(merged).drop_attrs())
    found = load(merged)
    assert (found["given"].sel(given_name="birth").values == np.repeat(BIRTH, 500)).all()
    theta = {"birth": np.repeat(BIRTH, 500), "death": np.repeat(DEATH, 500)}
    model, x0 = jumpax.zoo.birth_death(), {"X": np.repeat(START, 500)}
    paths = jumpax.simulate(model.network, theta, x0, times=TIMES, paths=1500, key=0)
    assert (paths.counts == found["counts"].values).all()
    capsys.readouterr()


def test_the_table_says_what_was_swept(table, capsys):
    assert main(words(table)) == 0
    told = capsys.readouterr().out
    assert "X at 2" in told
    assert "1,500 reached" in told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("birth,deth\n1,1\n", "unknown parameter or species 'deth'"),
        ("birth\n1\n\nNA\n", "line 4, column 'birth': the number is missing"),
        ("birth\n-1\n", "birth"),
        ("X\n0.5\n", "--round"),
        ("birth\n", "at least one row"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(content, message, tmp_path, capsys):
    file = tmp_path / "sets.csv"
    file.write_text(content)
    assert main(words(str(file))) == 2
    assert message in capsys.readouterr().err


def test_paths_know_what_was_given_to_each():
    model = jumpax.zoo.birth_death()
    paths = jumpax.simulate(model, {"birth": BIRTH}, {"X": START}, times=[1.0], paths=3, key=0)
    assert paths.given["birth"].tolist() == BIRTH.tolist()
    assert paths.take([2, 0]).given["X"].tolist() == [40, 0]
    table = paths.to_dataframe()
    assert table["given_birth"].tolist() == BIRTH.tolist()
    assert table["given_X"].tolist() == START.tolist()
    assert jumpax.simulate(model, times=[1.0], paths=3, key=0).given == {}
    assert jumpax.simulate(model, x0={"X": jumpax.Poisson(3.0)}, times=[1.0], paths=3, key=0).given == {}
